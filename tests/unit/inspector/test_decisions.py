"""The inspector's small parts: matching, guards, rules, evidence, vouching, telling."""

from dataclasses import replace
from typing import TypeVar

import pytest

from faultwire.domain.changes import HostsSaved, RunningReported, ServersSaved
from faultwire.domain.commands import CloseFault
from faultwire.domain.decided import Work
from faultwire.domain.errors import NotFound
from faultwire.domain.events import EVENT_KINDS, FAULT_CLEARED, FAULT_RAISED
from faultwire.domain.faults import (
    EVIDENCE_KEPT,
    FAULT_TYPES,
    Evidence,
    Fault,
    FaultState,
    Outcome,
)
from faultwire.domain.ids import ADMINISTRATORS, FaultId, HostName, ProjectId, ServerId
from faultwire.domain.instants import Instant
from faultwire.domain.resources import Host, Server
from faultwire.domain.states import AgentState, ServerStateOnHostDown, VmState
from faultwire.inspector import clearing, guards, telling
from faultwire.inspector.decide import with_evidence
from faultwire.inspector.match import match
from faultwire.inspector.rules import RULES, SLICE
from faultwire.inspector.settings import Settings
from faultwire.inspector.wiring import WIRING
from faultwire.resourcemap.holds import Holds
from faultwire.resourcemap.index import ResourceMap
from faultwire.resourcemap.scratch import MapScratch
from faultwire.testing.chain import ACTOR, InProcess

T = TypeVar("T")
H1 = HostName("h1.example.org")
NOT_LOOKED_UP = "named by its reporter; not looked up"
VM = Server(ServerId("vm1"), "web", ProjectId("p"), H1)
NOW = Instant(7_000, 7)
HOST_DOWN = FAULT_TYPES["compute.host.down"]
FAULT = Fault(FaultId("f1"), HOST_DOWN, {"hostname": H1}, FaultState.OPEN, 1, 1, H1)


def view(*hosts: Host, running: frozenset[str] | None = None, servers: int = 1) -> MapScratch:
    """Return a view of hosts with servers on the first."""
    index = ResourceMap()
    index.apply(HostsSaved(hosts or (Host(H1),)))
    some = [replace(VM, id=ServerId(f"vm{n}")) for n in range(1, servers + 1)]
    index.apply(ServersSaved(tuple(some)))
    index.apply(RunningReported(H1, running))
    return MapScratch(index, Holds())


@pytest.mark.parametrize(
    ("type_name", "resource", "found", "host", "why"),
    [
        ("compute.host.down", {"hostname": H1}, True, H1, f"host {H1} by its exact name"),
        ("compute.host.down", {"hostname": "h1"}, True, H1, f"host {H1} by the short name h1"),
        ("compute.host.down", {"hostname": "h2"}, False, None, "no host h2 in the map"),
        (
            "compute.host.nic.error",
            {"hostname": "h1", "interface": "eth0"},
            True,
            H1,
            f"host {H1} by the short name h1",
        ),
        ("compute.instance.down", {"instance_id": "vm1"}, True, H1, f"server vm1 on {H1}"),
        ("compute.instance.down", {"instance_id": "vm9"}, False, None, "no server vm9 in the map"),
        (
            "network.switch.down",
            {"switch": "s1"},
            True,
            None,
            "named by its reporter; not looked up",
        ),
        ("monitor.isolated", {"monitor": "m"}, True, None, NOT_LOOKED_UP),
    ],
)
def test_what_a_report_speaks_of(
    type_name: str, resource: dict[str, str], found: bool, host: str | None, why: str
) -> None:
    """A host is found by name, a server by id; other things are as their reporter names them."""
    matched = match(FAULT_TYPES[type_name], resource, view())
    assert (matched.found, matched.host, matched.decision.why) == (found, host, why)
    canonical = {**resource, "hostname": H1} if host and "hostname" in resource else resource
    assert matched.resource == canonical


@pytest.mark.parametrize(
    ("source", "lag", "raised", "outcome"),
    [
        ("agent", 501.0, True, Outcome.VETOED),
        ("agent", 500, True, Outcome.PASSED),
        ("agent", None, True, Outcome.PASSED),
        ("agent", "late", True, Outcome.PASSED),
        ("agent", 9000, False, Outcome.SKIPPED),
        ("posted:agent", 9000, True, Outcome.SKIPPED),
    ],
)
def test_the_stalled_guard(source: str, lag: object, raised: bool, outcome: Outcome) -> None:
    """Only verdicts of our own monitors are doubted, and only by a figure (promise 6)."""
    name = HOST_DOWN.name if raised else HOST_DOWN.clear
    details = {} if lag is None else {"loop_lag_ms": lag}
    report = InProcess().reported(name, source=source, details=details, hostname=H1)
    record, vetoed = guards.ask(report, Settings())
    assert [(one.name, one.outcome) for one in record] == [("stalled", outcome)]
    assert vetoed is (outcome is Outcome.VETOED)


def _finished(work: Work[T]) -> tuple[T, int]:
    breaths = 0
    while True:
        try:
            next(work)
            breaths += 1
        except StopIteration as stop:
            return stop.value, breaths


@pytest.mark.parametrize(
    ("setting", "wanted", "shown"),
    [
        (ServerStateOnHostDown.ERROR, VmState.ERROR, None),
        (ServerStateOnHostDown.STOPPED, VmState.STOPPED, None),
        (ServerStateOnHostDown.UNCHANGED, None, VmState.ERROR),
    ],
)
def test_the_rule_of_a_dead_host(
    setting: ServerStateOnHostDown, wanted: VmState | None, shown: VmState | None
) -> None:
    """Every server of the host is in the plan, in order, in slices, as the setting says (D6)."""
    there = view(servers=2 * SLICE + 1)
    plan, breaths = _finished(RULES["compute.host.down"].plan(FAULT, there, Settings(setting)))
    assert (plan.host, plan.force_down, len(plan.servers), breaths) == (H1, True, 2 * SLICE + 1, 2)
    assert {(step.wanted, step.shown) for step in plan.servers} == {(wanted, shown)}
    entry = there.entry(H1)
    assert entry is not None
    assert tuple(step.server for step in plan.servers) == entry.servers


def test_only_hosts_servers_guests_and_wires_have_rules() -> None:
    """What has none is recorded as such; further rules come with further rows."""
    assert set(RULES) == {
        "compute.host.down",
        "database.guest.down",
        "compute.host.hung",
        "compute.agent.down",
        "compute.host.unreachable",
        "compute.host.flapping",
        "compute.instance.down",
        *WIRING,
    }


def test_evidence_is_bounded() -> None:
    """The first statement and the newest are kept."""
    held: tuple[Evidence, ...] = ()
    for number in range(3 * EVIDENCE_KEPT):
        held = with_evidence(held, Evidence("s", "r", "down", number))
    kept = [one.received_ns for one in held]
    assert kept == [0, *range(2 * EVIDENCE_KEPT + 1, 3 * EVIDENCE_KEPT)]


NOBODY: frozenset[str] = frozenset()


@pytest.mark.parametrize(
    ("agent", "running", "vouched", "why"),
    [
        (AgentState.NEVER, None, None, "the clear vouches"),
        (AgentState.GONE, None, None, "the clear vouches"),
        (AgentState.CONNECTED, None, None, "the clear vouches"),
        (AgentState.CONNECTED, frozenset({"vm1"}), frozenset({"vm1"}), "reports 1 servers"),
        (AgentState.CONNECTED, NOBODY, NOBODY, "reports 0 servers"),
        (AgentState.LOST, None, NOBODY, "the agent is not back"),
        (AgentState.LOST, frozenset({"vm1"}), NOBODY, "the agent is not back"),
    ],
)
def test_who_vouches_for_servers(
    agent: AgentState,
    running: frozenset[str] | None,
    vouched: frozenset[str] | None,
    why: str,
) -> None:
    """A connected agent's list counts, a lost agent's does not; else the clear does (D20)."""
    there = view(Host(H1, agent=agent), running=running)
    found, reason = clearing.vouched(H1, there)
    assert found == vouched
    assert why in reason


def test_nobody_watches_what_is_not_in_the_map() -> None:
    """The clear vouches for a server that stands nowhere."""
    assert clearing.vouched(None, view())[0] is None
    assert clearing.vouched(HostName("gone"), view())[0] is None


def test_administrators_are_told_of_faults() -> None:
    """Raised with its severity, cleared as cleared; a clear belongs to no timeline (S47)."""
    raised = telling.raised(FAULT, NOW, NOW)
    cleared = telling.cleared(FAULT, NOW)
    (up,), (down,) = raised.events, cleared.events
    assert (up.event_type, down.event_type) == (FAULT_RAISED, FAULT_CLEARED)
    assert {up.project, down.project} == {ADMINISTRATORS}
    assert (up.traits["severity"], down.traits["severity"]) == ("critical", "cleared")
    assert up.traits["resource"] == f"hostname={H1}"
    assert (up.fault_id, down.fault_id) == (FAULT.id, None)
    assert up.traits["fault_id"] == down.traits["fault_id"] == FAULT.id
    assert (raised.detected, cleared.detected) == (((FAULT.id, NOW),), ())
    assert set(up.traits) == EVENT_KINDS[FAULT_RAISED].traits


def test_closing_what_is_not_open_is_refused() -> None:
    """Unknown and closed faults are not found (D20)."""
    product = InProcess()
    product.commit(HostsSaved((Host(H1),)))
    answer = product.report("compute.host.hung", hostname=H1)
    product.report("compute.host.ok", hostname=H1)
    for name in (answer.id, FaultId("never")):
        with pytest.raises(NotFound, match=f"no open fault {name}"):
            _close(product, name)


def _close(product: InProcess, name: FaultId) -> object:
    return product.run(CloseFault(name, ACTOR))


def test_an_operators_close_is_on_record() -> None:
    """Who closed which fault is a line of the audit record; the fault says it too."""
    product = InProcess()
    product.commit(HostsSaved((Host(H1),)))
    answer = product.report("compute.host.down", hostname=H1)
    _close(product, answer.id)
    line = product.ledger.audit(1)[0]
    assert (line.action, line.target, line.actor.user) == ("fault.close", answer.id, "tester")
    assert product.fault(answer.id).closed_by == "tester"

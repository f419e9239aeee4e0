"""One command at a time: what it sees, makes true and tells, and what a failure leaves."""

from collections.abc import Iterable

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from faultwire.domain.accounts import WebhookSecret
from faultwire.domain.alarms import Alarm
from faultwire.domain.causes import ResourceKind
from faultwire.domain.changes import Change
from faultwire.domain.commands import (
    AgentChanged,
    CloseFault,
    Command,
    ImportInventory,
    ReportFaults,
    SaveAlarm,
)
from faultwire.domain.decided import Work
from faultwire.domain.errors import NotFound, Unavailable
from faultwire.domain.events import EVENT_KINDS, INSTANCE_UPDATE
from faultwire.domain.faults import FAULT_TYPES
from faultwire.domain.ids import ADMINISTRATORS, HostName, ServerId
from faultwire.domain.resources import Host, InventoryDocument, Project
from faultwire.domain.states import AgentState, ServerStateOnHostDown
from faultwire.inspector.settings import Recover, Settings
from faultwire.ports import Scratch, View
from faultwire.testing.chain import ACTOR, InProcess
from tests import strategies as our

SHORT = tuple(HostName(name.partition(".")[0]) for name in our.HOSTS)
NAMES = (*our.HOSTS, *SHORT, HostName("nowhere"))
TYPES = ("compute.host.down", "compute.host.hung", "compute.instance.down", "network.switch.down")

Pictures = dict[str, object]


def picture(view: View, faults: Iterable[str]) -> Pictures:
    """Return everything that a view shows of what the fault path changes."""
    shown: Pictures = {}
    for name in our.HOSTS:
        entry = view.entry(name)
        shown[f"host {name}"] = entry and entry.host, view.host(name)
        shown[f"on {name}"] = entry and {server.id: server for server in entry.servers}
        shown[f"running {name}"] = view.running(name)
        shown[f"causes of {name}"] = view.causes_of(ResourceKind.HOST, name)
    for name in NAMES:
        shown[f"match {name}"] = view.match_host(name)
        for kind in TYPES:
            shown[f"fault {kind} {name}"] = view.open_fault(f"{kind}|hostname={name}")
    for server in our.SERVERS:
        shown[f"server {server}"] = view.server(server)
        shown[f"causes of {server}"] = view.causes_of(ResourceKind.SERVER, server)
        identity = f"compute.instance.down|instance_id={server}"
        shown[f"fault of {server}"] = view.open_fault(identity)
    for fault in faults:
        shown[f"live {fault}"] = view.live_fault(fault)  # type: ignore[arg-type]
        held = view.causes_by(fault)  # type: ignore[arg-type]
        shown[f"held by {fault}"] = {cause.key: cause for cause in held}
    return shown


class Watched(InProcess):
    """A product that keeps the last command's scratch, to be compared with what was applied."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.scratch: Scratch | None = None
        self.faults: set[str] = set()
        self.importing = False
        make, steps = self.memory.scratch, self.memory.steps

        def keep() -> Scratch:
            self.scratch = make()
            return self.scratch

        def check(changes: Iterable[Change]) -> Work[None]:
            assert self.scratch is not None
            made = tuple(changes)
            seen = picture(self.scratch, self.faults)
            yield from steps(made)
            if not self.importing:
                assert picture(make(), self.faults) == seen

        self.memory.scratch = keep  # type: ignore[method-assign, assignment]
        self.memory.steps = check  # type: ignore[method-assign]

    def everything(self) -> tuple[object, ...]:
        """Return all that is held in memory, to be compared."""
        indexes = self.indexes
        alarms = [indexes.alarms.get(f"alarm-{n}") for n in range(6)]  # type: ignore[arg-type]
        return picture(self.memory.scratch(), self.faults), alarms, tuple(indexes.holds.live())


class LaneMachine(RuleBasedStateMachine):
    """Any history of commands, some of which meet a ledger that does not answer."""

    @initialize(
        data=st.data(),
        on_host_down=st.sampled_from(ServerStateOnHostDown),
        recover=st.sampled_from(Recover),
    )
    def start(
        self, data: st.DataObject, on_host_down: ServerStateOnHostDown, recover: Recover
    ) -> None:
        self.product = Watched(Settings(on_host_down, recover))
        there = data.draw(st.lists(our.hosts, min_size=1, unique=True))
        self.document(data, there)

    def run(self, command: Command) -> None:
        self.told = len(self.product.events)
        self.product.run(command)
        if isinstance(command, ReportFaults):
            self.product.faults.update(report.id for report in command.reports)

    @rule(data=st.data(), there=st.lists(our.hosts, min_size=1, unique=True))
    def document(self, data: st.DataObject, there: list[HostName]) -> None:
        known = [host.name for host in self.product.indexes.inventory.hosts()]
        standing = sorted({*there, *known})
        servers = data.draw(st.lists(our.servers(standing), unique_by=lambda one: one.id))
        ports = data.draw(st.lists(our.ports, unique_by=lambda one: one.id, max_size=2))
        ids = {server.id for server in servers}
        document = InventoryDocument(
            projects=tuple(Project(name, f"name of {name}") for name in our.PROJECTS),
            hosts=tuple(Host(name) for name in there),
            servers=tuple(servers),
            ports=tuple(port for port in ports if port.server in {None, *ids}),
            statuses=frozenset(server.id for server in servers if server.revision % 2),
        )
        # An import decides on the base alone and needs no overlay; what follows it does.
        self.product.importing = True
        self.run(ImportInventory(document, replace=False, actor=ACTOR))
        self.product.importing = False

    @rule(
        some=st.lists(
            st.tuples(
                st.sampled_from(TYPES),
                st.booleans(),
                st.sampled_from(NAMES),
                our.server_ids,
                st.sampled_from(["posted:x", "agent"]),
            ),
            min_size=1,
            max_size=4,
        )
    )
    def reports(self, some: list[tuple[str, bool, HostName, ServerId, str]]) -> None:
        made = []
        for kind, raised, host, server, source in some:
            (detail, *_), *_ = FAULT_TYPES[kind].identifying
            name = kind if raised else FAULT_TYPES[kind].clear
            value = server if detail == "instance_id" else host
            made.append(self.product.reported(name, source=source, **{detail: value}))
        self.run(ReportFaults(tuple(made), ACTOR))
        if len(some) == 1:
            self.check_each_server_was_told_once()

    def check_each_server_was_told_once(self) -> None:
        """One report, one plan, one event for each server that it affects."""
        new = self.product.events[self.told :]
        told = [
            event.traits["instance_id"] for event in new if event.event_type == INSTANCE_UPDATE
        ]
        assert len(told) == len(set(told))

    @rule(
        host=st.sampled_from(NAMES),
        state=st.sampled_from(AgentState),
        running=st.none() | st.frozensets(our.server_ids),
    )
    def agent(self, host: HostName, state: AgentState, running: frozenset[str] | None) -> None:
        self.run(AgentChanged(host, state, running))

    @rule(data=st.data())
    def close(self, data: st.DataObject) -> None:
        live = [fault.id for fault in self.product.indexes.holds.live()]
        if live:
            self.run(CloseFault(data.draw(st.sampled_from(sorted(live))), ACTOR))
        with pytest.raises(NotFound):
            self.run(CloseFault("none", ACTOR))  # type: ignore[arg-type]

    @rule(alarm=our.alarms)
    def alarm(self, alarm: Alarm) -> None:
        new = self.product.indexes.alarms.get(alarm.id) is None
        self.run(SaveAlarm(alarm, new, ACTOR, WebhookSecret(alarm.project, "whsec_", 0)))

    @rule(host=st.sampled_from(NAMES), raised=st.booleans(), agents=st.booleans())
    def nothing_can_be_stored(self, host: HostName, raised: bool, agents: bool) -> None:
        """A commit that fails leaves map, holds and alarms as they were, and tells nobody."""
        before = self.product.everything()
        told = len(self.product.events), len(self.product.deliveries), len(self.product.marks)
        self.product.ledger.fail(Unavailable("no"), times=2)
        name = "compute.host.down" if raised else "compute.host.up"
        report = self.product.reported(name, hostname=host)
        command: Command = ReportFaults((report,), ACTOR)
        if agents:
            command = AgentChanged(host, AgentState.LOST)
        try:
            self.run(command)
        except Unavailable:
            assert self.product.everything() == before
            now = self.product
            assert (len(now.events), len(now.deliveries), len(now.marks)) == told
        self.product.ledger._failures.clear()

    @invariant()
    def memory_is_what_is_stored(self) -> None:
        """A new process would know the same, but for what agents repeat anyway."""
        again = InProcess(ledger=self.product.ledger)
        mine, theirs = (
            picture(one.memory.scratch(), self.product.faults) for one in (self.product, again)
        )
        for key in mine:
            if not key.startswith("running "):
                assert _unordered(theirs[key]) == _unordered(mine[key]), key

    @invariant()
    def nobody_hears_of_hosts_but_administrators(self) -> None:
        """Promise 5: no trait of a tenant's event holds a host's name; all traits are listed."""
        for event in self.product.events[self.told :]:
            traits = EVENT_KINDS[event.event_type].traits
            assert set(event.traits) == traits
            if event.project != ADMINISTRATORS:
                text = " ".join(map(str, event.traits.values()))
                assert not [name for name in SHORT if name in text]
        for delivery in self.product.deliveries:
            if delivery.project != ADMINISTRATORS:
                assert not [name for name in SHORT if name.encode() in delivery.body]


def _unordered(value: object) -> object:
    return set(value) if isinstance(value, tuple) and value and hasattr(value[0], "key") else value


def test_a_command_applies_what_it_saw_and_tells_each_owner_once() -> None:
    """Scratch, memory and ledger agree after every command, also after one that failed (S44)."""
    run_state_machine_as_test(LaneMachine)

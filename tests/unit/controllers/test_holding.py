"""The arithmetic of holding and letting go, case by case."""

from dataclasses import dataclass, replace

import pytest

from faultwire.controllers.embedded import holding
from faultwire.domain.causes import Cause, ResourceKind
from faultwire.domain.ids import FaultId, HostName, ProjectId, ServerId
from faultwire.domain.resources import Server
from faultwire.domain.states import UNTOUCHED_BY_HOST_DOWN, PowerState, VmState

F1, F2, F3 = FaultId("f1"), FaultId("f2"), FaultId("f3")
RUNNING = Server(ServerId("vm"), "web", ProjectId("p"), HostName("h"), revision=4)
ERROR = RUNNING.in_state(VmState.ERROR, PowerState.RUNNING)
STOPPED = RUNNING.in_state(VmState.STOPPED, PowerState.SHUTDOWN)
NOBODY: frozenset[str] = frozenset()


def held(fault: FaultId, server: Server, wanted: str = "error", *, waits: bool = False) -> Cause:
    """Return a cause on a server that ran before."""
    return Cause(
        ResourceKind.SERVER,
        server.id,
        fault,
        wanted,
        "active",
        "running",
        server.revision,
        awaiting_report=waits,
    )


@dataclass(frozen=True)
class Take:
    """A server with what holds it, what a new fault wants, and what comes of it."""

    server: Server
    held: tuple[Cause, ...]
    wanted: VmState | None
    state: str
    causes: tuple[tuple[FaultId, str], ...]
    dropped: tuple[FaultId, ...] = ()


TAKES = {
    "free": Take(RUNNING, (), VmState.ERROR, "error/running", ((F2, "error"),)),
    "free, stopped": Take(RUNNING, (), VmState.STOPPED, "stopped/shutdown", ((F2, "stopped"),)),
    "free, unchanged": Take(RUNNING, (), None, "active/running", ((F2, ""),)),
    "same wish": Take(ERROR, (held(F1, ERROR),), VmState.ERROR, "error/running", ((F2, "error"),)),
    "weaker wish": Take(
        ERROR, (held(F1, ERROR),), VmState.STOPPED, "error/running", ((F2, "stopped"),)
    ),
    "stronger wish": Take(
        STOPPED,
        (held(F1, STOPPED, "stopped"),),
        VmState.ERROR,
        "error/shutdown",
        ((F1, "stopped"), (F2, "error")),
    ),
    "changed since": Take(
        replace(STOPPED, revision=9),
        (held(F1, ERROR),),
        VmState.ERROR,
        "error/shutdown",
        ((F2, "error"),),
        (F1,),
    ),
    "waiting": Take(
        ERROR,
        (held(F1, ERROR, waits=True),),
        VmState.ERROR,
        "error/running",
        ((F2, "error"),),
        (F1,),
    ),
    "waiting, unchanged": Take(
        ERROR, (held(F1, ERROR, waits=True),), None, "error/running", ((F2, "error"),), (F1,)
    ),
    "waiting, stopped": Take(
        ERROR,
        (held(F1, ERROR, waits=True),),
        VmState.STOPPED,
        "stopped/shutdown",
        ((F2, "stopped"),),
        (F1,),
    ),
}


@pytest.mark.parametrize("case", TAKES.values(), ids=TAKES)
def test_a_fault_takes_hold(case: Take) -> None:
    """The strongest wish wins, what returns is inherited, and every cause is up to date (D20)."""
    after = holding.take(case.server, F2, case.wanted, case.held)
    assert f"{after.server.vm_state}/{after.server.power_state}" == case.state
    assert tuple((cause.fault_id, cause.wanted) for cause in after.saved) == case.causes
    assert tuple(cause.fault_id for cause in after.dropped) == case.dropped
    assert {cause.revision for cause in after.saved} == {after.server.revision}
    inherited = (VmState.ACTIVE, PowerState.RUNNING)
    changed_since = bool(case.held) and case.held[0].revision != case.server.revision
    prior = (case.server.vm_state, case.server.power_state) if changed_since else inherited
    assert {cause.prior_states() for cause in after.saved} == {prior}


@pytest.mark.parametrize("state", sorted(UNTOUCHED_BY_HOST_DOWN))
@pytest.mark.parametrize("wanted", [VmState.ERROR, VmState.STOPPED, None])
def test_an_untouched_state_is_not_held(state: VmState, wanted: VmState | None) -> None:
    """A server in one of S119's states is left alone, and closing the fault does nothing to it."""
    server = replace(RUNNING, vm_state=state)
    assert holding.take(server, F2, wanted, ()) == holding.Held(server)


@dataclass(frozen=True)
class Release:
    """What holds a server, what its agent reports, and what comes of it when F1 closes."""

    server: Server
    held: tuple[Cause, ...]
    running: frozenset[str] | None
    state: str
    left: tuple[FaultId, ...] = ()
    dropped: tuple[FaultId, ...] = (F1,)
    shown: VmState | None = None


RELEASES = {
    "vouched": Release(ERROR, (held(F1, ERROR),), None, "active/running"),
    "reported": Release(ERROR, (held(F1, ERROR),), frozenset({"vm"}), "active/running"),
    "not reported": Release(ERROR, (held(F1, ERROR),), NOBODY, "error/running", (F1,), ()),
    "not reported, unchanged": Release(
        RUNNING, (held(F1, RUNNING, ""),), NOBODY, "active/running", (F1,), (), holding.TOLD
    ),
    "off before": Release(
        ERROR,
        (replace(held(F1, ERROR), prior="stopped", prior_power="shutdown"),),
        NOBODY,
        "stopped/shutdown",
    ),
    "changed since": Release(
        replace(ERROR, revision=9), (held(F1, ERROR),), None, "error/running"
    ),
    "held by another": Release(ERROR, (held(F1, ERROR), held(F2, ERROR)), None, "error/running"),
    "held by a weaker one": Release(
        ERROR, (held(F1, ERROR), held(F2, ERROR, "stopped")), None, "stopped/shutdown", (F2,)
    ),
    "held by one that asks for nothing": Release(
        ERROR,
        (held(F1, ERROR), held(F2, ERROR, "")),
        NOBODY,
        "active/running",
        (F2,),
        (F1,),
        holding.TOLD,
    ),
    "never moved": Release(RUNNING, (held(F1, RUNNING, ""),), None, "active/running"),
}


@pytest.mark.parametrize("case", RELEASES.values(), ids=RELEASES)
def test_a_fault_lets_go(case: Release) -> None:
    """A server returns when nothing else holds it, nobody changed it, and it is known to run."""
    after = holding.let_go(case.server, case.held[0], case.held, case.running)
    assert f"{after.server.vm_state}/{after.server.power_state}" == case.state
    assert tuple(cause.fault_id for cause in after.saved) == case.left
    assert tuple(cause.fault_id for cause in after.dropped) == case.dropped
    assert after.shown is case.shown
    for cause in after.saved:
        assert cause.revision == after.server.revision
        assert cause.awaiting_report is (cause.fault_id == F1)
    if case.state == f"{case.server.vm_state}/{case.server.power_state}":
        assert after.server is case.server
    else:
        assert after.server.revision == case.server.revision + 1


def test_of_three_faults_the_last_gives_back() -> None:
    """Whatever the order, the state of before the first fault returns after the last."""
    server, causes = RUNNING, dict[FaultId, Cause]()

    def settle(outcome: holding.Held) -> None:
        nonlocal server
        server = outcome.server
        for cause in outcome.dropped:
            del causes[cause.fault_id]
        causes.update((cause.fault_id, cause) for cause in outcome.saved)

    for fault, wanted in ((F1, VmState.STOPPED), (F2, VmState.ERROR), (F3, None)):
        settle(holding.take(server, fault, wanted, tuple(causes.values())))
    for fault, state in ((F2, "stopped"), (F1, "active"), (F3, "active")):
        settle(holding.let_go(server, causes[fault], tuple(causes.values()), None))
        assert server.vm_state.value == state
    assert (server.power_state, causes) == (PowerState.RUNNING, {})

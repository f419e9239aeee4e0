"""Rules: what follows from a fault, a row per type of fault."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from faultwire.domain.decided import Work
from faultwire.domain.faults import (
    AGENT_DOWN,
    FLAPPING,
    GUEST_DOWN,
    HOST_DOWN,
    HUNG,
    INSTANCE_DOWN,
    UNREACHABLE,
    Fault,
)
from faultwire.domain.ids import ServerId
from faultwire.domain.plans import GuestPlan, PortsPlan, RaisePlan, ServerStep
from faultwire.domain.states import ServerStateOnHostDown, VmState
from faultwire.inspector import tending, wiring
from faultwire.inspector.settings import Settings
from faultwire.ports import View

NO_RULE = "no rule"
SLICE = 128
"""Servers looked at between two breathing points."""

Raised = RaisePlan | PortsPlan | GuestPlan
"""What a rule may plan."""

_WANTED: Mapping[ServerStateOnHostDown, tuple[VmState | None, VmState | None]] = {
    ServerStateOnHostDown.ERROR: (VmState.ERROR, None),
    ServerStateOnHostDown.STOPPED: (VmState.STOPPED, None),
    ServerStateOnHostDown.UNCHANGED: (None, VmState.ERROR),
}
"""Setting to the state wanted and the state told in its place (D6)."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One row: its name in the decision record, why it holds, and the plan it makes."""

    name: str
    why: str
    plan: Callable[[Fault, View, Settings], Work[Raised]]


def _host_down(fault: Fault, view: View, settings: Settings) -> Work[Raised]:
    return (yield from _forced("host down", fault, view, settings))


def _forced(rule: str, fault: Fault, view: View, settings: Settings) -> Work[Raised]:
    entry = view.entry(fault.host) if fault.host is not None else None
    wanted, shown = _WANTED[settings.server_state_on_host_down]
    steps: list[ServerStep] = []
    for server in entry.servers if entry else ():
        steps.append(ServerStep(server, wanted, shown))
        if len(steps) % SLICE == 0:
            yield
    return RaisePlan(fault, rule, fault.host, force_down=True, servers=tuple(steps))


def _host_hung(fault: Fault, view: View, settings: Settings) -> Work[Raised]:
    if settings.hung_forces_down:
        return (yield from _forced("host hung", fault, view, settings))
    yield
    return RaisePlan(fault, "host hung", fault.host, force_down=False, servers=())


def _agent_down(fault: Fault, view: View, settings: Settings) -> Work[Raised]:
    if settings.agent_down_forces_down:
        return (yield from _forced("agent down", fault, view, settings))
    yield
    return RaisePlan(fault, "agent down", fault.host, force_down=False, servers=())


def _told(fault: Fault, view: View, settings: Settings) -> Work[Raised]:
    del view, settings
    yield
    return RaisePlan(fault, "told", fault.host, force_down=False, servers=())


def _instance_down(fault: Fault, view: View, settings: Settings) -> Work[Raised]:
    del settings
    server = view.server(ServerId(fault.resource["instance_id"]))
    steps = (ServerStep(server, VmState.ERROR),) if server else ()
    yield
    return RaisePlan(fault, "instance down", None, force_down=False, servers=steps)


def _data_plane(fault: Fault, view: View, settings: Settings) -> Work[Raised]:
    del settings
    return (yield from wiring.opened(fault, view))


def _guest_down(fault: Fault, view: View, settings: Settings) -> Work[Raised]:
    del settings
    yield
    return tending.opened(fault, view)


_CUT_OFF = Rule(
    wiring.RULE, "ports that have no other way lose their data plane; status stays", _data_plane
)

RULES: Mapping[str, Rule] = {
    HOST_DOWN: Rule(
        "host down",
        "the host is forced down and its servers follow server_state_on_host_down",
        _host_down,
    ),
    HUNG: Rule(
        "host hung",
        "its system answers and its agent does not: told, and forced down by hung_forces_down",
        _host_hung,
    ),
    AGENT_DOWN: Rule(
        "agent down",
        "its agent ended and its system answers: told, and forced down by agent_down_forces_down",
        _agent_down,
    ),
    UNREACHABLE: Rule("told", "the vantage points disagree: told, and never forced down", _told),
    FLAPPING: Rule("told", "it comes and goes: told, and never forced down", _told),
    INSTANCE_DOWN: Rule("instance down", "the server is set to error", _instance_down),
    GUEST_DOWN: Rule(tending.RULE, "the guest is down until its faults are over", _guest_down),
    **dict.fromkeys(wiring.WIRING, _CUT_OFF),
}
"""Rules by fault type; a type without a row is recorded and nothing follows from it."""

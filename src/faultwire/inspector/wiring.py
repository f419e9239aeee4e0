"""Plans for ports: from faults of links, switches and ports, and from what changed its place."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import chain
from typing import Any

from faultwire.domain.causes import ResourceKind
from faultwire.domain.changes import (
    HostsSaved,
    PortsSaved,
    ServersRemoved,
    ServersSaved,
    SwitchesRemoved,
    SwitchesSaved,
)
from faultwire.domain.decided import Decided, Deciding, Realised, Steps, Work
from faultwire.domain.faults import (
    LINK_DOWN,
    NIC_ERROR,
    PORT_DOWN,
    SWITCH_DOWN,
    Fault,
    FaultState,
)
from faultwire.domain.ids import PortId
from faultwire.domain.instants import Instant
from faultwire.domain.network_commands import RecheckPorts
from faultwire.domain.plans import PortsPlan, PortStep
from faultwire.domain.resources import Port
from faultwire.inspector.topology import Cuts, ports_of
from faultwire.ports import Decider, View

SLICE = 128
"""Ports looked at between two breathing points."""

WIRING = frozenset({NIC_ERROR, LINK_DOWN, SWITCH_DOWN, PORT_DOWN})
"""Types of fault that take the data plane from ports."""

RULE = "data plane"
DEGRADED = 100
"""Degraded networks of hosts that a plan names."""


def opened(fault: Fault, view: View) -> Work[PortsPlan]:
    """Return what an opened fault holds, alone or together with others."""
    cuts = Cuts(view, opening=fault)
    degraded: dict[str, None] = {}
    steps: list[PortStep] = []
    for number, port in enumerate(ports_of(fault, view), 1):
        step = _step(port, cuts, view)
        if step is not None:
            steps.append(step)
        place = view.plugs.place(port)
        if place is not None and len(degraded) < DEGRADED:
            left = cuts.network(place, view.plugs.physical_network(port))[1]
            degraded.update({left: None} if left else {})
        if number % SLICE == 0:
            yield
    return PortsPlan(fault, RULE, True, tuple(steps), tuple(degraded))


def closed(fault: Fault, view: View) -> Work[PortsPlan]:
    """Return what a fault that is being closed gives back, as far as no other holds it."""
    steps = yield from _steps(_held_by(fault, view), Cuts(view, closing=fault.id), view)
    return PortsPlan(fault, RULE, False, steps)


def untold(fault: Fault, view: View) -> Work[PortsPlan]:
    """Return what ends for owners with a fault that only told of ports, and marked none."""
    plan = yield from opened(fault, view)
    return replace(plan, raised=False, mark=False)


def given_back(fault: Fault, plan: PortsPlan) -> str:
    """Say what a closed fault gave back."""
    free = sum(not step.holders for step in plan.steps)
    rest = len(plan.steps) - free
    still = f"; {rest} are still held by other faults" if rest else ""
    return f"{fault.type.name} lets go of {free} ports{still}"


def rewired(ports: Iterable[Port], view: View) -> Work[PortsPlan]:
    """Return what open faults hold of ports whose place has changed."""
    steps = yield from _steps(ports, Cuts(view), view)
    return PortsPlan(None, RULE, False, steps)


def _held_by(fault: Fault, view: View) -> Iterator[Port]:
    """Return the ports that a fault holds, alone or together with others."""
    for cause in view.causes_by(fault.id):
        port = view.port(PortId(cause.resource))
        if cause.kind is ResourceKind.PORT and port is not None:
            yield port


def _steps(ports: Iterable[Port], cuts: Cuts, view: View) -> Work[tuple[PortStep, ...]]:
    steps: list[PortStep] = []
    for number, port in enumerate(ports, 1):
        step = _step(port, cuts, view)
        if step is not None:
            steps.append(step)
        if number % SLICE == 0:
            yield
    return tuple(steps)


def _step(port: Port, cuts: Cuts, view: View) -> PortStep | None:
    """Return what changes for a port; None where the same faults hold it as before."""
    holders = cuts.holders(port)
    held = {cause.fault_id for cause in view.causes_of(ResourceKind.PORT, port.id)}
    return PortStep(port, holders) if held != set(holders) else None


class RecheckDecider:
    """Sees what open faults hold after ports, servers or links changed their place."""

    def __init__(self, live: Callable[[], Iterable[Fault]]) -> None:
        """Take the live faults of the types `WIRING` as the map has them, only read."""
        self._live = live

    def decide(self, command: RecheckPorts, view: View, now: Instant) -> Deciding:
        """Have the ports held that are cut off now, and let go of those that are not."""
        del command, now
        ports = yield from self._ports(view)
        if ports:
            plan = yield from rewired(ports, view)
            if plan.steps:
                yield plan
        return Decided()

    def _ports(self, view: View) -> Steps[tuple[Port, ...]]:
        """Return the ports that open faults hold or may hold."""
        faults = [fault for fault in self._live() if fault.state is FaultState.OPEN]
        found: dict[PortId, Port] = {}
        for fault in faults:
            for number, port in enumerate(chain(_held_by(fault, view), ports_of(fault, view)), 1):
                found[port.id] = port
                if number % SLICE == 0:
                    yield None
        return tuple(found.values())


class RewiringDecider:
    """Implements `ports.Decider` by another one, and looks after ports where places changed."""

    def __init__(self, inner: Decider[Any], live: Callable[[], Iterable[Fault]]) -> None:
        """Take who decides, and the live faults of the types `WIRING`, only read."""
        self._inner = inner
        self._live = live

    def decide(self, command: object, view: View, now: Instant) -> Deciding:
        """Decide as the other does, and have ports looked at if an open fault may hold them."""
        moved = [False]
        decided = yield from self._watched(self._inner.decide(command, view, now), moved)
        if (moved[0] or _moves(decided)) and any(True for _ in self._live()):
            return replace(decided, then=(*decided.then, RecheckPorts()))
        return decided

    def _watched(self, deciding: Deciding, moved: list[bool]) -> Deciding:
        """Look at each part of a decision, and return the last one."""
        reply: Realised | None = None
        while True:
            try:
                item = deciding.send(reply)
            except StopIteration as stop:
                last: Decided = stop.value
                return last
            if isinstance(item, Decided):
                moved[0] = moved[0] or _moves(item)
            reply = yield item


def _moves(decided: Decided) -> bool:
    return any(isinstance(change, _PLACES) for change in decided.changes)


_PLACES = (HostsSaved, PortsSaved, ServersSaved, ServersRemoved, SwitchesRemoved, SwitchesSaved)

"""From a plan to what a cloud is asked: pure, in the commit that records the fault (S5-S7, S63).

The map takes the plan's states at once, as it does where the store is our own: it says what we
hold to be true, and what the cloud itself says follows. What the cloud is owed are rows of the
same commit, so that one of both alone is never there.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from faultwire.domain.changes import Change, HostsSaved, PortsSaved, ServersMoved
from faultwire.domain.decided import Decided, Deciding, Realised, Work
from faultwire.domain.events import Event
from faultwire.domain.faults import Fault
from faultwire.domain.ids import FaultId, HostName, ServerId, derived
from faultwire.domain.instants import Instant
from faultwire.domain.plans import Plan, PortsPlan, RaisePlan
from faultwire.domain.remote_acts import (
    ABOUT,
    DISABLED,
    ENABLED,
    WAITS_FOR,
    EventsHeld,
    HeldEvents,
    HeldReleased,
    Notify,
    Phase,
    ReleaseHeld,
    RemoteAct,
    RemoteActsSaved,
    RemoteKind,
    RemoteState,
    SettleRemoteActs,
    act_id,
    disabled_by_us,
    disabled_for,
)
from faultwire.domain.resources import Host, Port, Server
from faultwire.domain.states import VmState
from faultwire.ports import Controller, View
from faultwire.resourcemap.remote_acts import RemoteBook

CloudOf = Callable[[HostName], str]
"""Gives the cloud of a host; empty where it is in none."""

RESETTABLE = {VmState.ERROR: "error", VmState.ACTIVE: "active", VmState.STOPPED: "stopped"}
"""What a server can be made from outside; one that was stopped is stopped once more."""

PASSING = frozenset({VmState.BUILDING})
"""States that end by themselves: what the map has of them may be over in the cloud."""

SLICE = 128


class CloudController:
    """Implements `ports.Controller`: another controller's plan, and the acts that follow; pure."""

    def __init__(
        self,
        inner: Controller,
        cloud_of: CloudOf,
        book: RemoteBook,
        notify: Notify = Notify.IMMEDIATELY,
        *,
        disable: bool = False,
    ) -> None:
        """Take who moves the map, which cloud a host is in, and when owners hear of it.

        With `disable` the service of a host that is forced down is disabled too.
        """
        self._inner = inner
        self._cloud_of = cloud_of
        self._book = book
        self._notify = notify
        self._disable = disable

    def realise(self, plan: Plan, view: View, now: Instant) -> Work[Realised]:
        """Return the rows and facts of the plan, with the acts that clouds are owed."""
        realised = yield from self._inner.realise(plan, view, now)
        fault = getattr(plan, "fault", None)
        if fault is not None and not _tells_of_trouble(plan):
            realised = self._overtaken(realised, fault.id)
        made = tuple(self._disabled(one, fault, view) for one in realised.changes)
        realised = replace(realised, changes=made)
        wanted: dict[tuple[str, str], RemoteAct] = {}
        for number, act in enumerate(self._acts(realised.changes, view, fault, now)):
            wanted[act.about] = act
            if number % SLICE == SLICE - 1:
                yield
        void = (*overtaken(wanted, self._book, now), *self._unmeant(realised.changes, now))
        if not wanted and not void:
            return realised
        acts = RemoteActsSaved((*void, *wanted.values()))
        realised = replace(realised, changes=(*realised.changes, acts))
        phases = WAITS_FOR[self._notify] & {act.phase for act in wanted.values()}
        if not (phases and fault is not None and _tells_of_trouble(plan)):
            return realised
        return _held_back(realised, fault.id, tuple(sorted(phases)), now)

    def _overtaken(self, realised: Realised, fault: FaultId) -> Realised:
        """Let what was held back of a fault that is over go first: no end without a beginning."""
        mine = [held for held in self._book.held() if held.fault == fault]
        if not mine:
            return realised
        released = HeldReleased(tuple(held.id for held in mine))
        before = tuple(event for held in mine for event in held.events)
        return replace(
            realised,
            changes=(*realised.changes, released),
            events=(*before, *realised.events),
        )

    def _disabled(self, change: Change, fault: Fault | None, view: View) -> Change:
        """Return a change of hosts with their services disabled, or enabled if we disabled them.

        Who disables one for a reason of his own meanwhile keeps it so.
        """
        if not isinstance(change, HostsSaved):
            return change
        hosts = []
        for host in change.hosts:
            before = view.host(host.name)
            moved = before is not None and before.forced_down is not host.forced_down
            if not moved or not self._cloud_of(host.name):
                hosts.append(host)
            elif host.forced_down and self._disable and not host.disabled:
                reason = disabled_for(fault.id if fault else None)
                hosts.append(replace(host, disabled=True, disabled_reason=reason))
            elif not host.forced_down and disabled_by_us(host.disabled_reason):
                hosts.append(replace(host, disabled=False, disabled_reason=None))
            else:
                hosts.append(host)
        return HostsSaved(tuple(hosts))

    def _acts(
        self, changes: Iterable[Change], view: View, fault: Fault | None, now: Instant
    ) -> Iterator[RemoteAct]:
        for change in changes:
            match change:
                case HostsSaved(hosts):
                    wanted = (self._of_host(host, view) for host in hosts)
                case ServersMoved(_, servers):
                    wanted = (self._of_server(server, view) for server in servers)
                case PortsSaved(ports):
                    wanted = (self._of_port(port, view) for port in ports)
                case _:
                    continue
            for one in wanted:
                if one is not None:
                    yield _passing(asked(*one, fault.id if fault else None, now.wall_ns), view)

    def _unmeant(self, changes: Iterable[Change], now: Instant) -> Iterator[RemoteAct]:
        """Void what is owed on servers that return to a state which no cloud can be asked for."""
        for change in changes:
            if not isinstance(change, ServersMoved):
                continue
            for server in change.servers:
                act = self._book.on((ABOUT[RemoteKind.RESET_STATE], server.id))
                if act is None or act.kind is not RemoteKind.RESET_STATE:
                    continue
                if server.vm_state not in RESETTABLE:
                    yield _void(act, now)

    def _of_host(self, host: Host, view: View) -> tuple[str, RemoteKind, str, str] | None:
        before, cloud = view.host(host.name), self._cloud_of(host.name)
        if not cloud or (before is not None and before.forced_down == host.forced_down):
            return None
        kind = RemoteKind.FORCE_DOWN if host.forced_down else RemoteKind.LET_UP
        if before is None or before.disabled is host.disabled:
            return cloud, kind, host.name, ""
        return cloud, kind, host.name, DISABLED if host.disabled else ENABLED

    def _of_server(self, server: Server, view: View) -> tuple[str, RemoteKind, str, str] | None:
        before, cloud = view.server(server.id), self._cloud_of(server.host)
        wanted = RESETTABLE.get(server.vm_state)
        if not cloud or wanted is None:
            return None
        if before is not None and before.vm_state is server.vm_state:
            return None
        owed = self._book.on((ABOUT[RemoteKind.RESET_STATE], server.id))
        if owed is not None and owed.kind is RemoteKind.EVACUATE:
            # Whoever builds it is not to be disturbed; if nobody does, it is reset after all.
            return None
        return cloud, RemoteKind.RESET_STATE, server.id, wanted

    def _of_port(self, port: Port, view: View) -> tuple[str, RemoteKind, str, str] | None:
        before = view.port(port.id)
        cloud = self._cloud_of(port.host or HostName(""))
        if not cloud or (
            before is not None and before.data_plane_status == port.data_plane_status
        ):
            return None
        return cloud, RemoteKind.MARK_PORT, port.id, port.data_plane_status or ""


def asked(
    cloud: str, kind: RemoteKind, target: str, wanted: str, fault: FaultId | None, at_ns: int
) -> RemoteAct:
    """Return an act that is owed from now on."""
    name = act_id(kind, target, wanted, fault, at_ns)
    return RemoteAct(name, cloud, kind, target, wanted, fault, at_ns)


def overtaken(
    wanted: Mapping[tuple[str, str], RemoteAct], book: RemoteBook, now: Instant
) -> list[RemoteAct]:
    """Return what is owed on the same things, void: it is not meant any more."""
    owed = [book.on(about) for about in wanted]
    return [_void(act, now) for act in owed if act is not None and act.id != wanted[act.about].id]


def _void(act: RemoteAct, now: Instant) -> RemoteAct:
    return replace(act, state=RemoteState.VOID, settled_ns=now.wall_ns, detail="superseded")


def _passing(act: RemoteAct, view: View) -> RemoteAct:
    """Return a reset with the state that its server passes through, if it does."""
    if act.kind is not RemoteKind.RESET_STATE:
        return act
    server = view.server(ServerId(act.target))
    if server is None or server.vm_state not in PASSING:
        return act
    return replace(act, origin=server.vm_state.value)


def _tells_of_trouble(plan: Plan) -> bool:
    """Whether owners may be made to wait: an end of trouble is told at once."""
    return isinstance(plan, RaisePlan) or (isinstance(plan, PortsPlan) and plan.raised)


def _held_back(
    realised: Realised, fault: FaultId, phases: tuple[Phase, ...], now: Instant
) -> Realised:
    """Keep what owners hear back until these phases are over; administrators hear at once."""
    owners: list[Event] = []
    others: list[Event] = []
    for event in realised.events:
        (owners if event.project else others).append(event)
    if not owners:
        return realised
    name = derived("held", fault, str(now.wall_ns))
    held = EventsHeld((HeldEvents(name, fault, phases, now.wall_ns, tuple(owners)),))
    return replace(realised, changes=(*realised.changes, held), events=tuple(others))


class SettlingDecider:
    """Decides on `SettleRemoteActs`: acts are over, and events that waited for them go out.

    A server that could not leave its host gets the state that it should have there.
    """

    def __init__(self, book: RemoteBook) -> None:
        """Take the book, which follows the ledger."""
        self._book = book

    def decide(self, command: SettleRemoteActs, view: View, now: Instant) -> Deciding:
        """Return the rows; an act that somebody voided meanwhile stays void."""
        told = [
            replace(act, settled_ns=now.wall_ns)
            for act in command.acts
            if self._book.get(act.id) is not None
        ]
        over = [act for act in told if act.state is not RemoteState.OWED]
        done: dict[tuple[FaultId | None, Phase], int] = {}
        for act in over:
            done[act.fault, act.phase] = done.get((act.fault, act.phase), 0) + 1
        due = [
            held
            for held in self._book.held()
            if not sum(
                self._book.left(held.fault, (phase,)) - done.get((held.fault, phase), 0)
                for phase in held.phases
            )
        ]
        yield None
        told += [again for act in over if (again := _stays(act, view, now)) is not None]
        return _released(due, (RemoteActsSaved(tuple(told)),) if told else ())


def _stays(act: RemoteAct, view: View, now: Instant) -> RemoteAct | None:
    """Return what a server is owed whose evacuation came to nothing."""
    if act.kind is not RemoteKind.EVACUATE or act.state is not RemoteState.FAILED:
        return None
    server = view.server(ServerId(act.target))
    wanted = RESETTABLE.get(server.vm_state) if server is not None else None
    if server is None or wanted is None or server.host != act.origin:
        return None
    return asked(act.cloud, RemoteKind.RESET_STATE, server.id, wanted, act.fault, now.wall_ns)


class ReleaseDecider:
    """Decides on `ReleaseHeld`: a cloud that does not answer silences nobody."""

    def __init__(self, book: RemoteBook) -> None:
        """Take the book, which follows the ledger."""
        self._book = book

    def decide(self, command: ReleaseHeld, view: View, now: Instant) -> Deciding:
        """Return the events that have waited for long enough."""
        _ = view, now
        yield None
        due = [held for held in self._book.held() if held.held_ns < command.before_ns]
        return _released(due, ())


def _released(due: list[HeldEvents], changes: tuple[Change, ...]) -> Decided:
    if not due:
        return Decided(changes=changes)
    events = tuple(event for held in due for event in held.events)
    return Decided(changes=(*changes, HeldReleased(tuple(held.id for held in due))), events=events)

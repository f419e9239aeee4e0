"""What owners, administrators and buses hear when ports change (S95-S96, S114)."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from faultwire.controllers.embedded import guests
from faultwire.controllers.embedded.present import SLICE, Causes, present, server_event
from faultwire.domain.causes import Cause, ResourceKind, standing
from faultwire.domain.events import PORT_UPDATE, Event
from faultwire.domain.faults import Fault, Severity
from faultwire.domain.ids import ADMINISTRATORS, FaultId, PortId, ProjectId, ServerId, derived
from faultwire.domain.instants import Instant
from faultwire.domain.making import maker
from faultwire.domain.networks import ACTIVE, DOWN
from faultwire.domain.port_document import port_document
from faultwire.domain.resources import Port
from faultwire.domain.services import NOVA_TERMS, StatusTerms
from faultwire.ports import View

_event = maker(Event)

NO_FAULT = FaultId("")
"""Stands for the fault in events of what somebody reported by itself."""

FaultOf = Callable[[FaultId], Fault | None]


@dataclass(frozen=True, slots=True)
class PortNews:
    """A port before and after a change; `after` None: it is gone.

    `fault` is what the change comes from, NO_FAULT for none; `raised`: the change belongs to its
    timeline. `holders` hold the port afterwards.
    """

    before: Port
    after: Port | None
    fault: FaultId = NO_FAULT
    raised: bool = False
    holders: tuple[Cause, ...] = ()

    @property
    def status(self) -> str | None:
        """The data-plane status afterwards; None for a port that is gone."""
        return self.after.data_plane_status if self.after else None

    @property
    def moved(self) -> bool:
        """Whether the data-plane status is another one."""
        return self.before.data_plane_status != self.status


def severity(port: Port, holders: Iterable[Cause], fault_of: FaultOf) -> Severity:
    """Return how bad a port stands; what somebody reported without a fault is MAJOR."""
    if port.data_plane_status != DOWN:
        return Severity.CLEARED
    held = tuple(holders)
    return standing(held, fault_of) if held else Severity.MAJOR


def port_update(news: PortNews, view: View, now: Instant, fault_of: FaultOf) -> Event:
    """Tell a port's owner, and buses, what a port is after a change and what it was before.

    The reason is for buses alone: it may name hosts and switches.
    """
    port = news.after or news.before
    place = view.plugs.place(port)
    subnets = view.plugs.subnets_in(port.network) if port.network and port.addresses else ()
    old = news.before.data_plane_status
    server = view.server(port.server) if port.server is not None else None
    bad = severity(port, news.holders, fault_of).value if news.moved and news.after else ""
    return _event(
        derived(PORT_UPDATE, port.id, port.revision, news.after is None, now.wall_ns),
        PORT_UPDATE,
        port.project,
        now.wall_ns,
        {
            "port_id": port.id,
            "resource_id": port.id,
            "device_id": port.server or "",
            "project_id": port.project,
            "data_plane_status": port.data_plane_status or "",
            "old_data_plane_status": old or "",
            "fault_id": news.fault,
        },
        place,
        news.fault if news.raised else None,
        bad or (Severity.CLEARED.value if news.after is None else ""),
        server.metadata if server is not None and server.metadata else None,
        None,
        False,
        {
            "port": port_document(port, place, subnets),
            "old_data_plane_status": old,
            "server": {"id": server.id, "name": server.name} if server is not None else None,
        },
    )


def events(
    news: Iterable[PortNews],
    view: View,
    now: Instant,
    *,
    fault_of: FaultOf | None = None,
    terms: StatusTerms = NOVA_TERMS,
) -> Iterator[Event]:
    """Tell of each port, and then once of each server whose data plane is another one.

    The view may have the ports as they were before or as they are.
    """
    known = fault_of or view.live_fault
    told: dict[ServerId, list[PortNews]] = {}
    after: dict[PortId, Port | None] = {}
    for one in news:
        after[one.before.id] = one.after
        if one.after is not None:
            yield port_update(one, view, now, known)
        elif one.before.data_plane_status == DOWN:
            # What was raised for a subscriber has to be cleared; alarms hear of its server.
            yield replace(port_update(one, view, now, known), quiet=True)
        for name in _servers(one):
            told.setdefault(name, []).append(one)
    for name, causes in told.items():
        event = _server(name, causes, after, view, now, terms)
        if event is not None:
            yield event


def _servers(one: PortNews) -> Iterable[ServerId]:
    """Return the servers for which a port's change is one of their data plane."""
    before, after = one.before.server, one.after.server if one.after else None
    if before == after:
        return (before,) if before is not None and one.moved else ()
    some = {one.before.data_plane_status, one.status} - {None}
    return [name for name in (before, after) if name is not None] if some else ()


def _server(
    name: ServerId,
    causes: list[PortNews],
    after: Mapping[PortId, Port | None],
    view: View,
    now: Instant,
    terms: StatusTerms,
) -> Event | None:
    server = view.server(name)
    if server is None:
        return None
    ports = {one.id: one for one in view.ports_of(name)}
    for port_id, port in after.items():
        if port is not None and port.server == name:
            ports[port_id] = port
        else:
            ports.pop(port_id, None)
    statuses = [one.data_plane_status for one in ports.values()]
    first = causes[0]
    event = server_event(server, first.fault, terms, view, now)
    revisions = [part for one in causes for part in (one.before.id, one.before.revision)]
    return replace(
        event,
        message_id=derived(event.message_id, *revisions),
        fault_id=first.fault if first.raised else None,
        traits={
            **event.traits,
            "data_plane_status": next((s for s in (DOWN, ACTIVE) if s in statuses), ""),
            "ports_down": statuses.count(DOWN),
        },
    )


def held_by(port: Port, view: View) -> tuple[Cause, ...]:
    """Return what holds a port."""
    return view.causes_of(ResourceKind.PORT, port.id)


def everything(
    causes: Causes,
    project: ProjectId,
    view: View,
    now: Instant,
    terms: StatusTerms = NOVA_TERMS,
) -> Iterator[Event | None]:
    """Tell all that is wrong now: what `present` tells, guests, ports whose data plane is down."""
    yield from present(causes, project, view, now, terms)
    yield from guests.present(causes(), project, view, now)
    for number, port in enumerate(view.plugs.ports_marked(DOWN), 1):
        if project in {ADMINISTRATORS, port.project}:
            holders = held_by(port, view)
            about = holders[0].fault_id if holders else NO_FAULT
            news = PortNews(port, port, about, holders=holders)
            bad = severity(port, holders, view.live_fault).value
            yield replace(port_update(news, view, now, view.live_fault), severity=bad)
        if number % SLICE == 0:
            yield None

"""Notices of other services, made true: each is a small document, merged into the map."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from faultwire.controllers.embedded import telling
from faultwire.controllers.embedded.telling_ports import NO_FAULT
from faultwire.domain.changes import Change, PortsRemoved, ServersRemoved
from faultwire.domain.commands import ImportPart, RetryUnmatched
from faultwire.domain.decided import Decided, Deciding
from faultwire.domain.events import Event
from faultwire.domain.guest_changes import GuestsRemoved
from faultwire.domain.ids import GuestId, HostName, PortId, ProjectId, ServerId
from faultwire.domain.instants import Instant
from faultwire.domain.notices import (
    GuestNotice,
    Notice,
    PortNotice,
    ServerNotice,
    ServiceNotice,
    TakeNotices,
)
from faultwire.domain.resources import Guest, Host, InventoryDocument, Port, Project, Server
from faultwire.domain.services import NOVA_TERMS, StatusTerms
from faultwire.domain.states import NOVA_STATUS, STATUS_OF_VM_STATE
from faultwire.ports import Decider, View

SLICE = 64
"""Notices looked at between two breathing points."""


class NoticesDecider:
    """Takes notices and events; the map changes as by an import, and owners hear of it."""

    def __init__(
        self,
        inner: Decider[Any],
        projects: Callable[[], Iterable[Project]],
        terms: StatusTerms = NOVA_TERMS,
    ) -> None:
        """Take who decides on an `ImportPart`, and the projects that there are, only read."""
        self._inner = inner
        self._projects = projects
        self._terms = terms

    def decide(self, command: TakeNotices, view: View, now: Instant) -> Deciding:
        """Answer how many resources were told of."""
        found = _Found(view, {project.id for project in self._projects()})
        for number, notice in enumerate(command.notices, 1):
            found.take(notice)
            if number % SLICE == 0:
                yield None
        before = {name: view.server(name) for name in found.servers}
        part = ImportPart(found.document(), found.removed(), command.actor)
        decided = yield from self._inner.decide(part, view, now)
        # What owners are told is how their servers stand once all of it is true.
        yield replace(decided, answer=None, then=())
        told = [
            self._told(old, view, now)
            for old in before.values()
            if old is not None and _moved(old, view.server(old.id))
        ]
        then = (RetryUnmatched(),) if found.new else ()
        return Decided(
            answer=found.count,
            events=(*told, *command.events),
            then=(*decided.then, *then),
        )

    def _told(self, old: Server, view: View, now: Instant) -> Event:
        after = view.server(old.id) or old
        statuses = (
            self._terms.status(view.host(old.host)),
            self._terms.status(view.host(after.host)),
        )
        told = telling.Told(old, after, None, statuses, view.ports_of(after.id))
        return telling.instance_update(told, NO_FAULT, now, raised=False)


def _moved(old: Server, after: Server | None) -> bool:
    return after is not None and after.vm_state is not old.vm_state


class _Found:
    """The document that notices come to; the later one of a resource builds on the earlier."""

    def __init__(self, view: View, projects: set[str]) -> None:
        self._view = view
        self._known = projects
        self._projects: dict[ProjectId, Project] = {}
        self._hosts: dict[HostName, Host] = {}
        self.servers: dict[ServerId, Server | None] = {}
        self._ports: dict[PortId, Port | None] = {}
        self._guests: dict[GuestId, Guest | None] = {}
        self._said: set[ServerId] = set()
        self.new = False

    @property
    def count(self) -> int:
        return len(self.servers) + len(self._ports) + len(self._guests)

    def take(self, notice: Notice) -> None:
        match notice:
            case ServerNotice():
                self._server(notice)
            case PortNotice():
                self._port(notice)
            case GuestNotice():
                self._guest(notice)
            case ServiceNotice():
                self._place(notice)

    def document(self) -> InventoryDocument:
        return InventoryDocument(
            tuple(self._projects.values()),
            tuple(self._hosts.values()),
            (),
            tuple(one for one in self.servers.values() if one is not None),
            tuple(one for one in self._ports.values() if one is not None),
            tuple(one for one in self._guests.values() if one is not None),
            frozenset(self._said),
        )

    def removed(self) -> tuple[Change, ...]:
        view, changes = self._view, list[Change]()
        guests = [n for n, one in self._guests.items() if one is None and view.guest(n)]
        ports = [n for n, one in self._ports.items() if one is None and view.port(n)]
        servers = [n for n, one in self.servers.items() if one is None and view.server(n)]
        if guests:
            changes.append(GuestsRemoved(tuple(guests)))
        if ports:
            changes.append(PortsRemoved(tuple(ports)))
        if servers:
            changes.append(ServersRemoved(tuple(servers)))
        return tuple(changes)

    def _server(self, told: ServerNotice) -> None:
        name = ServerId(told.id)
        old = self.servers[name] if name in self.servers else self._view.server(name)
        if told.gone:
            self.servers[name] = None
            self._said.discard(name)
            return
        project = self._project(told.project, old)
        if project is None:
            return
        self.new = self.new or old is None
        server = old or Server(name, told.id, project, HostName(""))
        if told.vm_state is not None:
            vm_state, power = NOVA_STATUS[STATUS_OF_VM_STATE[told.vm_state]]
            server = replace(server, vm_state=vm_state, power_state=power)
            self._said.add(name)
        self.servers[name] = replace(
            server,
            name=server.name if told.name is None else told.name,
            project=project,
            host=server.host if told.host is None else self._host(told.host),
            metadata=server.metadata if told.metadata is None else dict(told.metadata),
        )

    def _port(self, told: PortNotice) -> None:
        name = PortId(told.id)
        old = self._ports[name] if name in self._ports else self._view.port(name)
        if told.gone:
            self._ports[name] = None
            return
        project = self._project(told.project, old)
        if project is None:
            return
        self.new = self.new or old is None
        port = old or Port(name, project)
        self._ports[name] = replace(
            port,
            project=project,
            name=port.name if told.name is None else told.name,
            server=port.server if told.server is None else ServerId(told.server) or None,
            host=port.host if told.host is None else self._host(told.host) or None,
            network=port.network if told.network is None else told.network or None,
            status=port.status if told.status is None else told.status,
            addresses=port.addresses if told.addresses is None else told.addresses,
        )

    def _guest(self, told: GuestNotice) -> None:
        name = GuestId(told.id)
        old = self._guests[name] if name in self._guests else self._view.guest(name)
        if told.gone:
            self._guests[name] = None
            return
        project = self._project(told.project, old)
        if project is None:
            return
        guest = old or Guest(name, told.id, project)
        self._guests[name] = replace(
            guest,
            project=project,
            name=guest.name if told.name is None else told.name,
            server=guest.server if told.server is None else ServerId(told.server) or None,
        )

    def _project(self, told: str | None, old: Server | Port | Guest | None) -> ProjectId | None:
        """Return whose it is; None where nobody says so: then it cannot be in the map."""
        if told is None:
            return old.project if old is not None else None
        project = ProjectId(told)
        if project not in self._known:
            self._known.add(project)
            self._projects[project] = Project(project, told)
        return project

    def _place(self, told: ServiceNotice) -> None:
        """Put a host where it belongs; what is not said of it stays."""
        name = self._host(told.host)
        old = self._hosts.get(name) or self._view.host(name)
        if old is None:
            return
        placed = replace(
            old,
            zone=old.zone if told.zone is None else told.zone or None,
            rack=old.rack if told.rack is None else told.rack or None,
            aggregates=old.aggregates if told.aggregates is None else told.aggregates,
        )
        if placed != old:
            self._hosts[name] = placed

    def _host(self, told: str) -> HostName:
        name = HostName(told)
        if name and name not in self._hosts and self._view.host(name) is None:
            self._hosts[name] = Host(name)
            self.new = True
        return name

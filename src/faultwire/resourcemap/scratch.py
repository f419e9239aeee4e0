"""One command's view: the map and the holds, with this command's own changes laid over them."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from faultwire.domain import changes
from faultwire.domain.causes import Cause, ResourceKind
from faultwire.domain.faults import Fault, FaultState
from faultwire.domain.guest_changes import GuestsSaved
from faultwire.domain.ids import FaultId, GuestId, HostName, PortId, ProjectId, ServerId
from faultwire.domain.resources import Evacuation, Guest, Host, HostEntry, Port, Server, Switch
from faultwire.resourcemap.holds import Holds
from faultwire.resourcemap.index import ResourceMap
from faultwire.resourcemap.plugs_scratch import PlugScratch

_Key = tuple[str, str]


class MapScratch:
    """An overlay; implements `ports.Scratch`. It lives for one command and is then dropped.

    Only what the fault path changes is laid over: hosts, states of servers, ports, guests, faults,
    causes and what agents report. An import decides on the base alone and needs no overlay.
    """

    def __init__(self, base: ResourceMap, holds: Holds) -> None:
        """Start with no changes of its own."""
        self._base = base
        self._holds = holds
        self._hosts: dict[HostName, Host] = {}
        self._servers: dict[ServerId, Server] = {}
        self._faults: dict[FaultId, Fault] = {}
        self._identities: dict[str, FaultId] = {}
        self._causes: dict[_Key, dict[str, Cause]] = {}
        self._news_of: dict[str, dict[_Key, Cause | None]] = {}
        self._guests: dict[GuestId, Guest] = {}
        self._running: dict[HostName, frozenset[str] | None] = {}
        self._evacuated: dict[HostName, dict[ServerId, Evacuation]] = {}
        self.plugs = PlugScratch(base.plugs, self.server)
        self._layers: dict[type, Callable[[Any], None]] = {
            **self.plugs.layers,
            changes.HostsSaved: lambda c: self._hosts.update((h.name, h) for h in c.hosts),
            changes.ServersMoved: self._lay_servers,
            changes.ServersSaved: self._lay_servers,
            GuestsSaved: lambda c: self._guests.update((g.id, g) for g in c.guests),
            changes.FaultsSaved: self._lay_faults,
            changes.EvacuationsSaved: self._lay_evacuations,
            changes.EvacuationsRemoved: self._lift_evacuations,
            changes.CausesSaved: self._lay_causes,
            changes.CausesRemoved: self._lift_causes,
            changes.RunningReported: lambda c: self._running.update({c.host: c.running}),
        }

    def absorb(self, new: Iterable[changes.Change]) -> None:
        """Lay changes over the map for the rest of this command."""
        for change in new:
            layer = self._layers.get(type(change))
            if layer is not None:
                layer(change)

    def _lay_servers(self, change: changes.ServersMoved | changes.ServersSaved) -> None:
        self._servers.update((server.id, server) for server in change.servers)

    def _lay_evacuations(self, change: changes.EvacuationsSaved) -> None:
        for item in change.evacuations:
            self._left(item.host)[item.server] = item

    def _lift_evacuations(self, change: changes.EvacuationsRemoved) -> None:
        for item in change.evacuations:
            self._left(item.host).pop(item.server, None)

    def _left(self, host: HostName) -> dict[ServerId, Evacuation]:
        """Return the evacuations from a host, to be changed in place."""
        left = self._evacuated.get(host)
        if left is None:
            base = self._base.evacuated(host)
            left = self._evacuated[host] = {item.server: item for item in base}
        return left

    def _lay_faults(self, change: changes.FaultsSaved) -> None:
        for fault in change.faults:
            self._faults[fault.id] = fault
            if fault.live:
                self._identities[fault.identity] = fault.id

    def _lay_causes(self, change: changes.CausesSaved) -> None:
        for cause in change.causes:
            self._held(cause)[cause.fault_id] = cause
            self._note(cause, cause)

    def _lift_causes(self, change: changes.CausesRemoved) -> None:
        for cause in change.causes:
            self._held(cause).pop(cause.fault_id, None)
            self._note(cause, None)

    def _held(self, cause: Cause) -> dict[str, Cause]:
        """Return what holds the resource of a cause, to be changed in place."""
        key = (cause.kind._value_, cause.resource)
        held = self._causes.get(key)
        if held is None:
            base = self._holds.causes_of(cause.kind, cause.resource)
            held = self._causes[key] = {c.fault_id: c for c in base}
        return held

    def _note(self, cause: Cause, news: Cause | None) -> None:
        """Keep what became of a cause where its fault finds it."""
        noted = self._news_of.setdefault(cause.fault_id, {})
        noted[cause.kind._value_, cause.resource] = news

    def entry(self, host: HostName) -> HostEntry | None:
        """Return a host with its servers as they are after this command's changes so far."""
        entry = self._base.entry(host)
        changed = self._hosts.get(host)
        if entry is None:
            return HostEntry(changed) if changed else None
        servers = entry.servers
        if self._servers:
            news = self._servers
            servers = tuple([news.get(server.id, server) for server in servers])
        return HostEntry(changed or entry.host, servers)

    def host(self, host: HostName) -> Host | None:
        """Return a host alone, by exact name."""
        return self._hosts.get(host) or self._base.host(host)

    def match_host(self, name: str) -> tuple[HostName, ...]:
        """Return the exact host, else all whose short name equals the given short name (D21)."""
        return (HostName(name),) if name in self._hosts else self._base.match_host(name)

    def server(self, server: ServerId) -> Server | None:
        """Return a server by id."""
        return self._servers.get(server) or self._base.server(server)

    def servers_of(self, project: ProjectId) -> tuple[Server, ...]:
        """Return a project's servers of the base."""
        return self._base.servers_of(project)

    def evacuated(self, host: HostName) -> tuple[Evacuation, ...]:
        """Return the evacuations from a host that wait to be confirmed."""
        changed = self._evacuated.get(host)
        return self._base.evacuated(host) if changed is None else tuple(changed.values())

    def open_fault(self, identity: str) -> Fault | None:
        """Return the live fault of that identity."""
        name = self._identities.get(identity)
        if name is None:
            held = self._holds.open_fault(identity)
            name = held.id if held else None
        fault = self.live_fault(name) if name is not None else None
        return fault if fault is not None and fault.identity == identity else None

    def live_fault(self, fault: FaultId) -> Fault | None:
        """Return a live fault by id."""
        changed = self._faults.get(fault)
        if changed is None:
            return self._holds.live_fault(fault)
        return changed if changed.live else None

    def unmatched(self) -> tuple[Fault, ...]:
        """Return the live faults that wait for their resource to appear."""
        news = self._faults
        held = (news.get(fault.id, fault) for fault in self._holds.unmatched())
        return tuple(fault for fault in held if fault.state is FaultState.UNMATCHED)

    def causes_of(self, kind: ResourceKind, resource: str) -> tuple[Cause, ...]:
        """Return what holds a resource, oldest first."""
        held = self._causes.get((kind._value_, resource))
        return self._holds.causes_of(kind, resource) if held is None else tuple(held.values())

    def causes_by(self, fault: FaultId) -> tuple[Cause, ...]:
        """Return what a fault holds."""
        base = self._holds.causes_by(fault)
        news = self._news_of.get(fault)
        if not news:
            return base
        held: dict[_Key, Cause | None] = {(c.kind._value_, c.resource): c for c in base}
        held.update(news)
        return tuple(cause for cause in held.values() if cause is not None)

    def running(self, host: HostName) -> frozenset[str] | None:
        """Return the servers that the host's agent last reported; None if it reports none."""
        return self._running[host] if host in self._running else self._base.running(host)

    def port(self, port: PortId) -> Port | None:
        """Return a port by id."""
        return self.plugs.port(port)

    def ports_of(self, server: ServerId) -> tuple[Port, ...]:
        """Return the ports of a server."""
        return self.plugs.ports_of(server)

    def guest(self, guest: GuestId) -> Guest | None:
        """Return a guest by id."""
        return self._guests.get(guest) or self._base.guest(guest)

    def hosts(self) -> Iterator[Host]:
        """Return all hosts of the base."""
        return self._base.hosts()

    def servers(self) -> Iterator[Server]:
        """Return all servers of the base."""
        return self._base.servers()

    def ports(self) -> Iterator[Port]:
        """Return all ports of the base."""
        return self._base.ports()

    def guests(self) -> Iterator[Guest]:
        """Return all guests of the base."""
        return self._base.guests()

    def switches(self) -> Iterator[Switch]:
        """Return all switches of the base."""
        return self._base.switches()

    def counts(self) -> Mapping[str, int]:
        """Return the counts of the base."""
        return self._base.counts()

"""Hosts, servers, ports and guests, both ways round, in constant time per look-up."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

from faultwire.domain import changes, guest_changes
from faultwire.domain.ids import GuestId, HostName, PortId, ProjectId, ServerId
from faultwire.domain.resources import Evacuation, Guest, Host, HostEntry, Port, Server, Switch
from faultwire.resourcemap.owned import Owned
from faultwire.resourcemap.plugs import PlugMap


def short_name(name: str) -> str:
    """Return a host's name up to its first dot; an IPv4 address is short as it is.

    No name ends in a label of digits, and 10.0.0.1 must never pass for 10.9.9.9.
    """
    return name if name.rpartition(".")[2].isdecimal() else name.partition(".")[0]


class ResourceMap:
    """The index; implements `ports.Inventory`.

    Every entry is immutable and replaced by one assignment, so that whoever holds one keeps a
    consistent picture of that host. Written on the event loop alone.
    """

    def __init__(self) -> None:
        """Start empty; `apply` fills it."""
        self._entries: dict[HostName, HostEntry] = {}
        self._moved: set[HostName] = set()
        self._short: dict[str, tuple[HostName, ...]] = {}
        self._servers: dict[ServerId, Server] = {}
        self.plugs = PlugMap(self.server, self.entry)
        self._guests: dict[GuestId, Guest] = {}
        self._switches: dict[str, Switch] = {}
        self._running: dict[HostName, frozenset[str]] = {}
        self._owned = Owned(self._servers)
        self._evacuated: dict[HostName, dict[ServerId, Evacuation]] = {}
        self._appliers: dict[type, Callable[[Any], None]] = {
            changes.HostsSaved: self._hosts_saved,
            changes.HostsRemoved: self._hosts_removed,
            changes.RunningReported: self._running_reported,
            changes.ServersSaved: self._servers_saved,
            changes.ServersMoved: self._servers_moved,
            changes.ServersRemoved: self._servers_removed,
            changes.EvacuationsSaved: self._evacuations_saved,
            changes.EvacuationsRemoved: self._evacuations_removed,
            **self.plugs.appliers,
            guest_changes.GuestsSaved: lambda c: self._guests.update((g.id, g) for g in c.guests),
            guest_changes.GuestsRemoved: lambda c: _drop(self._guests, c.guests),
            changes.SwitchesSaved: lambda c: self._switches.update(
                (s.name, s) for s in c.switches
            ),
            changes.SwitchesRemoved: lambda c: _drop(self._switches, c.switches),
        }

    def apply(self, change: changes.Change) -> None:
        """Take one committed change; types that do not concern the map are passed over."""
        applier = self._appliers.get(type(change))
        if applier is not None:
            applier(change)

    def entry(self, host: HostName) -> HostEntry | None:
        """Return a host with its servers, by exact name."""
        if host in self._moved:
            self._catch_up(host)
        return self._entries.get(host)

    def host(self, host: HostName) -> Host | None:
        """Return a host alone, by exact name."""
        entry = self._entries.get(host)
        return entry.host if entry else None

    def match_host(self, name: str) -> tuple[HostName, ...]:
        """Return the exact host, else all whose short name equals the given short name (D21)."""
        exact = HostName(name)
        if exact in self._entries:
            return (exact,)
        return self._short.get(short_name(name), ())

    def server(self, server: ServerId) -> Server | None:
        """Return a server by id."""
        return self._servers.get(server)

    def servers_of(self, project: ProjectId) -> tuple[Server, ...]:
        """Return a project's servers, in a time that grows with their number alone."""
        return self._owned.of(project)

    def evacuated(self, host: HostName) -> tuple[Evacuation, ...]:
        """Return the evacuations from a host whose old copies nobody confirmed to be gone."""
        return tuple(self._evacuated.get(host, {}).values())

    def port(self, port: PortId) -> Port | None:
        """Return a port by id."""
        return self.plugs.port(port)

    def ports_of(self, server: ServerId) -> tuple[Port, ...]:
        """Return the ports of a server."""
        return self.plugs.ports_of(server)

    def guest(self, guest: GuestId) -> Guest | None:
        """Return a guest by id."""
        return self._guests.get(guest)

    def running(self, host: HostName) -> frozenset[str] | None:
        """Return the servers that the host's agent last reported; None if it reports none."""
        return self._running.get(host)

    def hosts(self) -> Iterator[Host]:
        """Return all hosts in order of name."""
        return (self._entries[name].host for name in sorted(self._entries))

    def servers(self) -> Iterator[Server]:
        """Return all servers in the order in which they became known."""
        return iter(self._servers.values())

    def ports(self) -> Iterator[Port]:
        """Return all ports."""
        return self.plugs.ports()

    def guests(self) -> Iterator[Guest]:
        """Return all guests."""
        return iter(self._guests.values())

    def switches(self) -> Iterator[Switch]:
        """Return all switches."""
        return iter(self._switches.values())

    def counts(self) -> Mapping[str, int]:
        """Return how many there are of each kind."""
        return {
            "hosts": len(self._entries),
            "switches": len(self._switches),
            "servers": len(self._servers),
            "ports": len(self.plugs),
            "guests": len(self._guests),
        }

    def _hosts_saved(self, change: changes.HostsSaved) -> None:
        for host in change.hosts:
            entry = self._entries.get(host.name)
            self.plugs.rewired(entry.host if entry else None, host)
            if entry is None:
                short = short_name(host.name)
                self._short[short] = (*self._short.get(short, ()), host.name)
            self._entries[host.name] = HostEntry(host, entry.servers if entry else ())

    def _hosts_removed(self, change: changes.HostsRemoved) -> None:
        for name in change.hosts:
            entry = self._entries.pop(name, None)
            if entry is None:
                continue
            self.plugs.rewired(entry.host, None)
            self._running.pop(name, None)
            self._evacuated.pop(name, None)
            self._moved.discard(name)
            short = short_name(name)
            left = tuple(other for other in self._short[short] if other != name)
            if left:
                self._short[short] = left
            else:
                del self._short[short]

    def _running_reported(self, change: changes.RunningReported) -> None:
        if change.running is None:
            self._running.pop(change.host, None)
        else:
            self._running[change.host] = change.running

    def _servers_saved(self, change: changes.ServersSaved) -> None:
        servers = self._servers
        here: dict[HostName, list[Server]] = defaultdict(list)
        gone: dict[HostName, set[ServerId]] = defaultdict(set)
        for server in change.servers:
            old = servers.get(server.id)
            if old is not None and old.host != server.host:
                gone[old.host].add(server.id)
            here[server.host].append(server)
            servers[server.id] = server
            if old is None or old.project != server.project:
                self._owned.came(server, old)
        for host, came in here.items():
            # Of a server that is named twice the last one counts.
            last = [server for server in came if servers[server.id] is server]
            self._rebuild(host, last, gone.pop(host, ()))
        for host, left in gone.items():
            self._rebuild(host, (), left)

    def _servers_moved(self, change: changes.ServersMoved) -> None:
        self._servers.update((server.id, server) for server in change.servers)
        if change.host in self._entries:
            self._moved.add(change.host)

    def _catch_up(self, host: HostName) -> None:
        """Bring an entry up to date once, however many changes moved its servers."""
        self._moved.discard(host)
        entry, now = self._entries[host], self._servers
        servers = tuple([now.get(server.id, server) for server in entry.servers])
        self._entries[host] = HostEntry(entry.host, servers)

    def _servers_removed(self, change: changes.ServersRemoved) -> None:
        gone: dict[HostName, set[ServerId]] = defaultdict(set)
        for name in change.servers:
            server = self._servers.pop(name, None)
            if server is not None:
                gone[server.host].add(name)
                self._owned.left(server.project)
        for host, left in gone.items():
            self._rebuild(host, (), left)

    def _evacuations_saved(self, change: changes.EvacuationsSaved) -> None:
        for item in change.evacuations:
            self._evacuated.setdefault(item.host, {})[item.server] = item

    def _evacuations_removed(self, change: changes.EvacuationsRemoved) -> None:
        for item in change.evacuations:
            left = self._evacuated.get(item.host, {})
            left.pop(item.server, None)
            if not left:
                self._evacuated.pop(item.host, None)

    def _rebuild(self, host: HostName, came: Iterable[Server], gone: Collection[ServerId]) -> None:
        """Replace the entry of a host once, however many of its servers came or went."""
        entry = self.entry(host)
        if entry is None:
            return
        kept = {server.id: server for server in entry.servers if server.id not in gone}
        kept.update((server.id, server) for server in came)
        self._entries[host] = HostEntry(entry.host, tuple(kept.values()))


def _drop(table: dict[Any, Any], names: Iterable[Any]) -> None:
    for name in names:
        table.pop(name, None)

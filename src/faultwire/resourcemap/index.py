"""Hosts, servers, ports and guests, both ways round, in constant time per look-up."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

from faultwire.domain import changes
from faultwire.domain.ids import GuestId, HostName, PortId, ServerId
from faultwire.domain.resources import Guest, Host, HostEntry, Port, Server, Switch


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
        self._ports: dict[PortId, Port] = {}
        self._plugged: dict[ServerId, tuple[PortId, ...]] = {}
        self._guests: dict[GuestId, Guest] = {}
        self._switches: dict[str, Switch] = {}
        self._running: dict[HostName, frozenset[str]] = {}
        self._appliers: dict[type, Callable[[Any], None]] = {
            changes.HostsSaved: self._hosts_saved,
            changes.HostsRemoved: self._hosts_removed,
            changes.RunningReported: self._running_reported,
            changes.ServersSaved: self._servers_saved,
            changes.ServersMoved: self._servers_moved,
            changes.ServersRemoved: self._servers_removed,
            changes.PortsSaved: self._ports_saved,
            changes.PortsRemoved: self._ports_removed,
            changes.GuestsSaved: lambda c: self._guests.update((g.id, g) for g in c.guests),
            changes.GuestsRemoved: lambda c: _drop(self._guests, c.guests),
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

    def port(self, port: PortId) -> Port | None:
        """Return a port by id."""
        return self._ports.get(port)

    def ports_of(self, server: ServerId) -> tuple[Port, ...]:
        """Return the ports of a server."""
        plugged = self._plugged.get(server)
        return tuple([self._ports[port] for port in plugged]) if plugged else ()

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
        return iter(self._ports.values())

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
            "ports": len(self._ports),
            "guests": len(self._guests),
        }

    def _hosts_saved(self, change: changes.HostsSaved) -> None:
        for host in change.hosts:
            entry = self._entries.get(host.name)
            if entry is None:
                short = short_name(host.name)
                self._short[short] = (*self._short.get(short, ()), host.name)
            self._entries[host.name] = HostEntry(host, entry.servers if entry else ())

    def _hosts_removed(self, change: changes.HostsRemoved) -> None:
        for name in change.hosts:
            if self._entries.pop(name, None) is None:
                continue
            self._running.pop(name, None)
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
        for host, left in gone.items():
            self._rebuild(host, (), left)

    def _ports_saved(self, change: changes.PortsSaved) -> None:
        for port in change.ports:
            old = self._ports.get(port.id)
            self._ports[port.id] = port
            if old is not None and old.server != port.server:
                self._unplug(old)
            if port.server is not None and (old is None or old.server != port.server):
                self._plugged[port.server] = (*self._plugged.get(port.server, ()), port.id)

    def _ports_removed(self, change: changes.PortsRemoved) -> None:
        for name in change.ports:
            port = self._ports.pop(name, None)
            if port is not None:
                self._unplug(port)

    def _unplug(self, port: Port) -> None:
        if port.server is None:
            return
        left = tuple(other for other in self._plugged[port.server] if other != port.id)
        if left:
            self._plugged[port.server] = left
        else:
            del self._plugged[port.server]

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

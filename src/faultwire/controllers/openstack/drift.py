"""Where the map and a cloud disagree, as notices that mend the map; pure (S1-S3).

A look at a cloud takes seconds, and things change meanwhile. So what is missing from it is gone
only when two looks in a row lack it; what the cloud is still owed is not read back from it; and
what changed here since the look began is left to the next one.
"""

from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass, replace

from faultwire.controllers.openstack.snapshot import Snapshot
from faultwire.domain.changes import Change, HostsSaved, PortsSaved, ServersMoved, ServersSaved
from faultwire.domain.ids import HostName, PortId, ServerId
from faultwire.domain.notices import Notice, PortNotice, ServerNotice, ServiceNotice
from faultwire.domain.remote_acts import ABOUT, RemoteAct, RemoteActsSaved, RemoteKind
from faultwire.domain.resources import Host, Port, Server
from faultwire.ports import Inventory

Owed = Callable[[tuple[str, str]], RemoteAct | None]
"""Gives the act that a cloud is owed on a thing."""

SLICE = 256
_SERVER, _HOST = ABOUT[RemoteKind.RESET_STATE], ABOUT[RemoteKind.FORCE_DOWN]
_PORT = ABOUT[RemoteKind.MARK_PORT]


@dataclass(frozen=True, slots=True)
class Missing:
    """Servers and ports of the map that the last look at their cloud lacked."""

    servers: frozenset[str] = frozenset()
    ports: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Drift:
    """What has to be told to the map; `missing` is to be shown to the next comparison."""

    notices: tuple[Notice, ...]
    services: tuple[ServiceNotice, ...]
    missing: Missing


class Touched:
    """What changed here since a look began: follows the memory; on the event loop."""

    def __init__(self) -> None:
        """Know of no change."""
        self._since: set[tuple[str, str]] = set()

    def begin(self) -> None:
        """Forget what changed before now."""
        self._since.clear()

    def follow(self, change: Change) -> None:
        """Take a committed change."""
        match change:
            case ServersMoved(_, servers) | ServersSaved(servers):
                self._since.update((_SERVER, one.id) for one in servers)
            case HostsSaved(hosts):
                self._since.update((_HOST, one.name) for one in hosts)
            case PortsSaved(ports):
                self._since.update((_PORT, one.id) for one in ports)
            case RemoteActsSaved(acts):
                self._since.update(act.about for act in acts)
            case _:
                pass

    def __contains__(self, about: object) -> bool:
        """Whether a thing changed."""
        return about in self._since


@dataclass(frozen=True, slots=True)
class Naming:
    """How hosts of a cloud are called here: `prefix` before the cloud's own name."""

    prefix: str = ""

    def here(self, host: str) -> str:
        """Return our name of a host; empty for none."""
        return f"{self.prefix}{host}" if host else ""

    def ours(self, host: str | None) -> bool:
        """Whether a host of the map is of this cloud."""
        return bool(host) and str(host).startswith(self.prefix)


def compare(
    found: Snapshot,
    inventory: Inventory,
    owed: Owed,
    naming: Naming,
    before: Missing,
    touched: Container[tuple[str, str]] = frozenset(),
) -> Iterator[Drift | None]:
    """Yield None between slices of the work, and the drift last; `touched` is left alone."""
    notices: list[Notice] = []
    services: list[ServiceNotice] = []
    for told in found.services:
        service = replace(told, host=naming.here(told.host))
        host = inventory.host(HostName(service.host))
        if host is None or _belongs_elsewhere(service, host):
            notices.append(service)
        about = (_HOST, service.host)
        if about not in touched and _service_differs(service, host) and not owed(about):
            services.append(_news(service, host))
    seen: set[str] = set()
    for number, one in enumerate(found.servers):
        seen.add(one.id)
        server = _named(one, naming, owed)
        known = inventory.server(ServerId(one.id))
        if (_SERVER, one.id) not in touched and _server_differs(server, known):
            notices.append(server)
        if number % SLICE == SLICE - 1:
            yield None
    plugged: set[str] = set()
    for number, port in enumerate(found.ports):
        plugged.add(port.id)
        here = replace(port, host=naming.here(port.host or ""))
        plug = inventory.port(PortId(port.id))
        if (_PORT, port.id) not in touched and _port_differs(here, plug):
            notices.append(here)
        if number % SLICE == SLICE - 1:
            yield None
    lost = frozenset(one.id for one in _mine(inventory.servers(), naming) if one.id not in seen)
    yield None
    cut = frozenset(one.id for one in _mine(inventory.ports(), naming) if one.id not in plugged)
    notices += [ServerNotice(name, gone=True) for name in sorted(lost & before.servers)]
    notices += [PortNotice(name, gone=True) for name in sorted(cut & before.ports)]
    yield Drift(tuple(notices), tuple(services), Missing(lost, cut))


def _mine(items: Iterable[Server] | Iterable[Port], naming: Naming) -> Iterator[Server | Port]:
    return (one for one in items if naming.ours(one.host))


def _named(told: ServerNotice, naming: Naming, owed: Owed) -> ServerNotice:
    """Return what is told of a server in our words; its state is not, while it is to be reset."""
    host = naming.here(told.host or "")
    if owed((_SERVER, told.id)) is not None:
        return replace(told, host=host, vm_state=None)
    return replace(told, host=host)


def _server_differs(told: ServerNotice, known: Server | None) -> bool:
    if known is None:
        return True
    return (
        (told.host or "") != known.host
        or told.name != known.name
        or told.project != known.project
        or (told.vm_state is not None and told.vm_state is not known.vm_state)
        or (told.metadata is not None and dict(told.metadata) != dict(known.metadata))
    )


def _port_differs(told: PortNotice, known: Port | None) -> bool:
    if known is None:
        return True
    return (
        (told.host or None) != known.host
        or (told.server or None) != known.server
        or told.project != known.project
        or told.status != known.status
        or told.addresses != known.addresses
    )


def _service_differs(told: ServiceNotice, known: Host | None) -> bool:
    if known is None:
        return bool(told.forced_down or told.disabled)
    if told.disabled and (told.reason or None) != known.disabled_reason:
        return True
    return told.forced_down != known.forced_down or told.disabled != known.disabled


def _belongs_elsewhere(told: ServiceNotice, known: Host) -> bool:
    """Whether a host is in another zone, rack or set of aggregates than the map has it."""
    said = (
        (told.zone, known.zone or ""),
        (told.rack, known.rack or ""),
        (told.aggregates, known.aggregates),
    )
    return any(one is not None and one != ours for one, ours in said)


def _news(told: ServiceNotice, known: Host | None) -> ServiceNotice:
    """Return what differs alone: who says again what a fault made so would make it his own."""
    same = known is not None and told.forced_down is known.forced_down
    return replace(told, forced_down=None) if same else told

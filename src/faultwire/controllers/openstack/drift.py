"""Where the map and a cloud disagree, as notices that mend the map; pure (S1-S3).

A look at a cloud takes seconds, and things change meanwhile. So what is missing from it is not
gone before the cloud has said so of that one thing; what the cloud is still owed is not read back
from it; and what changed here since the look began is left to the next one.
"""

from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass, replace

from faultwire.controllers.openstack.naming import (
    About,
    Elsewhere,
    Naming,
    in_our_words,
    is_anothers,
)
from faultwire.controllers.openstack.snapshot import Snapshot
from faultwire.domain.changes import Change, HostsSaved, PortsSaved, ServersMoved, ServersSaved
from faultwire.domain.ids import HostName, PortId, ServerId
from faultwire.domain.notices import Notice, PortNotice, ServerNotice, ServiceNotice
from faultwire.domain.remote_acts import ABOUT, RemoteAct, RemoteActsSaved, RemoteKind
from faultwire.domain.resources import Host, Port, Server
from faultwire.ports import Inventory

Owed = Callable[[About], RemoteAct | None]
"""Gives the act that a cloud is owed on a thing."""

SLICE = 256
SERVER, HOST = ABOUT[RemoteKind.RESET_STATE], ABOUT[RemoteKind.FORCE_DOWN]
PORT = ABOUT[RemoteKind.MARK_PORT]
STATE = "state"
"""That a server's state alone differs: Nova tells of it only where it is asked to."""


@dataclass(frozen=True, slots=True)
class Missing:
    """Servers and ports of the map that a look at their cloud lacked."""

    servers: frozenset[str] = frozenset()
    ports: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Drift:
    """What has to be told to the map, and what has to be asked of the cloud one by one.

    `differed` are those differences that the cloud's notifications would have told of: kind
    (server, state, host, port) and name. `anothers` are ids that the map has as another cloud's;
    `nowhere` those that the look has on no host.
    """

    notices: tuple[Notice, ...]
    services: tuple[ServiceNotice, ...]
    missing: Missing
    differed: tuple[About, ...] = ()
    anothers: tuple[str, ...] = ()
    nowhere: frozenset[str] = frozenset()


class Touched:
    """What changed here since a look began: follows the memory; on the event loop."""

    def __init__(self) -> None:
        """Know of no change."""
        self._since: set[About] = set()

    def begin(self) -> None:
        """Forget what changed before now."""
        self._since.clear()

    def follow(self, change: Change) -> None:
        """Take a committed change."""
        match change:
            case ServersMoved(_, servers) | ServersSaved(servers):
                self._since.update((SERVER, one.id) for one in servers)
            case HostsSaved(hosts):
                self._since.update((HOST, one.name) for one in hosts)
            case PortsSaved(ports):
                self._since.update((PORT, one.id) for one in ports)
            case RemoteActsSaved(acts):
                self._since.update(act.about for act in acts)
            case _:
                pass

    def __contains__(self, about: object) -> bool:
        """Whether a thing changed."""
        return about in self._since


@dataclass(frozen=True, slots=True)
class Known:
    """What a look is compared with; `touched` is left alone."""

    inventory: Inventory
    owed: Owed
    naming: Naming
    touched: Container[About] = frozenset()
    elsewhere: Elsewhere = lambda _: False


def compare(found: Snapshot, known: Known) -> Iterator[Drift | None]:
    """Yield None between slices of the work, and the drift last."""
    mending = _Mending(known)
    for told in found.services:
        mending.service(told)
    for number, one in enumerate(found.servers, 1):
        mending.server(one)
        if number % SLICE == 0:
            yield None
    for number, port in enumerate(found.ports, 1):
        mending.port(port)
        if number % SLICE == 0:
            yield None
    inventory = known.inventory
    lost = mending.lacking(SERVER, inventory.servers(), {one.id for one in found.servers})
    yield None
    cut = mending.lacking(PORT, inventory.ports(), {one.id for one in found.ports})
    yield mending.drift(Missing(lost, cut))


class _Mending:
    """Gathers a drift."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self._notices: list[Notice] = []
        self._services: list[ServiceNotice] = []
        self._differed: list[About] = []
        self._anothers: list[str] = []
        self._nowhere: set[str] = set()

    def drift(self, missing: Missing) -> Drift:
        return Drift(
            tuple(self._notices),
            tuple(self._services),
            missing,
            tuple(self._differed),
            tuple(self._anothers),
            frozenset(self._nowhere),
        )

    def service(self, told: ServiceNotice) -> None:
        known = self._known
        service = replace(told, host=known.naming.here(told.host))
        host = known.inventory.host(HostName(service.host))
        if host is None or _belongs_elsewhere(service, host):
            self._notices.append(service)
        about = (HOST, service.host)
        if about in known.touched or not _service_differs(service, host) or known.owed(about):
            return
        self._services.append(_news(service, host))
        self._differed.append(about)

    def server(self, told: ServerNotice) -> None:
        known, about = self._known, (SERVER, told.id)
        if not told.host:
            self._nowhere.add(told.id)
        if is_anothers(told, known.naming, known.inventory, known.elsewhere):
            self._anothers.append(told.id)
            return
        server = replace(told, host=known.naming.here(told.host or ""))
        if known.owed(about) is not None:
            # What it is to be reset to is not read back.
            server = replace(server, vm_state=None)
        had = known.inventory.server(ServerId(told.id))
        if about in known.touched or not _server_differs(server, had):
            return
        self._notices.append(server)
        if had is None or server.host != had.host:
            self._differed.append(about)
        elif server.vm_state is not None and server.vm_state is not had.vm_state:
            self._differed.append((STATE, told.id))

    def port(self, told: PortNotice) -> None:
        known, about = self._known, (PORT, told.id)
        if not told.host:
            self._nowhere.add(told.id)
        if is_anothers(told, known.naming, known.inventory, known.elsewhere):
            self._anothers.append(told.id)
            return
        port = in_our_words(replace(told, host=told.host or ""), known.naming)
        had = known.inventory.port(PortId(told.id))
        if about not in known.touched and _port_differs(port, had):
            self._notices.append(port)
            self._differed.append(about)

    def lacking(
        self, kind: str, items: Iterable[Server] | Iterable[Port], seen: set[str]
    ) -> frozenset[str]:
        """Return what of the map is this cloud's and was not seen; what is on no host may be."""
        naming, elsewhere = self._known.naming, self._known.elsewhere
        touched = self._known.touched
        return frozenset(
            one.id
            for one in items
            if one.id not in seen
            and (kind, one.id) not in touched
            and (naming.ours(one.host) if one.host else not elsewhere(one.id))
        )


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


def _port_differs(told: Notice, known: Port | None) -> bool:
    if known is None or not isinstance(told, PortNotice):
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

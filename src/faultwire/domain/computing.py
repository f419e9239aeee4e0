"""Requests of clients for changes of servers, one frozen value each (part of `commands`)."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from faultwire.domain.accounts import Actor
from faultwire.domain.ids import HostName, ServerId
from faultwire.domain.resources import Server


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a client wants servers: in a zone, on a host, or (both None) wherever there is room.

    `forced`: on that host even if it is disabled. One that is down is never taken.
    """

    zone: str | None = None
    host: str | None = None
    forced: bool = False


@dataclass(frozen=True, slots=True)
class CreateServers:
    """Create servers of one project, all or none; answers them as they stand, a tuple.

    They come without a host. Raises Invalid where no host can take them, and OverQuota where the
    project would have more than `limit` (None: any number).
    """

    servers: tuple[Server, ...]
    placement: Placement
    actor: Actor
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class RemoveServer:
    """Delete a server; its ports and guests stay, without it. Answers None."""

    server: ServerId
    actor: Actor
    override: bool = False


@dataclass(frozen=True, slots=True)
class EditServer:
    """Change what clients say of a server; None leaves as it is. Answers the server.

    An empty description takes it away. `locked` True comes with its reason, or none. `monitored`
    (D8) is no property of the server: a lock does not count, and nobody is told.
    """

    server: ServerId
    actor: Actor
    name: str | None = None
    description: str | None = None
    locked: bool | None = None
    locked_reason: str | None = None
    override: bool = False
    monitored: bool | None = None


@dataclass(frozen=True, slots=True)
class SetMetadata:
    """Add items to a server's metadata, or (`whole`) make them all there is; answers all of it.

    `removed` is a key that goes; NotFound where it is not there. Raises OverQuota where there
    would be more than `limit` items.
    """

    server: ServerId
    items: Mapping[str, str]
    actor: Actor
    whole: bool = False
    removed: str | None = None
    limit: int = 128
    override: bool = False


class ServerAction(StrEnum):
    """What a client may ask of a server beside evacuation, by the name that errors use."""

    START = "start"
    STOP = "stop"
    REBOOT = "reboot"
    HARD_REBOOT = "hard reboot"
    RESET_ACTIVE = "reset to active"
    RESET_ERROR = "reset to error"


@dataclass(frozen=True, slots=True)
class ActOnServer:
    """Have a server do something; answers it as it is then.

    Raises NotFound, and Conflict where its state, its lock or its host's state forbids it.
    `override`: a lock does not count.
    """

    server: ServerId
    action: ServerAction
    actor: Actor
    override: bool = False


@dataclass(frozen=True, slots=True)
class EvacuateServer:
    """Bring a server up elsewhere, because its host is down; answers it as it is then (S121).

    `target` None: the host with the fewest servers is chosen. `forced`: the target may be
    disabled. `stopped`: it stays off there (from microversion 2.95 on). Raises NotFound for
    server or target, Invalid for a host that is still in use and for a target that cannot take
    it, Conflict where the server's state forbids it. `no_fence`: the caller vouches that the host
    has no power, where a proof would be required (D23).
    """

    server: ServerId
    actor: Actor
    target: HostName | None = None
    forced: bool = False
    stopped: bool = False
    no_fence: bool = False


@dataclass(frozen=True, slots=True)
class ConfirmHost:
    """Old copies of evacuated servers are gone from a host (D17); answers their names, sorted.

    `servers` None: all of them. Raises NotFound for an unknown host.
    """

    host: HostName
    actor: Actor
    servers: frozenset[ServerId] | None = None


ServerCommand = (
    CreateServers
    | RemoveServer
    | EditServer
    | SetMetadata
    | ActOnServer
    | EvacuateServer
    | ConfirmHost
)

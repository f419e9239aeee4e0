"""What the fault face needs of the rest."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Protocol

from faultwire.domain.accounts import Actor
from faultwire.domain.alertmaps import AlertMap
from faultwire.domain.errors import FaultwireError, Invalid, Unavailable
from faultwire.domain.fencing import Fencing
from faultwire.domain.guarding import Guarded
from faultwire.domain.ids import FaultId, HostName, ProjectId
from faultwire.domain.instants import Instant
from faultwire.domain.redfish import BmcEvent
from faultwire.domain.resources import Project
from faultwire.domain.signals import UnmappedAlert
from faultwire.faces.fault import alertmanager_settings
from faultwire.faces.fault.agents import AgentPorts
from faultwire.faces.fault.guests import GuestPorts
from faultwire.faces.fault.monitors import MonitorPorts
from faultwire.faces.fault.settings import Settings
from faultwire.faces.fault.status import StatusPorts
from faultwire.ports import (
    AlarmStore,
    Authenticator,
    Clock,
    Enforcer,
    FaultStore,
    Intake,
    Inventory,
    Reader,
)

ERROR: dict[str, Any] = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "title", "message"],
            "properties": {
                "code": {"type": "integer"},
                "title": {"type": "string"},
                "message": {"type": "string"},
                "field": {"type": "string", "description": "The path of the value at fault."},
            },
        }
    },
}
"""JSON schema of this face's error body."""


class Marker(Protocol):
    """Takes a checkpoint that somebody reported."""

    def __call__(
        self, fault: FaultId, point: str, at: Instant, *, source: str, count: int
    ) -> Awaitable[None]:
        """Keep the mark; KeyError for a checkpoint that is none."""


def _count_nothing(name: str, amount: int = 1, **labels: str) -> None:
    del name, amount, labels


@dataclass(frozen=True, slots=True)
class AlertPorts:
    """What alerts of other systems need: the mapping in force and how it stands, what it lacks."""

    mapping: Callable[[], AlertMap] = AlertMap
    standing: Callable[[], dict[str, Any]] = dict
    unmapped: Callable[[], Iterable[UnmappedAlert]] = tuple
    settings: alertmanager_settings.Settings = field(
        default_factory=alertmanager_settings.Settings
    )
    count: Callable[..., None] = _count_nothing


async def _nobody(value: object, actor: Actor) -> int:
    del value, actor
    raise Unavailable("nobody takes notifications here")


@dataclass(frozen=True, slots=True)
class FaultPorts:
    """Ports and callables.

    `timeline` gives the profile of a fault as JSON values, `latency` the standing figures.
    `signed` returns the id of a message that a project signed (Standard Webhooks), or raises
    Unauthenticated. `offload` has a child process run a function and gives what that gives, piece
    by piece. `projects` are the identity face's, and so is what `user_name` tells of a user's id:
    the name, or None for who is gone or was never a user. `guarded` is how the guards stand.
    `notified` takes what a listener heard, and tells how much of it was new.
    """

    authenticator: Authenticator
    enforcer: Enforcer
    intake: Intake
    clock: Clock
    inventory: Inventory
    projects: Callable[[], Iterable[Project]]
    faults: FaultStore
    alarms: AlarmStore
    read: Reader
    timeline: Callable[[FaultId], Awaitable[dict[str, Any]]]
    mark: Marker
    signed: Callable[[ProjectId, Mapping[str, str], bytes], str]
    offload: Callable[..., AsyncGenerator[bytes, None]]
    agents: AgentPorts
    monitors: MonitorPorts
    settings: Settings
    status: StatusPorts
    user_name: Callable[[str], str | None]
    guests: GuestPorts
    latency: Callable[[], dict[str, Any]] = dict
    fencings: Callable[[], Iterable[Fencing]] = tuple
    guarded: Callable[[], Guarded] = Guarded
    alerts: AlertPorts = field(default_factory=AlertPorts)
    bmc_key: bytes = b""
    bmc_heard: Callable[[HostName, Iterable[BmcEvent], Instant], Awaitable[int]] | None = None
    notified: Callable[[object, Actor], Awaitable[int]] = _nobody


def error_body(status: int, error: FaultwireError) -> object:
    """Return this face's error body."""
    body: dict[str, object] = {
        "code": status,
        "title": HTTPStatus(status).phrase,
        "message": str(error),
    }
    if isinstance(error, Invalid) and error.field:
        body["field"] = error.field
    return {"error": body}

"""What the alarming face needs of the rest, and its error body."""

from collections.abc import Callable
from dataclasses import dataclass

from faultwire.domain.accounts import WebhookSecret
from faultwire.domain.errors import FaultwireError
from faultwire.domain.ids import ProjectId
from faultwire.faces.alarming.settings import Settings
from faultwire.ports import AlarmStore, Authenticator, Clock, Directory, Enforcer, Intake, Reader


@dataclass(frozen=True, slots=True)
class AlarmingPorts:
    """Ports and callables.

    `check_action` raises Invalid for a URL that will never be called. `new_secret` draws a
    signing secret for a project.
    """

    authenticator: Authenticator
    enforcer: Enforcer
    intake: Intake
    clock: Clock
    directory: Directory
    alarms: AlarmStore
    read: Reader
    check_action: Callable[[str], None]
    new_secret: Callable[[ProjectId], WebhookSecret]
    settings: Settings


def error_body(status: int, error: FaultwireError) -> object:
    """Return Aodh's error body (WSME)."""
    return {
        "error_message": {
            "faultcode": "Client" if status < 500 else "Server",
            "faultstring": str(error),
            "debuginfo": None,
        }
    }

"""What the alarming face needs of the rest, and its error body."""

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from faultwire.domain.accounts import WebhookSecret
from faultwire.domain.errors import FaultwireError
from faultwire.domain.ids import ProjectId
from faultwire.faces.alarming.settings import Settings
from faultwire.faces.http import MESSAGES
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


ERROR: dict[str, Any] = {
    "type": "object",
    "required": ["error_message"],
    "properties": {
        "error_message": {
            "oneOf": [
                {
                    "type": "object",
                    "properties": {
                        "faultcode": {"type": "string", "enum": ["Client", "Server"]},
                        "faultstring": {"type": "string"},
                        "debuginfo": {"type": "null"},
                    },
                },
                {"type": "string", "description": "No such path, or method of it."},
            ]
        }
    },
}
"""JSON schema of this face's error body."""


def error_body(status: int, error: FaultwireError) -> object:
    """Return Aodh's error body: WSME's object; pecan's text where no route was found."""
    text = str(error)
    if text == MESSAGES.get(status):
        return {"error_message": f"{status} {HTTPStatus(status).phrase}\n\n{text}\n\n   "}
    return {
        "error_message": {
            "faultcode": "Client" if status < 500 else "Server",
            "faultstring": "RBAC Authorization Failed" if status == 403 else text,
            "debuginfo": None,
        }
    }

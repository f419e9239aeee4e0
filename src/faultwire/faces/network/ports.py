"""What the network face needs of the rest, and its error body."""

from dataclasses import dataclass
from typing import Any

from faultwire.domain.errors import (
    Conflict,
    FaultwireError,
    Forbidden,
    Invalid,
    NotFound,
    Stale,
    TooLarge,
    Unauthenticated,
    Unavailable,
)
from faultwire.faces.network.settings import Settings
from faultwire.ports import Authenticator, Directory, Enforcer, Intake, Inventory


@dataclass(frozen=True, slots=True)
class NetworkPorts:
    """Who speaks, what they may, the map, and the lane."""

    authenticator: Authenticator
    enforcer: Enforcer
    intake: Intake
    inventory: Inventory
    directory: Directory
    settings: Settings


ERROR: dict[str, Any] = {
    "type": "object",
    "required": ["NeutronError"],
    "properties": {
        "NeutronError": {
            "type": "object",
            "properties": {
                "type": {"type": "string"},
                "message": {"type": "string"},
                "detail": {"type": "string"},
            },
        }
    },
}
"""JSON schema of this face's error body."""

_TYPES: dict[type[FaultwireError], str] = {
    Stale: "RevisionNumberConstraintFailed",
    Invalid: "HTTPBadRequest",
    Unauthenticated: "HTTPUnauthorized",
    Forbidden: "PolicyNotAuthorized",
    NotFound: "HTTPNotFound",
    Conflict: "Conflict",
    TooLarge: "HTTPRequestEntityTooLarge",
    Unavailable: "ServiceUnavailable",
}
_MISSING = ("Port", "Network", "Subnet")
_IN_USE = {
    "Unable to complete operation on network": "NetworkInUse",
    "Unable to complete operation on subnet": "SubnetInUse",
    "MAC address": "MacAddressInUse",
    "IP address": "IpAddressAlreadyAllocated",
    "No more IP addresses": "IpAddressGenerationFailure",
}


def error_body(status: int, error: FaultwireError) -> object:
    """Return Neutron's error body: type, message, and an empty detail."""
    return {"NeutronError": {"type": _type(status, error), "message": str(error), "detail": ""}}


def _type(status: int, error: FaultwireError) -> str:
    text = str(error)
    if isinstance(error, NotFound):
        first = text.partition(" ")[0]
        return f"{first}NotFound" if first in _MISSING else "HTTPNotFound"
    if isinstance(error, Conflict) and not isinstance(error, Stale):
        return next((name for said, name in _IN_USE.items() if text.startswith(said)), "Conflict")
    if status == 405:
        return "HTTPMethodNotAllowed"
    named = (name for kind, name in _TYPES.items() if isinstance(error, kind))
    return next(named, "HTTPInternalServerError" if status >= 500 else "HTTPBadRequest")

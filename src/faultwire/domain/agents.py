"""What an agent and the server agree on: the version they speak, why one hangs up, who is there.

The protocol itself is described where it is served, in `faces.fault.agents`.
"""

import re
from dataclasses import dataclass
from enum import IntEnum

from faultwire.domain.errors import Invalid
from faultwire.domain.ids import HostName

PROTOCOL_VERSION = "1.2"
"""MAJOR.MINOR that this side speaks. Another minor only adds members that may be ignored."""

_VERSION = re.compile(r"([0-9]{1,4})\.([0-9]{1,4})\Z")
_HOST = re.compile(
    r"(?:[A-Za-z0-9][A-Za-z0-9._-]{0,63}/)?[A-Za-z0-9](?:[A-Za-z0-9._-]{0,253}[A-Za-z0-9])?\Z"
)
"""One of several clouds may stand before a name: CLOUD/HOST."""


class CloseCode(IntEnum):
    """Why the connection of an agent is closed: RFC 6455's own codes and ours from 4000 on."""

    NORMAL = 1000
    GOING_AWAY = 1001
    TOO_BIG = 1009
    BROKEN = 1011
    MALFORMED = 4400
    REPLACED = 4401
    SILENT = 4408
    SECOND_SESSION = 4409
    REMOVED = 4410
    OTHER_VERSION = 4426
    TOO_FAST = 4429


@dataclass(frozen=True, slots=True)
class AgentStatus:
    """What is known of one host's agent now.

    `state` is the heartbeat engine's (absent, expected, connected, returning, dead, gone).
    `seen_ns` is the wall time of the last sign of life, None before the first since this start.
    `second_sessions` counts the sessions that were refused because another one lived.
    """

    host: HostName
    state: str
    seen_ns: int | None = None
    second_sessions: int = 0


def check_version(version: object, field: str, spoken: str = PROTOCOL_VERSION) -> str | None:
    """Return None for a version that we can speak to, else the reason, naming both versions.

    Raises Invalid where it is no version at all.
    """
    found = _VERSION.match(version) if isinstance(version, str) else None
    if found is None:
        raise Invalid(field, 'must be text like "1.0"')
    if found[1] == spoken.partition(".")[0]:
        return None
    return f"you speak version {version}, this side speaks {spoken}"


def host_name(text: str, field: str) -> HostName:
    """Return a name that a host may have (RFC 1123, underscores too); raises Invalid."""
    if not _HOST.match(text):
        raise Invalid(field, "must be a host name: letters, digits, '.', '-', '_', at most 255")
    return HostName(text)

"""What clients and guests agree on: names, verdicts of pings, and what is known of a guest."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from faultwire.domain.errors import Invalid
from faultwire.domain.ids import GuestId, HostName

TOPIC = "guestagent"
"""The API of guests; the topic of one is this, a dot, and its id (S201)."""

RPC_PING = "rpc_ping"
GUEST_KEY = "guest/"
SOURCE = "guests"
"""Source of the evidence on which our own verdicts on guests stand."""

STATUS_WORD = re.compile(r"[A-Za-z0-9_ .-]{0,32}\Z")
_GUEST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?\Z")


class Verdict(StrEnum):
    """What came of a ping."""

    OK = "ok"
    TIMEOUT = "timeout"
    REFUSED_VERSION = "refused version"
    NO_CONSUMER = "no consumer"
    BUS_DOWN = "bus down"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Ping:
    """The verdict on one guest, how long it took, and why it is no other."""

    guest: GuestId
    verdict: Verdict
    waited_ms: float = 0.0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class GuestStatus:
    """What is known of a guest's agent now.

    `state` is the heartbeat engine's (absent, expected, connected, returning, dead, gone).
    `heard_ns` is the wall time of its last sign of life, None before the first; `sequence` the
    number that its last heartbeat bore. `second_sessions` counts those that were refused because
    another one lived.
    """

    guest: GuestId
    state: str
    heard_ns: int | None = None
    sequence: int = 0
    second_sessions: int = 0


@dataclass(frozen=True, slots=True)
class Heard:
    """One heartbeat: `agent` names the process that beats, `sequence` grows with each of its own.

    It is None from an agent too old to number them. `version` is that in which it takes calls. Its
    clock is not asked for: what it says counts
    from when we hear it.
    """

    guest: GuestId
    agent: str
    sequence: int | None
    version: str
    service_status: str = ""


def guest_id(text: str, field: str) -> GuestId:
    """Return an id that a guest may have, also as part of a topic; raises Invalid."""
    if not _GUEST.match(text):
        raise Invalid(field, "must be an id: letters, digits, '.', '-', '_', at most 64")
    return GuestId(text)


def topic_of(guest: str) -> str:
    """Return the topic at which a guest takes calls."""
    return f"{TOPIC}.{guest}"


def session_key(guest: str) -> HostName:
    """Return the name under which the session of a guest stands beside those of hosts' agents.

    No host has one like it: a slash is in it.
    """
    return HostName(f"{GUEST_KEY}{guest}")


def guest_of_key(key: str) -> GuestId | None:
    """Return the guest of such a name; None for that of a host."""
    return GuestId(key.removeprefix(GUEST_KEY)) if key.startswith(GUEST_KEY) else None


def timeout_text(guest: str, method: str = RPC_PING) -> str:
    """Return the seed's sentence on a guest that does not answer, to the letter (S200, S201)."""
    return (
        "An error occurred communicating with the guest: Timeout while waiting on RPC response - "
        f'topic: "{topic_of(guest)}", RPC method: "{method}" info: "<unknown>".'
    )


def failure_text(guest: str, why: str, method: str = RPC_PING) -> str:
    """Return the sentence on a call that failed before anybody had to wait."""
    return (
        f"An error occurred communicating with the guest: {why} - "
        f'topic: "{topic_of(guest)}", RPC method: "{method}".'
    )


Fields = Mapping[str, object]


def heard_of(guest: str, fields: Fields) -> Heard:
    """Return a heartbeat as it came, checked; raises Invalid naming what is wrong."""
    agent, sequence = fields.get("agent"), fields.get("sequence")
    version, status = fields.get("version"), fields.get("service_status", "")
    if not isinstance(agent, str) or not 0 < len(agent) <= 64:
        raise Invalid("agent", "must be text of 1 to 64 characters")
    if sequence is not None and (
        not isinstance(sequence, int) or isinstance(sequence, bool) or not 0 <= sequence < 2**53
    ):
        raise Invalid("sequence", "must be an integer from 0 on")
    if not isinstance(version, str) or not re.match(r"[0-9]{1,4}\.[0-9]{1,4}\Z", version):
        raise Invalid("version", 'must be text like "1.0"')
    if not isinstance(status, str) or not STATUS_WORD.match(status):
        raise Invalid("service_status", "must be a word of at most 32 characters")
    return Heard(guest_id(guest, "guest"), agent, sequence, version, status)

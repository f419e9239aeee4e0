"""What the agent says, and what it understands of the server's words."""

from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from faultwire.domain.agents import PROTOCOL_VERSION, check_version
from faultwire.domain.datagrams import FORMAT, KEY_BYTES, DatagramTerms
from faultwire.domain.errors import Conflict, Invalid

PING = '{"ping"'
HEARD = '{"heard"'
INTERFACES = 1
"""The form in which a server takes news of interfaces."""


@dataclass(frozen=True, slots=True)
class Terms:
    """The welcome: what holds for this session."""

    session: str
    heartbeat_ms: int
    silence_ms: int
    must_not_start: tuple[str, ...] = ()
    interfaces: bool = False
    datagrams: DatagramTerms | None = None


def hello(heartbeat_ms: int, servers: frozenset[str] | None) -> str:
    """Return the first message."""
    listed = None if servers is None else sorted(servers)
    content = {
        "version": PROTOCOL_VERSION,
        "heartbeat_ms": heartbeat_ms,
        "servers": listed,
        "datagrams": FORMAT,
    }
    return orjson.dumps({"hello": content}).decode()


def beat(number: int) -> str:
    """Return a sign of life."""
    return f'{{"beat":{number}}}'


def servers(running: frozenset[str]) -> str:
    """Return the message that the list changed."""
    return orjson.dumps({"servers": sorted(running)}).decode()


def interfaces(states: Mapping[str, bool]) -> str:
    """Return whether interfaces of the host have a carrier."""
    return orjson.dumps({"interfaces": dict(states)}).decode()


def goodbye(reason: str) -> str:
    """Return the last message of an agent that is stopped on purpose."""
    return orjson.dumps({"goodbye": reason}).decode()


def welcome(text: str) -> Terms:
    """Return the terms of a welcome; raises Invalid, Conflict for another major version."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Invalid("welcome", f"malformed JSON: {error}") from None
    content = value.get("welcome") if isinstance(value, Mapping) else None
    if not isinstance(content, Mapping):
        raise Invalid("welcome", "is missing from the server's first message")
    difference = check_version(content.get("version"), "welcome.version")
    if difference is not None:
        raise Conflict(f"the server: {difference}")
    session = content.get("session")
    barred = content.get("must_not_start") or []
    if not isinstance(session, str) or not isinstance(barred, list):
        raise Invalid("welcome", "session must be text and must_not_start a list")
    return Terms(
        session,
        _milliseconds(content, "heartbeat_ms"),
        _milliseconds(content, "silence_ms"),
        tuple(map(str, barred)),
        content.get("interfaces") == INTERFACES,
        _datagrams(content.get("datagrams")),
    )


def _milliseconds(content: Mapping[str, object], key: str) -> int:
    value = content.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= 3_600_000:
        raise Invalid(f"welcome.{key}", "must be milliseconds, above 0")
    return value


def _datagrams(content: object) -> DatagramTerms | None:
    """Return the terms; None where there are none that we understand: we beat as ever then."""
    if not isinstance(content, Mapping):
        return None
    port, slot, key = (content.get(name) for name in ("port", "slot", "key"))
    if not isinstance(port, int) or not isinstance(slot, int) or not isinstance(key, str):
        return None
    try:
        raw = bytes.fromhex(key)
    except ValueError:
        return None
    usable = 0 < port < 65_536 and 0 <= slot < 2**32 and len(raw) == KEY_BYTES
    return DatagramTerms(port, slot, raw) if usable else None

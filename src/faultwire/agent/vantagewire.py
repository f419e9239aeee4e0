"""What a monitor says, and what it understands of the server's words."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import orjson

from faultwire.domain.agents import check_version
from faultwire.domain.errors import Conflict, Invalid
from faultwire.domain.vantage import VANTAGE_VERSION, Ballot

PING = '{"ping"'

_TERMS = (
    "heartbeat_ms",
    "silence_ms",
    "probe_ms",
    "confirm_ms",
    "recover_answers",
    "isolation_percent",
    "isolation_hosts",
)


@dataclass(frozen=True, slots=True)
class Terms:
    """The welcome: what holds for this session."""

    session: str
    heartbeat_ms: int
    silence_ms: int
    probing: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class TargetsPart:
    """Hosts to be probed, and hosts no longer; `whole` and `more` as the protocol says."""

    add: Mapping[str, tuple[str, ...]]
    remove: tuple[str, ...]
    whole: bool
    more: bool


@dataclass(frozen=True, slots=True)
class Doubt:
    """Hosts to be judged anew."""

    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ping:
    """A sign of life is wanted."""


Heard = TargetsPart | Doubt | Ping | None


def hello() -> str:
    """Return the first message."""
    return _text("hello", {"version": VANTAGE_VERSION})


def beat(number: int) -> str:
    """Return a sign of life."""
    return f'{{"beat":{number}}}'


def survey(ballot: Ballot, standing: str) -> str:
    """Return the opinion on every host."""
    content = {"standing": standing, "down": ballot.down, "unknown": ballot.unknown}
    return _text("survey", content)


def votes(ballot: Ballot) -> str:
    """Return votes that are others than before."""
    content = {"down": ballot.down, "alive": ballot.alive, "unknown": ballot.unknown}
    return _text("votes", content)


def standing(stands: str, reasons: Iterable[str]) -> str:
    """Return the message that we stand otherwise."""
    return _text("standing", {"standing": stands, "reasons": list(reasons)})


def goodbye(reason: str) -> str:
    """Return the last message of a monitor that is stopped on purpose."""
    return _text("goodbye", reason)


def welcome(text: str) -> Terms:
    """Return the terms of a welcome; raises Invalid, Conflict for another major version."""
    content = _object(_parsed(text).get("welcome"), "welcome")
    difference = check_version(content.get("version"), "welcome.version", VANTAGE_VERSION)
    if difference is not None:
        raise Conflict(f"the server: {difference}")
    numbers = {name: _number(content, name) for name in _TERMS}
    heartbeat_ms, silence_ms = numbers.pop("heartbeat_ms"), numbers.pop("silence_ms")
    return Terms(str(content.get("session")), heartbeat_ms, silence_ms, numbers)


def heard(text: str) -> Heard:
    """Return what a later message says; None for what we do not know; raises Invalid."""
    value = _parsed(text)
    if "targets" in value:
        return _targets(_object(value["targets"], "targets"))
    if "doubt" in value:
        return Doubt(_names(value["doubt"], "doubt"))
    return Ping() if "ping" in value else None


def _targets(content: Mapping[str, object]) -> TargetsPart:
    added = _object(content.get("add", {}), "targets.add")
    return TargetsPart(
        {host: _names(one, f"targets.add.{host}") for host, one in added.items()},
        _names(content.get("remove", []), "targets.remove"),
        content.get("whole") is True,
        content.get("more") is True,
    )


def _text(kind: str, content: object) -> str:
    return orjson.dumps({kind: content}, option=orjson.OPT_NON_STR_KEYS).decode()


def _parsed(text: str) -> Mapping[str, object]:
    try:
        return _object(orjson.loads(text), "message")
    except orjson.JSONDecodeError as error:
        raise Invalid("message", f"malformed JSON: {error}") from None


def _object(value: object, field: str) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise Invalid(field, "must be an object")
    return value


def _names(value: object, field: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise Invalid(field, "must be a list of texts")
    return tuple(value)


def _number(content: Mapping[str, object], key: str) -> int:
    value = content.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 3_600_000:
        raise Invalid(f"welcome.{key}", "must be a number, at most 3,600,000")
    return value

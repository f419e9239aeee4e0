"""What monitors say, from JSON to values; errors name the member that is wrong."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from starlette.types import Message

from faultwire.domain.errors import Invalid, TooLarge
from faultwire.domain.ids import HostName
from faultwire.domain.vantage import Ballot, Grounds
from faultwire.faces.http import parse_json

LONGEST_NAME = 255
LONGEST_TEXT = 200
MOST_REASONS = 10
MOST_AGES = 8
"""Ages of probes that the grounds of a vote hold."""

STANDINGS = frozenset({"voting", "doubtful", "isolated", "blind"})

FIGURES = frozenset(
    {
        "silent_ms",
        "unanswered",
        "wait_ms",
        "last_answered_ms_ago",
        "unsent_ms",
        "errno",
        "monitor_lag_ms",
    }
)
"""Members of the grounds of a vote that are numbers; others are passed over."""


@dataclass(frozen=True, slots=True)
class Hello:
    """The first message; its version is checked by its reader."""

    version: object


@dataclass(frozen=True, slots=True)
class Beat:
    """A sign of life."""


@dataclass(frozen=True, slots=True)
class Survey:
    """The opinion on every host, and how the monitor stands."""

    ballot: Ballot
    standing: str


@dataclass(frozen=True, slots=True)
class Votes:
    """Votes that are others than before."""

    ballot: Ballot


@dataclass(frozen=True, slots=True)
class Stands:
    """How the monitor stands."""

    standing: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Goodbye:
    """The monitor is stopped on purpose."""


Said = Hello | Beat | Survey | Votes | Stands | Goodbye


def read(message: Message, limit: int) -> Said:
    """Return what one message of at most `limit` bytes says; raises Invalid, TooLarge."""
    text = message.get("text")
    if text is None:
        raise Invalid("", "messages are text, not binary")
    if len(text) > limit or (4 * len(text) > limit and len(text.encode()) > limit):
        raise TooLarge(f"a message has at most {limit} bytes")
    value = parse_json(text)
    if not isinstance(value, dict) or len(value) != 1:
        raise Invalid("", f"a message is an object with one member, one of: {_KNOWN}")
    ((kind, content),) = value.items()
    reader = READERS.get(kind)
    if reader is None:
        raise Invalid(str(kind)[:40], f"unknown message; there are: {_KNOWN}")
    return reader(content)


def _hello(content: object) -> Hello:
    found = _object(content, "hello")
    if "version" not in found:
        raise Invalid("hello.version", "is missing")
    return Hello(found["version"])


def _beat(content: object) -> Beat:
    if not isinstance(content, int) or isinstance(content, bool):
        raise Invalid("beat", "must be an integer")
    return Beat()


def _survey(content: object) -> Survey:
    found = _object(content, "survey")
    return Survey(_ballot(found, "survey"), _standing(found, "survey"))


def _votes(content: object) -> Votes:
    return Votes(_ballot(_object(content, "votes"), "votes"))


def _stands(content: object) -> Stands:
    found = _object(content, "standing")
    reasons = found.get("reasons", [])
    if not isinstance(reasons, list) or not all(isinstance(one, str) for one in reasons):
        raise Invalid("standing.reasons", "must be a list of texts")
    short = tuple(one[:LONGEST_TEXT] for one in reasons[:MOST_REASONS])
    return Stands(_standing(found, "standing"), short)


def _goodbye(content: object) -> Goodbye:
    if not isinstance(content, str):
        raise Invalid("goodbye", "must be text")
    return Goodbye()


def _object(content: object, path: str) -> Mapping[str, object]:
    if not isinstance(content, Mapping):
        raise Invalid(path, "must be an object")
    return content


def _standing(content: Mapping[str, object], path: str) -> str:
    standing = content.get("standing")
    if not isinstance(standing, str) or standing not in STANDINGS:
        raise Invalid(f"{path}.standing", f"must be one of: {', '.join(sorted(STANDINGS))}")
    return standing


def _ballot(content: Mapping[str, object], path: str) -> Ballot:
    down = _object(content.get("down", {}), f"{path}.down")
    grounds = {
        _host(host, f"{path}.down"): _grounds(one, f"{path}.down.{str(host)[:40]}")
        for host, one in down.items()
    }
    alive = _hosts(content.get("alive", []), f"{path}.alive")
    unknown = _hosts(content.get("unknown", []), f"{path}.unknown")
    return Ballot(grounds, alive, unknown)


def _hosts(content: object, path: str) -> tuple[HostName, ...]:
    if not isinstance(content, list):
        raise Invalid(path, "must be a list of hosts")
    return tuple(_host(one, f"{path}[{index}]") for index, one in enumerate(content))


def _host(name: object, path: str) -> HostName:
    if not isinstance(name, str) or not 0 < len(name) <= LONGEST_NAME:
        raise Invalid(path, f"must be text of 1 to {LONGEST_NAME} characters")
    return HostName(name)


def _grounds(content: object, path: str) -> Grounds:
    found = _object(content, path)
    kept: dict[str, object] = {key: found[key] for key in FIGURES if _is_number(found.get(key))}
    address = found.get("address")
    if isinstance(address, str):
        kept["address"] = address[:LONGEST_TEXT]
    ages = found.get("sent_ms_ago")
    if isinstance(ages, list):
        kept["sent_ms_ago"] = [age for age in ages[:MOST_AGES] if _is_number(age)]
    return kept


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


READERS: Mapping[str, Callable[[object], Said]] = {
    "hello": _hello,
    "beat": _beat,
    "survey": _survey,
    "votes": _votes,
    "standing": _stands,
    "goodbye": _goodbye,
}
"""Every message that a monitor may send, by its one member."""

_KNOWN = ", ".join(READERS)

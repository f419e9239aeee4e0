"""What agents say, from JSON to values; errors name the member that is wrong."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from starlette.types import Message

from faultwire.domain.errors import Invalid, TooLarge
from faultwire.faces.http import parse_json

SMALL_BYTES = 65_536
"""Limit of a message that holds no list of servers."""

LONGEST_ID = 255
LONGEST_REASON = 200
LONGEST_INTERFACE = 64
MOST_INTERFACES = 64


@dataclass(frozen=True, slots=True)
class Hello:
    """The first message: `version` is checked for shape by its reader; None: no list is kept.

    `datagrams` is the format in which the agent can beat by datagrams; None: in none.
    """

    version: object
    running: frozenset[str] | None
    datagrams: int | None = None


@dataclass(frozen=True, slots=True)
class Beat:
    """A sign of life."""


@dataclass(frozen=True, slots=True)
class Servers:
    """The servers that run on the host now."""

    running: frozenset[str]


@dataclass(frozen=True, slots=True)
class Goodbye:
    """The agent is stopped on purpose."""

    reason: str


@dataclass(frozen=True, slots=True)
class Carriers:
    """Whether interfaces of the host have a carrier."""

    states: Mapping[str, bool]


Said = Hello | Beat | Servers | Carriers | Goodbye


def read(message: Message, limit: int) -> Said:
    """Return what one message of at most `limit` bytes says; raises Invalid, TooLarge."""
    text = message.get("text")
    if text is None:
        raise Invalid("", "messages are text, not binary")
    # Every character takes a byte at least: most texts need not be encoded to be measured.
    if len(text) > limit or (4 * len(text) > limit and len(text.encode()) > limit):
        raise TooLarge(f"a message has at most {limit} bytes")
    value = parse_json(text)
    if not isinstance(value, dict) or len(value) != 1:
        raise Invalid("", f"a message is an object with one member, one of: {_KNOWN}")
    ((kind, content),) = value.items()
    reader = READERS.get(kind)
    if reader is None:
        raise Invalid(str(kind)[:40], f"unknown message; there are: {_KNOWN}")
    if kind not in WITH_LISTS and len(text) > SMALL_BYTES:
        raise TooLarge(f"{kind}: a message without servers has at most {SMALL_BYTES} bytes")
    return reader(content)


def _hello(content: object) -> Hello:
    if not isinstance(content, Mapping):
        raise Invalid("hello", "must be an object")
    if "version" not in content:
        raise Invalid("hello.version", "is missing")
    pace = content.get("heartbeat_ms", 1)
    if not isinstance(pace, int) or isinstance(pace, bool) or pace < 1:
        raise Invalid("hello.heartbeat_ms", "must be a positive integer")
    running = content.get("servers")
    listed = None if running is None else _ids(running, "hello.servers")
    form = content.get("datagrams")
    # What another version may mean by it is no reason to refuse a host.
    known = isinstance(form, int) and not isinstance(form, bool)
    return Hello(content["version"], listed, form if known else None)


def _beat(content: object) -> Beat:
    if not isinstance(content, int) or isinstance(content, bool):
        raise Invalid("beat", "must be an integer")
    return Beat()


def _servers(content: object) -> Servers:
    return Servers(_ids(content, "servers"))


def _interfaces(content: object) -> Carriers:
    if not isinstance(content, Mapping) or len(content) > MOST_INTERFACES:
        raise Invalid("interfaces", f"must be an object of {MOST_INTERFACES} members at most")
    for name, up in content.items():
        if not isinstance(name, str) or not 0 < len(name) <= LONGEST_INTERFACE:
            raise Invalid("interfaces", f"names have 1 to {LONGEST_INTERFACE} characters")
        if not name.isprintable() or not isinstance(up, bool):
            raise Invalid(f"interfaces.{name[:40]}", "must be printable, and true or false")
    return Carriers(dict(content))


def _goodbye(content: object) -> Goodbye:
    if not isinstance(content, str):
        raise Invalid("goodbye", "must be text")
    return Goodbye(content[:LONGEST_REASON])


def _ids(content: object, path: str) -> frozenset[str]:
    if not isinstance(content, list):
        raise Invalid(path, "must be a list of server ids")
    for index, one in enumerate(content):
        if not isinstance(one, str) or not 0 < len(one) <= LONGEST_ID:
            raise Invalid(f"{path}[{index}]", f"must be text of 1 to {LONGEST_ID} characters")
    return frozenset(content)


READERS: Mapping[str, Callable[[object], Said]] = {
    "hello": _hello,
    "beat": _beat,
    "servers": _servers,
    "interfaces": _interfaces,
    "goodbye": _goodbye,
}
"""Every message that an agent may send, by its one member."""

WITH_LISTS = frozenset({"hello", "servers"})

_KNOWN = ", ".join(READERS)

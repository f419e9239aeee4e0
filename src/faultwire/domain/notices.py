"""What other services tell of their resources: facts for the map, from a bus; pure.

A notice says what it knows and nothing else: None leaves a thing as it is. It crosses processes
as JSON, ``{"kind": "server", "id": …}``, and is checked where it comes in.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any

from faultwire.domain.accounts import Actor
from faultwire.domain.errors import Invalid
from faultwire.domain.events import Event
from faultwire.domain.incoming import events_of
from faultwire.domain.states import VmState

MOST = 1000
"""Messages of one request, and notices of one message."""

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}").fullmatch
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,253}[A-Za-z0-9])?").fullmatch
_TEXT = re.compile(r"[^\x00]{0,255}", re.DOTALL).fullmatch
_ADDRESS = re.compile(r"[0-9A-Fa-f:.]{2,45}").fullmatch
_ENTRIES = 128


@dataclass(frozen=True, slots=True)
class ServerNotice:
    """A server as Nova told; `host` is empty where it has none. `gone`: it is deleted."""

    id: str
    project: str | None = None
    name: str | None = None
    host: str | None = None
    vm_state: VmState | None = None
    metadata: Mapping[str, str] | None = None
    gone: bool = False


@dataclass(frozen=True, slots=True)
class PortNotice:
    """A port as Neutron told; `server` and `host` are empty where it has none."""

    id: str
    project: str | None = None
    name: str | None = None
    server: str | None = None
    host: str | None = None
    network: str | None = None
    status: str | None = None
    addresses: tuple[str, ...] | None = None
    gone: bool = False


@dataclass(frozen=True, slots=True)
class GuestNotice:
    """A database guest as Trove told."""

    id: str
    project: str | None = None
    name: str | None = None
    server: str | None = None
    gone: bool = False


@dataclass(frozen=True, slots=True)
class ServiceNotice:
    """The nova-compute of a host as Nova told, and where the host belongs to.

    `zone` is its availability zone, `rack` what one of its aggregates says; empty for none.
    """

    host: str
    forced_down: bool | None = None
    disabled: bool | None = None
    reason: str | None = None
    zone: str | None = None
    rack: str | None = None
    aggregates: tuple[str, ...] | None = None


Notice = ServerNotice | PortNotice | GuestNotice | ServiceNotice


@dataclass(frozen=True, slots=True)
class Told:
    """What one message from a bus says: notices, or events in Aodh's shape."""

    message_id: str
    notices: tuple[Notice, ...] = ()
    events: tuple[Event, ...] = ()
    told_ns: int | None = None
    """Wall time at which it was told, by the clock of who told it."""


@dataclass(frozen=True, slots=True)
class TakeNotices:
    """Make the map say what other services told, and have alarms see their events.

    Projects and hosts that nobody knew are added. Owners hear of servers whose state changed.
    Answers how many resources were told of. What is told of services is not part of it.
    """

    notices: tuple[Notice, ...]
    events: tuple[Event, ...]
    actor: Actor


KINDS: Mapping[str, type[Any]] = {
    "server": ServerNotice,
    "port": PortNotice,
    "guest": GuestNotice,
    "service": ServiceNotice,
}
_NAMES = {kind: name for name, kind in KINDS.items()}


def encoded(notice: Notice) -> dict[str, object]:
    """Return a notice as JSON has it; what it does not say is left out."""
    said = {one.name: getattr(notice, one.name) for one in fields(notice)}
    kept = {key: value for key, value in said.items() if value is not None and value is not False}
    if isinstance(notice, ServiceNotice):
        kept |= {key: value for key, value in said.items() if value is False}
    return {"kind": _NAMES[type(notice)], **kept}


def told_of(value: object, now_ns: int, at: str) -> Told:
    """Return what one message says; raises Invalid naming what is wrong below `at`."""
    if not isinstance(value, dict):
        raise Invalid(at, "must be an object")
    unknown = value.keys() - {"message_id", "notices", "events", "timestamp"}
    if unknown:
        raise Invalid(f"{at}.{min(unknown)}", "is not known")
    name = _text(value.get("message_id", ""), f"{at}.message_id")
    notices = _listed(value.get("notices", []), f"{at}.notices")
    try:
        events = events_of(value["events"], now_ns) if "events" in value else ()
    except Invalid as error:
        raise Invalid(f"{at}.{error.field}", error.reason) from None
    return Told(
        name,
        tuple(notice_of(item, f"{at}.notices[{n}]") for n, item in enumerate(notices)),
        events,
        _time(value.get("timestamp")),
    )


def _time(value: object) -> int | None:
    """Return a time of oslo.messaging's, of UTC, in wall ns; None for what is none."""
    try:
        told = datetime.fromisoformat(str(value))
        return int((told if told.tzinfo else told.replace(tzinfo=UTC)).timestamp() * 1e9)
    except (ValueError, OverflowError):
        return None


def messages_of(value: object) -> list[object]:
    """Return the messages of a body, each to be read by `told_of`; raises Invalid."""
    if not isinstance(value, dict):
        raise Invalid("", "must be an object")
    return _listed(value.get("messages", []), "messages")


def _listed(value: object, at: str) -> list[object]:
    if not isinstance(value, list):
        raise Invalid(at, "must be a list")
    if len(value) > MOST:
        raise Invalid(at, f"has {len(value)} items; at most {MOST} at once")
    return value


def notice_of(value: object, at: str) -> Notice:
    """Return one notice; raises Invalid naming what is wrong below `at`."""
    if not isinstance(value, dict):
        raise Invalid(at, "must be an object")
    said = {key: item for key, item in value.items() if item is not None}
    kind = KINDS.get(str(said.pop("kind", "")))
    if kind is None:
        raise Invalid(f"{at}.kind", f"must be one of {', '.join(KINDS)}")
    names = {one.name for one in fields(kind)}
    for name, item in said.items():
        if name not in names:
            raise Invalid(f"{at}.{name}", "is not known")
        said[name] = _CHECKS[name](item, f"{at}.{name}")
    key = "host" if kind is ServiceNotice else "id"
    if not said.get(key):
        raise Invalid(f"{at}.{key}", "is mandatory")
    notice: Notice = kind(**said)
    return notice


def _matching(pattern: Callable[[str], object], says: str, *, empty: bool = False) -> "_Check":
    def check(value: object, at: str) -> str:
        if isinstance(value, str) and (pattern(value) or (empty and not value)):
            return value
        raise Invalid(at, says)

    return check


def _flag(value: object, at: str) -> bool:
    if not isinstance(value, bool):
        raise Invalid(at, "must be true or false")
    return value


def _state(value: object, at: str) -> VmState:
    try:
        return VmState(str(value))
    except ValueError:
        raise Invalid(at, "must be a vm_state of Nova's") from None


def _addresses(value: object, at: str) -> tuple[str, ...]:
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) > _ENTRIES:
        raise Invalid(at, f"must be a list of at most {_ENTRIES} addresses")
    if not all(isinstance(one, str) and _ADDRESS(one) for one in value):
        raise Invalid(at, "must be a list of IP addresses")
    return tuple(value)


def _names(value: object, at: str) -> tuple[str, ...]:
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) > _ENTRIES:
        raise Invalid(at, f"must be a list of at most {_ENTRIES} names")
    return tuple(_text(one, at) for one in value)


def _metadata(value: object, at: str) -> Mapping[str, str]:
    if not isinstance(value, dict) or len(value) > _ENTRIES:
        raise Invalid(at, f"must be an object of at most {_ENTRIES} texts")
    texts = (*value.keys(), *value.values())
    if not all(isinstance(one, str) and _TEXT(one) for one in texts):
        raise Invalid(at, "must be an object of texts of at most 255 characters")
    return value


_Check = Callable[[object, str], Any]

_id = _matching(_ID, "must be an id: letters, digits, dots, dashes, at most 64")
_reference = _matching(_ID, "must be an id: letters, digits, dots, dashes, at most 64", empty=True)
_host = _matching(_HOST, "must be the name of a host", empty=True)
_text = _matching(_TEXT, "must be text of at most 255 characters, without NUL")

_CHECKS: Mapping[str, _Check] = {
    "id": _id,
    "project": _id,
    "name": _text,
    "host": _host,
    "vm_state": _state,
    "metadata": _metadata,
    "gone": _flag,
    "server": _reference,
    "network": _text,
    "status": _text,
    "addresses": _addresses,
    "forced_down": _flag,
    "disabled": _flag,
    "reason": _text,
    "zone": _text,
    "rack": _text,
    "aggregates": _names,
}

"""Aodh's simple query: ``q.field``, ``q.op``, ``q.type``, ``q.value``, and ``sort``; pure.

Each of the four may come several times; the n-th of each make one condition, as WSME reads
them. What is left out at the end has its default.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import zip_longest

from faultwire.domain.accounts import Caller
from faultwire.domain.errors import Invalid
from faultwire.domain.ids import ProjectId
from faultwire.domain.queries import (
    ALARM_FIELDS,
    NEWEST_FIRST,
    By,
    Compare,
    Every,
    Filter,
    Kind,
    Op,
    Value,
)
from faultwire.faces.alarming.fields import MANDATORY, shortened, wrong
from faultwire.faces.alarming.requests import own_project

ATTRIBUTES = ("field", "op", "type", "value")
QUERY = {
    "q.field": "A field to compare; it, and what belongs to it, may come several times.",
    "q.op": "How: eq (default); of timestamps of history lt, le, gt, ge.",
    "q.type": "Type of the value: integer, float, string, boolean or datetime.",
    "q.value": "What to compare with.",
    "sort": "A key, or key:asc or key:desc; may come several times.",
}
MOST = 50
"""Conditions, and keys of an order."""

OPS = ("lt", "le", "eq", "ne", "ge", "gt")
ALARM_KEYS = (
    "all_projects",
    "enabled",
    "name",
    "project_id",
    "repeat_actions",
    "severity",
    "state",
    "timestamp",
    "type",
    "user_id",
)
ALARM_SORTS = (
    "alarm_id",
    "enabled",
    "name",
    "type",
    "severity",
    "timestamp",
    "user_id",
    "project_id",
    "state",
    "repeat_actions",
    "state_timestamp",
)
HISTORY_KEYS: Mapping[str, str] = {
    "user": "user_id",
    "user_id": "user_id",
    "project": "project_id",
    "project_id": "project_id",
    "type": "type",
    "severity": "severity",
}
HISTORY_SORTS = (
    "event_id",
    "alarm_id",
    "on_behalf_of",
    "project_id",
    "user_id",
    "type",
    "timestamp",
    "severity",
)

_TRUE = frozenset(("1", "t", "true", "on", "y", "yes"))
_FALSE = frozenset(("0", "f", "false", "off", "n", "no"))
_TEXT_LIMIT = 1024
_LONGEST_OFFSET = 10**7
_FURTHEST_US = 9 * 10**15
"""Moments beyond the year 2255 count as this one: nothing is stored there."""

_MINUTE_US = 60_000_000
_US = 1_000_000


@dataclass(frozen=True, slots=True)
class Asked:
    """One condition, as it was written."""

    field: str
    op: str
    type: str
    value: str


def conditions(pairs: Sequence[tuple[str, str]]) -> tuple[Asked, ...]:
    """Return the conditions of a query; raises Invalid for one that is not whole."""
    told = {name: [value for key, value in pairs if key == f"q.{name}"] for name in ATTRIBUTES}
    if max(map(len, told.values())) > MOST:
        raise Invalid("", f"Invalid input for field/attribute q. At most {MOST} conditions.")
    return tuple(map(_condition, zip_longest(*(told[name] for name in ATTRIBUTES))))


def _condition(told: tuple[str | None, ...]) -> Asked:
    field, op, kind, value = told
    for name, given in (("field", field), ("value", value)):
        if given is None:
            raise wrong(name, None, MANDATORY)
        if len(given) > _TEXT_LIMIT:
            raise wrong(name, given, f"It must be text of at most {_TEXT_LIMIT} characters.")
    if op and op not in OPS:
        raise wrong("op", op, f"Value should be one of: {', '.join(OPS)}")
    return Asked(field or "", op or "eq", kind or "", value or "")


# ---------------------------------------------------------------- alarms


def alarm_filter(
    asked: Sequence[Asked], caller: Caller
) -> tuple[Filter | None, bool, ProjectId | None]:
    """Return the filter of a list of alarms, whether it is about all projects, and of which.

    Raises Invalid for what Aodh refuses, Unauthenticated for another's project.
    """
    fields = {one.field for one in asked}
    if not fields.issubset(ALARM_KEYS):
        raise wrong("field", _several(fields), f"only fields {_several(ALARM_KEYS)} are allowed")
    ops = {one.op for one in asked}
    if ops - {"eq"}:
        raise wrong("op", _several(ops), f"only operations {_several(('eq',))} are allowed")
    parts: list[Filter] = []
    everywhere = False
    named: ProjectId | None = None
    for one in asked:
        if one.field == "all_projects":
            everywhere = truth(one.value)
            continue
        if one.field == "project_id":
            named = own_project(caller, one.value)
        parts.append(Compare(one.field, Op.EQ, _alarm_value(one)))
    where = Every(tuple(parts)) if parts else None
    return where, everywhere, named


def _alarm_value(one: Asked) -> Value:
    kind = ALARM_FIELDS[one.field]
    checked(one)
    if kind is Kind.TRUTH:
        return truth(one.value)
    return _datetime(one.value) if kind is Kind.TIME else one.value


def _several(names: Collection[str]) -> str:
    """Return names as Aodh shows a set of them."""
    return f"{{{', '.join(repr(shortened(name)) for name in sorted(names)[:20])}}}"


# ---------------------------------------------------------------- history


def history_filter(asked: Sequence[Asked], caller: Caller) -> Filter | None:
    """Return the filter of a list of history; raises as `alarm_filter` does."""
    parts: list[Filter] = []
    moments = [one for one in asked if one.field == "timestamp"]
    offset_us = _offset_us(asked, given=bool(moments))
    for one in asked:
        if one.field == "search_offset":
            continue
        if one.field == "timestamp":
            parts.append(_moment(one, offset_us))
            continue
        field = HISTORY_KEYS.get(one.field)
        if field is None:
            known = sorted({*HISTORY_KEYS, "timestamp", "search_offset"})
            shown = shortened(one.field)
            told = f"unrecognized field in query: {shown}, valid keys: {known}"
            raise Invalid("", f'Unknown argument: "{shown}": {told}')
        if one.op != "eq":
            raise wrong("op", one.op, f"unimplemented operator for {one.field}")
        if field == "project_id":
            own_project(caller, one.value)
        checked(one)
        parts.append(Compare(field, Op.EQ, one.value))
    return Every(tuple(parts)) if parts else None


def _offset_us(asked: Sequence[Asked], *, given: bool) -> int:
    """Return by how much moments are moved apart."""
    offset = 0
    for one in asked:
        if one.field != "search_offset":
            continue
        if one.op != "eq":
            raise wrong("op", one.op, "unimplemented operator for search_offset")
        if not given:
            sentence = "search_offset cannot be used without timestamp"
            raise wrong("field", "search_offset", sentence)
        if not (one.value.isascii() and one.value.isdigit()) or len(one.value) > 9:
            raise _unconverted(one.value, "integer")
        offset = min(int(one.value), _LONGEST_OFFSET)
    return offset * _MINUTE_US


_MOMENTS: Mapping[str, tuple[Op, int]] = {
    "lt": (Op.LT, 1),
    "le": (Op.LE, 1),
    "gt": (Op.GT, -1),
    "ge": (Op.GE, -1),
}


def _moment(one: Asked, offset_us: int) -> Compare:
    if one.op not in _MOMENTS:
        raise wrong("op", one.op, "unimplemented operator for timestamp")
    found = moment(one.value)
    if found is None:
        raise wrong("timestamp", one.value, "invalid timestamp format")
    op, sign = _MOMENTS[one.op]
    return Compare("timestamp", op, found + sign * offset_us)


# ---------------------------------------------------------------- orders


def order_of(texts: Sequence[str], known: Sequence[str]) -> tuple[By, ...]:
    """Return the order that is asked for, newest first without; raises Invalid."""
    order: dict[str, By] = {}
    for text in texts:
        key, _, way = text.partition(":")
        if key not in known or len(texts) > MOST:
            raise wrong(
                "sort",
                text,
                "the sort parameter should be a pair of sort key and sort dir combined with ':', "
                "or only sort key specified and sort dir will be default 'asc', the supported "
                f"sort keys are: {known}",
            )
        if way not in {"", "asc", "desc"}:
            raise Invalid("", "Unknown sort direction, must be one of: asc, desc")
        order.setdefault(key, By(key, way == "desc"))
    return tuple(order.values()) or NEWEST_FIRST


# ---------------------------------------------------------------- values


def truth(text: str) -> bool:
    """Return what a word says; raises Invalid in Aodh's words."""
    word = text.strip().lower()
    if word not in _TRUE | _FALSE:
        raise _unconverted(text, "boolean")
    return word in _TRUE


def moment(text: str) -> int | None:
    """Return microseconds since the epoch of an ISO 8601 time, UTC unless it says otherwise."""
    try:
        found = datetime.fromisoformat(text.strip())
        found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    past = found - datetime(1970, 1, 1, tzinfo=UTC)
    whole = (past.days * 86_400 + past.seconds) * _US + past.microseconds
    return max(-_FURTHEST_US, min(whole, _FURTHEST_US))


def _datetime(text: str) -> int:
    found = moment(text)
    if found is None:
        raise _unconverted(text, "datetime")
    return found


def _unconverted(value: str, kind: str) -> Invalid:
    shown = shortened(value)
    sentence = f"Unable to convert the value {shown} to the expected data type {kind}."
    return Invalid("", sentence)


_READERS: Mapping[str, Callable[[str], object]] = {
    "integer": int,
    "float": float,
    "string": str,
    "boolean": truth,
    "datetime": _datetime,
}


def checked(one: Asked) -> None:
    """Raise Invalid for a type that is none, and for a value that is not of the type it names."""
    if not one.type:
        return
    reader = _READERS.get(one.type)
    if reader is None:
        shown = shortened(one.type)
        raise Invalid(
            "",
            f"The data type {shown} is not supported. The supported data type list is: "
            f"{list(_READERS)}",
        )
    try:
        reader(one.value)
    except ValueError:
        raise _unconverted(one.value, one.type) from None

"""Questions about alarms and their history: a tree of filters, an order, a place to go on from.

A question is a value, checked by whoever builds it: fields and the kinds of values fit the
table of its subject. It is answered by the store, or here, of what is in memory.
"""

import hashlib
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from faultwire.domain.alarms import Alarm
from faultwire.domain.ids import AlarmId, ProjectId, UserId
from faultwire.domain.regexes import regex

Value: TypeAlias = str | bool | int
Values = Callable[[str], Value]
"""What a row says of a field."""

Place: TypeAlias = tuple[Value, ...]
"""Where a row stands in an order: its values of the order's fields, then its key."""


class Kind(StrEnum):
    """What values a field has; a time is microseconds since the epoch."""

    TEXT = "text"
    TRUTH = "truth"
    TIME = "time"
    NAME = "name"
    """The id of a line of history: it can be equal, and no more."""


ALARM_FIELDS: Mapping[str, Kind] = {
    "alarm_id": Kind.TEXT,
    "name": Kind.TEXT,
    "description": Kind.TEXT,
    "type": Kind.TEXT,
    "enabled": Kind.TRUTH,
    "severity": Kind.TEXT,
    "state": Kind.TEXT,
    "state_reason": Kind.TEXT,
    "repeat_actions": Kind.TRUTH,
    "resource_id": Kind.TEXT,
    "project_id": Kind.TEXT,
    "user_id": Kind.TEXT,
    "timestamp": Kind.TIME,
    "state_timestamp": Kind.TIME,
    "evaluate_timestamp": Kind.TIME,
}
HISTORY_FIELDS: Mapping[str, Kind] = {
    "event_id": Kind.NAME,
    "alarm_id": Kind.TEXT,
    "type": Kind.TEXT,
    "detail": Kind.TEXT,
    "severity": Kind.TEXT,
    "on_behalf_of": Kind.TEXT,
    "project_id": Kind.TEXT,
    "user_id": Kind.TEXT,
    "timestamp": Kind.TIME,
}
SEVERITIES: Mapping[str, int] = {"low": 0, "moderate": 1, "critical": 2}
"""The order of severities where they are sorted by; compared they are texts."""

UNRANKED = -1


class Op(StrEnum):
    """Comparisons, as Aodh writes them."""

    EQ = "="
    NE = "!="
    LT = "<"
    LE = "<="
    GT = ">"
    GE = ">="
    LIKE = "=~"


@dataclass(frozen=True, slots=True)
class Compare:
    """A field compares with a value; with LIKE the value is a regular expression."""

    field: str
    op: Op
    value: Value


@dataclass(frozen=True, slots=True)
class OneOf:
    """A field has one of these values."""

    field: str
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Every:
    """All of these hold."""

    parts: tuple["Filter", ...]


@dataclass(frozen=True, slots=True)
class Some:
    """At least one of these holds."""

    parts: tuple["Filter", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """This does not hold."""

    part: "Filter"


Filter: TypeAlias = Compare | OneOf | Every | Some | Not


@dataclass(frozen=True, slots=True)
class By:
    """One key of an order."""

    field: str
    descending: bool = False


NEWEST_FIRST = (By("timestamp", descending=True),)


@dataclass(frozen=True, slots=True)
class Query:
    """Which rows, in which order, after which place, how many at most.

    `project` restricts to the alarms that a project has now, and `alarm` to one of them. Rows
    that the order does not tell apart are in the order of their keys, which goes the way of the
    last field.
    """

    project: ProjectId | None = None
    alarm: AlarmId | None = None
    where: Filter | None = None
    order: tuple[By, ...] = NEWEST_FIRST
    after: Place | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """One line of the history of an alarm; `at_ns`, `version` and `kind` tell it from others.

    `user` is empty where an evaluator made it; `severity` is the alarm's, and present only where
    a question was about it.
    """

    alarm_id: AlarmId
    at_ns: int
    version: int
    kind: str
    project: ProjectId
    user: UserId
    detail: str
    severity: str = ""

    @property
    def event_id(self) -> str:
        """The id of this line: it follows from the line, and from no two the same."""
        told = f"{self.alarm_id}\n{self.version}\n{self.kind}".encode()
        rest = hashlib.sha256(told).digest()[:8]
        return str(uuid.UUID(bytes=self.at_ns.to_bytes(8, "big", signed=True) + rest))


def moment_of(event_id: str) -> int | None:
    """Return when the line of an id was written, ns since the epoch; None if it is no id."""
    try:
        found = uuid.UUID(event_id)
    except ValueError:
        return None
    return int.from_bytes(found.bytes[:8], "big", signed=True) if str(found) == event_id else None


def filters_of(where: Filter | None) -> Sequence[Compare | OneOf]:
    """Return the comparisons of a tree, from left to right."""
    match where:
        case None:
            return ()
        case Compare() | OneOf():
            return (where,)
        case Not():
            return filters_of(where.part)
        case _:
            return [found for part in where.parts for found in filters_of(part)]


# ---------------------------------------------------------------- answered here

_US = 1000


def alarm_values(alarm: Alarm) -> Values:
    """Return what an alarm says of each field of ALARM_FIELDS."""
    known: dict[str, Value] = {
        "alarm_id": alarm.id,
        "name": alarm.name,
        "description": alarm.description,
        "type": alarm.type,
        "enabled": alarm.enabled,
        "severity": alarm.severity,
        "state": alarm.state.value,
        "state_reason": alarm.state_reason,
        "repeat_actions": alarm.repeat_actions,
        "resource_id": alarm.resource_id or "",
        "project_id": alarm.project,
        "user_id": alarm.user,
        "timestamp": alarm.updated_ns,
        "state_timestamp": alarm.state_ns,
        "evaluate_timestamp": alarm.state_ns,
    }
    return known.__getitem__


def history_values(line: HistoryLine) -> Values:
    """Return what a line of history says of each field of HISTORY_FIELDS."""
    known: dict[str, Value] = {
        "event_id": line.event_id,
        "alarm_id": line.alarm_id,
        "type": line.kind,
        "detail": line.detail,
        "severity": line.severity,
        "on_behalf_of": line.project,
        "project_id": line.project,
        "user_id": line.user,
        "timestamp": line.at_ns,
    }
    return known.__getitem__


def alarm_place(alarm: Alarm, order: Sequence[By]) -> Place:
    """Return where an alarm stands in an order."""
    return (*_ranks(alarm_values(alarm), order), alarm.id)


def history_place(line: HistoryLine, order: Sequence[By]) -> Place:
    """Return where a line of history stands in an order."""
    ranks = _ranks(history_values(line), order)
    return (*ranks, line.at_ns, line.alarm_id, line.version, line.kind)


def _ranks(values: Values, order: Sequence[By]) -> list[Value]:
    return [_rank(by.field, values) for by in order]


def _rank(field: str, values: Values) -> Value:
    if field == "severity":
        return SEVERITIES.get(str(values(field)), UNRANKED)
    if field == "event_id":
        # An id grows with its moment; lines of one moment are told apart by the key.
        return values("timestamp")
    found = values(field)
    return int(found) if isinstance(found, bool) else found


def holds(where: Filter | None, fields: Mapping[str, Kind], values: Values) -> bool:
    """Return whether a row with these values is one that is asked for."""
    match where:
        case None:
            return True
        case Compare():
            return _compared(where, fields[where.field], values(where.field))
        case OneOf():
            return any(
                _compared(Compare(where.field, Op.EQ, value), fields[where.field], held)
                for held in (values(where.field),)
                for value in where.values
            )
        case Every():
            return all(holds(part, fields, values) for part in where.parts)
        case Some():
            return any(holds(part, fields, values) for part in where.parts)
        case Not():
            return not holds(where.part, fields, values)


def _compared(asked: Compare, kind: Kind, held: Value) -> bool:
    if asked.op is Op.LIKE:
        return regex(str(asked.value)).matches(str(held))
    if kind is Kind.TIME:
        # Times are shown in microseconds, and found by what is shown.
        held = int(held) // _US
    return _COMPARED[asked.op](held, asked.value)


_COMPARED: Mapping[Op, Callable[[Value, Value], bool]] = {
    Op.EQ: lambda held, value: held == value,
    Op.NE: lambda held, value: held != value,
    Op.LT: lambda held, value: held < value,  # type: ignore[operator]
    Op.LE: lambda held, value: held <= value,  # type: ignore[operator]
    Op.GT: lambda held, value: held > value,  # type: ignore[operator]
    Op.GE: lambda held, value: held >= value,  # type: ignore[operator]
}

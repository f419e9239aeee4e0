"""Questions about alarms and their history, as SQL of the three databases.

Nothing of a question is written into a statement: fields are looked up in tables, values are
bound. Times that are asked for in microseconds become ranges of nanoseconds, which an index can
serve. An expression (``=~``) is matched by PostgreSQL and MariaDB themselves, under
`[database] statement_seconds`; on SQLite by `domain.regexes`, which looks at each character
once, and for at most SECONDS in all.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Connection,
    Dialect,
    Engine,
    Select,
    and_,
    case,
    collate,
    false,
    func,
    literal,
    not_,
    or_,
    select,
)
from sqlalchemy.exc import OperationalError

from faultwire.domain.alarms import Alarm
from faultwire.domain.errors import Unavailable
from faultwire.domain.queries import (
    ALARM_FIELDS,
    HISTORY_FIELDS,
    NEWEST_FIRST,
    SEVERITIES,
    UNRANKED,
    By,
    Compare,
    Every,
    Filter,
    HistoryLine,
    Kind,
    Not,
    OneOf,
    Op,
    Query,
    Some,
    Value,
    filters_of,
    moment_of,
)
from faultwire.domain.regexes import regex
from faultwire.store import alarm_rows, schema
from faultwire.store.engine import translated
from faultwire.telemetry.clock import SystemClock

SECONDS = 5.0
"""Longest time that one search on SQLite spends on expressions."""

MATCHES = "faultwire_matches"

Column: TypeAlias = ColumnElement[Any]
Condition: TypeAlias = ColumnElement[bool]
Names = Mapping[str, Condition]
"""Which row each id of a line of history is; those of none are left out."""

_A, _H = schema.alarms.c, schema.alarm_history.c

_ALARM_COLUMNS: Mapping[str, Column] = {
    "alarm_id": _A.id,
    "name": _A.name,
    "description": _A.description,
    "type": _A.type,
    "enabled": _A.enabled,
    "severity": _A.severity,
    "state": _A.state,
    "state_reason": _A.state_reason,
    "repeat_actions": _A.repeat_actions,
    "resource_id": func.coalesce(_A.resource_id, ""),
    "project_id": _A.project_id,
    "user_id": _A.user_id,
    "timestamp": _A.updated_ns,
    "state_timestamp": _A.state_ns,
    "evaluate_timestamp": _A.state_ns,
}
_SEVERITY: Column = (
    select(_A.severity).where(_A.id == _H.alarm_id).correlate(schema.alarm_history)
).scalar_subquery()
_HISTORY_COLUMNS: Mapping[str, Column] = {
    "event_id": _H.at_ns,
    "alarm_id": _H.alarm_id,
    "type": _H.kind,
    "detail": _H.detail,
    "severity": func.coalesce(_SEVERITY, ""),
    "on_behalf_of": _H.project_id,
    "project_id": _H.project_id,
    "user_id": _H.user_id,
    "timestamp": _H.at_ns,
}
_HISTORY_KEY: Sequence[Column] = (_H.at_ns, _H.alarm_id, _H.version, _H.kind)
_LINE = (_H.alarm_id, _H.at_ns, _H.version, _H.kind, _H.project_id, _H.user_id, _H.detail)


def alarms(engine: Engine, query: Query) -> tuple[Alarm, ...]:
    """Return the alarms that are asked for; raises Unavailable."""
    found = _of_project(engine.dialect.name, query)
    if query.alarm is not None:
        found = found.where(_A.id == query.alarm)
    texts: dict[str, str] = {}
    with translated(), engine.connect() as connection:
        compiler = _Compiler(connection.dialect, ALARM_FIELDS, _ALARM_COLUMNS, {})
        page = compiler.page(found, query, (_A.id,))
        rows = _rows(connection, page, query)
        return tuple(alarm_rows.alarm_of(tuple(row), texts.setdefault) for row in rows)


def _of_project(dialect: str, query: Query) -> Select[Any]:
    """Return the statement for the alarms of the project, if one is named."""
    found, project = select(schema.alarms), query.project
    if project is None:
        return found
    if dialect not in {"mysql", "mariadb"} or query.order != NEWEST_FIRST:
        return found.where(_A.project_id == project)
    # MariaDB takes an equality as a look-up of the whole project, and passes over all that came
    # before a place; a range it enters at the place, if the index has the order too.
    own = _A.project_id.between(project, project)
    return found.where(own).order_by(_A.project_id.desc())


def history(engine: Engine, query: Query) -> tuple[HistoryLine, ...]:
    """Return the lines of history that are asked for; raises Unavailable."""
    about = {by.field for by in query.order} | {one.field for one in filters_of(query.where)}
    severity = _HISTORY_COLUMNS["severity"] if "severity" in about else literal("")
    found = _of_history(select(*_LINE, severity), query)
    with translated(), engine.connect() as connection:
        names = _named(connection, query)
        compiler = _Compiler(connection.dialect, HISTORY_FIELDS, _HISTORY_COLUMNS, names)
        rows = _rows(connection, compiler.page(found, query, _HISTORY_KEY), query)
        return tuple(HistoryLine(*row) for row in rows)


def _rows(connection: Connection, page: Select[Any], query: Query) -> Sequence[Any]:
    """Return the rows of a page; on SQLite expressions are matched here, against the clock."""
    if connection.dialect.name != "sqlite" or not _likes(query):
        return connection.execute(page).all()
    watch = _Watch()
    raw: Any = connection.connection.dbapi_connection
    raw.create_function(MATCHES, 2, watch.matches, deterministic=True)
    try:
        return connection.execute(page).all()
    except OperationalError as error:
        if watch.late:
            raise Unavailable("the search takes too long: ask for less of it") from error
        raise
    finally:
        raw.create_function(MATCHES, 2, None)


def _likes(query: Query) -> bool:
    parts = filters_of(query.where)
    return any(isinstance(one, Compare) and one.op is Op.LIKE for one in parts)


class _Watch:
    """Matches expressions for one search, and ends it when it takes too long."""

    def __init__(self) -> None:
        self._clock = SystemClock()
        self._until_ns = self._clock.mono_ns() + int(SECONDS * 1e9)
        self.late = False

    def matches(self, expression: str, text: str) -> bool:
        """Return whether an expression is found in a text; SQLite calls it."""
        self._look()
        return regex(expression).matches(text, self._look)

    def _look(self) -> None:
        """Raise TimeoutError where the time is over: between two texts, and within one."""
        self.late = self._clock.mono_ns() > self._until_ns
        if self.late:
            raise TimeoutError


def _of_history(found: Select[Any], query: Query) -> Select[Any]:
    """Narrow a statement down to the history that the question may look at."""
    if query.project is not None:
        own = select(_A.id).where(_A.project_id == query.project)
        found = found.where(_H.alarm_id.in_(own))
    if query.alarm is not None:
        found = found.where(_H.alarm_id == query.alarm)
    return found


def _named(connection: Connection, query: Query) -> Names:
    """Return the rows of the ids that a question names: an id tells the moment of its row."""
    asked: set[str] = set()
    for one in filters_of(query.where):
        if one.field == "event_id":
            values = one.values if isinstance(one, OneOf) else (one.value,)
            asked.update(map(str, values))
    moments = {moment for name in asked if (moment := moment_of(name)) is not None}
    if not moments:
        return {}
    found = _of_history(select(*_LINE), query).where(_H.at_ns.in_(sorted(moments)))
    lines = (HistoryLine(*row) for row in connection.execute(found))
    return {line.event_id: _is(line) for line in lines if line.event_id in asked}


def _is(line: HistoryLine) -> Condition:
    return and_(
        _H.at_ns == line.at_ns,
        _H.alarm_id == line.alarm_id,
        _H.version == line.version,
        _H.kind == line.kind,
    )


class _Compiler:
    """Turns the parts of a question into SQL of one dialect."""

    def __init__(
        self,
        dialect: Dialect,
        fields: Mapping[str, Kind],
        columns: Mapping[str, Column],
        names: Names,
    ) -> None:
        self._dialect = dialect.name
        self._fields = fields
        self._columns = columns
        self._names = names

    def page(self, found: Select[Any], query: Query, key: Sequence[Column]) -> Select[Any]:
        """Return the statement for what is asked, in its order, from its place on."""
        if query.where is not None:
            found = found.where(self._where(query.where))
        ways = [by.descending for by in query.order]
        ways += [ways[-1] if ways else True] * len(key)
        ranks = [*(self._rank(by) for by in query.order), *key]
        place = [None] * len(ranks) if query.after is None else query.after
        steps: dict[str, _Step] = {}
        for rank, way, value in zip(ranks, ways, place, strict=True):
            # A key that stands in the order already would only be sorted by again.
            steps.setdefault(str(rank), _Step(rank, way, value))
        order = list(steps.values())
        if query.after is not None:
            found = found.where(_beyond(order))
        found = found.order_by(*(step.sorted() for step in order))
        return found if query.limit is None else found.limit(max(query.limit, 0))

    def _rank(self, by: By) -> Column:
        column = self._columns[by.field]
        if by.field == "severity":
            return case(SEVERITIES, value=column, else_=UNRANKED)
        kind = self._fields[by.field]
        if kind is Kind.TRUTH:
            return case((column, 1), else_=0)
        return self._exact(column) if kind is Kind.TEXT else column

    def _exact(self, column: Column) -> Column:
        """Return a text whose order is that of its characters, in every database."""
        return collate(column, "C") if self._dialect == "postgresql" else column

    def _where(self, where: Filter) -> Condition:
        match where:
            case Compare():
                return self._compared(where)
            case OneOf():
                return self._one_of(where)
            case Every():
                return and_(*(self._where(part) for part in where.parts))
            case Some():
                return or_(*(self._where(part) for part in where.parts))
            case Not():
                return not_(self._where(where.part).self_group())

    def _one_of(self, asked: OneOf) -> Condition:
        if self._fields[asked.field] is Kind.TEXT:
            return self._columns[asked.field].in_(asked.values)
        parts = (Compare(asked.field, Op.EQ, value) for value in asked.values)
        return or_(false(), *map(self._compared, parts))

    def _compared(self, asked: Compare) -> Condition:
        column, kind = self._columns[asked.field], self._fields[asked.field]
        if kind is Kind.NAME:
            same = self._names.get(str(asked.value), false())
            return not_(same) if asked.op is Op.NE else same
        if kind is Kind.TIME:
            return _MOMENTS[asked.op](column, int(asked.value) * 1000)
        if kind is Kind.TRUTH:
            column = case((column, 1), else_=0)
            return _COMPARED[asked.op](column, int(asked.value))
        if asked.op is Op.LIKE:
            return self._like(column, str(asked.value))
        ordered = asked.op not in {Op.EQ, Op.NE}
        return _COMPARED[asked.op](self._exact(column) if ordered else column, asked.value)

    def _like(self, column: Column, expression: str) -> Condition:
        if self._dialect == "sqlite":
            return func.faultwire_matches(expression, column, type_=Boolean)
        op = "~" if self._dialect == "postgresql" else "REGEXP"
        return column.op(op, is_comparison=True)(regex(expression).written(self._dialect))


@dataclass(frozen=True, slots=True)
class _Step:
    """One rank of an order, and its value in the place to go on from."""

    rank: Column
    descending: bool
    value: Value | None

    def sorted(self) -> Column:
        return self.rank.desc() if self.descending else self.rank.asc()

    def behind(self) -> Condition:
        return self.rank < self.value if self.descending else self.rank > self.value


def _beyond(order: Sequence[_Step]) -> Condition:
    """Return what stands behind a place: the first rank bounds the range of an index.

    Within that range whatever is not behind by the first rank has the same one.
    """
    first, *others = order
    choices = [first.behind()]
    same: list[Condition] = []
    for step in others:
        choices.append(and_(*same, step.behind()))
        same.append(step.rank == step.value)
    bound = first.rank <= first.value if first.descending else first.rank >= first.value
    return and_(bound, or_(*choices))


Compared: TypeAlias = Callable[[Column, Value], Condition]

_COMPARED: Mapping[Op, Compared] = {
    Op.EQ: lambda column, value: column == value,
    Op.NE: lambda column, value: column != value,
    Op.LT: lambda column, value: column < value,
    Op.LE: lambda column, value: column <= value,
    Op.GT: lambda column, value: column > value,
    Op.GE: lambda column, value: column >= value,
}
_US = 1000
_MOMENTS: Mapping[Op, Callable[[Column, int], Condition]] = {
    Op.EQ: lambda column, at_ns: column.between(at_ns, at_ns + _US - 1),
    Op.NE: lambda column, at_ns: not_(column.between(at_ns, at_ns + _US - 1)),
    Op.LT: lambda column, at_ns: column < at_ns,
    Op.LE: lambda column, at_ns: column < at_ns + _US,
    Op.GT: lambda column, at_ns: column >= at_ns + _US,
    Op.GE: lambda column, at_ns: column >= at_ns,
}

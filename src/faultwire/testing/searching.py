"""Questions about alarms and their history, answered of a store in memory."""

from collections.abc import Callable, Iterable
from functools import cmp_to_key
from typing import TypeVar

from faultwire.domain.alarms import Alarm
from faultwire.domain.queries import (
    ALARM_FIELDS,
    HISTORY_FIELDS,
    HistoryLine,
    Place,
    Query,
    alarm_place,
    alarm_values,
    history_place,
    history_values,
    holds,
)
from faultwire.testing.store_changes import State

T = TypeVar("T")


def alarms(state: State, query: Query) -> tuple[Alarm, ...]:
    """Return the alarms that are asked for."""
    found = [
        alarm
        for alarm in state.alarms.values()
        if query.project in {None, alarm.project}
        and query.alarm in {None, alarm.id}
        and holds(query.where, ALARM_FIELDS, alarm_values(alarm))
    ]
    return _page(found, lambda alarm: alarm_place(alarm, query.order), query)


def history(state: State, query: Query) -> tuple[HistoryLine, ...]:
    """Return the lines of history that are asked for."""
    found = [
        line
        for line in _lines(state)
        if query.alarm in {None, line.alarm_id}
        and (query.project is None or _owned(state, line, query))
        and holds(query.where, HISTORY_FIELDS, history_values(line))
    ]
    return _page(found, lambda line: history_place(line, query.order), query)


def _lines(state: State) -> Iterable[HistoryLine]:
    for (alarm_id, at_ns, version, kind), row in state.history.items():
        alarm = state.alarms.get(alarm_id)
        severity = alarm.severity if alarm else ""
        yield HistoryLine(
            row.alarm_id, at_ns, version, kind, row.project, row.user, row.detail, severity
        )


def _owned(state: State, line: HistoryLine, query: Query) -> bool:
    alarm = state.alarms.get(line.alarm_id)
    return alarm is not None and alarm.project == query.project


def _page(found: list[T], place: Callable[[T], Place], query: Query) -> tuple[T, ...]:
    ways = [by.descending for by in query.order]

    def compare(one: Place, other: Place) -> int:
        for at, (left, right) in enumerate(zip(one, other, strict=True)):
            if left != right:
                up = left < right  # type: ignore[operator]
                descending = ways[min(at, len(ways) - 1)]
                return 1 if up is descending else -1
        return 0

    after = query.after
    left = [item for item in found if after is None or compare(place(item), after) > 0]
    by_place = cmp_to_key(compare)
    left.sort(key=lambda item: by_place(place(item)))
    return tuple(left if query.limit is None else left[: max(query.limit, 0)])

"""Time constraints of event alarms: an event outside of them is no match."""

from dataclasses import replace

import pytest

from faultwire.domain.alarms import Alarm, AlarmState
from faultwire.domain.changes import AlarmsMoved, AlarmsSaved
from faultwire.domain.decided import Fired
from faultwire.domain.events import Event
from faultwire.domain.ids import AlarmId, ProjectId, UserId
from faultwire.domain.instants import Instant
from faultwire.domain.rules import Clause, EventRule
from faultwire.notifier.evaluator.engine import EventEvaluator
from faultwire.notifier.evaluator.index import AlarmIndex

P = ProjectId("p")
RULE = EventRule(Clause("raise"), Clause("clear"))
# 22:13:20 UTC on 14 November 2023, a Tuesday.
NOW = Instant(1_700_000_000_000_000_000, 5)
LATE = {"name": "late", "start": "0 22 * * 2", "duration": 3600, "timezone": ""}
EARLY = {"name": "early", "start": "0 6 * * *", "duration": 3600, "timezone": ""}
TOKYO = {"name": "tokyo", "start": "0 7 15 11 *", "duration": 3600, "timezone": "Asia/Tokyo"}


def states(alarm: Alarm, *types: str) -> list[AlarmState]:
    """Return where events of these types move an alarm."""
    index = AlarmIndex()
    index.apply(AlarmsSaved((alarm,)))
    work = EventEvaluator(index).evaluate(
        [Event(f"m{n}", kind, P, NOW.wall_ns, {}) for n, kind in enumerate(types)], NOW
    )
    try:
        while True:
            next(work)
    except StopIteration as stop:
        fired: Fired = stop.value
    moves = [change for change in fired.changes if isinstance(change, AlarmsMoved)]
    return [move.current for change in moves for move in change.transitions]


@pytest.mark.parametrize(
    ("constraints", "inside"),
    [
        ((), True),
        ((LATE,), True),
        ((EARLY,), False),
        ((EARLY, LATE), True),
        ((TOKYO,), True),
        (({**TOKYO, "timezone": ""},), False),
    ],
)
def test_an_event_outside_of_its_times_moves_nothing(
    constraints: tuple[dict[str, object], ...], inside: bool
) -> None:
    """Neither raise nor clear matches then; within any of the constraints both do."""
    alarm = Alarm(AlarmId("a"), P, UserId("u"), "a", "event", RULE, version=1)
    moved = states(replace(alarm, time_constraints=constraints), "raise", "clear")
    assert moved == ([AlarmState.ALARM, AlarmState.OK] if inside else [])

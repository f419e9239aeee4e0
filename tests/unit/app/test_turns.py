"""Whose turn it is in a round of queries."""

from faultwire.app.turns import Turns
from faultwire.domain.alarms import Alarm
from faultwire.domain.ids import ProjectId
from tests.unit.app.periodic_world import LOAD, P, Q, alarm

SECOND = 1_000_000_000


def _some(project: ProjectId, count: int) -> list[Alarm]:
    return [alarm(f"{project}{number}", LOAD, project) for number in range(count)]


def _names(turns: Turns, count: int, now_ns: int = 0) -> list[str]:
    taken = [turns.next(now_ns) for _ in range(count)]
    return [one.name if one else "" for one in taken]


def test_projects_take_turns() -> None:
    """A project with many alarms does not keep the queries of others waiting."""
    turns = Turns([*_some(P, 3), *_some(Q, 1)], 8, 0, SECOND)
    assert _names(turns, 5) == ["p0", "q0", "p1", "p2", ""]


def test_a_project_has_a_part_of_the_queries() -> None:
    """What is over it waits for one of the project to be over."""
    some = _some(P, 5)
    turns = Turns(some, 4, 0, SECOND)
    assert _names(turns, 3) == ["p0", "p1", ""]
    turns.over(some[0], 1)
    assert _names(turns, 2) == ["p2", ""]


def test_one_query_at_once_is_enough() -> None:
    """A server that may be asked one thing at a time is asked everything."""
    some = _some(P, 3)
    turns = Turns(some, 1, 0, SECOND)
    for one in some:
        assert turns.next(0) is one
        turns.over(one, 1)
    assert turns.next(0) is None
    assert not list(turns.left())


def test_a_late_round_passes_over_who_had_more_than_its_part() -> None:
    """Answers that are slow and come are no failure; in time they count all the same."""
    slow, quick = _some(P, 9), _some(Q, 3)
    turns = Turns([*slow, *quick], 2, 0, 10 * SECOND)
    assert _names(turns, 2) == ["p0", "q0"]
    turns.over(slow[0], 11 * SECOND)
    turns.over(quick[0], SECOND)
    assert _names(turns, 2, 9 * SECOND) == ["p1", "q1"]
    turns.over(slow[1], SECOND)
    turns.over(quick[1], SECOND)
    assert _names(turns, 2, 10 * SECOND) == ["q2", ""]
    assert [one.name for one in turns.left()] == [f"p{n}" for n in range(2, 9)]


def test_many_failures_of_one_project_do_not_speak_for_the_server() -> None:
    """It takes several projects in a row until nobody is asked any more."""
    projects = [ProjectId(f"x{number}") for number in range(4)]
    some = [one for project in projects for one in _some(project, 3)]
    turns = Turns(some, 4, 0, SECOND)
    taken = [one for one in (turns.next(0) for _ in range(4)) if one]
    for one in taken * 2:
        turns.over(one, 1, "no answer")
    assert turns.broken
    assert turns.silent
    alone = Turns(_some(P, 9), 4, 0, SECOND)
    first = alone.next(0)
    assert first is not None
    for _ in range(8):
        alone.over(first, 1, "no answer")
    assert not alone.broken

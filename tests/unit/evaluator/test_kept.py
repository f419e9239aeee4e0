"""Alarms that differ by one value share the rest of what they are in memory."""

from dataclasses import replace

from faultwire.domain.alarms import Alarm, AlarmState, Transition
from faultwire.domain.changes import AlarmsMoved, AlarmsRemoved, AlarmsSaved
from faultwire.domain.ids import AlarmId, ProjectId, UserId
from faultwire.domain.rules import Clause, Condition, EventRule, Operator
from faultwire.notifier.evaluator.index import AlarmIndex
from faultwire.notifier.evaluator.kept import Forms


def condition(trait: str, value: str) -> Condition:
    """Return an equality of texts."""
    return Condition(f"traits.{trait}", Operator.EQ, "string", value)


def alarm_of(number: int, server: str) -> Alarm:
    """Return an alarm as a script makes one for each server."""
    return Alarm(
        AlarmId(f"alarm-{number}"),
        ProjectId("p"),
        UserId("u"),
        f"alarm of {server}",
        "event",
        EventRule(
            Clause("compute.*", (condition("instance_id", server), condition("state", "error"))),
            Clause("compute.*", (condition("instance_id", server), condition("state", "active"))),
        ),
        alarm_actions=("http://a/",),
        resource_id=server,
    )


def test_alarms_that_differ_by_their_server_share_one_form() -> None:
    """A thousand alarms of one script are one form, and each is itself when asked for."""
    forms = Forms()
    alarms = [alarm_of(number, f"server-{number}") for number in range(1_000)]
    kept = [forms.keep(alarm, alarm.rule) for alarm in alarms if isinstance(alarm.rule, EventRule)]
    assert len(forms) == 1
    assert [one.alarm() for one in kept] == alarms


def test_a_server_named_like_a_state_shares_with_none() -> None:
    """The state `shutdown` has a meaning of its own: a resource of that name must not blur it."""
    index = AlarmIndex()
    alarms = (alarm_of(1, "shutdown"), alarm_of(2, "error"), alarm_of(3, "x"), alarm_of(4, ""))
    index.apply(AlarmsSaved(alarms))
    assert tuple(index.get(alarm.id) for alarm in alarms) == alarms
    met = index.candidates(
        ProjectId("p"),
        "compute.instance.update",
        {"instance_id": "error", "resource_id": "error", "state": "error"},
    )
    assert [(kept.id, side.raising) for kept, side in met] == [("alarm-2", True)]


def test_a_move_of_one_leaves_those_that_share_its_form() -> None:
    """State, reason, time and version are an alarm's own; the rest stays shared."""
    index = AlarmIndex()
    first, second = alarm_of(1, "a"), alarm_of(2, "b")
    index.apply(AlarmsSaved((first, second)))
    move = Transition(
        first.id, first.project, first.state, AlarmState.ALARM, "because", 7, version=3
    )
    index.apply(AlarmsMoved((move,)))
    assert index.get(first.id) == first.moved(move)
    assert index.get(second.id) == second


def test_an_alarm_that_is_saved_again_leaves_its_old_form() -> None:
    """The place of the old rule is empty; the last alarm takes its form with it."""
    index = AlarmIndex()
    index.apply(AlarmsSaved((alarm_of(1, "a"),)))
    index.apply(AlarmsSaved((replace(alarm_of(1, "b"), severity="high"),)))
    traits = {"instance_id": "a", "resource_id": "a", "state": "error"}
    assert not list(index.candidates(ProjectId("p"), "compute.x", traits))
    index.apply(AlarmsRemoved((AlarmId("alarm-1"),)))
    assert not list(index.candidates(ProjectId("p"), "compute.x", {**traits, "instance_id": "b"}))

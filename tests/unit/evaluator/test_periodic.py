"""Periodic alarms: the verdict on each state and outcome, and the alarms that it moves."""

from dataclasses import replace
from typing import Any

import orjson
import pytest

from faultwire.domain.alarms import Alarm, AlarmState
from faultwire.domain.changes import AlarmsRemoved, AlarmsSaved
from faultwire.domain.commands import MoveAlarms, Verdict
from faultwire.domain.errors import Invalid
from faultwire.domain.ids import ADMINISTRATORS, AlarmId, ProjectId, UserId
from faultwire.domain.rules import (
    Clause,
    CompositeRule,
    EventRule,
    Joint,
    Operator,
    PrometheusRule,
    ThresholdRule,
)
from faultwire.notifier.evaluator.index import AlarmIndex
from faultwire.notifier.evaluator.periodic import check_prometheus, verdict
from faultwire.notifier.evaluator.thresholds import Outcome, unanswered
from faultwire.testing.chain import InProcess

OK, ALARM, UNKNOWN = AlarmState.OK, AlarmState.ALARM, AlarmState.INSUFFICIENT_DATA
P = ProjectId("p")
CPU, LOAD = ThresholdRule("cpu", 90.0, Operator.GT), PrometheusRule("load", 5.0)
A = Alarm(
    AlarmId("a1"),
    P,
    UserId("u"),
    "cpu is hot",
    "threshold",
    CPU,
    severity="critical",
    alarm_actions=("http://alarm/",),
    ok_actions=("http://ok/", "http://ok/2"),
    insufficient_data_actions=("http://unknown/",),
    version=1,
)
BREACH = Outcome(ALARM, None, (91.0, 95.0), 2, 2)
CALM = Outcome(OK, None, (1.0, 2.0), 0, 2)
LITTLE = Outcome(UNKNOWN, None, (95.0,), 0, 2)
RISING = Outcome(None, ALARM, (1.0, 95.0), 1, 2)
FALLING = Outcome(None, OK, (95.0, 1.0), 1, 2)


@pytest.mark.parametrize(
    ("held", "outcome", "state"),
    [
        (UNKNOWN, BREACH, ALARM),
        (UNKNOWN, CALM, OK),
        (UNKNOWN, LITTLE, None),
        (UNKNOWN, RISING, ALARM),
        (UNKNOWN, FALLING, OK),
        (OK, BREACH, ALARM),
        (OK, CALM, None),
        (OK, LITTLE, UNKNOWN),
        (OK, RISING, None),
        (OK, FALLING, None),
        (ALARM, BREACH, None),
        (ALARM, CALM, OK),
        (ALARM, LITTLE, UNKNOWN),
        (ALARM, RISING, None),
        (ALARM, FALLING, None),
    ],
)
def test_every_state_and_outcome(
    held: AlarmState, outcome: Outcome, state: AlarmState | None
) -> None:
    """What is clear moves the alarm; values on both sides do only where nothing is known."""
    found = verdict(replace(A, state=held), [outcome])
    assert (found.state if found else None) is state


@pytest.mark.parametrize(
    ("held", "outcome", "state"),
    [
        (OK, CALM, OK),
        (ALARM, BREACH, ALARM),
        (ALARM, FALLING, ALARM),
        (OK, RISING, OK),
        (UNKNOWN, LITTLE, None),
    ],
)
def test_repeat_actions(held: AlarmState, outcome: Outcome, state: AlarmState | None) -> None:
    """An alarm with repeat_actions is told at every look what it remains, if it is known."""
    repeating = replace(A, state=held, repeat_actions=True)
    found = verdict(repeating, [outcome])
    assert (found.state if found else None) is state
    assert found is None or found.reason.startswith(f"Remaining as {held.value} due to")
    silent = replace(repeating, alarm_actions=(), ok_actions=(), insufficient_data_actions=())
    assert verdict(silent, [outcome]) is None


def test_reasons_are_aodhs() -> None:
    """Text and reason_data are those that consumers of Aodh read."""
    said = [
        verdict(A, [BREACH]),
        verdict(replace(A, state=ALARM), [CALM]),
        verdict(replace(A, state=ALARM), [LITTLE]),
        verdict(A, [RISING]),
        verdict(replace(A, state=OK), [unanswered("Nobody answers")]),
    ]
    assert [(one.reason, one.reason_data) for one in said if one] == [
        (
            "Transition to alarm due to 2 samples outside threshold, most recent: 95.0",
            data("outside", 2, 95.0),
        ),
        (
            "Transition to ok due to 2 samples inside threshold, most recent: 2.0",
            data("inside", 2, 2.0),
        ),
        ("2 datapoints are unknown", data("unknown", 2, 95.0)),
        (
            "Transition to alarm due to 1 samples outside threshold, most recent: 95.0",
            data("outside", 1, 95.0),
        ),
        ("Nobody answers", data("unknown", 1, None)),
    ]


def data(disposition: str, count: int, recent: float | None) -> dict[str, Any]:
    """Return reason_data as Aodh writes it."""
    return {
        "type": "threshold",
        "disposition": disposition,
        "count": count,
        "most_recent": recent,
    }


def test_a_composite_alarm_moves_by_its_rules() -> None:
    """Alarm, ok and unknown of its tree; unknown is not told twice."""
    rule = CompositeRule(Joint.AND, (CPU, LOAD))
    alarm = replace(A, type="composite", rule=rule)
    found = verdict(alarm, [BREACH, BREACH])
    assert found is not None
    assert (found.state, found.reason_data["type"]) == (ALARM, "composite")
    assert verdict(alarm, [BREACH, LITTLE]) is None
    lost = verdict(replace(alarm, state=ALARM), [BREACH, LITTLE])
    assert lost is not None
    assert lost.state is UNKNOWN
    assert verdict(replace(alarm, state=ALARM), [BREACH, BREACH]) is None
    assert verdict(replace(alarm, state=ALARM, repeat_actions=True), [BREACH, BREACH]) is not None


# ---------------------------------------------------------------- the index


def test_the_index_gives_enabled_periodic_alarms() -> None:
    """Others, disabled ones and removed ones are none of the periodic evaluator's business."""
    index = AlarmIndex()
    event = replace(A, id=AlarmId("e"), type="event", rule=EventRule(Clause("x")))
    asking = replace(A, id=AlarmId("p"), rule=LOAD)
    joined = replace(A, id=AlarmId("c"), rule=CompositeRule(Joint.OR, (CPU,)))
    off = replace(A, id=AlarmId("off"), enabled=False)
    index.apply(AlarmsSaved((A, event, asking, joined, off)))
    assert list(index.periodic()) == ["a1", "p", "c"]
    index.apply(AlarmsSaved((replace(A, enabled=False), replace(asking, rule=event.rule))))
    index.apply(AlarmsSaved((replace(off, enabled=True),)))
    index.apply(AlarmsRemoved((AlarmId("c"),)))
    assert list(index.periodic()) == ["off"]


# ---------------------------------------------------------------- the decision


def to(state: AlarmState, version: int = 1, name: str = "a1") -> Verdict:
    """Return a verdict."""
    return Verdict(AlarmId(name), version, state, "because", {"type": "threshold", "count": 1})


def standing(*alarms: Alarm) -> InProcess:
    """Return the product with these alarms."""
    product = InProcess()
    product.commit(AlarmsSaved(alarms or (A,)))
    return product


def test_a_verdict_moves_its_alarm_and_owes_its_actions() -> None:
    """State, reason and one delivery for each action of the new state; all three lists run."""
    product = standing()
    for version, (state, urls) in enumerate(
        [
            (ALARM, ["http://alarm/"]),
            (OK, ["http://ok/", "http://ok/2"]),
            (UNKNOWN, ["http://unknown/"]),
        ],
        1,
    ):
        before = len(product.deliveries)
        assert product.run(MoveAlarms((to(state, version),))) == 1
        owed = product.deliveries[before:]
        assert [one.url for one in owed] == urls
        body = orjson.loads(owed[0].body)
        assert (body["current"], body["reason"]) == (state.value, "because")
        assert body["reason_data"] == {"type": "threshold", "count": 1}
        alarm = product.indexes.alarms.get(A.id)
        assert alarm == product.ledger.alarm(A.id)
        assert alarm is not None
        assert (alarm.state, alarm.version, alarm.state_reason) == (state, version + 1, "because")
    assert len({one.id for one in product.deliveries}) == 4


@pytest.mark.parametrize(
    "alarm",
    [
        replace(A, version=2),
        replace(A, enabled=False),
        replace(A, type="event", rule=EventRule(Clause("x"))),
        replace(A, id=AlarmId("another")),
    ],
)
def test_an_alarm_that_changed_meanwhile_is_left_alone(alarm: Alarm) -> None:
    """A verdict on what is not there any more moves nothing and is no error."""
    product = standing(alarm)
    commits = product.ledger.commits
    assert product.run(MoveAlarms((to(ALARM),))) == 0
    assert product.indexes.alarms.get(alarm.id) == alarm
    assert product.deliveries == []
    assert product.ledger.commits in {commits, commits + 1}


def test_two_verdicts_of_one_moment_move_an_alarm_once() -> None:
    """When shares change hands two processes may judge one alarm: the second is too late."""
    product = standing()
    assert product.run(MoveAlarms((to(ALARM), to(ALARM)))) == 1
    assert product.run(MoveAlarms((to(ALARM),))) == 0
    assert len(product.deliveries) == 1


def test_many_verdicts_are_one_commit() -> None:
    """A batch is one transaction, with the loop served in between."""
    alarms = [replace(A, id=AlarmId(f"a{number}")) for number in range(100)]
    product = standing(*alarms)
    commits = product.ledger.commits
    verdicts = tuple(to(ALARM, name=one.id) for one in alarms)
    assert product.run(MoveAlarms(verdicts)) == 100
    assert product.ledger.commits == commits + 1
    assert [one.ordering for one in product.deliveries] == [one.id for one in alarms]


def test_a_repeated_action_is_a_delivery_of_its_own() -> None:
    """Told again is another version: another delivery id, another line of the history."""
    product = standing(replace(A, state=ALARM, repeat_actions=True))
    assert product.run(MoveAlarms((to(ALARM),))) == 1
    assert product.run(MoveAlarms((to(ALARM, 2),))) == 1
    assert len({one.id for one in product.deliveries}) == 2


# ---------------------------------------------------------------- what may be created


@pytest.mark.parametrize(
    ("rule", "kind", "field"),
    [
        (PrometheusRule("info(x)", 1.0), "prometheus", "prometheus_rule.query"),
        (
            CompositeRule(
                Joint.OR, (CPU, CompositeRule(Joint.AND, (PrometheusRule("x y", 1.0),)))
            ),
            "composite",
            "composite_rule.or[1].and[0].query",
        ),
    ],
)
def test_a_query_that_would_never_be_asked_is_refused(
    rule: PrometheusRule | CompositeRule, kind: str, field: str
) -> None:
    """At create, with the path of the field; an administrator's query is not restricted."""
    alarm = replace(A, type=kind, rule=rule)
    with pytest.raises(Invalid) as caught:
        check_prometheus(alarm, "project", configured=True)
    assert caught.value.field == field
    check_prometheus(replace(alarm, project=ADMINISTRATORS), "project", configured=True)
    with pytest.raises(Invalid, match=r"\[prometheus\] url"):
        check_prometheus(replace(alarm, project=ADMINISTRATORS), "project", configured=False)


def test_other_rules_need_no_prometheus() -> None:
    """Thresholds over samples, and composites of them, are taken without a server."""
    check_prometheus(A, "project", configured=False)
    joined = replace(A, type="composite", rule=CompositeRule(Joint.OR, (CPU,)))
    check_prometheus(joined, "project", configured=False)

"""What an alarm owes when it fires, and the decisions on alarms themselves."""

import json
from dataclasses import replace
from typing import Any

import pytest

from faultwire.domain.accounts import WebhookSecret
from faultwire.domain.alarms import Alarm, AlarmState
from faultwire.domain.changes import AlarmsSaved, HostsSaved, ServersSaved
from faultwire.domain.commands import RemoveAlarm, SaveAlarm, SetAlarmState
from faultwire.domain.decided import Fired
from faultwire.domain.errors import Conflict, Invalid, NotFound
from faultwire.domain.events import INSTANCE_UPDATE, Event
from faultwire.domain.ids import AlarmId, HostName, ProjectId, ServerId, UserId
from faultwire.domain.instants import Instant
from faultwire.domain.resources import Host, Server
from faultwire.domain.rules import Clause, Condition, EventRule, Operator
from faultwire.notifier.evaluator.engine import SLICE, EventEvaluator
from faultwire.notifier.evaluator.index import AlarmIndex
from faultwire.testing.chain import ACTOR, InProcess

P = ProjectId("p")
ERROR = Condition("traits.state", Operator.EQ, "string", "error")
ALARM = Alarm(
    AlarmId("a1"),
    P,
    UserId("u"),
    "web is down",
    "event",
    EventRule(Clause(INSTANCE_UPDATE, (ERROR,))),
    severity="critical",
    alarm_actions=("http://one/", "http://two/"),
)
NOW = Instant(1_700_000_000_000_001_000, 5)
EVENT = Event(
    "m1",
    INSTANCE_UPDATE,
    P,
    NOW.wall_ns,
    {"state": "error", "ports_down": 2, "load": 0.5},
    HostName("h1"),
)
SECRET = WebhookSecret(P, "whsec_one", 1)


def fired(*events: Event, alarms: tuple[Alarm, ...] = (ALARM,)) -> tuple[Fired, int]:
    """Return what comes of events, and the number of breathing points."""
    index = AlarmIndex()
    index.apply(AlarmsSaved(alarms))
    work = EventEvaluator(index).evaluate(events, NOW)
    breaths = 0
    while True:
        try:
            next(work)
            breaths += 1
        except StopIteration as stop:
            return stop.value, breaths


def changes(outcome: Fired, kind: str) -> tuple[Any, ...]:
    """Return the transitions or deliveries of an outcome."""
    found = [getattr(change, kind) for change in outcome.changes if hasattr(change, kind)]
    return found[0] if found else ()


def test_a_webhook_has_aodhs_body() -> None:
    """Names and shapes are those that consumers of Aodh know (S17, interfaces)."""
    outcome, _ = fired(EVENT)
    one, two = changes(outcome, "deliveries")
    assert one.body == two.body
    assert json.loads(one.body) == {
        "alarm_name": "web is down",
        "alarm_id": "a1",
        "severity": "critical",
        "previous": "insufficient data",
        "current": "alarm",
        "reason": "Event <id=m1,event_type=compute.instance.update> hits the query "
        "<query=[traits.state eq error]>.",
        "reason_data": {
            "type": "event",
            "event": {
                "message_id": "m1",
                "event_type": INSTANCE_UPDATE,
                "generated": "2023-11-14T22:13:20.000001",
                "raw": {},
                "traits": [["state", 1, "error"], ["ports_down", 2, 2], ["load", 3, 0.5]],
            },
        },
    }


def test_a_delivery_is_named_after_its_transition() -> None:
    """A decision that is repeated after a crash names the same deliveries (promise 1)."""
    first, again = changes(fired(EVENT)[0], "deliveries"), changes(fired(EVENT)[0], "deliveries")
    assert first == again
    assert len({one.id for one in first}) == 2
    (one, two) = first
    assert (one.url, two.url) == ("http://one/", "http://two/")
    assert (one.project, one.ordering) == (P, "a1")
    assert one.created_ns == one.next_ns == NOW.wall_ns
    later = replace(ALARM, version=1)
    assert one.id not in {d.id for d in changes(fired(EVENT, alarms=(later,))[0], "deliveries")}


def test_of_an_event_that_raises_and_clears_the_raise_counts() -> None:
    """An alarm whose two queries both match stays in alarm (D9)."""
    both = EventRule(Clause(INSTANCE_UPDATE, (ERROR,)), Clause("*"))
    alarm = replace(ALARM, rule=both, ok_actions=("http://ok/",))
    once, _ = fired(EVENT, alarms=(alarm,))
    assert [move.current for move in changes(once, "transitions")] == [AlarmState.ALARM]
    outcome, _ = fired(EVENT, replace(EVENT, traits={"state": "active"}), alarms=(alarm,))
    moves = changes(outcome, "transitions")
    assert [(m.previous, m.current) for m in moves] == [
        (AlarmState.INSUFFICIENT_DATA, AlarmState.ALARM),
        (AlarmState.ALARM, AlarmState.OK),
    ]
    assert [m.version for m in moves] == [1, 2]
    assert [d.url for d in changes(outcome, "deliveries")] == [*ALARM.alarm_actions, "http://ok/"]


def test_many_events_are_looked_at_in_slices() -> None:
    """Others are served between slices; nothing that matches nothing is written (promise 3)."""
    quiet = replace(EVENT, traits={"state": "active"})
    outcome, breaths = fired(*([quiet] * 3 * SLICE))
    assert (outcome, breaths) == (Fired(), 3)


def test_nothing_is_evaluated_of_another_project() -> None:
    """Neither a foreign alarm nor one of the administrators that asks for another host fires."""
    foreign = replace(ALARM, id=AlarmId("a2"), project=ProjectId("q"))
    other_host = Condition("traits.host", Operator.EQ, "string", "h2")
    rule = EventRule(Clause(INSTANCE_UPDATE, (other_host,)))
    admin = replace(ALARM, id=AlarmId("a3"), project=ProjectId(""), rule=rule)
    assert fired(EVENT, alarms=(foreign, admin))[0] == Fired()


# ---------------------------------------------------------------- decisions on alarms


@pytest.fixture
def product() -> InProcess:
    """Give a product with a server and an alarm."""
    made = InProcess()
    host = Host(HostName("h1"))
    made.commit(HostsSaved((host,)), ServersSaved((Server(ServerId("s"), "web", P, host.name),)))
    made.run(SaveAlarm(ALARM, True, ACTOR, SECRET))
    return made


def test_a_new_alarm_is_stored_with_its_history_and_a_secret(product: InProcess) -> None:
    """It is known at once, in its first version, and its project can check signatures."""
    now = product.clock.wall_ns()
    expected = replace(ALARM, version=1, state_ns=now, updated_ns=now)
    assert product.indexes.alarms.get(ALARM.id) == product.ledger.alarm(ALARM.id) == expected
    (row,) = product.ledger.history(ALARM.id, limit=9)
    assert (row.kind, row.user, json.loads(row.detail)["name"]) == (
        "creation",
        ACTOR.user,
        "web is down",
    )
    assert product.indexes.directory.secrets(P) == (SECRET,)


def test_a_project_that_has_a_secret_keeps_it(product: InProcess) -> None:
    """A second alarm brings no second secret."""
    other = replace(ALARM, id=AlarmId("a2"))
    product.run(SaveAlarm(other, True, ACTOR, WebhookSecret(P, "whsec_two", 2)))
    assert product.indexes.directory.secrets(P) == (SECRET,)


def test_a_replacement_keeps_state_and_state_times(product: InProcess) -> None:
    """What fired stays fired, unless the owner gives a state (S37)."""
    product.report("compute.instance.down", instance_id="s")
    before = product.indexes.alarms.get(ALARM.id)
    assert before is not None
    product.clock.advance(5)
    renamed = replace(ALARM, name="other", state=AlarmState.OK)
    answer = product.run(SaveAlarm(renamed, False, ACTOR, SECRET))
    now = product.clock.wall_ns()
    assert answer == replace(before, name="other", version=3, updated_ns=now)
    answer = product.run(SaveAlarm(renamed, False, ACTOR, SECRET, set_state=True))
    assert isinstance(answer, Alarm)
    assert (answer.state, answer.state_ns, answer.version) == (AlarmState.OK, now, 4)


def test_a_state_set_by_hand_runs_no_action(product: InProcess) -> None:
    """As in Aodh; the history says how it came."""
    assert product.run(SetAlarmState(ALARM.id, AlarmState.ALARM, ACTOR)) is AlarmState.ALARM
    assert product.deliveries == []
    alarm = product.indexes.alarms.get(ALARM.id)
    assert alarm is not None
    assert (alarm.state, alarm.state_reason) == (AlarmState.ALARM, "Manually set via API")


def test_what_is_owed_outlives_its_alarm(product: InProcess) -> None:
    """A deleted alarm fires no more; what it owed already still goes out."""
    product.report("compute.instance.down", instance_id="s")
    product.run(RemoveAlarm(ALARM.id, ACTOR))
    assert product.indexes.alarms.get(ALARM.id) is None
    assert len(product.ledger.pending(project=P, after=None, limit=9)) == 2


def test_what_cannot_be_decided_is_refused(product: InProcess) -> None:
    """Unknown alarms, a second one of an id, and rules that could never be evaluated."""
    nobody = AlarmId("nobody")
    wrong = replace(ERROR, type="list")
    clearing = EventRule(ALARM.rule.raises, Clause("*", (wrong,)))
    cases: list[tuple[Any, type[Exception], str]] = [
        (SetAlarmState(nobody, AlarmState.OK, ACTOR), NotFound, "Alarm nobody not found"),
        (RemoveAlarm(nobody, ACTOR), NotFound, "Alarm nobody not found"),
        (SaveAlarm(replace(ALARM, id=nobody), False, ACTOR, SECRET), NotFound, "Alarm nobody"),
        (SaveAlarm(ALARM, True, ACTOR, SECRET), Conflict, "Alarm a1 exists"),
        (
            SaveAlarm(replace(ALARM, rule=clearing), False, ACTOR, SECRET),
            Invalid,
            r"event_rule.clear.query\[0\].type",
        ),
    ]
    for command, error, message in cases:
        with pytest.raises(error, match=message):
            product.run(command)
    alarm = product.indexes.alarms.get(ALARM.id)
    assert alarm is not None
    assert alarm.version == 1

"""Subscriptions against events: filters, changes of severity, and what memory makes of news."""

from dataclasses import replace
from typing import Any

import orjson
import pytest

from faultwire.domain import changes as c
from faultwire.domain.alarms import Alarm
from faultwire.domain.decided import Fired, Work
from faultwire.domain.events import INSTANCE_UPDATE, SERVICE_UPDATE, Event
from faultwire.domain.ids import (
    ADMINISTRATORS,
    AlarmId,
    FaultId,
    HostName,
    ProjectId,
    SubscriptionId,
    UserId,
)
from faultwire.domain.instants import Instant
from faultwire.domain.rules import Clause, EventRule
from faultwire.domain.subscriptions import Filter, Subscription, Watch
from faultwire.notifier.evaluator.engine import EventEvaluator
from faultwire.notifier.evaluator.index import AlarmIndex
from faultwire.notifier.evaluator.owed import QueueingEvaluator
from faultwire.notifier.evaluator.watching import (
    SLICE,
    Both,
    SubscriptionEvaluator,
    SubscriptionIndex,
)

NOW = Instant(1_700_000_000_000_000_000, 5)
P = ProjectId("p")
OURS = Subscription(SubscriptionId("s"), P, UserId("u"), "ours", "http://hook/x", Filter())


def event(severity: str, **more: Any) -> Event:
    """Return an event of a server."""
    made = Event(
        "m-1",
        INSTANCE_UPDATE,
        P,
        NOW.wall_ns,
        {"instance_id": "vm-1", "display_name": "one", "state": "error"},
        HostName("compute-1"),
        FaultId("f-1"),
        severity,
        {"tier": "gold"},
    )
    return replace(made, **more)


class Standing:
    """An index with its evaluator; what fired is applied at once."""

    def __init__(self, *subscriptions: Subscription) -> None:
        self.index = SubscriptionIndex()
        self.index.apply(c.SubscriptionsSaved(subscriptions))

    def see(self, *events: Event) -> list[dict[str, Any]]:
        """Evaluate events and return the bodies that are owed."""
        fired, _ = finished(SubscriptionEvaluator(self.index).evaluate(events, NOW))
        owed = []
        for change in fired.changes:
            self.index.apply(change)
            if isinstance(change, c.DeliveriesQueued):
                owed = [orjson.loads(one.body) for one in change.deliveries]
        return owed


def finished(work: Work[Fired]) -> tuple[Fired, int]:
    """Return what fired, and the number of breathing points."""
    breaths = 0
    while True:
        try:
            next(work)
        except StopIteration as stop:
            return stop.value, breaths
        breaths += 1


def told(bodies: list[dict[str, Any]]) -> list[tuple[str, str, str, str]]:
    """Return what bodies say of a condition."""
    return [
        (
            body["previous"],
            body["current"],
            body["severity"],
            body["reason_data"]["severity"],
        )
        for body in bodies
    ]


@pytest.mark.parametrize(
    ("wanted", "passes"),
    [
        (Filter(), True),
        (Filter(kinds=("server",)), True),
        (Filter(kinds=("port", "guest")), False),
        (Filter(severities=("major", "critical")), True),
        (Filter(severities=("major",)), False),
        (Filter(event_types=(INSTANCE_UPDATE,)), True),
        (Filter(event_types=(SERVICE_UPDATE,)), False),
        (Filter(metadata={"tier": "gold"}), True),
        (Filter(metadata={"tier": "tin"}), False),
        (Filter(metadata={"tier": "gold", "zone": "a"}), False),
    ],
)
def test_a_filter_admits_what_meets_all_of_it(wanted: Filter, passes: bool) -> None:
    """Kinds, severities, types and metadata, each empty for all; a clear follows its raise."""
    standing = Standing(replace(OURS, filter=wanted))
    assert bool(standing.see(event("critical"))) is passes
    assert bool(standing.see(event("cleared", metadata=None))) is passes


def test_each_change_of_severity_is_told_once() -> None:
    """Raised, worse, better, cleared; under one id, with severities in alarms' words (D3)."""
    standing = Standing(OURS)
    words = ("minor", "minor", "critical", "warning", "warning", "cleared", "cleared", "major")
    bodies = standing.see(*map(event, words))
    assert told(bodies) == [
        ("ok", "alarm", "moderate", "minor"),
        ("alarm", "alarm", "critical", "critical"),
        ("alarm", "alarm", "low", "warning"),
        ("alarm", "ok", "low", "cleared"),
        ("ok", "alarm", "moderate", "major"),
    ]
    assert {body["alarm_id"] for body in bodies} == {OURS.alarm_id("server", "vm-1")}
    assert standing.see(event("major")) == []
    assert told(standing.see(event("cleared"))) == [("alarm", "ok", "moderate", "cleared")]


def test_what_does_not_pass_leaves_what_was_raised() -> None:
    """A filter is about what is raised: a milder severity outside of it is no clear."""
    standing = Standing(replace(OURS, filter=Filter(severities=("critical",))))
    words = ("major", "critical", "major", "critical", "cleared")
    assert told(standing.see(*map(event, words))) == [
        ("ok", "alarm", "critical", "critical"),
        ("alarm", "ok", "critical", "cleared"),
    ]


def test_events_without_a_condition_mean_nothing() -> None:
    """No severity, no resource, or a type that says nothing of one: nobody is told."""
    standing = Standing(OURS)
    assert standing.see(event("")) == []
    assert standing.see(event("critical", event_type="thing.happened")) == []
    assert standing.see(event("critical", traits={"state": "error"})) == []
    assert standing.see(event("critical", project=ProjectId("q"))) == []


def test_tenants_see_no_host_and_administrators_do() -> None:
    """The name of a host is on the administrators' copy only (S47)."""
    everything = replace(OURS, id=SubscriptionId("a"), project=ADMINISTRATORS, name="")
    standing = Standing(OURS, everything)
    mine, theirs = standing.see(event("critical"))
    assert "compute-1" not in orjson.dumps(mine).decode()
    assert ["host", 1, "compute-1"] in theirs["reason_data"]["event"]["traits"]
    assert (mine["alarm_name"], theirs["alarm_name"]) == ("ours", "subscription")
    host = {"host": "compute-1", "state": "down"}
    (told_of,) = standing.see(
        event("critical", event_type=SERVICE_UPDATE, project=ADMINISTRATORS, traits=host)
    )
    assert told_of["reason_data"]["resource"] == {"kind": "host", "id": "compute-1"}


def test_a_delivery_belongs_to_the_faults_timeline_when_it_raises() -> None:
    """Of a clear nobody measures the way; ids follow from the resource and the version."""
    index = Standing(OURS).index
    evaluator = SubscriptionEvaluator(index)
    fired, _ = finished(evaluator.evaluate([event("major"), event("cleared")], NOW))
    moved, queued = fired.changes
    assert isinstance(moved, c.WatchesMoved)
    assert isinstance(queued, c.DeliveriesQueued)
    assert [watch.version for watch in moved.watches] == [1, 2]
    assert [one.fault_id for one in queued.deliveries] == ["f-1", None]
    first, second = queued.deliveries
    assert first.created_ns < second.created_ns
    assert first.id != second.id
    assert (first.ordering, first.url) == (OURS.alarm_id("server", "vm-1"), OURS.callback)
    again, _ = finished(evaluator.evaluate([event("major"), event("cleared")], NOW))
    assert again.changes == fired.changes


def test_news_that_come_late_or_twice_change_nothing() -> None:
    """What others committed may be told again, and of a subscription that is gone."""
    index = Standing(OURS).index
    watch = Watch(OURS.alarm_id("server", "v"), OURS.id, P, "server", "v", "major", 2, 1)
    older = replace(watch, severity="cleared", version=1)
    index.apply(c.WatchesMoved((watch, older)))
    index.apply(c.SubscriptionsSaved((OURS,)))
    (kept,) = index.of(P)
    assert kept.watches == {("server", "v"): watch}
    index.apply(c.SubscriptionsRemoved((OURS.id,)))
    index.apply(c.SubscriptionsRemoved((OURS.id,)))
    index.apply(c.WatchesMoved((watch,)))
    assert (len(index), index.owned(P), index.get(OURS.id), [*index.of(P)]) == (0, 0, None, [])
    index.apply(c.SubscriptionsSaved((OURS,)))
    index.apply(c.ProjectsRemoved((P, ProjectId("q"))))
    assert len(index) == 0


def test_many_events_are_taken_in_slices() -> None:
    """Others are served between; where nobody subscribed, nothing is looked at."""
    events = [event("major")] * (3 * SLICE)
    index = Standing(OURS).index
    fired, breaths = finished(SubscriptionEvaluator(index).evaluate(events, NOW))
    assert (fired.transitions, fired.deliveries, breaths) == (1, 1, 3)
    nobody = SubscriptionEvaluator(SubscriptionIndex())
    assert finished(nobody.evaluate(events, NOW)) == (Fired(), 0)


def test_both_evaluators_are_heard() -> None:
    """What alarms and subscriptions make of events comes out together."""
    index = Standing(OURS).index
    both = Both(EventEvaluator(AlarmIndex()), SubscriptionEvaluator(index))
    fired, _ = finished(both.evaluate([event("major")], NOW))
    assert (len(fired.changes), fired.transitions, fired.deliveries) == (2, 1, 1)


@pytest.mark.parametrize(
    ("alarms", "subscribed", "owed"),
    [
        ((), (), 0),
        ((P,), (), 2),
        ((ADMINISTRATORS,), (), 2),
        ((), (P,), 2),
        ((), (ADMINISTRATORS,), 2),
        ((), (ProjectId("q"),), 0),
        ((P,), (P,), 3),
    ],
)
def test_events_are_owed_for_subscriptions_too(
    alarms: tuple[ProjectId, ...], subscribed: tuple[ProjectId, ...], owed: int
) -> None:
    """Alarms wait for what is not quiet, subscriptions for what tells of a condition."""
    events = (event("major"), event(""), event("cleared", quiet=True))
    queue = QueueingEvaluator(alarms.count, subscribed.count)
    fired, _ = finished(queue.evaluate(events, NOW))
    found = [
        one
        for change in fired.changes
        if isinstance(change, c.EventsOwed)
        for one in change.events
    ]
    assert len(found) == owed


def test_quiet_events_are_for_subscribers_alone() -> None:
    """An alarm that matches everything does not see what only ends somebody's trouble."""
    alarm = Alarm(
        AlarmId("a"),
        P,
        UserId("u"),
        "a",
        "event",
        EventRule(Clause("*")),
        alarm_actions=("http://x",),
    )
    alarms, index = AlarmIndex(), Standing(OURS).index
    alarms.apply(c.AlarmsSaved((alarm,)))
    both = Both(EventEvaluator(alarms), SubscriptionEvaluator(index))
    fired, _ = finished(both.evaluate([event("major", quiet=True)], NOW))
    assert (fired.transitions, fired.deliveries) == (1, 1)
    assert [type(change) for change in fired.changes] == [c.WatchesMoved, c.DeliveriesQueued]

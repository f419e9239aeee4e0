"""What message buses get, and that it is owed to evaluators whoever watches (S95, S113)."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import orjson
import pytest

from faultwire.domain import changes as c
from faultwire.domain.alarms import AlarmState, Delivery, Transition
from faultwire.domain.decided import Decided, Deciding, Fired, Work
from faultwire.domain.events import (
    FAULT_RAISED,
    INSTANCE_UPDATE,
    PORT_UPDATE,
    SERVICE_UPDATE,
    Event,
)
from faultwire.domain.ids import ADMINISTRATORS, AlarmId, HostName, ProjectId
from faultwire.domain.instants import Instant
from faultwire.domain.tracing import traceparent
from faultwire.notifier.evaluator.owed import QueueingEvaluator
from faultwire.notifier.evaluator.publishing import (
    PublishingDecider,
    PublishingEvaluator,
    published,
)
from faultwire.ports import View
from faultwire.ports.buses import BUS
from faultwire.resourcemap.index import ResourceMap

NOW = Instant(5, 7)


def finished(work: Work[Fired] | Deciding) -> Any:
    """Return what a work comes to."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value


MOVED = Event(
    "m1",
    PORT_UPDATE,
    ProjectId("p"),
    5,
    {"port_id": "port-1", "data_plane_status": "DOWN"},
    payload={"port": {"id": "port-1"}, "old_data_plane_status": None},
)


SERVICE = Event("m2", SERVICE_UPDATE, ADMINISTRATORS, 5, {"host": "c1", "forced_down": "True"})
INSTANCE = Event(
    "m3",
    INSTANCE_UPDATE,
    ProjectId("p"),
    5,
    {"instance_id": "vm", "state": "error"},
    HostName("c1"),
)
RAISED = Event("m4", FAULT_RAISED, ADMINISTRATORS, 5, {"fault_id": "f", "type": "t"})

ALARM = AlarmId("a1")
VIEW: Any = ResourceMap()


class Moves:
    """Implements `ports.Evaluator` and `Decider`: says that alarms moved."""

    def __init__(self, *moves: Transition) -> None:
        self._fired = Fired((c.AlarmsMoved(moves),), len(moves)) if moves else Fired()

    def evaluate(self, events: Sequence[Event], now: Instant) -> Work[Fired]:
        """Return what was said."""
        del events, now
        yield
        return self._fired

    def decide(self, command: object, view: View, now: Instant) -> Deciding:
        """Answer what was said."""
        del command, view, now
        yield None
        return Decided(answer=1, changes=self._fired.changes)


def move(previous: AlarmState, current: AlarmState) -> Transition:
    """Return a move of the alarm."""
    return Transition(ALARM, ProjectId("p"), previous, current, "because", 1_500_000_000, 4)


def publishing(*moves: Transition) -> PublishingEvaluator:
    """Return an evaluator that publishes what these moves tell."""
    return PublishingEvaluator(Moves(*moves), lambda _: "critical")


def rows(changes: Sequence[c.Change]) -> list[Delivery]:
    """Return what is queued."""
    queued = (one for one in changes if isinstance(one, c.DeliveriesQueued))
    return [row for one in queued for row in one.deliveries]


@pytest.mark.parametrize(
    ("event", "counts"),
    [
        (MOVED, 1),
        (replace(MOVED, quiet=True), 0),
        (replace(MOVED, original={"event_type": PORT_UPDATE}), 0),
        (replace(MOVED, event_type="compute.metrics.update"), 0),
        (SERVICE, 1),
        (INSTANCE, 1),
        (RAISED, 1),
    ],
)
def test_what_is_published_is_owed_though_nobody_watches(event: Event, counts: int) -> None:
    """Among several processes our events reach buses without any alarm on them, others' never.

    What came from a bus or an API is not told again: it would go round.
    """
    queue = QueueingEvaluator(lambda _: 0, published=published)
    fired = finished(queue.evaluate([event], NOW))
    owed = [change.events for change in fired.changes if isinstance(change, c.EventsOwed)]
    assert owed == [(event,)] * counts
    fired = finished(publishing().evaluate([event], NOW))
    assert len(rows(fired.changes)) == fired.deliveries == counts


def test_a_notification_is_one_row_in_its_resources_order() -> None:
    """The row has the payload, a name that repeats with the event, and the port as its order."""
    (row,) = rows(finished(publishing().evaluate([MOVED], NOW)).changes)
    assert (row.kind, row.ordering) == (BUS, "port-1")
    message = orjson.loads(row.body)
    assert message["payload"] == MOVED.payload
    assert message["publisher_id"] == "faultwire.network"
    assert message["_context_traceparent"] == traceparent(MOVED.fault_id, MOVED.message_id)
    assert message["timestamp"] == "1970-01-01 00:00:00.000000"
    (again,) = rows(finished(publishing().evaluate([MOVED], Instant(9, 9))).changes)
    assert again.id == row.id


def test_operators_get_the_host_of_a_server() -> None:
    """What no tenant may see is on the bus, which is the operators'."""
    (row,) = rows(finished(publishing().evaluate([INSTANCE], NOW)).changes)
    assert orjson.loads(row.body)["payload"] == {**INSTANCE.traits, "host": "c1"}


def test_a_state_transition_is_told_as_aodh_tells_it() -> None:
    """An alarm that moved is `alarm.state_transition`; one that fires again is no transition."""
    moved = move(AlarmState.OK, AlarmState.ALARM)
    again = move(AlarmState.ALARM, AlarmState.ALARM)
    (row,) = rows(finished(publishing(moved, again).evaluate([], NOW)).changes)
    message = orjson.loads(row.body)
    assert message["event_type"] == "alarm.state_transition"
    payload = message["payload"]
    assert payload["event_id"] == message["message_id"]
    assert payload["detail"] == '{"state":"alarm","transition_reason":"because"}'
    assert payload["timestamp"] == "1970-01-01T00:00:01.500000"
    assert (payload["severity"], payload["type"]) == ("critical", "state transition")
    assert row.ordering == ALARM


def test_a_state_transition_belongs_to_the_trace_of_its_fault() -> None:
    """Who hears it continues the fault's trace; moved by nothing of ours it begins its own."""
    fault = "3c0f3a51-79f7-4d6e-9a0d-6f6a4f0c1d2e"
    moved = replace(move(AlarmState.OK, AlarmState.ALARM), fault_id=fault)
    for one, trace in ((moved, fault), (replace(moved, fault_id=None), None)):
        (row,) = rows(finished(publishing(one).evaluate([], NOW)).changes)
        message = orjson.loads(row.body)
        expected = trace or message["message_id"]
        assert message["_context_traceparent"].split("-")[1] == expected.replace("-", "")


def test_a_state_set_by_hand_or_by_a_round_is_told_too() -> None:
    """A decision that moves alarms without an event reaches buses, its answer unchanged."""
    moves = Moves(move(AlarmState.OK, AlarmState.ALARM))
    deciding = PublishingDecider(moves, lambda _: "low").decide(object(), VIEW, NOW)
    decided = finished(deciding)
    assert decided.answer == 1
    (row,) = rows(decided.changes)
    assert orjson.loads(row.body)["payload"]["alarm_id"] == ALARM

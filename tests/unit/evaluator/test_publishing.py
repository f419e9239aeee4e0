"""What message buses get, and that it is owed to evaluators whoever watches (S95, S113)."""

from dataclasses import replace

import orjson
import pytest

from faultwire.domain import changes as c
from faultwire.domain.decided import Fired, Work
from faultwire.domain.events import INSTANCE_UPDATE, PORT_UPDATE, Event
from faultwire.domain.ids import ProjectId
from faultwire.domain.instants import Instant
from faultwire.notifier.evaluator.owed import QueueingEvaluator
from faultwire.notifier.evaluator.publishing import PublishingEvaluator, published
from faultwire.ports.buses import BUS

NOW = Instant(5, 7)


def finished(work: Work[Fired]) -> Fired:
    """Return what a work comes to."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            fired: Fired = end.value
            return fired


MOVED = Event(
    "m1",
    PORT_UPDATE,
    ProjectId("p"),
    5,
    {"port_id": "port-1", "data_plane_status": "DOWN"},
    payload={"port": {"id": "port-1"}, "old_data_plane_status": None},
)


@pytest.mark.parametrize(
    ("event", "counts"),
    [
        (MOVED, 1),
        (replace(MOVED, quiet=True), 0),
        (replace(MOVED, event_type=INSTANCE_UPDATE), 0),
    ],
)
def test_ports_are_owed_though_nobody_watches_them(event: Event, counts: int) -> None:
    """Among several processes a port's change reaches buses without any alarm on it."""
    queue = QueueingEvaluator(lambda _: 0, published=published)
    fired = finished(queue.evaluate([event], NOW))
    rows = [change.events for change in fired.changes if isinstance(change, c.EventsOwed)]
    assert rows == [(event,)] * counts
    fired = finished(PublishingEvaluator().evaluate([event], NOW))
    queued = [change for change in fired.changes if isinstance(change, c.DeliveriesQueued)]
    assert len(queued) == counts


def test_a_notification_is_one_row_in_its_ports_order() -> None:
    """The row has the payload, a name that repeats with the event, and the port as its order."""
    fired = finished(PublishingEvaluator().evaluate([MOVED], NOW))
    (change,) = fired.changes
    assert isinstance(change, c.DeliveriesQueued)
    (row,) = change.deliveries
    assert (row.kind, row.ordering) == (BUS, "port-1")
    assert orjson.loads(row.body)["payload"] == MOVED.payload
    again = finished(PublishingEvaluator().evaluate([MOVED], Instant(9, 9)))
    (other,) = again.changes
    assert isinstance(other, c.DeliveriesQueued)
    assert other.deliveries[0].id == row.id

"""Events for message buses: rows of the outbox, so that no bus holds anybody up (S95, S113)."""

from collections.abc import Sequence

import orjson

from faultwire.domain.alarms import Delivery
from faultwire.domain.changes import DeliveriesQueued
from faultwire.domain.decided import Fired, Work
from faultwire.domain.events import PORT_UPDATE, Event
from faultwire.domain.ids import ADMINISTRATORS, DeliveryId, derived
from faultwire.domain.instants import Instant, rfc3339
from faultwire.ports.buses import BUS

DESTINATION = "bus://notifications"
PUBLISHED = {PORT_UPDATE: ("network", "port_id")}
"""Events that buses get: who publishes them, and the trait by which they stay in order."""

SLICE = 64


def published(event: Event) -> bool:
    """Whether buses get an event."""
    return event.event_type in PUBLISHED and not event.quiet


class PublishingEvaluator:
    """Implements `ports.Evaluator`: queues what buses get, and moves no alarm."""

    def evaluate(self, events: Sequence[Event], now: Instant) -> Work[Fired]:
        """Return a delivery for each event that is published; quiet ones are not."""
        found: list[Delivery] = []
        for number, event in enumerate(events, 1):
            if published(event):
                row = PUBLISHED[event.event_type]
                found.append(_delivery(event, row, now.wall_ns + len(found)))
            if number % SLICE == 0:
                yield
        if not found:
            return Fired()
        return Fired((DeliveriesQueued(tuple(found)),), deliveries=len(found))


def _delivery(event: Event, row: tuple[str, str], at_ns: int) -> Delivery:
    service, ordering = row
    body = {
        "message_id": event.message_id,
        "publisher_id": f"{service}.{event.host or 'faultwire'}",
        "event_type": event.event_type,
        "priority": "INFO",
        "timestamp": rfc3339(event.generated_ns),
        "payload": dict(event.payload or event.traits),
    }
    return Delivery(
        DeliveryId(derived(BUS, event.message_id)),
        ADMINISTRATORS,
        DESTINATION,
        str(event.traits[ordering]),
        orjson.dumps(body),
        # Age is the order after a restart.
        at_ns,
        kind=BUS,
        next_ns=at_ns,
    )

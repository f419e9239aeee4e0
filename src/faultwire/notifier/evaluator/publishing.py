"""Events for message buses: rows of the outbox, so that no bus holds anybody up (S95, S113).

What goes out is the message of a notification, as OpenStack's own listeners read it. It has the
name of the event that it tells of, so that a repeat is known by it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import orjson

from faultwire.domain.alarms import Delivery, Transition
from faultwire.domain.aodh import naive
from faultwire.domain.changes import AlarmsMoved, Change, DeliveriesQueued
from faultwire.domain.decided import Decided, Deciding, Fired, Work
from faultwire.domain.events import (
    FAULT_CLEARED,
    FAULT_RAISED,
    INSTANCE_UPDATE,
    PORT_UPDATE,
    SERVICE_UPDATE,
    Event,
)
from faultwire.domain.ids import ADMINISTRATORS, AlarmId, DeliveryId, derived
from faultwire.domain.instants import Instant
from faultwire.domain.tracing import traceparent
from faultwire.ports import Decider, Evaluator, View
from faultwire.ports.buses import BUS, publisher

DESTINATION = "bus://notifications"
ALARM_MOVED = "alarm.state_transition"
PUBLISHED: Mapping[str, tuple[str, str]] = {
    SERVICE_UPDATE: ("compute", "host"),
    INSTANCE_UPDATE: ("compute", "instance_id"),
    PORT_UPDATE: ("network", "port_id"),
    "database.guest.update": ("database", "guest_id"),
    "faultwire.latency.budget": ("profiler", "span"),
    FAULT_RAISED: ("fault", "fault_id"),
    FAULT_CLEARED: ("fault", "fault_id"),
}
"""Events that buses get: for which service we speak, and the trait by which they stay in order."""

TRACE = "_context_traceparent"
"""Where oslo.messaging carries what belongs to a notification's context: the fault's trace."""

TRAITS = "_traits"
"""Where the traits of an event are whose payload is another."""

SLICE = 64

SeverityOf = Callable[[AlarmId], str]


def published(event: Event) -> bool:
    """Whether buses get an event: it is ours, it was not taken from a bus or an API."""
    return event.event_type in PUBLISHED and not event.quiet and event.original is None


class PublishingEvaluator:
    """Implements `ports.Evaluator`: what another one makes of events, and what buses get."""

    def __init__(self, inner: Evaluator, severity_of: SeverityOf) -> None:
        """Take who moves the alarms, and how severe each of them is."""
        self._inner = inner
        self._severity_of = severity_of

    def evaluate(self, events: Sequence[Event], now: Instant) -> Work[Fired]:
        """Return what fires, and a delivery for each event and transition that is published."""
        fired = yield from self._inner.evaluate(events, now)
        found: list[Delivery] = []
        for number, event in enumerate(events, 1):
            if published(event):
                found.append(_of_event(event, now.wall_ns + len(found)))
            if number % SLICE == 0:
                yield
        found += _of_moves(fired.changes, self._severity_of, now, before=len(found))
        if not found:
            return fired
        return Fired(
            (*fired.changes, DeliveriesQueued(tuple(found))),
            fired.transitions,
            fired.deliveries + len(found),
        )


class PublishingDecider:
    """Tells buses of the alarms that a decision moves without an event: by hand, or by a round."""

    def __init__(self, inner: Decider[Any], severity_of: SeverityOf) -> None:
        """Take who decides, and how severe each alarm is."""
        self._inner = inner
        self._severity_of = severity_of

    def decide(self, command: object, view: View, now: Instant) -> Deciding:
        """Answer as the other one does."""
        decided = yield from self._inner.decide(command, view, now)
        found = _of_moves(decided.changes, self._severity_of, now)
        if not found:
            return decided
        return Decided(
            decided.answer,
            (*decided.changes, DeliveriesQueued(tuple(found))),
            decided.events,
            decided.then,
            decided.detected,
        )


def _of_moves(
    changes: Iterable[Change], severity_of: SeverityOf, now: Instant, *, before: int = 0
) -> list[Delivery]:
    """Return what buses get of alarms that moved; not of one that merely fired again."""
    moves = (move for one in changes if isinstance(one, AlarmsMoved) for move in one.transitions)
    told = (move for move in moves if move.previous is not move.current)
    return [
        _of_move(move, severity_of(move.alarm_id), now.wall_ns + number)
        for number, move in enumerate(told, before)
    ]


def _of_event(event: Event, at_ns: int) -> Delivery:
    service, ordering = PUBLISHED[event.event_type]
    payload = dict(event.payload or event.traits)
    if event.host and not event.payload:
        payload.setdefault("host", event.host)
    message = _message(event.message_id, service, event.event_type, event.generated_ns, payload)
    message[TRACE] = traceparent(event.fault_id, event.message_id)
    if event.payload:
        # What alarms of others look at; the process that publishes takes it out again.
        message[TRAITS] = dict(event.traits)
    return _delivery(message, str(event.traits[ordering]), at_ns)


def _of_move(move: Transition, severity: str, at_ns: int) -> Delivery:
    """Return what Aodh says of a state that changed."""
    message_id = derived(ALARM_MOVED, move.alarm_id, move.version)
    detail = {"state": move.current, "transition_reason": move.reason}
    payload = {
        "event_id": message_id,
        "alarm_id": move.alarm_id,
        "type": "state transition",
        "detail": orjson.dumps(detail).decode(),
        "user_id": move.user,
        "project_id": move.project,
        "on_behalf_of": move.project,
        "timestamp": naive(move.at_ns),
        "severity": severity,
    }
    message = _message(message_id, "alarming", ALARM_MOVED, move.at_ns, payload)
    message[TRACE] = traceparent(move.fault_id, message_id)
    return _delivery(message, move.alarm_id, at_ns)


def _message(
    message_id: str,
    service: str,
    event_type: str,
    generated_ns: int,
    payload: Mapping[str, object],
) -> dict[str, object]:
    return {
        "message_id": message_id,
        "publisher_id": publisher(service),
        "event_type": event_type,
        "priority": "INFO",
        "timestamp": naive(generated_ns).replace("T", " "),
        "payload": payload,
    }


def _delivery(message: Mapping[str, object], ordering: str, at_ns: int) -> Delivery:
    return Delivery(
        DeliveryId(derived(BUS, message["message_id"])),
        ADMINISTRATORS,
        DESTINATION,
        ordering,
        orjson.dumps(message),
        # Age is the order after a restart.
        at_ns,
        kind=BUS,
        next_ns=at_ns,
    )

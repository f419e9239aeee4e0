"""Evaluates events against the index: transitions and deliveries come out (S10, S16, D9)."""

from collections.abc import Mapping, Sequence
from functools import lru_cache

import orjson

from faultwire.domain.alarms import Alarm, AlarmState, Condition, Delivery, Transition
from faultwire.domain.changes import AlarmsMoved, Change, DeliveriesQueued
from faultwire.domain.decided import Fired, Work
from faultwire.domain.events import Event, type_of_trait
from faultwire.domain.ids import ADMINISTRATORS, AlarmId, DeliveryId, ProjectId, derived
from faultwire.domain.instants import Instant, rfc3339
from faultwire.notifier.evaluator.index import AlarmIndex, Entry
from faultwire.notifier.evaluator.rules import Trait

SLICE = 32
"""Events looked at between two breathing points."""


class EventEvaluator:
    """Implements `ports.Evaluator` over an index that it only reads."""

    def __init__(self, index: AlarmIndex) -> None:
        """Take the index; the lane is its only writer."""
        self._index = index

    def evaluate(self, events: Sequence[Event], now: Instant) -> Work[Fired]:
        """Return what fires; an alarm that one event moved is seen moved by the next."""
        batch = _Batch(now)
        for number, event in enumerate(events, 1):
            if event.project != ADMINISTRATORS:
                self._one(event, event.project, event.traits, batch)
            if self._index.owned(ADMINISTRATORS):
                whole = {**event.traits, "host": event.host} if event.host else event.traits
                self._one(event, ADMINISTRATORS, whole, batch)
            if number % SLICE == 0:
                yield
        return batch.fired()

    def _one(
        self, event: Event, project: ProjectId, traits: Mapping[str, Trait], batch: "_Batch"
    ) -> None:
        raised: set[AlarmId] = set()
        found = list(self._index.candidates(project, event.event_type, traits))
        for entry in sorted(found, key=_raising_first) if len(found) > 1 else found:
            if entry.alarm in raised:
                continue
            touched = self._index.touched(entry, traits)
            if touched is None:
                continue
            if entry.raising:
                raised.add(entry.alarm)
            batch.move(*touched, event, traits, raising=entry.raising)


def _raising_first(entry: Entry) -> bool:
    return not entry.raising


class _Batch:
    """What one evaluation gathers; states moved within it are seen by later events."""

    def __init__(self, now: Instant) -> None:
        self._now = now
        self._states: dict[AlarmId, tuple[AlarmState, int]] = {}
        self._transitions: list[Transition] = []
        self._deliveries: list[Delivery] = []

    def move(
        self,
        alarm: Alarm,
        query: tuple[Condition, ...],
        event: Event,
        traits: Mapping[str, Trait],
        *,
        raising: bool,
    ) -> None:
        previous, version = self._states.get(alarm.id, (alarm.state, alarm.version))
        current = AlarmState.ALARM if raising else AlarmState.OK
        if previous is current and not (alarm.repeat_actions and raising):
            return
        version += 1
        reason = _reason(event, query)
        self._states[alarm.id] = (current, version)
        self._transitions.append(
            Transition(
                alarm.id, alarm.project, previous, current, reason, self._now.wall_ns, version
            )
        )
        actions = alarm.alarm_actions if raising else alarm.ok_actions
        if actions:
            body = _body(alarm, (previous, current), reason, event, traits)
            for number, url in enumerate(actions):
                self._deliveries.append(
                    Delivery(
                        DeliveryId(derived(alarm.id, version, number)),
                        alarm.project,
                        url,
                        alarm.id,
                        body,
                        # One later than the other: age is the order after a restart.
                        self._now.wall_ns + len(self._deliveries),
                        event.fault_id,
                        next_ns=self._now.wall_ns,
                    )
                )

    def fired(self) -> Fired:
        changes: list[Change] = []
        if self._transitions:
            changes.append(AlarmsMoved(tuple(self._transitions)))
        if self._deliveries:
            changes.append(DeliveriesQueued(tuple(self._deliveries)))
        return Fired(tuple(changes), len(self._transitions), len(self._deliveries))


@lru_cache(maxsize=64)
def _generated(wall_ns: int) -> str:
    """Return a time as Aodh writes it; the events of one plan share it."""
    return rfc3339(wall_ns).removesuffix("Z")


def _reason(event: Event, query: tuple[Condition, ...]) -> str:
    said = ", ".join(f"{c.field} {c.op} {c.value}" for c in query)
    return (
        f"Event <id={event.message_id},event_type={event.event_type}> "
        f"hits the query <query=[{said}]>."
    )


def _body(
    alarm: Alarm,
    states: tuple[AlarmState, AlarmState],
    reason: str,
    event: Event,
    traits: Mapping[str, Trait],
) -> bytes:
    """Return Aodh's body of a webhook, encoded once for all of the alarm's actions."""
    # A thousand of these stand between a dead host and its owners: the fast encoder it is.
    return orjson.dumps(
        {
            "alarm_name": alarm.name,
            "alarm_id": alarm.id,
            "severity": alarm.severity,
            "previous": states[0],
            "current": states[1],
            "reason": reason,
            "reason_data": {
                "type": "event",
                "event": {
                    "message_id": event.message_id,
                    "event_type": event.event_type,
                    "generated": _generated(event.generated_ns),
                    "raw": {},
                    "traits": [
                        [name, type_of_trait[type(value)], value] for name, value in traits.items()
                    ],
                },
            },
        }
    )

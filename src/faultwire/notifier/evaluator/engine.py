"""Evaluates events against the index: transitions and deliveries come out (S10, S16, D9)."""

from collections.abc import Mapping, Sequence

from faultwire.domain.alarms import AlarmState, Delivery, Transition
from faultwire.domain.changes import AlarmsMoved, Change, DeliveriesQueued
from faultwire.domain.decided import Fired, Work
from faultwire.domain.events import Event
from faultwire.domain.ids import ADMINISTRATORS, AlarmId, ProjectId
from faultwire.domain.instants import Instant
from faultwire.domain.making import maker
from faultwire.notifier.evaluator.constraints import within
from faultwire.notifier.evaluator.deliveries import body_of, deliveries_of
from faultwire.notifier.evaluator.documents import event_document
from faultwire.notifier.evaluator.index import AlarmIndex
from faultwire.notifier.evaluator.kept import ACTIONS, Kept, Side
from faultwire.notifier.evaluator.rules import Trait

_transition = maker(Transition)

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
            if event.quiet:
                continue
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
        met = list(self._index.candidates(project, event.event_type, traits))
        for kept, side in sorted(met, key=_raising_first) if len(met) > 1 else met:
            if kept.id in raised:
                continue
            if not batch.in_time(kept):
                continue
            if side.raising:
                raised.add(kept.id)
            batch.move(kept, side, event, traits)


def _raising_first(met: tuple[Kept, Side]) -> bool:
    return not met[1].raising


class _Batch:
    """What one evaluation gathers; states moved within it are seen by later events."""

    def __init__(self, now: Instant) -> None:
        self._now = now
        self._states: dict[AlarmId, tuple[AlarmState, int]] = {}
        self._transitions: list[Transition] = []
        self._deliveries: list[Delivery] = []

    def in_time(self, kept: Kept) -> bool:
        """Whether the alarm is evaluated now."""
        constraints = kept.form.example.time_constraints
        return not constraints or within(constraints, self._now.wall_ns)

    def move(self, kept: Kept, side: Side, event: Event, traits: Mapping[str, Trait]) -> None:
        like = kept.form.example
        previous, version = self._states.get(kept.id) or (kept.state, kept.version)
        current = AlarmState.ALARM if side.raising else AlarmState.OK
        if previous is current and not (like.repeat_actions and side.raising):
            return
        version += 1
        move = _transition(
            kept.id,
            kept.project,
            previous,
            current,
            _reason(event, kept.said(side)),
            self._now.wall_ns,
            version,
            "",
            event.fault_id,
        )
        self._states[kept.id] = (current, version)
        self._transitions.append(move)
        actions = kept.actions[ACTIONS[current]]
        if actions:
            body = body_of(kept.name, like.severity, move, _reason_data(event, traits))
            before = len(self._deliveries)
            self._deliveries += deliveries_of(
                move, body, actions, before=before, fault_id=event.fault_id
            )

    def fired(self) -> Fired:
        changes: list[Change] = []
        if self._transitions:
            changes.append(AlarmsMoved(tuple(self._transitions)))
        if self._deliveries:
            changes.append(DeliveriesQueued(tuple(self._deliveries)))
        return Fired(tuple(changes), len(self._transitions), len(self._deliveries))


def _reason(event: Event, said: str) -> str:
    return (
        f"Event <id={event.message_id},event_type={event.event_type}> "
        f"hits the query <query=[{said}]>."
    )


def _reason_data(event: Event, traits: Mapping[str, Trait]) -> dict[str, object]:
    return {"type": "event", "event": event_document(event, traits)}

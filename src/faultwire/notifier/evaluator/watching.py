"""Subscriptions: what their owners are told of each resource of their project, and when.

What an event says of a resource's condition is its severity. A subscriber is told of a resource
that gets into trouble, of every change of how bad it is, and of its end, always under the same
alarm id. What was told last stands in a `Watch`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from faultwire.domain import changes
from faultwire.domain.alarms import Delivery
from faultwire.domain.changes import Change, DeliveriesQueued, WatchesMoved
from faultwire.domain.decided import Fired, Work
from faultwire.domain.events import (
    FAULT_CLEARED,
    FAULT_RAISED,
    INSTANCE_UPDATE,
    SERVICE_UPDATE,
    Event,
)
from faultwire.domain.faults import Severity
from faultwire.domain.ids import ADMINISTRATORS, DeliveryId, ProjectId, SubscriptionId, derived
from faultwire.domain.instants import Instant
from faultwire.domain.subscriptions import Subscription, Watch, WatchesForgotten
from faultwire.notifier.evaluator.documents import event_document
from faultwire.ports import Evaluator

Trait = str | int | float

SLICE = 32
"""Events looked at between two breathing points."""

SERVER, PORT, GUEST, HOST = KINDS = ("server", "port", "guest", "host")

RESOURCES: Mapping[str, tuple[str, str, str]] = {
    INSTANCE_UPDATE: (SERVER, "instance_id", "display_name"),
    "port.update.end": (PORT, "port_id", ""),
    "database.guest.update": (GUEST, "guest_id", ""),
    SERVICE_UPDATE: (HOST, "host", ""),
    FAULT_RAISED: (HOST, "host", ""),
    FAULT_CLEARED: (HOST, "host", ""),
}
"""Events that may say something of a resource: its kind, the traits with its id and its name."""

SEVERITIES: Mapping[str, str] = {
    Severity.CRITICAL: "critical",
    Severity.MAJOR: "moderate",
    Severity.MINOR: "moderate",
    Severity.WARNING: "low",
    Severity.INDETERMINATE: "low",
}
"""X.733's severities in the words of alarms (D3)."""

UNNAMED = "subscription"
"""Name of the alarms of a subscription that has none."""

_CLEARED = Severity.CLEARED.value
_OK, _ALARM = "ok", "alarm"


@dataclass(slots=True, eq=False)
class Subscribed:
    """A subscription as it stands in memory, with what was told of each resource."""

    subscription: Subscription
    watches: dict[tuple[str, str], Watch] = field(default_factory=dict)

    def wants(self, event: Event, kind: str) -> bool:
        """Return whether trouble that an event tells of passes the filter."""
        wanted = self.subscription.filter
        if wanted.kinds and kind not in wanted.kinds:
            return False
        if wanted.severities and event.severity not in wanted.severities:
            return False
        if wanted.event_types and event.event_type not in wanted.event_types:
            return False
        if not wanted.metadata:
            return True
        has = event.metadata or {}
        return all(has.get(key) == value for key, value in wanted.metadata.items())


class SubscriptionIndex:
    """All subscriptions by project, and what their owners know. Written on the loop alone."""

    def __init__(self) -> None:
        """Start empty; `apply` fills it."""
        self._all: dict[SubscriptionId, Subscribed] = {}
        self._of: dict[ProjectId, dict[SubscriptionId, Subscribed]] = {}
        self._appliers: dict[type, Callable[[Any], None]] = {
            changes.SubscriptionsSaved: self._saved,
            changes.SubscriptionsRemoved: lambda c: self._removed(c.subscriptions),
            changes.WatchesMoved: self._moved,
            WatchesForgotten: self._forgotten,
            changes.ProjectsRemoved: self._projects_removed,
        }

    def __len__(self) -> int:
        """Return how many subscriptions there are."""
        return len(self._all)

    def apply(self, change: Change) -> None:
        """Take one committed change; types that do not concern subscriptions are passed over."""
        applier = self._appliers.get(type(change))
        if applier is not None:
            applier(change)

    def get(self, subscription: SubscriptionId) -> Subscription | None:
        """Return a subscription by id."""
        found = self._all.get(subscription)
        return found.subscription if found else None

    def owned(self, project: ProjectId) -> int:
        """Return how many subscriptions a project has, in constant time."""
        return len(self._of.get(project, ()))

    def of(self, project: ProjectId) -> Iterable[Subscribed]:
        """Return the subscriptions of a project; empty for most."""
        found = self._of.get(project)
        return found.values() if found else ()

    def over(self) -> Iterator[Watch]:
        """Return the watches of what is in no trouble now; news meanwhile may be missed."""
        for one in tuple(self._all.values()):
            for watch in tuple(one.watches.values()):
                if watch.severity == _CLEARED:
                    yield watch

    def knows(self, watch: Watch) -> bool:
        """Return whether a watch still stands as it was."""
        kept = self._all.get(watch.subscription)
        return kept is not None and kept.watches.get((watch.kind, watch.resource)) == watch

    def _saved(self, change: changes.SubscriptionsSaved) -> None:
        for item in change.subscriptions:
            before = self._all.get(item.id)
            kept = Subscribed(item, before.watches if before else {})
            self._all[item.id] = kept
            self._of.setdefault(item.project, {})[item.id] = kept

    def _removed(self, names: Iterable[SubscriptionId]) -> None:
        for name in names:
            gone = self._all.pop(name, None)
            if gone is None:
                continue
            project = gone.subscription.project
            del self._of[project][name]
            if not self._of[project]:
                del self._of[project]

    def _projects_removed(self, change: changes.ProjectsRemoved) -> None:
        for project in change.projects:
            self._removed(tuple(self._of.get(project, ())))

    def _moved(self, change: changes.WatchesMoved) -> None:
        for watch in change.watches:
            # News of a subscription that is gone meanwhile may come late.
            kept = self._all.get(watch.subscription)
            if kept is None:
                continue
            key = (watch.kind, watch.resource)
            before = kept.watches.get(key)
            if before is None or before.version < watch.version:
                kept.watches[key] = watch

    def _forgotten(self, change: WatchesForgotten) -> None:
        for watch in change.watches:
            if self.knows(watch):
                del self._all[watch.subscription].watches[watch.kind, watch.resource]


class SubscriptionEvaluator:
    """Implements `ports.Evaluator` over an index that it only reads."""

    def __init__(self, index: SubscriptionIndex) -> None:
        """Take the index; the lane is its only writer."""
        self._index = index

    def evaluate(self, events: Sequence[Event], now: Instant) -> Work[Fired]:
        """Return what subscribers are told; what one event told is known to the next."""
        news = News(now)
        if not len(self._index):
            return news.fired()
        everywhere = tuple(self._index.of(ADMINISTRATORS))
        for number, event in enumerate(events, 1):
            if event.severity:
                if event.project != ADMINISTRATORS:
                    news.take(self._index.of(event.project), event, event.traits)
                if everywhere:
                    news.take(everywhere, event, whole(event))
            if number % SLICE == 0:
                yield
        return news.fired()


def whole(event: Event) -> Mapping[str, Trait]:
    """Return the traits that administrators see of an event."""
    return {**event.traits, "host": event.host} if event.host else event.traits


class News:
    """What one evaluation tells, to one subscriber after the other."""

    def __init__(self, now: Instant) -> None:
        """Begin with nothing."""
        self._now = now
        self._moved: dict[tuple[SubscriptionId, str, str], Watch] = {}
        self._watches: list[Watch] = []
        self._deliveries: list[Delivery] = []

    def __len__(self) -> int:
        """Return how much is told."""
        return len(self._deliveries)

    def take(
        self, subscribed: Iterable[Subscribed], event: Event, traits: Mapping[str, Trait]
    ) -> None:
        """Tell these subscribers what an event means to them, if anything."""
        row = RESOURCES.get(event.event_type)
        if row is None or row[1] not in traits:
            return
        kind, resource = row[0], str(traits[row[1]])
        for one in subscribed:
            before = self._moved.get((one.subscription.id, kind, resource))
            if before is None:
                before = one.watches.get((kind, resource))
            known = before.severity if before else _CLEARED
            if event.severity == known:
                continue
            if event.severity != _CLEARED and not one.wants(event, kind):
                continue
            self._tell(one.subscription, before, (kind, resource), event, traits)

    def changes(self) -> tuple[Change, ...]:
        """Return what was told and is owed."""
        if not self._watches:
            return ()
        return WatchesMoved(tuple(self._watches)), DeliveriesQueued(tuple(self._deliveries))

    def fired(self) -> Fired:
        """Return the same for the chain."""
        return Fired(self.changes(), len(self._watches), len(self._deliveries))

    def _tell(
        self,
        subscription: Subscription,
        before: Watch | None,
        place: tuple[str, str],
        event: Event,
        traits: Mapping[str, Trait],
    ) -> None:
        kind, resource = place
        watch = Watch(
            before.alarm if before else subscription.alarm_id(kind, resource),
            subscription.id,
            subscription.project,
            kind,
            resource,
            event.severity,
            before.version + 1 if before else 1,
            self._now.wall_ns,
        )
        self._moved[subscription.id, kind, resource] = watch
        self._watches.append(watch)
        over = event.severity == _CLEARED
        self._deliveries.append(
            Delivery(
                # Versions begin anew where a watch was forgotten.
                DeliveryId(derived(watch.alarm, watch.version, event.generated_ns)),
                subscription.project,
                subscription.callback,
                watch.alarm,
                _body(subscription, before, watch, event, traits),
                # Age is the order after a restart.
                watch.at_ns + len(self._deliveries),
                None if over else event.fault_id,
                next_ns=watch.at_ns,
            )
        )


def _body(
    subscription: Subscription,
    before: Watch | None,
    watch: Watch,
    event: Event,
    traits: Mapping[str, Trait],
) -> bytes:
    """Return the body of a webhook, as Aodh's alarms have it."""
    over = watch.severity == _CLEARED
    raised = before is not None and before.severity != _CLEARED
    resource = {"kind": watch.kind, "id": watch.resource}
    name = traits.get(RESOURCES[event.event_type][2])
    if name:
        resource["name"] = str(name)
    # How bad it was, once it is over: alarms know no word for that.
    severity = before.severity if over and before is not None else watch.severity
    said = "is clear again" if over else f"is in trouble: {watch.severity}"
    return orjson.dumps(
        {
            "alarm_name": subscription.name or UNNAMED,
            "alarm_id": watch.alarm,
            "severity": SEVERITIES[severity],
            "previous": _ALARM if raised else _OK,
            "current": _OK if over else _ALARM,
            "reason": (
                f"The {watch.kind} {watch.resource} {said}. "
                f"Event <id={event.message_id},event_type={event.event_type}>."
            ),
            "reason_data": {
                "type": "subscription",
                "subscription_id": subscription.id,
                "resource": resource,
                "severity": watch.severity,
                "event": event_document(event, traits),
            },
        }
    )


class Both:
    """Implements `ports.Evaluator` by several, whose findings are joined."""

    def __init__(self, *evaluators: Evaluator) -> None:
        """Take them in the order in which they look."""
        self._evaluators = evaluators

    def evaluate(self, events: Sequence[Event], now: Instant) -> Work[Fired]:
        """Return what all of them make of the events."""
        changes: list[Change] = []
        transitions = deliveries = 0
        for one in self._evaluators:
            fired = yield from one.evaluate(events, now)
            changes.extend(fired.changes)
            transitions += fired.transitions
            deliveries += fired.deliveries
        return Fired(tuple(changes), transitions, deliveries)

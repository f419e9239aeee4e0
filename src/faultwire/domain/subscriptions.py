"""Subscriptions: one for all present and future resources of a project."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from faultwire.domain.ids import AlarmId, ProjectId, SubscriptionId, UserId, derived


@dataclass(frozen=True, slots=True)
class Filter:
    """Which troubles are told; what is empty admits all.

    `kinds` are server, port, guest, host; `severities` X.733's; `metadata` are pairs that the
    server must have, all of them.
    """

    kinds: tuple[str, ...] = ()
    severities: tuple[str, ...] = ()
    event_types: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Subscription:
    """A subscription as stored; `callback` is the URL that is told."""

    id: SubscriptionId
    project: ProjectId
    user: UserId
    name: str
    callback: str
    filter: Filter
    created_ns: int = 0

    def alarm_id(self, kind: str, resource: str) -> AlarmId:
        """Return the id under which a resource's trouble is raised and cleared, for ever."""
        return AlarmId(derived("subscription", self.id, kind, resource))


@dataclass(frozen=True, slots=True)
class Watch:
    """What a subscriber was last told of one resource.

    `alarm` is `Subscription.alarm_id`. `severity` is X.733's, ``cleared`` once it is over.
    `version` grows by one with every news, and names deliveries.
    """

    alarm: AlarmId
    subscription: SubscriptionId
    project: ProjectId
    kind: str
    resource: str
    severity: str
    version: int
    at_ns: int


@dataclass(frozen=True, slots=True)
class WatchesForgotten:
    """Watches of what is gone, each as it was last; one that was moved since stays."""

    watches: tuple[Watch, ...]


@dataclass(frozen=True, slots=True)
class ForgetWatches:
    """Forget those of these watches that are over and whose resource is gone; answers how many."""

    watches: tuple[Watch, ...]

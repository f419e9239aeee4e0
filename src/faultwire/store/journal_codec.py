"""Changes and events as bytes, for other processes, and back.

The bytes are JSON; a change is written with the name of its type. What memory does not hold is
left out. Both directions are for trusted rows of our own database.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from enum import StrEnum
from functools import cache
from typing import Any, get_args

import orjson
from pydantic import TypeAdapter

from faultwire.domain import changes, guard_changes
from faultwire.domain.changes import Change
from faultwire.domain.events import Event
from faultwire.domain.remote_acts import RemoteActsSaved
from faultwire.domain.subscriptions import WatchesForgotten

LEFT_OUT = frozenset(
    {
        changes.HistoryAdded,
        changes.DeliveriesQueued,
        changes.DeliveriesReplayed,
        changes.EventsOwed,
        changes.EventsTaken,
        changes.Audited,
        guard_changes.ActsNoted,
    }
)
"""Changes that no memory follows."""

MOST_BYTES = 1 << 20
"""About how much one row of the journal holds."""

_TYPES: Mapping[str, type] = {kind.__name__: kind for kind in get_args(Change)}


def _plain(value: object) -> object:
    """Turn into JSON what orjson does not know by itself."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


class Topic(StrEnum):
    """What a payload is about, so that a process reads only what its memory follows."""

    ALARMS = "alarms"
    SECRETS = "secrets"
    REST = "rest"


EVERYTHING = frozenset(Topic)

_TOPICS: Mapping[type, Topic] = {
    changes.AlarmsSaved: Topic.ALARMS,
    changes.AlarmsRemoved: Topic.ALARMS,
    changes.AlarmsMoved: Topic.ALARMS,
    changes.SubscriptionsSaved: Topic.ALARMS,
    changes.SubscriptionsRemoved: Topic.ALARMS,
    changes.WatchesMoved: Topic.ALARMS,
    WatchesForgotten: Topic.ALARMS,
    changes.SecretsSaved: Topic.SECRETS,
    # What is gone with it concerns who signs.
    changes.ProjectsRemoved: Topic.SECRETS,
}


def written(items: Iterable[Change]) -> list[tuple[Topic, bytes]]:
    """Return the changes as payloads, each about one topic; none for none.

    Within a topic the order is kept. A change that is larger than a payload should be is parted
    by its items.
    """
    parts: dict[Topic, list[list[bytes]]] = {}
    sizes: dict[Topic, int] = {}
    for change in items:
        if type(change) in LEFT_OUT:
            continue
        topic = _TOPICS.get(type(change), Topic.REST)
        for piece in _pieces(change):
            one = orjson.dumps([type(change).__name__, piece], default=_plain)
            if topic not in parts or sizes[topic] + len(one) > MOST_BYTES:
                parts.setdefault(topic, []).append([])
                sizes[topic] = 0
            parts[topic][-1].append(one)
            sizes[topic] += len(one)
    return [
        (topic, b"[" + b",".join(part) + b"]") for topic, some in parts.items() for part in some
    ]


MOST_ITEMS = 2000


def _pieces(change: Any) -> Iterator[Any]:
    """Return a change itself, or parts of it that have the same effect one after the other."""
    field = _PARTED.get(type(change))
    items: tuple[Any, ...] = getattr(change, field) if field else ()
    if len(items) <= MOST_ITEMS:
        yield change
        return
    for start in range(0, len(items), MOST_ITEMS):
        yield replace(change, **{str(field): items[start : start + MOST_ITEMS]})


_PARTED: Mapping[type, str] = {
    changes.HostsSaved: "hosts",
    changes.HostsRemoved: "hosts",
    changes.ServersSaved: "servers",
    changes.ServersMoved: "servers",
    changes.ServersRemoved: "servers",
    changes.EvacuationsSaved: "evacuations",
    changes.EvacuationsRemoved: "evacuations",
    changes.PortsSaved: "ports",
    changes.PortsRemoved: "ports",
    changes.CausesSaved: "causes",
    changes.CausesRemoved: "causes",
    changes.AlarmsSaved: "alarms",
    changes.AlarmsMoved: "transitions",
    changes.WatchesMoved: "watches",
    WatchesForgotten: "watches",
    RemoteActsSaved: "acts",
}
"""Changes that may be large, and the items by which they part."""


@cache
def _adapter(kind: type) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def read(payload: bytes) -> list[Change]:
    """Return the changes of a payload, in order."""
    return [_adapter(_TYPES[name]).validate_python(value) for name, value in orjson.loads(payload)]


def written_events(events: Iterable[Event]) -> bytes:
    """Return events as bytes."""
    return orjson.dumps(list(events), default=_plain)


def read_events(payload: bytes) -> tuple[Event, ...]:
    """Return the events of bytes, in order."""
    return tuple(Event(**item) for item in orjson.loads(payload))

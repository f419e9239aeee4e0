"""The table of events and the table of instants agree with the tree that they describe."""

import re

from faultwire.domain import events
from tests.house import tree

STAGES = {"monitors", "inspector", "controllers", "notifier", "consumers"}


def test_every_event_has_a_producer_and_consumers() -> None:
    """Each event is made by one stage, or by who watches them all, and taken by at least one."""
    tree.none_of(
        f"{kind.event_type}: {kind.producer} -> {', '.join(kind.consumers) or 'nobody'}"
        for kind in events.EVENT_KINDS.values()
        if kind.producer not in {*STAGES, "profiler"}
        or not kind.consumers
        or not set(kind.consumers) <= STAGES
    )


def test_every_event_is_marked_at_an_instant_of_the_timeline() -> None:
    """Each event of the table names the checkpoint, T00 to T10, at which it travels."""
    tree.none_of(
        f"{kind.event_type}: {kind.checkpoint}"
        for kind in events.EVENT_KINDS.values()
        if not re.fullmatch(r"T0[0-9]|T10", kind.checkpoint)
    )


def test_the_key_of_an_event_is_its_type() -> None:
    """The table is found by the type that its row names."""
    tree.none_of(key for key, kind in events.EVENT_KINDS.items() if key != kind.event_type)

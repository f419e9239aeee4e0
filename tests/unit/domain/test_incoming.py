"""Events from outside as ours, for whoever takes them."""

import pytest

from faultwire.domain.errors import Invalid
from faultwire.domain.incoming import event_of, events_of
from faultwire.store.journal_codec import read_events, written_events

EVENT = {
    "message_id": "m",
    "event_type": "t",
    "generated": "now",
    "raw": {"a": [1.5, None, True]},
    "traits": [["tenant_id", 1, "p"], ["n", 2, "5"], ["r", 3, 1], ["when", 4, "2018-01-01"]],
}


def test_an_event_keeps_what_came() -> None:
    """Traits are cast by their type, and the dict stands as it was."""
    event = event_of(EVENT, 7, "event")
    assert (event.project, event.generated_ns, event.original) == ("p", 7, EVENT)
    assert event.traits == {"tenant_id": "p", "n": 5, "r": 1.0, "when": "2018-01-01"}
    assert (event.severity, event.fault_id, event.host) == ("", None, None)


def test_one_or_a_list() -> None:
    """A bare dict is a list of one; the first bad one is named by its index."""
    assert len(events_of(EVENT, 0)) == 1
    assert len(events_of([EVENT, EVENT], 0)) == 2
    with pytest.raises(Invalid, match=r"^events\[1\]\.event_type: is mandatory$"):
        events_of([EVENT, {"message_id": "m"}, 5], 0)
    with pytest.raises(Invalid, match=r"^event: must be an object$"):
        events_of("x", 0)


def test_numbers_that_no_webhook_can_hold_are_text() -> None:
    """What JSON or 64 bits cannot carry stays readable."""
    traits = [["a", 2, 2**64], ["b", 2, -(2**63) - 1], ["c", 3, "inf"], ["d", 2, 2**64 - 1]]
    event = event_of({**EVENT, "raw": None, "traits": traits}, 0, "event")
    assert event.traits == {
        "a": "18446744073709551616",
        "b": "-9223372036854775809",
        "c": "inf",
        "d": 2**64 - 1,
    }


def test_events_travel_between_processes_whole() -> None:
    """What an evaluator elsewhere reads is what was taken here."""
    events = events_of([EVENT, {**EVENT, "traits": None}], 3)
    assert read_events(written_events(events)) == events

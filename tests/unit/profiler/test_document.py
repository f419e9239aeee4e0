"""Profiles and marks as JSON."""

import json
from collections.abc import Callable

import pytest

from faultwire_profiler import Mark, marks_from_json, marks_to_json, profile, to_json
from faultwire_profiler.marks import joined
from tests.unit.profiler.runs import WALL, disagreeing_run, limited_run, own_run, seed_run


@pytest.mark.parametrize("run", [seed_run, limited_run, own_run, disagreeing_run])
def test_marks_come_back_from_storage(run: Callable[[], list[Mark]]) -> None:
    """S54: what was stored of a run gives the same marks and the same profile."""
    marks = joined(run())
    stored = json.loads(json.dumps(marks_to_json(marks)))
    assert joined(marks_from_json(stored)) == marks
    assert profile(marks_from_json(stored)) == profile(run())
    again = json.loads(json.dumps(to_json(profile(run()))))
    assert profile(marks_from_json(again["marks"])) == profile(run())


def test_instants_are_offsets_or_null() -> None:
    """S58-S68, S75: T00..T10 are milliseconds from the first known one, null where unknown."""
    document = to_json(profile(limited_run()))
    offsets = {f"T{number:02}": document[f"T{number:02}"] for number in range(11)}
    known = {key: value for key, value in offsets.items() if value is not None}
    assert known == {"T01": 0.0, "T03": 80.0, "T04": 120.0, "T09": 360.0}
    assert {key for key, value in document["checkpoints"].items() if value} == set(known)
    assert list(document["checkpoints"]) == list(offsets)


def test_a_checkpoint_is_told_whole() -> None:
    """S54: name, owner, both clocks' first and last, count, source and certainty."""
    document = to_json(profile(own_run()))
    assert document["checkpoints"]["T09"] == {
        "number": 9,
        "name": "received alarm",
        "owner": "delivery",
        "first_ms": 218.0,
        "last_ms": 236.0,
        "first_wall_ns": WALL + 218_000_000,
        "first_mono_ns": None,
        "last_wall_ns": WALL + 236_000_000,
        "last_mono_ns": 5_236_000_000,
        "count": 10,
        "source": "upper_bound",
        "upper_bound": True,
        "note": "",
    }
    assert document["checkpoints"]["T00"]["owner"] is None


def test_the_rest_of_the_document() -> None:
    """S71, S72: spans, components, total and law as the docstring says."""
    document = to_json(profile(limited_run()))
    assert document["spans"][2] == {
        "from": "T04",
        "to": "T09",
        "owner": "delivery",
        "ms": 240.0,
        "negative": False,
        "gaps": ["T05", "T06", "T07", "T08"],
    }
    assert document["components"] == [
        {"component": "delivery", "ms": 240.0, "percent": 67},
        {"component": "inspector", "ms": 120.0, "percent": 33},
    ]
    assert document["gaps"] == ["T00", "T02", "T05", "T06", "T07", "T08", "T10"]
    assert document["total"] == {"from": "T01", "to": "T09", "ms": 360.0, "upper_bound": False}
    assert document["law"] == {
        "from": "T01",
        "to": "T09",
        "ms": 360.0,
        "limit_ms": 1000.0,
        "upper_bound": False,
        "missing": 0,
        "verdict": "met",
    }
    assert document["occurred_to_detected_ms"] is None
    assert document["received_to_handled_ms"] is None


def test_a_stored_row_that_is_none_is_refused() -> None:
    """Something that was not written as marks raises, rather than reading as nothing."""
    with pytest.raises((KeyError, TypeError)):
        marks_from_json({"T01": [{"count": 1}]})


def test_marks_are_stored_by_checkpoint() -> None:
    """S54: each checkpoint has a row for each source that speaks of it."""
    stored = marks_to_json(joined(own_run()))
    assert [row["source"] for row in stored["T09"]] == ["consumer", "upper_bound"]
    assert [row["upper_bound"] for row in stored["T09"]] == [False, True]
    assert "T11" not in stored
    assert len(stored["T01"]) == 1

"""Marks as OpenTelemetry spans, and back."""

import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultwire_profiler import CHECKPOINTS, UPPER_BOUND, Instant, Mark, joined, otlp, profile
from faultwire_profiler.marks import since
from faultwire_profiler.merging import Run, merge
from faultwire_profiler.spans import read_spans
from tests.unit.profiler.runs import disagreeing_run, limited_run, own_run, seed_run

TRACE = "5b8efff798038103d269b633813fc60c"
SPAN, OTHER = "eee19b7ec3c1b174", "aaa19b7ec3c1b174"
ABOUT = {"service.name": "faultwire", "host.name": "controller-1", otlp.BOOT: "boot-1"}


def read(*spans: otlp.Json, **about: str) -> list[Run]:
    """Return the runs that a batch of spans tells of, written and read as JSON."""
    text = json.dumps(otlp.batch({**ABOUT, **about}, spans))
    return list(merge(read_spans([json.loads(text)], "spans.json")).runs)


@pytest.mark.parametrize("build", [seed_run, own_run, limited_run, disagreeing_run])
def test_spans_give_the_profile_of_the_marks(build: object) -> None:
    """S54: what is exported and read back is the same profile, marks and all."""
    assert callable(build)
    marks = joined(build())
    (run,) = read(otlp.fault_span(TRACE, SPAN, "f1", marks, host="compute-1"))
    assert run.profile == profile(marks)
    assert (run.fault, run.host, run.conflicts) == ("f1", "compute-1", ())


def test_what_a_span_is_made_of() -> None:
    """The span runs from the first instant to the last; its events have name and time."""
    span = otlp.fault_span(TRACE, SPAN, "f1", own_run(), parent="aaa19b7ec3c1b174")
    assert span["parentSpanId"] == "aaa19b7ec3c1b174"
    assert span["startTimeUnixNano"] == "1800000000000000000"
    assert span["endTimeUnixNano"] == "1800000000236000000"
    names = [event["name"] for event in span["events"]]
    assert names[0] == "hostdown"
    assert len(names) == len(own_run())
    webhook = otlp.webhook_span(TRACE, SPAN, "", (1, 2), {"http.response.status_code": 500}, "no")
    assert webhook["status"] == {"code": 2, "message": "no"}
    assert webhook["kind"] == 3
    assert "parentSpanId" not in webhook


def test_a_span_that_comes_twice_counts_once() -> None:
    """A batch that was sent again, because its answer was lost, changes nothing."""
    span = otlp.fault_span(TRACE, SPAN, "f1", joined(own_run()))
    assert read(span, span) == read(span)


def test_two_monotonic_clocks_are_not_computed_with_together() -> None:
    """Where processes of two boots tell of one fault, wall clocks place what they say."""
    first = otlp.fault_span(TRACE, SPAN, "f1", [Mark("T01", Instant(1000, 5), Instant(1000, 5))])
    second = otlp.fault_span(TRACE, OTHER, "f1", [Mark("T09", Instant(3000, 1), Instant(3000, 1))])
    batches = [
        otlp.batch(ABOUT, [first]),
        otlp.batch({**ABOUT, otlp.BOOT: "boot-2"}, [second]),
    ]
    (run,) = merge(read_spans(batches, "spans.json")).runs
    assert run.profile.law_ms == 0.002
    assert all(not mark.clocked for mark in run.profile.marks)
    (one,) = read(first, second)
    assert one.profile.law_ms == -0.000004


KEYS = [point.key for point in CHECKPOINTS]


@st.composite
def any_marks(draw: st.DrawFn) -> list[Mark]:
    """Marks of one machine, of several sources, some of them bounds or without its clock."""
    found = []
    for _ in range(draw(st.integers(1, 12))):
        mono = draw(st.booleans())
        times = sorted(draw(st.tuples(st.integers(0, 50), st.integers(0, 50))))
        first, last = (Instant(10**18 + at, at if mono else None) for at in times)
        source = draw(st.sampled_from(["faultwire", "consumer", UPPER_BOUND]))
        # A bound of no pass says nothing.
        count = draw(st.integers(int(source == UPPER_BOUND), 3))
        found.append(Mark(draw(st.sampled_from(KEYS)), first, last, count, source))
    return found


@given(any_marks(), any_marks())
def test_what_came_since_joins_to_all(before: Sequence[Mark], more: Sequence[Mark]) -> None:
    """Marks told in two steps are the marks told at once, in spans too."""
    old, now = joined(before), joined((*before, *more))
    new = since(old, now)
    kept = [mark for mark in now if mark.count or mark.restated]
    again = [mark for mark in joined((*old, *new)) if mark.count or mark.restated]
    assert again == kept
    assert since(now, now) == ()
    parts = ((SPAN, old), (OTHER, new))
    spans = [otlp.fault_span(TRACE, name, "f1", part) for name, part in parts if part]
    (run,) = read(*spans)
    assert run.profile.law_ms == profile(again).law_ms
    assert run.profile.gaps == profile(again).gaps

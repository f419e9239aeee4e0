"""Marks as OpenTelemetry spans, in OTLP's JSON form; `spans` reads them back as they were.

A fault is one trace. Its checkpoints are events of its span: a span for each part of the way
would need an end that is known when it begins. What an event cannot say of a mark its attributes
do, so that nothing is lost on the way.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from faultwire_profiler.checkpoints import BY_KEY
from faultwire_profiler.marks import Mark

CHECKPOINT = "faultwire.checkpoint"
FAULT = "faultwire.fault"
FAILED_HOST = "faultwire.host"
COUNT = "faultwire.count"
SOURCE = "faultwire.source"
UPPER_BOUND = "faultwire.upper_bound"
RESTATED = "faultwire.restated"
NOTE = "faultwire.note"
FIRST = "faultwire.first_unix_nano"
MONO = "faultwire.monotonic_nano"
FIRST_MONO = "faultwire.first_monotonic_nano"
BOOT = "faultwire.boot"
"""Of the resource: whose monotonic clock it is. Two of them are never computed with together."""

INTERNAL, CLIENT = 1, 3
_ERROR = 2

Json = dict[str, Any]


def batch(resource: Mapping[str, str], spans: Sequence[Json]) -> Json:
    """Return what one request holds: spans of one process, which `resource` describes."""
    scope = {"scope": {"name": "faultwire"}, "spans": list(spans)}
    return {"resourceSpans": [{"resource": _attributed(resource), "scopeSpans": [scope]}]}


def fault_span(
    trace_id: str,
    span_id: str,
    fault: str,
    marks: Iterable[Mark],
    parent: str = "",
    host: str = "",
) -> Json:
    """Return the span of a fault with an event for each mark; `marks` must hold one at least.

    `parent` is the span that has the fault's first marks, where this one has later ones.
    """
    known = list(marks)
    begin = min(mark.first.wall_ns for mark in known)
    end = max(mark.last.wall_ns for mark in known)
    about: dict[str, str | int | bool] = {FAULT: fault}
    if host:
        about[FAILED_HOST] = host
    return {
        **_named(trace_id, span_id, parent, "fault", INTERNAL),
        "startTimeUnixNano": str(begin),
        "endTimeUnixNano": str(end),
        **_attributed(about),
        "events": [_event(mark) for mark in known],
    }


def webhook_span(
    trace_id: str,
    span_id: str,
    parent: str,
    times: tuple[int, int],
    about: Mapping[str, str | int | bool],
    trouble: str = "",
) -> Json:
    """Return the span of one webhook, a client's, from its sending to the end of its answer."""
    span = {
        **_named(trace_id, span_id, parent, "webhook", CLIENT),
        "startTimeUnixNano": str(times[0]),
        "endTimeUnixNano": str(times[1]),
        **_attributed(about),
    }
    return span | {"status": {"code": _ERROR, "message": trouble}} if trouble else span


def _named(trace_id: str, span_id: str, parent: str, name: str, kind: int) -> Json:
    found: Json = {"traceId": trace_id, "spanId": span_id, "name": name, "kind": kind}
    return found | {"parentSpanId": parent} if parent else found


def _event(mark: Mark) -> Json:
    about: dict[str, str | int | bool] = {
        CHECKPOINT: mark.point,
        COUNT: mark.count,
        SOURCE: mark.source,
        FIRST: mark.first.wall_ns,
    }
    if mark.first.mono_ns is not None and mark.last.mono_ns is not None:
        about |= {FIRST_MONO: mark.first.mono_ns, MONO: mark.last.mono_ns}
    if mark.upper_bound:
        about[UPPER_BOUND] = True
    if mark.restated:
        about[RESTATED] = mark.restated
    if mark.note:
        about[NOTE] = mark.note
    return {
        "name": BY_KEY[mark.point].name,
        "timeUnixNano": str(mark.last.wall_ns),
        **_attributed(about),
    }


def _attributed(about: Mapping[str, str | int | bool]) -> Json:
    return {"attributes": [{"key": key, "value": _value(one)} for key, one in about.items()]}


def _value(one: str | int | bool) -> Json:  # noqa: FBT001  a value of any of OTLP's kinds
    if isinstance(one, bool):
        return {"boolValue": one}
    # OTLP's JSON writes numbers of 64 bits as text.
    return {"intValue": str(one)} if isinstance(one, int) else {"stringValue": one}

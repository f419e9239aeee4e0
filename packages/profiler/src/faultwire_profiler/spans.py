"""OpenTelemetry spans as evidence: OTLP in its JSON form.

A checkpoint is an event of a span, or a whole span, that carries the attribute
`faultwire.checkpoint`; a span counts with its end. What `otlp` wrote is read
back whole. A client's span and the server's span below it are an exchange, by which their clocks
are compared.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from faultwire_profiler.checkpoints import BY_KEY
from faultwire_profiler.evidence import Evidence, Exchange, Kind, Origin, Sighting, whole
from faultwire_profiler.marks import Instant, Mark
from faultwire_profiler.otlp import (
    BOOT,
    CHECKPOINT,
    COUNT,
    FAILED_HOST,
    FAULT,
    FIRST,
    FIRST_MONO,
    MONO,
    NOTE,
    RESTATED,
    SOURCE,
    UPPER_BOUND,
)

_MACHINE = ("host.name", "host.id")
_SERVICE = "service.name"
_SERVER, _CLIENT = {2, "SPAN_KIND_SERVER"}, {3, "SPAN_KIND_CLIENT"}

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Span:
    """A span with what its resource says."""

    raw: Json
    clock: str
    service: str
    boot: str
    attributes: Mapping[str, Any]

    @property
    def start(self) -> int:
        return whole(self.raw["startTimeUnixNano"], "startTimeUnixNano")

    @property
    def end(self) -> int:
        return whole(self.raw["endTimeUnixNano"], "endTimeUnixNano")


def is_spans(document: object) -> bool:
    """Whether a JSON document is a batch of OTLP spans."""
    return isinstance(document, Mapping) and "resourceSpans" in document


def read_spans(documents: list[Json], feed: str) -> Evidence:
    """Return what batches of spans tell; they may be of several files, in any order.

    A span that comes twice counts once.

    Raises ValueError, KeyError, TypeError or AttributeError for what is no OTLP.
    """
    evidence = Evidence()
    spans = _once(span for document in documents for span in _spans(document))
    faults = {
        str(span.raw.get("traceId")): str(span.attributes[FAULT])
        for span in spans
        if FAULT in span.attributes
    }
    traced = [
        (span, str(span.attributes.get(FAULT, faults.get(str(span.raw.get("traceId")), ""))))
        for span in spans
    ]
    several = _several_boots(traced)
    for span, fault in traced:
        for sighting in _sightings(span, fault, feed, clocked=fault not in several):
            evidence.add(sighting)
    evidence.exchanges.extend(_exchanges(spans))
    return evidence


def _once(spans: Iterable[_Span]) -> list[_Span]:
    """Leave out spans that were sent again because nobody knew that they had arrived."""
    found: dict[object, _Span] = {}
    for span in spans:
        trace, own = span.raw.get("traceId"), span.raw.get("spanId")
        found.setdefault((str(trace), str(own)) if trace and own else id(span), span)
    return list(found.values())


def _several_boots(traced: Iterable[tuple[_Span, str]]) -> frozenset[str]:
    """Return the faults that spans of several monotonic clocks tell of: walls must do there."""
    boots: dict[str, set[str]] = {}
    for span, fault in traced:
        if span.boot:
            boots.setdefault(fault, set()).add(span.boot)
    return frozenset(fault for fault, found in boots.items() if len(found) > 1)


def _spans(document: Json) -> Iterator[_Span]:
    for resource in document["resourceSpans"]:
        about = _attributes(resource.get("resource", {}))
        clock = next((str(about[key]) for key in _MACHINE if key in about), "")
        service, boot = str(about.get(_SERVICE, "")), str(about.get(BOOT, ""))
        for scope in resource.get("scopeSpans", ()):
            for raw in scope.get("spans", ()):
                yield _Span(raw, clock, service, boot, _attributes(raw))


def _attributes(holder: Json) -> dict[str, Any]:
    """Return attributes by key; of a typed value the value."""
    found = {}
    for one in holder.get("attributes", ()):
        value = one.get("value", {})
        found[str(one["key"])] = next(iter(value.values()), None)
    return found


def _sightings(span: _Span, fault: str, feed: str, *, clocked: bool) -> Iterator[Sighting]:
    said: list[tuple[Mapping[str, Any], int]] = []
    if CHECKPOINT in span.attributes:
        said.append((span.attributes, span.end))
    for event in span.raw.get("events", ()):
        passed = _attributes(event)
        if CHECKPOINT in passed:
            said.append((passed, whole(event["timeUnixNano"], "timeUnixNano")))
    for about, at in said:
        mark = _mark(about, at, span.service or feed, clocked=clocked and bool(span.boot))
        yield _sighting(span, about, mark, fault, feed)


def _mark(said: Mapping[str, Any], at: int, source: str, *, clocked: bool) -> Mark:
    """Return what a span or an event says of a checkpoint; ValueError for one that is none."""
    point = str(said[CHECKPOINT])
    if point not in BY_KEY:
        raise ValueError(f"{CHECKPOINT} is {point!r}, which is no checkpoint")
    mono = [
        whole(said[key], key) if clocked and key in said else None for key in (FIRST_MONO, MONO)
    ]
    return Mark(
        point,
        Instant(whole(said.get(FIRST, at), FIRST), mono[0]),
        Instant(at, mono[1]),
        whole(said.get(COUNT, 1), COUNT),
        str(said.get(SOURCE, source)),
        said.get(UPPER_BOUND) is True,
        str(said.get(NOTE, "")),
        whole(said.get(RESTATED, 0), RESTATED),
    )


def _sighting(span: _Span, said: Mapping[str, Any], mark: Mark, fault: str, feed: str) -> Sighting:
    host = str(said.get(FAILED_HOST, span.attributes.get(FAILED_HOST, "")))
    # Several services write into one file of a collector: each is a source by itself.
    origin = Origin(Kind.SPAN, f"{feed}: {span.service}" if span.service else feed, span.clock)
    return Sighting(mark, origin, str(said.get(FAULT, fault)), host)


def _exchanges(spans: list[_Span]) -> Iterator[Exchange]:
    clients = {
        (str(span.raw.get("traceId")), str(span.raw.get("spanId"))): span
        for span in spans
        if span.raw.get("kind") in _CLIENT
    }
    for span in spans:
        if span.raw.get("kind") not in _SERVER:
            continue
        key = str(span.raw.get("traceId")), str(span.raw.get("parentSpanId"))
        client = clients.get(key)
        if client is not None:
            ends = client.start, span.start, span.end, client.end
            yield Exchange(client.clock, span.clock, *ends)

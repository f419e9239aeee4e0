"""Plain JSON as evidence: timelines and fault records of the API, profiles of ours, Doctor's.

Understood are: a profile as `to_json` writes it or the answer of `/faults/ID/timeline`, a fault
record that holds one, a list of these also under ``faults`` or ``runs``, checkpoints with their
milliseconds (``{"T00": 0, "T01": 50}``), and Doctor's `doctor_profiling_output.json`.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from faultwire_profiler.checkpoints import BY_KEY, CHECKPOINTS
from faultwire_profiler.document import marks_from_json
from faultwire_profiler.evidence import LARGEST, Evidence, Exchange, Kind, Origin, Sighting, whole
from faultwire_profiler.marks import Instant, Mark

_LISTS = ("faults", "runs", "profiles")
_WRAPPERS = ("fault", "timeline", "profile")
_DOCTORS = {"T03": "T04", "T04": "T03"}
"""Doctor's proof of concept numbers these two the other way round."""

_LARGEST_MS = LARGEST // 1_000_000

Json = Mapping[str, Any]


def read_document(document: object, feed: str) -> Evidence:
    """Return what a JSON document tells of one fault or of many.

    A run without a fault's id is named after `feed` and its place. Raises ValueError for what is
    none of the forms above, with the reason.
    """
    evidence = Evidence()
    for place, (one, about) in enumerate(_runs(document, {})):
        name = about.get("id") or (feed if place == 0 else f"{feed}#{place + 1}")
        try:
            _run(evidence, one, about | {"id": name}, feed)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"run {place + 1} is no timeline: {error!r}") from None
    return evidence


def _runs(document: object, about: dict[str, Any]) -> Iterator[tuple[Json, dict[str, Any]]]:
    """Return every timeline in a document with what is said around it."""
    if isinstance(document, list):
        for one in document:
            yield from _runs(one, {})
        return
    if not isinstance(document, Mapping):
        raise ValueError(f"{document!r:.40} is neither an object nor a list")  # noqa: TRY004
    inner = next((key for key in _WRAPPERS if isinstance(document.get(key), Mapping)), None)
    many = next((key for key in _LISTS if isinstance(document.get(key), list)), None)
    about = about | _about(document)
    if "marks" in document or (inner is None and many is None):
        yield document, about
    elif inner is not None:
        yield from _runs(document[inner], about)
    else:
        for one in document[many or ""]:
            yield from _runs(one, dict(about))


def _about(document: Json) -> dict[str, Any]:
    found = {key: document[key] for key in ("id", "host", "servers") if key in document}
    plan = document.get("plan")
    if isinstance(plan, Mapping) and isinstance(plan.get("servers"), int):
        found["servers"] = plan["servers"]
    if isinstance(document.get("fault"), str):
        found["id"] = document["fault"]
    return found


def _run(evidence: Evidence, document: Json, about: dict[str, Any], feed: str) -> None:
    fault, host = str(about["id"]), about.get("host") or ""
    servers = about.get("servers")
    if isinstance(servers, int) and not isinstance(servers, bool):
        evidence.servers[fault] = servers
    for mark, kind in _marks(document):
        origin = Origin(kind, feed, str(document.get("clock", "")))
        evidence.add(Sighting(mark, origin, fault, host if isinstance(host, str) else ""))
    for raw in document.get("exchanges", ()):
        told = ((key, raw.get(key)) for key in ("sent", "received", "answered", "returned"))
        times = (None if at is None else whole(at, key) for key, at in told)
        evidence.exchanges.append(Exchange(str(raw["client"]), str(raw["server"]), *times))


def _marks(document: Json) -> Iterator[tuple[Mark, Kind]]:
    if "marks" in document:
        for mark in marks_from_json(document["marks"]):
            _check(mark)
            yield mark, Kind.TRACE
        return
    doctors = "M00" in document
    found = False
    for about in CHECKPOINTS:
        if about.key in document:
            found = True
            value = _milliseconds(document[about.key], about.key)
            if value is not None:
                at = Instant(round(value * 1_000_000))
                key = _DOCTORS.get(about.key, about.key) if doctors else about.key
                yield Mark(key, at, at, source="document"), Kind.DOCUMENT
    if not found:
        raise ValueError("there are neither marks nor checkpoints T00 to T10 in it")


def _check(mark: Mark) -> None:
    """Raise ValueError for a mark that could not be placed on a line."""
    if mark.point not in BY_KEY:
        raise ValueError(f"{mark.point!r} is no checkpoint: T00 to T10")
    numbers: tuple[object, ...] = mark.first.wall_ns, mark.last.wall_ns, mark.count, mark.restated
    clocked: tuple[object, ...] = (mark.first.mono_ns, mark.last.mono_ns) if mark.clocked else ()
    if not all(isinstance(one, int) and not isinstance(one, bool) for one in (*numbers, *clocked)):
        raise ValueError(f"{mark.point}: times and counts must be whole numbers")
    for one in (*numbers, *clocked):
        whole(one, mark.point)
    texts: tuple[object, ...] = (mark.source, mark.note)
    if not all(isinstance(one, str) for one in texts):
        raise ValueError(f"{mark.point}: source and note must be text")


def _milliseconds(value: object, key: str) -> float | None:
    """Return milliseconds; None for what is not known, which Doctor writes as a question mark."""
    if isinstance(value, str):
        text = value.strip()
        if text in {"", "?"}:
            return None
        try:
            value = float(text)
        except ValueError:
            raise ValueError(f"{key}: {text!r} are no milliseconds") from None
    if value is None:
        return None
    # A comparison with what is not a number is false.
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not -_LARGEST_MS <= value <= _LARGEST_MS
    ):
        raise ValueError(f"{key}: {value!r:.40} are no milliseconds")
    return value

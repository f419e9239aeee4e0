"""Marks and profiles as plain JSON values."""

from collections.abc import Iterable, Mapping
from typing import Any

from faultwire_profiler.checkpoints import BY_KEY, CHECKPOINTS
from faultwire_profiler.marks import Instant, Mark
from faultwire_profiler.profile import LAW_MS, Point, Profile, Span


def marks_to_json(marks: Iterable[Mark]) -> dict[str, list[dict[str, Any]]]:
    """Return marks by checkpoint, a row for each source.

    A row holds ``source``, ``upper_bound``, ``first_wall_ns``, ``first_mono_ns``,
    ``last_wall_ns``, ``last_mono_ns``, ``count``, ``restated`` and ``note``.
    """
    stored: dict[str, list[dict[str, Any]]] = {}
    for mark in marks:
        stored.setdefault(mark.point, []).append(_row(mark))
    return stored


def marks_from_json(stored: Mapping[str, Any]) -> tuple[Mark, ...]:
    """Return what `marks_to_json` wrote; KeyError, TypeError or ValueError for anything else."""
    return tuple(
        Mark(
            point,
            Instant(row["first_wall_ns"], row["first_mono_ns"]),
            Instant(row["last_wall_ns"], row["last_mono_ns"]),
            row["count"],
            row["source"],
            row["upper_bound"],
            row["note"],
            row["restated"],
        )
        for point, rows in sorted(stored.items())
        for row in rows
    )


def to_json(result: Profile) -> dict[str, Any]:
    """Return a profile as plain JSON values; times are milliseconds, null is unknown.

    - ``T00`` .. ``T10``: when the checkpoint was last passed, from the first known one; or null.
    - ``checkpoints``: the same keys, each null or ``number, name, owner, first_ms, last_ms,
      first_wall_ns, first_mono_ns, last_wall_ns, last_mono_ns, count, source, upper_bound, note``.
    - ``spans``: in the order in which they happened, ``{from, to, owner, ms, negative, gaps}``;
      negative as `Span` says, ``gaps`` lists the checkpoints that are missing between.
    - ``components``: most costly first, ``{component, ms, percent}``; percent sums to 100, or is
      null without a total.
    - ``gaps``: the keys of the checkpoints that are not known.
    - ``total``: ``{from, to, ms, upper_bound}``, from T00, or T01 where T00 is unknown, to T09.
    - ``law``: ``{from, to, ms, limit_ms, upper_bound, missing, verdict}``, from the first T01 to
      the last T09; ``missing`` alarms were fired and are not known to be received; ``verdict`` is
      met, missed or unknown.
    - ``occurred_to_detected_ms``, ``received_to_handled_ms``: beside the law and the percentages.
    - ``marks``: what `marks_from_json` reads; the profile can be made again from it.
    """
    known = {point.key: point for point in result.points}
    points = {about.key: known.get(about.key) for about in CHECKPOINTS}
    offsets = {key: _rounded(point.last_ms) if point else None for key, point in points.items()}
    return {
        **offsets,
        "checkpoints": {
            key: _checkpoint(point) if point else None for key, point in points.items()
        },
        "spans": [_span(span) for span in result.spans],
        "components": [
            {"component": one.owner, "ms": _rounded(one.ms), "percent": one.percent}
            for one in result.components
        ],
        "gaps": list(result.gaps),
        "total": {
            "from": result.total_from,
            "to": "T09",
            "ms": _rounded(result.total_ms),
            "upper_bound": result.upper_bound,
        },
        "law": {
            "from": "T01",
            "to": "T09",
            "ms": _rounded(result.law_ms),
            "limit_ms": LAW_MS,
            "upper_bound": result.upper_bound,
            "missing": result.missing,
            "verdict": result.verdict.value,
        },
        "occurred_to_detected_ms": _rounded(result.occurred_ms),
        "received_to_handled_ms": _rounded(result.handled_ms),
        "marks": marks_to_json(result.marks),
    }


def _checkpoint(point: Point) -> dict[str, Any]:
    about = BY_KEY[point.key]
    return {
        "number": about.number,
        "name": about.name,
        "owner": about.owner or None,
        "first_ms": _rounded(point.first_ms),
        "last_ms": _rounded(point.last_ms),
        "first_wall_ns": point.first.wall_ns,
        "first_mono_ns": point.first.mono_ns,
        "last_wall_ns": point.last.wall_ns,
        "last_mono_ns": point.last.mono_ns,
        "count": point.count,
        "source": point.source,
        "upper_bound": point.upper_bound,
        "note": point.note,
    }


def _span(span: Span) -> dict[str, Any]:
    return {
        "from": span.begin,
        "to": span.end,
        "owner": span.owner,
        "ms": _rounded(span.ms),
        "negative": span.negative,
        "gaps": list(span.gaps),
    }


def _row(mark: Mark) -> dict[str, Any]:
    return {
        "source": mark.source,
        "upper_bound": mark.upper_bound,
        "first_wall_ns": mark.first.wall_ns,
        "first_mono_ns": mark.first.mono_ns,
        "last_wall_ns": mark.last.wall_ns,
        "last_mono_ns": mark.last.mono_ns,
        "count": mark.count,
        "restated": mark.restated,
        "note": mark.note,
    }


def _rounded(ms: float | None) -> float | None:
    """Nanoseconds are kept; more digits are noise of the division."""
    return None if ms is None else round(ms, 6)

"""A set of runs, and a comparison of two, as plain JSON values."""

import math
from dataclasses import asdict
from typing import Any

from faultwire_profiler.comparing import Comparison
from faultwire_profiler.cycle import cycle
from faultwire_profiler.document import to_json
from faultwire_profiler.many import LAW, TOTAL, figures, histogram, samples, slope, verdicts
from faultwire_profiler.merging import Merged, Run, sizes

FORMAT = "faultwire-profile/1"
"""Changes where a field goes or means something else; fields may come."""


def merged_to_json(merged: Merged) -> dict[str, Any]:
    """Return a set of runs; times are milliseconds, null is unknown, keys never go missing.

    - ``format``: `FORMAT`.
    - ``runs``: the first to begin first, ``{id, host, servers, profile, cycle, conflicts}``;
      ``profile`` as `to_json` has it, ``cycle`` rows of ``{lane, from, to, ms}``, ``conflicts``
      rows of ``{point, kept, other, ms, text}``.
    - ``verdicts``: how many runs ``{met, missed, unknown}``.
    - ``figures``: per span ``{name, count, mean, p50, p95, p99, max}``.
    - ``histogram``: ``{of, bins}``, bins of ``{low, high, count}``; a low of null is below zero.
    - ``slope``: ``{runs, ms_per_server, ms_at_zero, error, explained}`` or null.
    - ``clocks``: ``{reference, offsets}``, offsets of ``{machine, ms, error_ms, pairs, steady}``.
    - ``problems``: sentences.

    What `documents.read_document` reads; the runs can be made again from it.
    """
    profiles = [run.profile for run in merged.runs]
    found = samples(profiles)
    whole = LAW if LAW in found else TOTAL
    fitted = slope(sizes(merged.runs))
    return {
        "format": FORMAT,
        "runs": [_run(run) for run in merged.runs],
        "verdicts": {one.value: count for one, count in verdicts(profiles).items()},
        "figures": [_rounded(asdict(row)) for row in figures(found)],
        "histogram": {
            "of": whole,
            "bins": [
                asdict(one) | {"low": None if math.isinf(one.low) else one.low}
                for one in histogram(found.get(whole, ()))
            ],
        },
        "slope": None if fitted is None else _rounded(asdict(fitted)),
        "clocks": {
            "reference": merged.clocks.reference,
            "offsets": [
                {
                    "machine": machine,
                    "ms": offset.ns / 1e6,
                    "error_ms": offset.error_ns / 1e6,
                    "pairs": offset.pairs,
                    "steady": offset.steady,
                }
                for machine, offset in sorted(merged.clocks.offsets.items())
            ],
        },
        "problems": list(merged.problems),
    }


def comparison_to_json(one: Comparison) -> dict[str, Any]:
    """Return a comparison.

    - ``format``: `FORMAT`; ``names``, ``runs`` and ``verdicts``: of the first and the second.
    - ``total``: the row that was compared as the whole; ``explained_by`` an owner or null, and
      ``share`` its percentage of the difference; ``span`` the span that explains most, or null.
    - ``differences``: rows of ``{name, first_count, second_count, first_p50, second_p50,
      first_mean, second_mean, ms, give_or_take, telling}``.
    """
    return {
        "format": FORMAT,
        "names": list(one.names),
        "runs": list(one.runs),
        "verdicts": [
            {verdict.value: count for verdict, count in side.items()} for side in one.verdicts
        ],
        "total": one.total,
        "explained_by": one.explained_by,
        "span": one.span,
        "share": None if one.share is None else round(one.share, 1),
        "differences": [
            _rounded(asdict(row)) | {"telling": row.telling.value} for row in one.differences
        ],
    }


def _run(run: Run) -> dict[str, Any]:
    return {
        "id": run.fault,
        "host": run.host,
        "servers": run.servers,
        "profile": to_json(run.profile),
        "cycle": [
            {
                "lane": one.lane.name,
                "from": one.lane.begin,
                "to": one.lane.end,
                "ms": None if one.ms is None else round(one.ms, 6),
            }
            for one in cycle(run.profile)
        ],
        "conflicts": [asdict(one) for one in run.conflicts],
    }


def _rounded(row: dict[str, Any]) -> dict[str, Any]:
    """Nanoseconds are kept; more digits are noise of the division."""
    return {
        key: round(value, 6) if isinstance(value, float) else value for key, value in row.items()
    }

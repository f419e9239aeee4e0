"""How much a query looks at: the ranges and subqueries in square brackets; pure.

A query that looks at months in steps of a millisecond is one line to write, and hours of work for
the server that everybody's alarms are evaluated on.
"""

import re

LONGEST_S = 31 * 86_400
"""A range, or the span of a subquery."""

MOST_STEPS = 11_000
"""Steps of a subquery: Prometheus' own bound of a range query."""

DEFAULT_STEP_S = 60.0
"""Step of a subquery that names none: what a Prometheus server has where nobody changed it."""

MOST_WORK = 1_000_000
"""Steps times minutes, over everything that stands within a subquery."""

_SECONDS = {
    "ms": 0.001,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
    "d": 86_400.0,
    "w": 604_800.0,
    "y": 31_536_000.0,
}
_PART = re.compile(r"([0-9]+)(ms|[smhdwy])")


def work(brackets: str, within: int) -> int:
    """Return the work of what stands before brackets, as ``[5m]`` or ``[1d:5m]``, with them.

    `within` is its work without them, 0 for a bare selector. Raises ValueError with what is too
    much, in words.
    """
    span, colon, step = brackets.strip("[] \t\r\n").partition(":")
    span_s = _seconds(span)
    if span_s > LONGEST_S:
        raise ValueError(f"a range of more than {LONGEST_S // 86_400} days")
    if not colon:
        return _bounded(within + max(1, round(span_s / 60)))
    step_s = _seconds(step) if step.strip() else DEFAULT_STEP_S
    if not step_s or span_s > MOST_STEPS * step_s:
        raise ValueError(f"a subquery of more than {MOST_STEPS} steps")
    return _bounded(max(1, within) * max(1, round(span_s / step_s)))


def _bounded(found: int) -> int:
    if found > MOST_WORK:
        raise ValueError("subqueries that together look at too much")
    return found


def _seconds(duration: str) -> float:
    # The first digits are enough: what has more of them is too long in any case.
    return sum(
        int(count.lstrip("0")[:18] or "0") * _SECONDS[unit]
        for count, unit in _PART.findall(duration)
    )

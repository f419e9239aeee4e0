"""`doctor_profiling_output.json`, as Doctor's proof of concept of a profiler wrote it.

Its checkpoints 3 and 4 are ours 4 and 3, it ends with 9, and it calls five lanes M00 to M04. A
cost of zero is written as 0: the question mark is left to what is not known.
"""

from collections.abc import Mapping

from faultwire_profiler.profile import Point, Profile

_OURS: Mapping[str, str] = {
    **{f"T{number:02}": f"T{number:02}" for number in range(10)},
    "T03": "T04",
    "T04": "T03",
}
_LANES = {
    "M00": (("T00",), ("T01",)),
    "M01": (("T01",), ("T03", "T04")),
    "M02": (("T03", "T04"), ("T05",)),
    "M03": (("T05",), ("T06",)),
    "M04": (("T06",), ("T09",)),
}
"""Monitor, inspector, controller, notifier, evaluator; of two ends the later one counts."""


def doctor_output(result: Profile) -> dict[str, str | int | None]:
    """Return the document: text of five letters, milliseconds since T00, and the total.

    What is not known is a question mark, and None as the total. Without T00 nothing is known of
    the points, yet the lanes that do not need it are.
    """
    start = result.point("T00")
    found: dict[str, str | int | None] = {}
    for key, ours in _OURS.items():
        point = result.point(ours)
        found[key] = _cell(None if point is None or start is None else _since(start, point))
    for lane, (begins, ends) in _LANES.items():
        begin, end = _latest(result, begins), _latest(result, ends)
        found[lane] = _cell(None if begin is None or end is None else _since(begin, end))
    end = result.point("T09")
    found["total"] = None if start is None or end is None else round(_since(start, end))
    return found


def _since(begin: Point, end: Point) -> float:
    return end.last_ms - begin.last_ms


def _latest(result: Profile, keys: tuple[str, ...]) -> Point | None:
    known = [point for key in keys if (point := result.point(key))]
    return max(known, key=lambda point: point.last_ms, default=None)


def _cell(ms: float | None) -> str:
    return f"{'?' if ms is None else round(ms)!s:<5}"

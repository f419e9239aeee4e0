"""Standing figures over the newest faults."""

from faultwire_profiler import Mark, profile
from faultwire_profiler.window import STANDING, Window
from tests.unit.profiler.runs import at, limited_run, one, seed_run


def test_a_window_has_the_figures_of_its_faults() -> None:
    """Every span of whole and owner that a fault knows counts once, whatever came before."""
    window = Window()
    window.put("f1", profile([one("T01", 0)]))
    window.put("f1", profile(seed_run()))
    window.put("f2", profile(limited_run()))
    rows = {row.name: row for row in window.figures()}
    assert set(rows) <= set(STANDING)
    assert rows["law"].count == 2
    assert rows["monitor"].count == 1
    assert window.highest()["law"] == {"p50": 360, "p95": 360, "p99": 360, "max": 360}
    told = window.to_json()
    assert told["faults"] == 2
    assert told["verdicts"] == {"met": 2, "missed": 0, "unknown": 0}
    assert told["slope"] is None


def test_the_window_forgets_the_oldest() -> None:
    """Memory is bounded; a fault that is put again is the newest."""
    window = Window(kept=2)
    for fault, ms in (("f1", 5), ("f2", 7), ("f1", 5), ("f3", 9)):
        window.put(fault, profile([one("T01", 0), one("T09", ms)]))
    assert window.highest()["law"]["max"] == 9
    assert window.highest()["law"]["p50"] == 5
    assert Window().figures() == ()


def test_the_window_tells_the_slope() -> None:
    """S80: milliseconds per server over the newest faults."""
    window = Window()
    for count in (1, 10, 50):
        marks = [
            one("T01", 0),
            Mark("T04", at(1), at(1), count),
            Mark("T09", at(2), at(100 + 3 * count), count),
        ]
        window.put(f"f{count}", profile(marks))
    assert abs(window.to_json()["slope"]["ms_per_server"] - 3) < 1e-6

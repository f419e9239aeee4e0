"""Figures over many runs, histogram, slope and comparison."""

import math

import pytest

from faultwire_profiler import profile
from faultwire_profiler.comparing import Telling, compare
from faultwire_profiler.many import (
    LAW,
    Bin,
    figures,
    histogram,
    percentile,
    samples,
    slope,
)
from faultwire_profiler.words import explanation, slope_words
from tests.unit.profiler.runs import limited_run, one, seed_run
from tests.unit.profiler.sets import good, poor, run


def test_percentiles_are_values_that_occurred() -> None:
    """Nearest rank: of few runs p99 is the largest."""
    values = [float(n) for n in range(1, 101)]
    assert [percentile(values, share) for share in (0, 1, 50, 95, 99, 100)] == [
        1,
        1,
        50,
        95,
        99,
        100,
    ]
    assert percentile([7.0], 99) == 7.0
    with pytest.raises(ValueError, match="no values"):
        percentile([], 50)


def test_a_run_that_does_not_know_a_span_counts_for_nothing() -> None:
    """S75: the count of a span is of the runs that know it, and no mean is drawn towards zero."""
    rows = {row.name: row for row in figures(samples(map(profile, (seed_run(), limited_run()))))}
    assert rows["monitor"].count == 1
    assert rows["monitor"].mean == 50
    assert rows[LAW].count == 2
    assert "consumer" not in rows


def test_the_histogram_has_no_holes() -> None:
    """Bins grow as 1, 2, 5; those between are there, and the negative have one of their own."""
    assert histogram([]) == ()
    assert histogram([1.0, 1.9, 7.0]) == (Bin(1, 2, 2), Bin(2, 5, 0), Bin(5, 10, 1))
    bins = histogram([-4.0, 0.0, 0.0015, 1000.0])
    assert bins[0] == Bin(-math.inf, 0, 1)
    assert bins[1] == Bin(0, 0.001, 1)
    assert bins[-1] == Bin(1000, 2000, 1)
    assert sum(one.count for one in bins) == 4


def test_the_slope_is_that_of_the_published_figures() -> None:
    """S80: Doctor's figures of 2017 give 248, 32, 12 and 9.4 ms per server."""
    servers = (1, 10, 25, 50)
    published = {
        248: (337, 2540, 6261, 12481),
        32: (381, 658, 883, 1961),
        12: (117, 223, 399, 704),
        9.4: (122, 201, 320, 584),
    }
    for steep, totals in published.items():
        fitted = slope(zip(servers, map(float, totals), strict=True))
        assert fitted is not None
        assert fitted.ms_per_server == pytest.approx(steep, rel=0.02)
        assert fitted.explained > 0.95


def test_the_slope_needs_two_sizes() -> None:
    """S80: of one number of servers no slope is made, and the sentence says what is needed."""
    assert slope([]) is None
    assert slope([(5, 10.0), (5, 20.0)]) is None
    assert "different numbers" in slope_words(None)
    flat = slope([(1, 5.0), (2, 5.0)])
    assert flat is not None
    assert (flat.ms_per_server, flat.error, flat.explained) == (0, None, 1)


def test_which_span_explains_a_difference() -> None:
    """S79: the owner and the span that make one deployment miss the law are named."""
    found = compare(good(), poor(), ("a", "b"))
    assert (found.explained_by, found.span) == ("inspector", "T03..T04")
    assert found.share == pytest.approx(100)
    row = found.difference("controller")
    assert row is not None
    assert row.telling is Telling.NOT_SHOWN


def test_two_runs_are_too_few_to_tell() -> None:
    """S79: a difference of single runs is of these runs only."""
    found = compare(good()[:1], poor()[:1], ("a", "b"))
    assert found.difference("total").telling is Telling.TOO_FEW  # type: ignore[union-attr]
    assert explanation(found) == (
        "total: +1,500.000 ms, of these runs only: too few samples to tell. "
        "It is the inspector's to 100%, in T03..T04 most"
    )


def test_equal_sets_show_no_difference() -> None:
    """Chance is not explained away: where nothing is told, no owner is named."""
    found = compare(good(), list(reversed(good())), ("a", "b"))
    assert found.explained_by is None
    assert "no difference is shown" in explanation(found)


def test_runs_without_spread_differ_by_any_amount() -> None:
    """Where all runs of a side took the same, the interval is nothing."""
    ones, others = [profile(run())] * 3, [profile(run(2))] * 3
    row = compare(ones, others, ("a", "b")).difference("monitor")
    assert row is not None
    assert (row.ms, row.give_or_take, row.telling) == (50, 0, Telling.DIFFERENT)


def test_a_span_of_one_side_only_is_said() -> None:
    """S75: what one side does not know has no difference, not one from zero."""
    found = compare([profile(seed_run())], [profile([one("T01", 0)])], ("a", "b"))
    row = found.difference("monitor")
    assert row is not None
    assert (row.ms, row.telling) == (None, Telling.ONE_SIDED)
    assert explanation(found).startswith("The whole is not known on both sides")

"""Budgets of spans: told once when they are exceeded, with hysteresis."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultwire_profiler.budgets import AGAIN, Budgets, Crossing, read_budgets


def test_a_span_is_told_once_until_it_fell_well_below() -> None:
    """Above the budget once; between nine tenths and the budget nothing changes."""
    budgets = Budgets({"law": 100.0})
    assert budgets.look({"law": 100.0}) == ()
    assert budgets.look({"law": 100.1}) == (Crossing("law", 100.0, 100.1, exceeded=True),)
    for ms in (500.0, 99.0, 101.0, 90.0):
        assert budgets.look({"law": ms}) == ()
        assert budgets.over == {"law"}
    assert budgets.look({"law": 89.9}) == (Crossing("law", 100.0, 89.9, exceeded=False),)
    assert budgets.over == frozenset()
    assert budgets.look({"law": 101.0})[0].exceeded


def test_what_was_not_observed_changes_nothing() -> None:
    """S75: a span that no fault knows is neither slow nor fast."""
    budgets = Budgets({"law": 100.0, "delivery": 5.0})
    assert [one.span for one in budgets.look({"law": 200.0})] == ["law"]
    assert budgets.look({}) == ()
    assert budgets.over == {"law"}
    assert budgets.spans == ("law", "delivery")


def test_whoever_could_not_be_told_is_told_at_the_next_look() -> None:
    """An event that could not be made is made later."""
    budgets = Budgets({"law": 100.0})
    budgets.look({"law": 200.0})
    budgets.untold("law")
    assert [one.exceeded for one in budgets.look({"law": 150.0})] == [True]


def test_budgets_are_read_from_lines() -> None:
    """Names of spans may have spaces; spaces around them do not count."""
    assert read_budgets(("law=1000", " occurred to detected = 0.5 ")) == {
        "law": 1000.0,
        "occurred to detected": 0.5,
    }
    assert read_budgets(()) == {}


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("law", "is no budget: SPAN=MILLISECONDS, of law, total"),
        ("consumer=5", "is no budget"),
        ("law=", "must be milliseconds above 0"),
        ("law=0", "must be milliseconds above 0"),
        ("law=-1", "must be milliseconds above 0"),
        ("law=nan", "must be milliseconds above 0"),
        ("law=inf", "must be milliseconds above 0"),
        ("law=1 s", "must be milliseconds above 0"),
    ],
)
def test_what_is_no_budget_is_refused(line: str, why: str) -> None:
    """The line or the span is named."""
    with pytest.raises(ValueError, match=why):
        read_budgets((line,))
    with pytest.raises(ValueError, match="two budgets"):
        read_budgets(("law=1", "law=2"))


@given(st.lists(st.floats(0, 300), max_size=50))
def test_each_telling_has_its_own_rise(observed: list[float]) -> None:
    """Exceeded and fallen take turns, each on its own side of the hysteresis."""
    budgets = Budgets({"law": 100.0})
    said = [one for ms in observed for one in budgets.look({"law": ms})]
    assert [one.exceeded for one in said] == [place % 2 == 0 for place in range(len(said))]
    for one in said:
        assert one.observed_ms > 100 if one.exceeded else one.observed_ms < AGAIN * 100

"""Filters and orders of searches: each is understood whole, or refused."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultwire.domain.errors import Invalid, Unauthenticated
from faultwire.domain.ids import ProjectId
from faultwire.domain.queries import (
    ALARM_FIELDS,
    HISTORY_FIELDS,
    NEWEST_FIRST,
    By,
    Compare,
    Every,
    Not,
    OneOf,
    Op,
    Some,
)
from faultwire.faces.alarming import searches, simple
from faultwire.faces.alarming.searches import Wanted, check_project, wanted_of


def asked(where: object, **more: Any) -> Wanted:
    """Return what a filter asks for."""
    return wanted_of({"filter": json.dumps(where), **more}, ALARM_FIELDS)


def test_a_filter_is_a_tree() -> None:
    """Operators in any case and both spellings, fields under both names."""
    where = {
        "AND": [
            {"or": [{"=<": {"name": "a"}}, {"=>": {"project": "p"}}]},
            {"Not": {"IN": {"user": ["x", "y"]}}},
            {"=": {"enabled": "False"}},
            {"!=": {"timestamp": "1970-01-01T02:00:01+02:00"}},
        ]
    }
    assert asked(where).where == Every(
        (
            Some((Compare("name", Op.LE, "a"), Compare("project_id", Op.GE, "p"))),
            Not(OneOf("user_id", ("x", "y"))),
            Compare("enabled", Op.EQ, value=False),
            Compare("timestamp", Op.NE, 1_000_000),
        )
    )


def test_an_order_has_each_field_once() -> None:
    """The first mention of a field counts; nothing said is newest first."""
    body = {"orderby": '[{"project": "DESC"}, {"name": "asc"}, {"project_id": "asc"}]'}
    assert wanted_of(body, ALARM_FIELDS).order == (By("project_id", True), By("name"))
    assert wanted_of({"orderby": "[]"}, ALARM_FIELDS).order == NEWEST_FIRST


@pytest.mark.parametrize("depth", [searches.DEEPEST - 1, searches.DEEPEST, 900, 5000])
def test_a_deep_filter_is_refused(depth: int) -> None:
    """However deep, nothing but a refusal comes of it."""
    text = '{"not":' * depth + '{"=":{"name":"x"}}' + "}" * depth
    if depth < searches.DEEPEST:
        assert wanted_of({"filter": text}, ALARM_FIELDS).where is not None
        return
    with pytest.raises(Invalid, match="Filter expression not valid"):
        wanted_of({"filter": text}, ALARM_FIELDS)


def test_a_wide_filter_is_refused() -> None:
    """Operators and values are counted, over all lists."""
    leaf = {"=": {"name": "x"}}
    asked({"or": [leaf] * (searches.MOST_PARTS - 1)})
    with pytest.raises(Invalid, match="at most 256 operators"):
        asked({"or": [leaf] * searches.MOST_PARTS})
    asked({"in": {"name": ["x"] * searches.MOST_VALUES}})
    half = {"in": {"name": ["x"] * (searches.MOST_VALUES // 2 + 1)}}
    with pytest.raises(Invalid, match="at most 1024 values"):
        asked({"or": [half, half]})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["=", "=~", "in", "and", "not", "name", "timestamp", "enabled", "x"]),
            inner,
            max_size=2,
        )
    ),
    max_leaves=12,
)


@given(value=JSON, fields=st.sampled_from([ALARM_FIELDS, HISTORY_FIELDS]))
def test_any_json_is_a_search_or_is_refused(value: object, fields: Any) -> None:
    """As a body, a filter, an order or a limit: nothing else is ever raised."""
    text = json.dumps(value)
    bodies = (value, {"filter": text}, {"orderby": text}, {"limit": value}, {"filter": value})
    for body in bodies:
        with suppress(Invalid):
            assert isinstance(wanted_of(body, fields), Wanted)


def test_another_project_is_found_wherever_it_is_named() -> None:
    """Negated, nested, listed, or as an expression."""
    own = ProjectId("p")
    check_project(None, "project_id", own)
    check_project(asked({"!=": {"project_id": "p"}}).where, "project_id", own)
    for where in (
        {"not": {"=": {"project_id": "q"}}},
        {"or": [{"=": {"name": "q"}}, {"in": {"project": ["p", "q"]}}]},
        {"=~": {"project_id": "."}},
    ):
        with pytest.raises(Unauthenticated, match="Not Authorized to access project"):
            check_project(asked(where).where, "project_id", own)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("1970-01-01T00:00:01", 1_000_000),
        ("1970-01-01T00:00:00.000001", 1),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1970-01-01T00:00:00Z", 0),
        ("1969-12-31", -86_400_000_000),
        ("9999-12-31T23:59:59", 9 * 10**15),
        ("0001-01-01T00:00:00+14:00", None),
        ("soon", None),
        ("", None),
    ],
)
def test_times_are_utc_unless_they_say_otherwise(text: str, found: int | None) -> None:
    """Far moments count as the farthest that a database keeps."""
    assert simple.moment(text) == found


def test_conditions_stand_by_their_place() -> None:
    """The n-th of each attribute belong together; what is left out at the end is the default."""
    pairs = [
        ("q.field", "name"),
        ("q.value", "a"),
        ("q.op", "ne"),
        ("q.field", "state"),
        ("q.value", "ok"),
        ("limit", "1"),
    ]
    assert simple.conditions(pairs) == (
        simple.Asked("name", "ne", "", "a"),
        simple.Asked("state", "eq", "", "ok"),
    )
    with pytest.raises(Invalid, match="At most 50 conditions"):
        simple.conditions([("q.field", "name"), ("q.value", "a")] * 51)
    with pytest.raises(Invalid, match="at most 1024 characters"):
        simple.conditions([("q.field", "name"), ("q.value", "a" * 1025)])

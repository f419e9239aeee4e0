"""Questions about alarms and their history are answered alike by every store."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from faultwire.domain import changes as c
from faultwire.domain.alarms import Alarm, AlarmState, Transition
from faultwire.domain.errors import Unavailable
from faultwire.domain.queries import (
    ALARM_FIELDS,
    HISTORY_FIELDS,
    By,
    Compare,
    Every,
    Filter,
    HistoryLine,
    Kind,
    Not,
    OneOf,
    Op,
    Query,
    Some,
    alarm_place,
    history_place,
    moment_of,
)
from faultwire.store import searching
from tests.contract.store import values as v
from tests.contract.store.conftest import Kept, in_memory

US = 1000
ALIKE = settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def an_alarm(key: str, at_us: int, **fields: Any) -> Alarm:
    """Return an alarm of that id."""
    base = replace(v.ALARM, id=key, updated_ns=v.T0 + at_us * US + 7, resource_id=None)
    plain = {"enabled": True, "repeat_actions": False, "severity": "critical", "user": "u-1"}
    return replace(base, **{**plain, **fields})


ALARMS = (
    an_alarm("a-1", 1, name="Zebra", project="p-1", severity="low", state=AlarmState.OK),
    an_alarm("a-2", 2, name="apple", project="p-1", severity="critical", enabled=False),
    an_alarm("a-3", 3, name="äpfel", project="p-2", severity="moderate", repeat_actions=True),
    an_alarm("a-4", 3, name="apple pie", project="p-2", state=AlarmState.ALARM, user="u-2"),
    an_alarm("a-5", 5, name="", project="p-1", resource_id="vm-1", description="one\ntwo"),
    an_alarm("a-6", 6, name="100%_\\", project="p-1", state_ns=v.T0 + 9 * US),
)
EARLY, LATE = v.T0 // US, v.T0 // US + 20


def some_history() -> list[c.Change]:
    """Return lines of several alarms, some of one moment."""
    rows: list[c.Change] = []
    for at, name, project, kind in (
        (1, "a-1", "p-1", "creation"),
        (2, "a-1", "p-1", "rule change"),
        (2, "a-3", "p-2", "creation"),
        (5, "a-5", "p-1", "creation"),
    ):
        at_ns = v.T0 + at * US + 3
        rows.append(c.HistoryAdded(name, project, "u-1", kind, f'{{"at": {at}}}', at_ns))
    moves = tuple(
        Transition(name, project, AlarmState.OK, AlarmState.ALARM, "why", at_ns, version)
        for name, project, at_ns, version in (
            ("a-1", "p-1", v.T0 + 2 * US + 3, 2),
            ("a-1", "p-1", v.T0 + 2 * US + 3, 3),
            ("a-4", "p-2", v.T0 + 8 * US, 2),
        )
    )
    return [*rows, c.AlarmsMoved(moves)]


def filled(kept: Kept) -> Kept:
    """Return the store with ALARMS and their history."""
    moved = {"a-1", "a-4"}
    kept.ledger.commit([c.AlarmsSaved(ALARMS), *some_history()])
    # Moved alarms are as they were made, so that this page reads as its table.
    kept.ledger.commit([c.AlarmsSaved(tuple(one for one in ALARMS if one.id in moved))])
    return kept


@pytest.fixture
def full(kept: Kept) -> Kept:
    """Give a store that holds ALARMS and their history."""
    return filled(kept)


def ids(found: Sequence[Alarm]) -> str:
    """Return the numbers of alarms, in their order."""
    return "".join(alarm.id[-1] for alarm in found)


def is_(field: str, value: Any, op: Op = Op.EQ) -> Compare:
    """Return a comparison."""
    return Compare(field, op, value)


FILTERS: tuple[tuple[Filter | None, str], ...] = (
    (None, "654321"),
    (is_("name", "apple"), "2"),
    (is_("name", "APPLE"), ""),
    (is_("name", "apple", Op.NE), "65431"),
    (is_("name", "a", Op.GT), "432"),
    (is_("name", "apple", Op.LE), "6521"),
    (is_("name", "100%_\\"), "6"),
    (is_("name", ""), "5"),
    (is_("enabled", value=False), "2"),
    (is_("enabled", True, Op.NE), "2"),
    (is_("repeat_actions", False, Op.GT), "3"),
    (is_("state", "alarm"), "4"),
    (is_("resource_id", "vm-1", Op.NE), "64321"),
    (is_("resource_id", ""), "64321"),
    (is_("timestamp", EARLY + 3), "43"),
    (is_("timestamp", EARLY + 3, Op.NE), "6521"),
    (is_("timestamp", EARLY + 3, Op.LT), "21"),
    (is_("timestamp", EARLY + 3, Op.LE), "4321"),
    (is_("timestamp", EARLY + 3, Op.GT), "65"),
    (is_("timestamp", EARLY + 3, Op.GE), "6543"),
    (is_("state_timestamp", EARLY + 9), "6"),
    (OneOf("severity", ("low", "moderate")), "31"),
    (OneOf("severity", ()), ""),
    (OneOf("enabled", (True, False)), "654321"),
    (OneOf("timestamp", (EARLY + 1, EARLY + 6)), "61"),
    (Not(OneOf("timestamp", (EARLY + 1, EARLY + 6))), "5432"),
    (Every((is_("project_id", "p-2"), Not(is_("state", "alarm")))), "3"),
    (Some((is_("name", "Zebra"), Every((is_("enabled", True), is_("user_id", "u-2"))))), "41"),
    (Not(Not(is_("alarm_id", "a-5"))), "5"),
    (is_("name", "pp", Op.LIKE), "42"),
    (is_("name", "^(apple|Zebra)$", Op.LIKE), "21"),
    (is_("name", "^.pf", Op.LIKE), "3"),
    (is_("name", "%_\\\\$", Op.LIKE), "6"),
    (is_("name", "^$", Op.LIKE), "5"),
    (is_("name", "", Op.LIKE), "654321"),
    (is_("description", "one.two$", Op.LIKE), "5"),
    (is_("name", "[^a-z]p{2,3}le( pie)?", Op.LIKE), ""),
    (is_("name", "(?:a|x)p{2}[kl]+e\\s?", Op.LIKE), "42"),
    (Not(is_("name", "a", Op.LIKE)), "653"),
)


@pytest.mark.parametrize(("where", "found"), FILTERS, ids=[str(i) for i in range(len(FILTERS))])
def test_alarms_are_filtered(full: Kept, where: Filter | None, found: str) -> None:
    """Each comparison and each way to join them means the same in every store."""
    assert ids(full.alarms.search_alarms(Query(where=where))) == found


ORDERS: tuple[tuple[tuple[By, ...], str], ...] = (
    ((By("timestamp", descending=True),), "654321"),
    ((By("timestamp"),), "123456"),
    ((By("name"),), "561243"),
    ((By("name", descending=True),), "342165"),
    ((By("severity"), By("timestamp", descending=True)), "136542"),
    ((By("enabled"), By("name")), "256143"),
    ((By("project_id", descending=True), By("alarm_id")), "341256"),
    ((By("state_timestamp"), By("alarm_id", descending=True)), "543216"),
)


@pytest.mark.parametrize(("order", "found"), ORDERS, ids=[str(i) for i in range(len(ORDERS))])
def test_alarms_are_ordered(full: Kept, order: tuple[By, ...], found: str) -> None:
    """Texts go by their characters, severities by their weight, and the rest by the id."""
    assert ids(full.alarms.search_alarms(Query(order=order))) == found
    pages, after = "", None
    while page := full.alarms.search_alarms(Query(order=order, after=after, limit=2)):
        pages += ids(page)
        after = alarm_place(page[-1], order)
    assert pages == found


def test_a_question_is_about_a_project_or_an_alarm(full: Kept) -> None:
    """What another project has is not seen, whatever the filter says."""
    wide = Some((is_("project_id", "p-2"), is_("project_id", "p-1")))
    assert ids(full.alarms.search_alarms(Query(project="p-2", where=wide))) == "43"
    assert ids(full.alarms.search_alarms(Query(alarm="a-2"))) == "2"
    assert full.alarms.search_alarms(Query(project="p-1", alarm="a-3")) == ()
    assert full.alarms.search_alarms(Query(project="p-?")) == ()
    assert ids(full.alarms.search_alarms(Query(limit=0))) == ""


def test_a_project_is_read_in_pages(full: Kept) -> None:
    """Newest first, which is what an index goes by in each store."""
    found, after = "", None
    while page := full.alarms.search_alarms(Query("p-1", after=after, limit=1)):
        found += ids(page)
        after = alarm_place(page[-1], Query().order)
    assert found == "6521"


def lines(kept: Kept, **asked: Any) -> list[tuple[str, int, int]]:
    """Return alarm, microsecond and version of the lines that are found."""
    found = kept.alarms.search_history(Query(**asked))
    return [(one.alarm_id, (one.at_ns - v.T0) // US, one.version) for one in found]


def test_history_is_newest_first(full: Kept) -> None:
    """Lines of one moment go by alarm, version and kind, downwards as well."""
    assert lines(full) == [
        ("a-4", 8, 2),
        ("a-5", 5, 0),
        ("a-3", 2, 0),
        ("a-1", 2, 3),
        ("a-1", 2, 2),
        ("a-1", 2, 0),
        ("a-1", 1, 0),
    ]
    assert lines(full, alarm="a-1", limit=2) == [("a-1", 2, 3), ("a-1", 2, 2)]
    assert lines(full, project="p-2") == [("a-4", 8, 2), ("a-3", 2, 0)]


def test_a_line_has_the_whole_of_its_change(full: Kept) -> None:
    """Who, what, when and in which words; nobody, where an evaluator moved it."""
    first, *_, last = full.alarms.search_history(Query(alarm="a-1"))
    assert (first.kind, first.user, first.project) == ("state transition", "", "p-1")
    assert first.detail == '{"state":"alarm","transition_reason":"why"}'
    assert (last.kind, last.user, last.detail) == ("creation", "u-1", '{"at": 1}')


@pytest.mark.parametrize(
    ("where", "count"),
    [
        (is_("type", "state transition"), 3),
        (is_("type", "^(rule|crea)", Op.LIKE), 4),
        (is_("severity", "low"), 4),
        (is_("severity", "low", Op.NE), 3),
        (is_("on_behalf_of", "p-2"), 2),
        (is_("user_id", ""), 3),
        (is_("detail", "at.: [1-4]", Op.LIKE), 3),
        (is_("timestamp", EARLY + 2), 4),
        (is_("timestamp", EARLY + 2, Op.LT), 1),
        (OneOf("event_id", ()), 0),
        (is_("event_id", "none"), 0),
        (is_("event_id", "none", Op.NE), 7),
    ],
)
def test_history_is_filtered(full: Kept, where: Filter, count: int) -> None:
    """By what was done, to which alarm, by whom and when."""
    assert len(lines(full, where=where)) == count


def test_a_line_is_found_by_its_id(full: Kept) -> None:
    """The id follows from the line: it is the same at every look, and no two share one."""
    found = full.alarms.search_history(Query())
    names = [line.event_id for line in found]
    assert len(set(names)) == len(found)
    assert [moment_of(name) for name in names] == [line.at_ns for line in found]
    for line in found:
        asked = Query(where=is_("event_id", line.event_id))
        assert full.alarms.search_history(asked) == (line,)
    several = OneOf("event_id", (names[0], names[3], "none"))
    assert lines(full, where=several) == [lines(full)[0], lines(full)[3]]
    assert len(lines(full, where=Not(several))) == 5
    assert len(lines(full, where=is_("event_id", names[0], Op.NE))) == 6


@pytest.mark.parametrize("field", HISTORY_FIELDS)
@pytest.mark.parametrize("descending", [True, False])
def test_history_is_read_in_pages(full: Kept, field: str, descending: bool) -> None:
    """Whatever the order, pages join to the whole; an id's order is that of its moment."""
    order = (By(field, descending),)
    whole = full.alarms.search_history(Query(order=order))
    pages: list[HistoryLine] = []
    after = None
    while page := full.alarms.search_history(Query(order=order, after=after, limit=2)):
        pages += page
        after = history_place(page[-1], order)
    assert tuple(pages) == whole
    assert len(whole) == 7


# ---------------------------------------------------------------- any question

OPS = st.sampled_from([op for op in Op if op is not Op.LIKE])
TEXTS = st.sampled_from(
    ["", "a", "apple", "Zebra", "p-1", "u-2", "low", "alarm", "ok", "ä", "a-3", "%", "'", "\\"]
)
PATTERNS = st.sampled_from(["a.*e", "^a", "[^a-z]$", "p{2}", "(Z|ä).+", "\\d", "low|ok", "^$"])
MOMENTS = st.integers(EARLY, LATE)


def comparisons(fields: dict[str, Kind]) -> st.SearchStrategy[Filter]:
    """Return what makes a comparison of any field."""
    kinds: dict[Kind, st.SearchStrategy[Any]] = {
        Kind.TEXT: TEXTS,
        Kind.TRUTH: st.booleans(),
        Kind.TIME: MOMENTS,
    }

    def of(field: str) -> st.SearchStrategy[Filter]:
        values = kinds[fields[field]]
        made = st.builds(Compare, st.just(field), OPS, values) | st.builds(
            OneOf, st.just(field), st.lists(values, max_size=3).map(tuple)
        )
        if fields[field] is Kind.TEXT:
            made |= st.builds(Compare, st.just(field), st.just(Op.LIKE), PATTERNS)
        return made

    return st.sampled_from(sorted(fields)).flatmap(of)


def questions(table: dict[str, Kind]) -> st.SearchStrategy[Query]:
    """Return what makes any question over the fields of a table."""
    fields = {name: kind for name, kind in table.items() if kind is not Kind.NAME}
    where = st.recursive(
        comparisons(fields),
        lambda part: st.one_of(
            st.builds(Not, part),
            st.builds(Every, st.lists(part, min_size=1, max_size=3).map(tuple)),
            st.builds(Some, st.lists(part, min_size=1, max_size=3).map(tuple)),
        ),
        max_leaves=6,
    )
    order = st.lists(
        st.builds(By, st.sampled_from(sorted(fields)), st.booleans()), min_size=1, max_size=3
    ).map(tuple)
    return st.builds(
        Query,
        project=st.none() | st.just("p-1"),
        where=st.none() | where,
        order=order,
        limit=st.none() | st.integers(0, 4),
    )


@ALIKE
@given(query=questions(dict(ALARM_FIELDS)))
def test_any_question_about_alarms_is_answered_alike(full: Kept, query: Query) -> None:
    """The store answers what the double answers, whatever is asked."""
    expected = filled(in_memory()).alarms.search_alarms(query)
    assert ids(full.alarms.search_alarms(query)) == ids(expected)
    if len(expected) > 1 and query.limit is None:
        behind = replace(query, after=alarm_place(expected[0], query.order))
        assert ids(full.alarms.search_alarms(behind)) == ids(expected[1:])


@ALIKE
@given(query=questions(dict(HISTORY_FIELDS)))
def test_any_question_about_history_is_answered_alike(full: Kept, query: Query) -> None:
    """The store answers what the double answers, whatever is asked."""
    expected = filled(in_memory()).alarms.search_history(query)
    found = full.alarms.search_history(query)
    assert [line.event_id for line in found] == [line.event_id for line in expected]


@pytest.mark.parametrize(
    "expression", ["^(a+)+[bc]$", "(a*)*[bc]$", "(a|aa)+[bc]$", "^(a?){20}a{20}$", "(.*a){9}[bc]"]
)
def test_an_expression_that_backtracks_is_answered(full: Kept, expression: str) -> None:
    """What keeps other engines busy for ever finds the same everywhere, or nothing at all."""
    long = an_alarm("a-7", 7, name="a" * 20, description="a" * 1000)
    full.ledger.commit([c.AlarmsSaved((long,))])
    found = [
        ids(full.alarms.search_alarms(Query(where=is_(field, expression, Op.LIKE))))
        for field in ("name", "description")
    ]
    assert found == ["7" if "20" in expression else "", ""]


def test_a_search_on_sqlite_ends_in_time(
    full: Kept, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """Expressions are matched against the clock there: the search is refused, nothing hangs."""
    if request.node.callspec.params["kept"] != "sqlite":
        pytest.skip("the others have the database's own limit")
    query = Query(where=is_("name", "a", Op.LIKE))
    monkeypatch.setattr(searching, "SECONDS", -1.0)
    with pytest.raises(Unavailable, match="takes too long"):
        full.alarms.search_alarms(query)
    monkeypatch.undo()
    assert ids(full.alarms.search_alarms(query)) == "421"

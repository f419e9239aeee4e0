"""Faults, alarms, deliveries and the audit record as readers get them: filters, order, pages."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from faultwire.domain import changes as c
from faultwire.domain.accounts import AuditFilter, AuditRecord
from faultwire.domain.alarms import Alarm, Attempt, Delivery, DeliveryState
from faultwire.domain.errors import NotFound
from faultwire.domain.faults import CLOUD_REFUSED, FAULT_TYPES, Fault, FaultState
from faultwire.domain.ids import FaultId
from faultwire.domain.remote_acts import (
    NO_FAULT,
    RemoteActsSaved,
    RemoteKind,
    RemoteProgress,
    RemoteState,
)
from tests.contract.store import values as v
from tests.contract.store.conftest import Kept


def a_fault(name: str, opened: int, **fields: Any) -> Fault:
    """Return a fault of that id."""
    return replace(v.FAULT, id=name, opened_ns=v.T0 + opened, **fields)


# Newest first; two were opened at the same moment.
FAULTS = (
    a_fault("f-e", 4, host="other"),
    a_fault("f-d", 3, state=FaultState.CLOSED, closed_ns=v.T0 + 9),
    a_fault("f-c", 2),
    a_fault("f-b", 2, host=None, state=FaultState.UNMATCHED),
    a_fault("f-a", 1),
)


def some_faults(kept: Kept, **filters: Any) -> list[str]:
    """Return the ids of the faults that are listed."""
    wanted = {"host": None, "state": None, "since_ns": None, "limit": 100, "marker": None}
    return [fault.id for fault in kept.faults.faults(**{**wanted, **filters})]


def in_pages(page: Callable[[str | None], list[str]]) -> list[str]:
    """Return all ids by asking for page after page."""
    found: list[str] = []
    while ids := page(found[-1] if found else None):
        found += ids
    return found


@pytest.fixture
def with_faults(kept: Kept) -> Kept:
    """Give a store that holds FAULTS."""
    kept.ledger.commit([c.FaultsSaved(tuple(reversed(FAULTS)))])
    return kept


def test_a_fault_is_found_by_its_id(with_faults: Kept) -> None:
    """One fault is given whole; an unknown one is NotFound."""
    assert with_faults.faults.fault("f-c") == FAULTS[2]
    with pytest.raises(NotFound):
        with_faults.faults.fault("f-?")


@pytest.mark.parametrize(
    ("filters", "ids"),
    [
        ({}, "edcba"),
        ({"host": v.HOST.name}, "dca"),
        ({"host": "nobody"}, ""),
        ({"state": FaultState.OPEN}, "eca"),
        ({"state": FaultState.UNMATCHED}, "b"),
        ({"since_ns": v.T0 + 2}, "edcb"),
        ({"host": v.HOST.name, "state": FaultState.CLOSED, "since_ns": v.T0 + 3}, "d"),
        ({"limit": 2}, "ed"),
        ({"limit": 0}, ""),
        ({"marker": "f-c"}, "ba"),
        ({"marker": "f-c", "state": FaultState.OPEN}, "a"),
        ({"marker": "f-a"}, ""),
    ],
)
def test_faults_are_filtered_newest_first(
    with_faults: Kept, filters: dict[str, Any], ids: str
) -> None:
    """Every filter and all of them together, in order of opening and then of id."""
    assert some_faults(with_faults, **filters) == [f"f-{letter}" for letter in ids]


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_faults_in_pages_are_all_faults(with_faults: Kept, limit: int) -> None:
    """Page after page gives each fault once, also where two share their moment."""
    assert in_pages(lambda marker: some_faults(with_faults, limit=limit, marker=marker)) == [
        fault.id for fault in FAULTS
    ]


@pytest.mark.parametrize("filters", [{"marker": "f-?"}, {"marker": "f-e", "host": v.HOST.name}])
def test_a_marker_that_the_list_lacks_is_not_found(
    with_faults: Kept, filters: dict[str, Any]
) -> None:
    """A marker is never silently ignored, nor does it show what the filter hides."""
    with pytest.raises(NotFound):
        some_faults(with_faults, **filters)


def test_how_far_clouds_are_is_counted_by_kind(kept: Kept) -> None:
    """Each kind with its figures and the newest refusal, of this fault alone."""
    kinds, states = RemoteKind, RemoteState
    rows = (
        (kinds.FORCE_DOWN, states.DONE, 1, "the cloud keeps none"),
        (kinds.RESET_STATE, states.DONE, 2, ""),
        (kinds.RESET_STATE, states.OWED, 3, "older"),
        (kinds.RESET_STATE, states.FAILED, 4, "newer"),
        (kinds.RESET_STATE, states.VOID, 5, "superseded"),
    )
    acts = [
        replace(v.REMOTE, id=f"r{n}", kind=kind, state=state, settled_ns=n, detail=detail)
        for kind, state, n, detail in rows
    ]
    other = replace(v.REMOTE, id="other", fault=FaultId("f-2"))
    kept.ledger.commit([RemoteActsSaved((*acts, other))])
    assert kept.faults.remote(FaultId("f-1")) == (
        RemoteProgress(kinds.FORCE_DOWN, done=1),
        RemoteProgress(kinds.RESET_STATE, owed=1, done=1, failed=1, void=1, error="newer"),
    )
    assert kept.faults.remote(FaultId("none")) == ()


def test_a_start_knows_what_clouds_refused_while_a_fault_tells_of_it(kept: Kept) -> None:
    """Of other faults, and of those that are over, it stays in the database alone."""
    failed = replace(v.REMOTE, state=RemoteState.FAILED, detail="no", settled_ns=v.T0)
    other = replace(failed, id="other", fault=FaultId("f-2"))
    bare = replace(failed, id="bare", fault=None, settled_ns=v.T0 + 1)
    told = [
        replace(v.FAULT, id=f"t-{name}", type=FAULT_TYPES[CLOUD_REFUSED], state=state,
                resource={"fault": name, "act": "reset_state"})
        for name, state in (
            ("f-1", FaultState.OPEN), ("f-2", FaultState.CLOSED), (NO_FAULT, FaultState.OPEN)
        )
    ]  # fmt: skip
    kept.ledger.commit([c.FaultsSaved(tuple(told)), RemoteActsSaved((failed, other, bare))])
    assert kept.reopen().load().remote_acts == (failed, bare)


def test_marks_are_replaced_whole(kept: Kept) -> None:
    """The checkpoints of a fault are what was marked last; without any they are empty."""
    assert kept.faults.marks(v.FAULT.id) == {}
    kept.ledger.mark([(v.FAULT.id, {"T00": [1]}), ("f-other", {})])
    kept.ledger.mark([(v.FAULT.id, {"T01": {"first": v.T0, "count": 2, "of": ("a",)}})])
    kept.ledger.mark([])
    marks = kept.reopen().faults.marks(v.FAULT.id)
    assert marks == {"T01": {"first": v.T0, "count": 2, "of": ["a"]}}


def test_audit_is_newest_first(kept: Kept) -> None:
    """Lines come back in the reverse of their writing, even where the wall clock went back."""
    lines = [replace(v.AUDITED, at_ns=v.T0 - number) for number in range(4)]
    for line in lines:
        kept.ledger.commit([c.Audited((line,))])
    assert kept.faults.audit(3) == tuple(reversed(lines))[:3]
    assert kept.faults.audit(0) == ()


def test_audit_lines_that_differ_are_all_kept(kept: Kept) -> None:
    """Two acts of one moment are two lines, whatever they have in common."""
    other = AuditRecord(v.T0, v.AUDITED.actor, v.AUDITED.action, "compute-2", "x")
    kept.ledger.commit([c.Audited((v.AUDITED, other))])
    assert kept.faults.audit(9) == (other, v.AUDITED)


AUDIT = [
    replace(v.AUDITED, at_ns=v.T0 + number, action=action, target=f"t-{number}")
    for number, action in enumerate(("user.create", "user.delete", "users_x", "user", "a%b.c"))
]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (AuditFilter(), [4, 3, 2, 1, 0]),
        (AuditFilter(action="user"), [3, 1, 0]),
        (AuditFilter(action="user.delete"), [1]),
        (AuditFilter(action="a%b"), [4]),
        (AuditFilter(action="a_b"), []),
        (AuditFilter(user="u-1", target="t-2"), [2]),
        (AuditFilter(user="u-2"), []),
        (AuditFilter(since_ns=v.T0 + 1, until_ns=v.T0 + 3), [2, 1]),
    ],
)
def test_audit_lines_are_chosen(kept: Kept, wanted: AuditFilter, found: list[int]) -> None:
    """By family of actions, user, target and time; signs of patterns mean themselves."""
    for line in AUDIT:
        kept.ledger.commit([c.Audited((line,))])
    assert kept.faults.audit(9, wanted) == tuple(AUDIT[number] for number in found)


def test_audit_is_read_in_pages(kept: Kept) -> None:
    """A page goes on after its marker, under the same filter; an unknown marker is NotFound."""
    for line in AUDIT:
        kept.ledger.commit([c.Audited((line,))])
    wanted = AuditFilter(action="user")
    assert kept.faults.audit(2, wanted) == (AUDIT[3], AUDIT[1])
    assert kept.faults.audit(2, wanted, AUDIT[1].id) == (AUDIT[0],)
    assert kept.faults.audit(2, wanted, AUDIT[0].id) == ()
    with pytest.raises(NotFound):
        kept.faults.audit(2, wanted, "f" * 64)


# ---------------------------------------------------------------- alarms


def an_alarm(name: str, updated: int, project: str = "p-1") -> Alarm:
    """Return an alarm of that id."""
    return replace(v.ALARM, id=name, updated_ns=v.T0 + updated, project=project)


ALARMS = (an_alarm("a-d", 3), an_alarm("a-c", 2), an_alarm("a-b", 2, "p-2"), an_alarm("a-a", 1))


@pytest.fixture
def with_alarms(kept: Kept) -> Kept:
    """Give a store that holds ALARMS."""
    kept.ledger.commit([c.AlarmsSaved(tuple(reversed(ALARMS)))])
    return kept


def some_alarms(
    kept: Kept, project: str | None = None, limit: int | None = None, marker: str | None = None
) -> list[str]:
    """Return the ids of the alarms that are listed."""
    return [alarm.id for alarm in kept.alarms.alarms(project=project, limit=limit, marker=marker)]


def test_an_alarm_is_found_by_its_id(with_alarms: Kept) -> None:
    """One alarm is given whole; an unknown one is NotFound."""
    assert with_alarms.alarms.alarm("a-b") == ALARMS[2]
    with pytest.raises(NotFound):
        with_alarms.alarms.alarm("a-?")


def test_alarms_are_listed_by_project(with_alarms: Kept) -> None:
    """A project's list holds its own alarms only, the last changed first."""
    assert some_alarms(with_alarms) == ["a-d", "a-c", "a-b", "a-a"]
    assert some_alarms(with_alarms, "p-1") == ["a-d", "a-c", "a-a"]
    assert some_alarms(with_alarms, "p-3") == []
    assert some_alarms(with_alarms, limit=2, marker="a-d") == ["a-c", "a-b"]
    assert some_alarms(with_alarms, "p-1", marker="a-c") == ["a-a"]


def test_alarms_in_pages_are_all_alarms(with_alarms: Kept) -> None:
    """Page after page gives each alarm once."""
    pages = in_pages(lambda marker: some_alarms(with_alarms, limit=1, marker=marker))
    assert pages == [alarm.id for alarm in ALARMS]


@pytest.mark.parametrize(("project", "marker"), [(None, "a-?"), ("p-1", "a-b")])
def test_another_projects_alarm_is_no_marker(
    with_alarms: Kept, project: str | None, marker: str
) -> None:
    """A marker reveals nothing of another project."""
    with pytest.raises(NotFound):
        some_alarms(with_alarms, project, marker=marker)


# ---------------------------------------------------------------- deliveries


def a_delivery(name: str, created: int, project: str = "p-1") -> Delivery:
    """Return a delivery of that id."""
    return replace(v.DELIVERY, id=name, created_ns=v.T0 + created, project=project)


# Oldest first.
DELIVERIES = (
    a_delivery("d-b", 1),
    a_delivery("d-a", 2, "p-2"),
    a_delivery("d-c", 2),
    a_delivery("d-d", 3),
)


@pytest.fixture
def with_deliveries(kept: Kept) -> Kept:
    """Give a store that owes DELIVERIES, of which the oldest has arrived."""
    kept.ledger.commit([c.DeliveriesQueued(tuple(reversed(DELIVERIES)))])
    kept.ledger.settle(
        [
            replace(v.ARRIVED, delivery_id=name, created_ns=DELIVERIES[0].created_ns)
            for name in ("d-b", "?")
        ]
    )
    return kept


def some_deliveries(kept: Kept, **filters: Any) -> list[str]:
    """Return the ids of the deliveries that are listed."""
    wanted = {"project": None, "state": None, "limit": 100, "marker": None}
    return [found[0].id for found in kept.alarms.deliveries(**{**wanted, **filters})]


def owed(kept: Kept, **filters: Any) -> list[str]:
    """Return the ids of the deliveries that the sender gets."""
    wanted = {"project": None, "after": None, "limit": 100}
    return [delivery.id for delivery in kept.alarms.pending(**{**wanted, **filters})]


@pytest.mark.parametrize(
    ("filters", "ids"),
    [
        ({}, "dcab"),
        ({"project": "p-1"}, "dcb"),
        ({"project": "p-1", "state": DeliveryState.PENDING}, "dc"),
        ({"state": DeliveryState.DELIVERED}, "b"),
        ({"state": DeliveryState.DEAD}, ""),
        ({"limit": 2, "marker": "d-d"}, "ca"),
    ],
)
def test_deliveries_are_filtered_newest_first(
    with_deliveries: Kept, filters: dict[str, Any], ids: str
) -> None:
    """By project and state, each and both, in pages."""
    assert some_deliveries(with_deliveries, **filters) == [f"d-{letter}" for letter in ids]


@pytest.mark.parametrize("filters", [{"marker": "d-?"}, {"marker": "d-a", "project": "p-1"}])
def test_another_projects_delivery_is_no_marker(
    with_deliveries: Kept, filters: dict[str, Any]
) -> None:
    """A marker that the list lacks is NotFound."""
    with pytest.raises(NotFound):
        some_deliveries(with_deliveries, **filters)


def test_what_is_owed_is_given_oldest_first(with_deliveries: Kept) -> None:
    """The sender gets what is pending and nothing else, by project and after a place."""
    assert owed(with_deliveries) == ["d-a", "d-c", "d-d"]
    assert owed(with_deliveries, project="p-1") == ["d-c", "d-d"]
    assert owed(with_deliveries, limit=1) == ["d-a"]
    assert owed(with_deliveries, after=(v.T0 + 2, "d-a")) == ["d-c", "d-d"]
    assert owed(with_deliveries, after=(v.T0 + 2, "d-c"), limit=1) == ["d-d"]
    assert owed(with_deliveries, after=(v.T0 + 3, "d-d")) == []


def test_a_delivery_is_found_by_its_id(with_deliveries: Kept) -> None:
    """One delivery is given whole, settled or not; an unknown one is NotFound."""
    assert with_deliveries.alarms.delivery("d-a")[0] == DELIVERIES[1]
    settled, state, *_ = with_deliveries.alarms.delivery("d-b")
    assert (settled.attempt, state) == (v.ARRIVED.attempt, v.ARRIVED.state)
    with pytest.raises(NotFound):
        with_deliveries.alarms.delivery("d-?")


def test_an_attempt_is_kept_with_its_delivery(kept: Kept) -> None:
    """A retry stays owed with its count and time; an arrival is final, with status and outcome."""
    kept.ledger.commit([c.DeliveriesQueued((v.DELIVERY,))])
    assert kept.alarms.pending(project=None, after=None, limit=9) == (v.DELIVERY,)
    kept.ledger.settle([v.RETRY])
    retried = replace(v.DELIVERY, attempt=1, next_ns=v.RETRY.next_ns)
    assert kept.reopen().alarms.pending(project=None, after=None, limit=9) == (retried,)


def test_a_settled_delivery_is_shown_with_what_came_of_it(kept: Kept) -> None:
    """State, outcome and status are those of the last attempt of several in one batch."""
    kept.ledger.commit([c.DeliveriesQueued((v.DELIVERY, v.LATER_DELIVERY))])
    kept.ledger.settle([v.RETRY, v.ARRIVED])
    kept.ledger.settle([])
    arrived = replace(v.DELIVERY, attempt=2, next_ns=0)
    shown = kept.reopen().alarms.deliveries(project=None, state=None, limit=9, marker=None)
    assert shown == (
        (v.LATER_DELIVERY, DeliveryState.PENDING, "", None),
        (arrived, DeliveryState.DELIVERED, "ok", 204),
    )


def test_a_delivery_queued_again_stays_settled(kept: Kept) -> None:
    """A decision that is repeated after a crash names the same delivery and owes it once."""
    kept.ledger.commit([c.DeliveriesQueued((v.DELIVERY,))])
    kept.ledger.settle([v.ARRIVED])
    kept.ledger.commit([c.DeliveriesQueued((v.DELIVERY,))])
    assert owed(kept) == []


@pytest.mark.parametrize("late", [v.RETRY, v.ARRIVED])
def test_a_result_of_what_was_owed_before_is_nothing_now(kept: Kept, late: Attempt) -> None:
    """A sender that was cut off settles what it sent; what is owed anew since stays owed."""
    kept.ledger.commit([c.DeliveriesQueued((v.DELIVERY,))])
    kept.ledger.settle([replace(v.ARRIVED, state=DeliveryState.DEAD)])
    again = replace(v.DELIVERY, attempt=0, created_ns=v.DELIVERY.created_ns + 1)
    kept.ledger.commit([c.DeliveriesReplayed((again,), DeliveryState.DEAD)])
    kept.ledger.settle([late])
    assert kept.alarms.pending(project=None, after=None, limit=9) == (again,)
    kept.ledger.settle([replace(late, created_ns=again.created_ns)])
    (found,) = kept.alarms.deliveries(project=None, state=None, limit=9, marker=None)
    assert (found[0].attempt, found[1]) == (late.attempt, late.state)

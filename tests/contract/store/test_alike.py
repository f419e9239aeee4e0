"""Whatever is committed in whatever order, a database holds what the double holds."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from faultwire.domain import changes as c
from faultwire.domain.accounts import Credential, CredentialKind
from faultwire.domain.alarms import AlarmState, Attempt, DeliveryState, Transition
from faultwire.domain.causes import Cause, ResourceKind
from faultwire.domain.changes import Change
from faultwire.domain.errors import Conflict
from faultwire.domain.faults import FaultState
from faultwire.domain.states import VmState
from tests.contract.store import values as v
from tests.contract.store.cases import EVERYTHING
from tests.contract.store.conftest import KINDS, Kept, Opened, empty, in_memory, on_engine
from tests.contract.store.test_changes import everything

NAMES = st.sampled_from(["n-1", "n-2", "n-3"])
NUMBERS = st.integers(0, 3)
TIMES = NUMBERS.map(lambda number: v.T0 + number)
CAUSES = st.builds(
    Cause, st.sampled_from(ResourceKind), NAMES, NAMES, st.just("error"), NAMES, NAMES, NUMBERS
)


def some(items: st.SearchStrategy) -> st.SearchStrategy:
    """A tuple of up to four."""
    return st.lists(items, max_size=4).map(tuple)


def like(value: object, **fields: st.SearchStrategy) -> st.SearchStrategy:
    """Values like this one, but for some fields."""
    return st.fixed_dictionaries(fields).map(lambda drawn: replace(value, **drawn))


SERVERS = some(like(v.SERVER, id=NAMES, vm_state=st.sampled_from(VmState), revision=NUMBERS))
FAULTS = like(
    v.FAULT, id=NAMES, state=st.sampled_from(FaultState), opened_ns=TIMES, repeats=NUMBERS
)
USERS = like(v.USER, id=NAMES, name=NAMES)
GRANTS = like(v.GRANT, user=NAMES, project=NAMES)
CREDENTIALS = st.builds(
    Credential, NAMES, st.sampled_from(CredentialKind), NAMES, st.just("00"), TIMES
)
MOVES = st.builds(
    Transition,
    NAMES,
    NAMES,
    st.just(AlarmState.OK),
    st.sampled_from(AlarmState),
    NAMES,
    TIMES,
    NUMBERS,
)
CHANGES: st.SearchStrategy[Change] = st.one_of(
    st.sampled_from(EVERYTHING),
    st.builds(c.ProjectsRemoved, some(NAMES)),
    st.builds(c.HostsSaved, some(like(v.HOST, name=NAMES, revision=NUMBERS))),
    st.builds(c.HostsRemoved, some(NAMES)),
    st.builds(c.ServersSaved, SERVERS),
    st.builds(c.ServersMoved, NAMES, SERVERS),
    st.builds(c.ServersRemoved, some(NAMES)),
    st.builds(c.FaultsSaved, some(FAULTS)),
    st.builds(c.CausesSaved, some(CAUSES)),
    st.builds(c.CausesRemoved, some(CAUSES)),
    st.builds(c.AlarmsSaved, some(like(v.ALARM, id=NAMES, updated_ns=TIMES, project=NAMES))),
    st.builds(c.AlarmsRemoved, some(NAMES)),
    st.builds(c.AlarmsMoved, some(MOVES)),
    like(v.CREATION, alarm_id=NAMES, at_ns=TIMES, detail=NAMES),
    st.builds(
        c.DeliveriesQueued, some(like(v.DELIVERY, id=NAMES, created_ns=TIMES, project=NAMES))
    ),
    st.builds(c.UsersSaved, some(USERS)),
    st.builds(c.UsersRemoved, some(NAMES)),
    st.builds(c.AssignmentsSaved, some(GRANTS)),
    st.builds(c.AssignmentsRemoved, some(GRANTS)),
    st.builds(c.CredentialsSaved, some(CREDENTIALS)),
    st.builds(c.Audited, some(like(v.AUDITED, at_ns=TIMES, detail=NAMES))),
)
ATTEMPTS = st.builds(
    Attempt,
    NAMES,
    st.sampled_from(DeliveryState),
    NUMBERS,
    TIMES,
    TIMES,
    NAMES,
    NUMBERS,
    created_ns=TIMES,
)
STEPS = st.one_of(
    st.tuples(st.just("commit"), st.lists(CHANGES, min_size=1, max_size=4)),
    st.tuples(st.just("commit"), st.lists(CHANGES, min_size=1, max_size=4)),
    # What was final stays so: of two attempts in one batch it is not said which came first.
    st.tuples(
        st.just("settle"), st.lists(ATTEMPTS, max_size=3, unique_by=lambda one: one.delivery_id)
    ),
    st.tuples(st.just("seen"), st.lists(st.tuples(NAMES, TIMES), max_size=3)),
    st.tuples(st.just("mark"), st.lists(st.tuples(NAMES, st.just({"T01": 1})), max_size=2)),
)


@pytest.fixture(scope="module", params=KINDS[1:])
def emptied(request: pytest.FixtureRequest, opener: Opened) -> Iterator[Callable[[], Kept]]:
    """Give a function that empties one database of each kind and returns its store."""
    closing: list[Callable[[], None]] = []
    opened = opener(request.param)
    kept, engine = on_engine(opened, closing), opened()

    def emptied() -> Kept:
        empty(engine)
        return kept

    yield emptied
    engine.dispose()
    for close in closing:
        close()


def done(kept: Kept, step: str, rows: list) -> bool:
    """Take a step; return whether it was refused."""
    try:
        getattr(kept.ledger, step)(rows)
    except Conflict:
        return True
    return False


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(steps=st.lists(STEPS, min_size=8, max_size=24))
def test_both_stores_hold_the_same(emptied: Callable[[], Kept], steps: list) -> None:
    """After every step both accept or refuse alike, and every reader shows the same."""
    memory, stored = in_memory(), emptied()
    for step, rows in steps:
        assert done(memory, step, rows) == done(stored, step, rows)
    assert everything(memory) == everything(stored)
    assert memory.faults.marks("n-1") == stored.faults.marks("n-1")
    for alarm in ("n-1", "n-2", "n-3"):
        shown = memory.alarms.history(alarm, limit=9)
        assert shown == stored.alarms.history(alarm, limit=9)
    owed = memory.alarms.pending(project=None, after=(v.T0 + 1, "n-2"), limit=9)
    assert owed == stored.alarms.pending(project=None, after=(v.T0 + 1, "n-2"), limit=9)

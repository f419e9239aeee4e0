"""What is old goes, a few rows at a time; what is live, owed or young stays, whatever its age."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from sqlalchemy import Engine

from faultwire import store
from faultwire.domain import changes as c
from faultwire.domain.accounts import Revocation
from faultwire.domain.alarms import Attempt, DeliveryState
from faultwire.domain.faults import FaultState
from faultwire.domain.ids import FaultId
from faultwire.domain.remote_acts import RemoteActsSaved, RemoteState
from faultwire.domain.samples import Sample
from faultwire.store import retention
from tests.contract.store import values as v
from tests.contract.store.conftest import KINDS, Kept, Opened, on_engine

NOW = v.T0
DAY = retention.DAY_NS
OLD, YOUNG = NOW - 400 * DAY, NOW - 10 * DAY
KEPT = store.Retention()
NOTHING = dict.fromkeys(store.EXPIRED, 0)


@pytest.fixture(params=KINDS[1:])
def opened(request: pytest.FixtureRequest, opener: Opened) -> Iterator[tuple[Kept, Engine]]:
    """Give an empty store of each database, with an engine of it."""
    make = opener(request.param)
    closing: list[Callable[[], None]] = []
    engine = make()
    yield on_engine(make, closing), engine
    engine.dispose()
    for close in closing:
        close()


def fault(
    name: str, closed_ns: int | None, state: FaultState = FaultState.CLOSED
) -> c.FaultsSaved:
    """Return a fault of that name, opened long ago."""
    return c.FaultsSaved(
        (replace(v.FAULT, id=name, opened_ns=OLD - 1, closed_ns=closed_ns, state=state),)
    )


def faults(kept: Kept) -> set[str]:
    """Return the ids of the faults that are there."""
    found = kept.faults.faults(host=None, state=None, since_ns=None, limit=999, marker=None)
    return {one.id for one in found}


def test_closed_faults_go_with_their_timelines(opened: tuple[Kept, Engine]) -> None:
    """Age counts from the close; open ones, unmatched ones and such with causes stay."""
    kept, engine = opened
    kept.ledger.commit(
        [
            fault("old", OLD),
            fault("young", YOUNG),
            fault("open", None, FaultState.OPEN),
            fault("unmatched", None, FaultState.UNMATCHED),
            fault("holding", OLD),
            c.CausesSaved((replace(v.CAUSE, fault_id="holding"),)),
        ]
    )
    kept.ledger.mark([(name, {"T01": 1}) for name in ("old", "young", "open")])
    assert store.expire(engine, KEPT, NOW) == {**NOTHING, "faults": 1}
    assert faults(kept) == {"young", "open", "unmatched", "holding"}
    assert [bool(kept.faults.marks(name)) for name in ("old", "young", "open")] == [0, 1, 1]
    assert store.expire(engine, KEPT, NOW) == NOTHING


def test_final_deliveries_go(opened: tuple[Kept, Engine]) -> None:
    """Owed ones stay at any age, so do those of an open fault, and those settled of late."""
    kept, engine = opened
    names = ("arrived", "dead", "refused", "owed", "of-open", "late", "young")
    made = {
        name: replace(
            v.DELIVERY,
            id=name,
            created_ns=YOUNG if name == "young" else OLD,
            fault_id={"of-open": "open", "arrived": None}.get(name, "gone"),
        )
        for name in names
    }
    kept.ledger.commit(
        [fault("open", None, FaultState.OPEN), c.DeliveriesQueued(tuple(made.values()))]
    )
    states = {"dead": DeliveryState.DEAD, "refused": DeliveryState.REFUSED}
    kept.ledger.settle(
        [
            Attempt(
                name,
                states.get(name, DeliveryState.DELIVERED),
                1,
                NOW if name == "late" else OLD,
                0,
                "",
                created_ns=made[name].created_ns,
            )
            for name in names
            if name != "owed"
        ]
    )
    assert store.expire(engine, KEPT, NOW) == {**NOTHING, "deliveries": 3}
    left = kept.alarms.deliveries(project=None, state=None, limit=99, marker=None)
    assert {one[0].id for one in left} == {"owed", "of-open", "late", "young"}


def test_what_clouds_were_asked_goes_with_its_fault(opened: tuple[Kept, Engine]) -> None:
    """What is owed stays at any age, so does what follows from an open fault, and the young."""
    kept, engine = opened
    over = replace(v.REMOTE, state=RemoteState.DONE, asked_ns=OLD, settled_ns=OLD, fault=None)
    acts = (
        replace(over, id="old"),
        replace(over, id="owed", state=RemoteState.OWED),
        replace(over, id="of-open", fault=FaultId("open")),
        replace(over, id="young", settled_ns=YOUNG),
    )
    kept.ledger.commit([fault("open", None, FaultState.OPEN), RemoteActsSaved(acts)])
    assert store.expire(engine, KEPT, NOW) == {**NOTHING, "remote_acts": 1}
    assert store.expire(engine, KEPT, NOW) == NOTHING


def test_history_samples_audit_and_revocations_go(opened: tuple[Kept, Engine]) -> None:
    """Lines by their own time, revocations once their token has ended; alarms themselves stay."""
    kept, engine = opened
    kept.ledger.commit(
        [
            c.AlarmsSaved((v.ALARM,)),
            replace(v.CREATION, at_ns=OLD),
            replace(v.CREATION, at_ns=YOUNG),
            c.Audited((replace(v.AUDITED, at_ns=OLD),)),
            c.Audited((replace(v.AUDITED, at_ns=YOUNG),)),
            c.TokensRevoked((Revocation("ended", NOW - 1), Revocation("valid", NOW + 1))),
        ]
    )
    sample = Sample("m", v.PROJECT.id, v.SERVER.id, OLD, 0.5)
    kept.ledger.sample([sample, replace(sample, at_ns=NOW - DAY)])
    gone = {**NOTHING, "history": 1, "audit": 1, "revocations": 1, "samples": 1}
    assert store.expire(engine, KEPT, NOW) == gone
    assert [line.at_ns for line in kept.alarms.history(v.ALARM.id, limit=9)] == [YOUNG]
    assert [line.at_ns for line in kept.faults.audit(9)] == [YOUNG]
    assert [one.token_id for one in kept.load().revocations] == ["valid"]
    assert len(kept.load().alarms) == 1


def test_nothing_goes_that_is_kept_for_ever(opened: tuple[Kept, Engine]) -> None:
    """0 days keep a kind; and a kind that nobody asked for stays."""
    kept, engine = opened
    kept.ledger.commit([fault("old", OLD), c.Audited((replace(v.AUDITED, at_ns=OLD),))])
    ever = store.Retention(faults_days=0, history_days=0, deliveries_days=0, audit_days=0)
    assert store.expire(engine, ever, NOW) == NOTHING
    assert store.remove(engine, "audit", store.old(engine, "audit", KEPT, NOW)) == 1
    assert store.remove(engine, "audit", ()) == 0
    assert faults(kept) == {"old"}


def test_a_round_is_bounded(opened: tuple[Kept, Engine]) -> None:
    """However much is old, one call removes one batch, the oldest first, and says how many."""
    kept, engine = opened
    count = retention.BATCH + 7
    lines = [replace(v.CREATION, at_ns=OLD + number) for number in range(count)]
    kept.ledger.commit([*lines, replace(v.CREATION, at_ns=NOW)])
    assert store.expire(engine, KEPT, NOW)["history"] == retention.BATCH
    left = kept.alarms.history(v.ALARM.id, limit=count)
    assert [line.at_ns for line in left] == [NOW, *(line.at_ns for line in lines[:-8:-1])]
    assert store.expire(engine, KEPT, NOW)["history"] == 7
    assert store.expire(engine, KEPT, NOW) == NOTHING

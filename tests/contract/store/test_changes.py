"""Every type of change is stored as it was given, and a second time changes nothing."""

from dataclasses import replace
from typing import get_args

import pytest

from faultwire.domain import changes as c
from faultwire.domain import guest_changes as g
from faultwire.domain.alarms import DeliveryState
from faultwire.domain.changes import Change
from faultwire.domain.faults import FAULT_TYPES
from faultwire.domain.rules import Rule
from faultwire.domain.states import VmState
from faultwire.store import Snapshot, writers
from faultwire.testing import store_changes
from tests.contract.store import values as v
from tests.contract.store.cases import CASES, EVERYTHING, MOVED, TOLD, Case
from tests.contract.store.conftest import Kept


def by_type(case: Case) -> str:
    """Name a case by the change that it tries."""
    return type(case.change).__name__


@pytest.mark.parametrize("case", CASES, ids=by_type)
def test_a_change_is_stored_as_given(kept: Kept, case: Case) -> None:
    """What a change names is what a new process reads, and nothing else is there."""
    for change in case.first:
        kept.ledger.commit([change])
    kept.ledger.commit([case.change])
    assert kept.reopen().load() == Snapshot(**case.then)


@pytest.mark.parametrize("case", CASES, ids=by_type)
def test_a_change_may_be_applied_twice(kept: Kept, case: Case) -> None:
    """The same commit a second time leaves everything that can be read as it was."""
    kept.ledger.commit([*case.first, case.change])
    before = everything(kept)
    kept.ledger.commit([case.change])
    assert everything(kept) == before


def everything(kept: Kept) -> tuple[object, ...]:
    """Return all that readers show."""
    return (
        kept.load(),
        kept.faults.faults(host=None, state=None, since_ns=None, limit=100, marker=None),
        kept.faults.audit(100),
        kept.alarms.alarms(project=None, limit=None, marker=None),
        kept.alarms.history(v.ALARM.id, limit=100),
        kept.alarms.deliveries(project=None, state=None, limit=100, marker=None),
    )


def test_every_type_of_change_has_a_case_and_a_writer() -> None:
    """No type of change can be added that a store does not know."""
    types = set(get_args(Change))
    assert set(writers.WRITERS) == types
    # What only processes on a shared database write, `test_shared` tries.
    alone = types - {c.EventsOwed, c.EventsTaken, c.SessionMoved}
    assert {type(case.change) for case in CASES} == alone
    assert set(store_changes._APPLIERS) == alone


def test_changes_of_one_commit_are_applied_in_order(kept: Kept) -> None:
    """A later change of a commit sees what an earlier one wrote."""
    kept.ledger.commit(
        [
            c.ServersSaved((v.SERVER,)),
            c.ServersMoved(v.HOST.name, (MOVED,)),
            c.ServersRemoved((v.BARE_SERVER.id,)),
            c.ServersSaved((v.BARE_SERVER,)),
        ]
    )
    assert kept.load().servers == (MOVED, v.BARE_SERVER)


def test_of_two_values_for_one_thing_the_last_counts(kept: Kept) -> None:
    """One change may name a thing twice (an alarm that fires twice), as one after the other."""
    again = replace(v.MOVE, at_ns=v.MOVE.at_ns + 1, version=6, reason="again")
    kept.ledger.commit(
        [
            c.AlarmsSaved((v.ALARM,)),
            c.AlarmsMoved((v.MOVE, again)),
            c.UsersSaved((replace(v.USER, name="x"), v.USER)),
            c.CausesSaved((v.CAUSE, v.LATER_CAUSE, replace(v.CAUSE, revision=9))),
        ]
    )
    snapshot = kept.load()
    assert snapshot.alarms[0].state_reason == "again"
    assert snapshot.users == (v.USER,)
    assert snapshot.causes == (replace(v.CAUSE, revision=9), v.LATER_CAUSE)
    assert len(kept.alarms.history(v.ALARM.id, limit=9)) == 2


def test_many_rows_are_written_whole(kept: Kept) -> None:
    """A batch of any size (here 1,000 and a rest) loses and mixes up no row."""
    servers = tuple(
        replace(v.BARE_SERVER, id=f"vm-{number:04}", revision=number) for number in range(1003)
    )
    kept.ledger.commit([c.ServersSaved(servers)])
    assert kept.load().servers == servers
    moved = tuple(replace(s, vm_state=VmState.ERROR, revision=s.revision + 1) for s in servers)
    kept.ledger.commit([c.ServersMoved(v.HOST.name, moved)])
    assert kept.load().servers == moved
    kept.ledger.commit([c.ServersRemoved(tuple(s.id for s in servers[:-1]))])
    assert kept.load().servers == moved[-1:]


def test_a_listed_fault_type_is_the_tables_own(kept: Kept) -> None:
    """A fault that is read shares its type with the table; one of an older table keeps its own."""
    kept.ledger.commit([c.FaultsSaved((v.FAULT, v.UNMATCHED))])
    listed, unlisted = kept.reopen().load().faults
    assert listed.type is FAULT_TYPES[v.FAULT.type.name]
    assert unlisted.type == v.UNLISTED


def test_a_transition_is_a_row_of_history(kept: Kept) -> None:
    """History has transitions in the form of Aodh's evaluator beside what owners did."""
    kept.ledger.commit([c.AlarmsSaved((v.ALARM,)), v.CREATION])
    kept.ledger.commit([c.AlarmsMoved((v.MOVE,))])
    assert kept.alarms.history(v.ALARM.id, limit=10) == (TOLD, v.CREATION)
    assert kept.alarms.history(v.ALARM.id, limit=1) == (TOLD,)


def test_a_transition_by_hand_names_its_user(kept: Kept) -> None:
    """A state that a user set is told as Aodh's API does, with who it was."""
    kept.ledger.commit([c.AlarmsSaved((v.ALARM,)), c.AlarmsMoved((replace(v.MOVE, user="u-9"),))])
    (told,) = kept.alarms.history(v.ALARM.id, limit=10)
    assert told.user == "u-9"
    assert told.detail == TOLD.detail.replace("transition_reason", "state_reason")


@pytest.mark.parametrize("rule", v.OTHER_RULES, ids=lambda rule: type(rule).__name__)
def test_a_rule_of_any_type_is_kept(kept: Kept, rule: Rule) -> None:
    """What a rule says is the same for who reads it alone and for who starts."""
    alarm = replace(v.ALARM, rule=rule)
    kept.ledger.commit([c.AlarmsSaved((alarm,))])
    assert kept.reopen().load().alarms == (alarm,)
    assert kept.alarms.alarm(alarm.id) == alarm


def test_a_delivery_that_is_over_is_owed_again(kept: Kept) -> None:
    """It counts as new, under its id; its last outcome stays to be read."""
    kept.ledger.commit([c.DeliveriesQueued((v.DELIVERY, v.LATER_DELIVERY))])
    kept.ledger.settle([v.ARRIVED])
    again = replace(v.DELIVERY, attempt=0, next_ns=v.T0 + 900, created_ns=v.T0 + 900)
    kept.ledger.commit([c.DeliveriesReplayed((again,), DeliveryState.DELIVERED)])
    assert kept.alarms.pending(project=None, after=None, limit=9)[-1] == again
    found = kept.alarms.deliveries(project=None, state=None, limit=9, marker=None)[0]
    assert found == (again, DeliveryState.PENDING, v.ARRIVED.outcome, v.ARRIVED.status)
    later = replace(again, created_ns=v.T0 + 999)
    kept.ledger.commit([c.DeliveriesReplayed((later,), DeliveryState.DELIVERED)])
    assert kept.alarms.delivery(again.id)[0] == again


def test_a_removed_alarm_has_no_history(kept: Kept) -> None:
    """The history goes with its alarm, and no other history does."""
    other = replace(v.CREATION, alarm_id=v.BARE_ALARM.id)
    kept.ledger.commit([c.AlarmsSaved((v.ALARM, v.BARE_ALARM)), v.CREATION, other])
    kept.ledger.commit([c.AlarmsMoved((v.MOVE,)), c.AlarmsRemoved((v.ALARM.id,))])
    assert kept.alarms.history(v.ALARM.id, limit=10) == ()
    assert kept.alarms.history(v.BARE_ALARM.id, limit=10) == (other,)


def test_a_host_is_saved_without_forgetting_when_it_was_heard(kept: Kept) -> None:
    """`seen` and `HostsSaved` do not touch each other's columns; a host that is gone is out."""
    kept.ledger.commit([c.HostsSaved((v.HOST, v.BARE_HOST))])
    kept.ledger.seen([(v.HOST.name, v.T0), ("unknown", v.T0)])
    kept.ledger.seen([])
    kept.ledger.commit([c.HostsSaved((replace(v.HOST, revision=99),))])
    assert kept.load().last_seen == {v.HOST.name: v.T0}
    kept.ledger.commit([c.HostsRemoved((v.HOST.name,)), c.HostsSaved((v.HOST,))])
    assert kept.load().last_seen == {}


def test_a_guest_is_saved_without_forgetting_when_it_was_heard(kept: Kept) -> None:
    """`guests_heard` and `GuestsSaved` do not touch each other's columns (D15)."""
    kept.ledger.commit([g.GuestsSaved((v.GUEST,))])
    kept.ledger.guests_heard([(v.GUEST.id, v.T0), ("unknown", v.T0)])
    kept.ledger.commit([g.GuestsSaved((replace(v.GUEST, state="up"),))])
    assert kept.load().guests_heard == {v.GUEST.id: v.T0}
    kept.ledger.commit([g.GuestsRemoved((v.GUEST.id,)), g.GuestsSaved((v.GUEST,))])
    assert kept.load().guests_heard == {}


def test_a_revocation_that_ended_is_not_loaded(kept: Kept) -> None:
    """A token that has expired by now need not be remembered as revoked."""
    kept.ledger.commit([c.TokensRevoked((v.REVOCATION,))])
    assert kept.load(now_ns=v.REVOCATION.expires_ns - 1).revocations == (v.REVOCATION,)
    assert kept.load(now_ns=v.REVOCATION.expires_ns).revocations == ()


def test_everything_at_once_is_everything_after_a_restart(kept: Kept) -> None:
    """A store that is closed and opened again has all that was committed."""
    kept.ledger.commit(EVERYTHING)
    kept.ledger.seen([(v.BARE_HOST.name, v.T0)])
    before = everything(kept)
    assert everything(kept.reopen()) == before

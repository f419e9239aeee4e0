"""Every type of change is stored as it was given, and a second time changes nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, get_args

import pytest

from faultwire.domain import changes as c
from faultwire.domain.alarms import DeliveryState
from faultwire.domain.changes import Change
from faultwire.domain.faults import FAULT_TYPES
from faultwire.domain.rules import Rule
from faultwire.domain.states import PowerState, VmState
from faultwire.store import Snapshot, writers
from faultwire.testing import store_changes
from tests.contract.store import values as v
from tests.contract.store.conftest import Kept

MOVED = replace(
    v.SERVER, vm_state=VmState.ERROR, power_state=PowerState.CRASHED, task_state=None, revision=4
)
TOLD = c.HistoryAdded(
    v.ALARM.id,
    v.PROJECT.id,
    "",
    "state transition",
    '{"state":"alarm","transition_reason":"Event hits the query"}',
    v.MOVE.at_ns,
)


@dataclass(frozen=True)
class Case:
    """Changes that are stored first, one that is tried, and what the snapshot has then."""

    change: Change
    then: dict[str, Any] = field(default_factory=dict)
    first: Sequence[Change] = ()


CASES = [
    Case(c.ProjectsSaved((v.PROJECT,)), {"projects": (v.PROJECT,)}),
    Case(
        c.ProjectsRemoved((v.PROJECT.id,)),
        {"assignments": (v.OTHER_GRANT,)},
        [
            c.ProjectsSaved((v.PROJECT,)),
            c.AssignmentsSaved((v.GRANT, v.OTHER_GRANT)),
            c.SecretsSaved(v.PROJECT.id, v.SECRETS),
            c.QuotasSaved((v.QUOTA,)),
            c.SubscriptionsSaved((v.SUBSCRIPTION,)),
            c.WatchesMoved((v.WATCH,)),
        ],
    ),
    Case(
        c.HostsSaved((replace(v.HOST, revision=8), v.BARE_HOST)),
        {"hosts": (replace(v.HOST, revision=8), v.BARE_HOST)},
        [c.HostsSaved((v.HOST,))],
    ),
    Case(
        c.HostsRemoved((v.HOST.name,)),
        {"hosts": (v.BARE_HOST,), "credentials": (v.GUEST_CREDENTIAL,), "causes": (v.CAUSE,)},
        [
            c.HostsSaved((v.HOST, v.BARE_HOST)),
            c.CredentialsSaved((v.CREDENTIAL, v.GUEST_CREDENTIAL)),
            c.CausesSaved((v.HOST_CAUSE, v.CAUSE)),
        ],
    ),
    Case(c.RunningReported(v.HOST.name, frozenset({"vm-1"}))),
    Case(c.SwitchesSaved((v.SWITCH,)), {"switches": (v.SWITCH,)}),
    Case(c.SwitchesRemoved((v.SWITCH.name,)), {}, [c.SwitchesSaved((v.SWITCH,))]),
    Case(
        c.ServersSaved((v.SERVER, v.BARE_SERVER)),
        {"servers": (v.SERVER, v.BARE_SERVER)},
        [c.ServersSaved((replace(v.SERVER, host="elsewhere", metadata={}),))],
    ),
    Case(
        c.ServersMoved(v.HOST.name, (MOVED, replace(MOVED, id="unknown"))),
        {"servers": (MOVED, v.BARE_SERVER)},
        [c.ServersSaved((v.SERVER, v.BARE_SERVER))],
    ),
    Case(
        c.ServersRemoved((v.SERVER.id,)),
        {"servers": (v.BARE_SERVER,), "causes": (v.HOST_CAUSE,)},
        [
            c.ServersSaved((v.SERVER, v.BARE_SERVER)),
            c.CausesSaved((v.CAUSE, v.LATER_CAUSE, v.HOST_CAUSE)),
        ],
    ),
    Case(c.PortsSaved((v.PORT,)), {"ports": (v.PORT,)}),
    Case(c.PortsRemoved((v.PORT.id,)), {}, [c.PortsSaved((v.PORT,))]),
    Case(c.GuestsSaved((v.GUEST,)), {"guests": (v.GUEST,)}),
    Case(c.GuestsRemoved((v.GUEST.id,)), {}, [c.GuestsSaved((v.GUEST,))]),
    Case(
        c.FaultsSaved((v.UNMATCHED, v.FAULT, v.CLOSED)),
        {"faults": (v.FAULT, v.UNMATCHED)},
        [c.FaultsSaved((replace(v.FAULT, evidence=(), plan=None),))],
    ),
    Case(
        c.CausesSaved((replace(v.CAUSE, revision=6),)),
        {"causes": (replace(v.CAUSE, revision=6), v.LATER_CAUSE)},
        [c.CausesSaved((v.CAUSE, v.LATER_CAUSE))],
    ),
    Case(
        c.CausesRemoved((v.CAUSE,)),
        {"causes": (v.LATER_CAUSE, v.HOST_CAUSE)},
        [c.CausesSaved((v.CAUSE, v.LATER_CAUSE, v.HOST_CAUSE))],
    ),
    Case(
        c.AlarmsSaved((v.ALARM, v.BARE_ALARM)),
        {"alarms": (v.ALARM, v.BARE_ALARM)},
        [c.AlarmsSaved((replace(v.ALARM, alarm_actions=(), time_constraints=()),))],
    ),
    Case(
        c.AlarmsRemoved((v.ALARM.id,)),
        {"alarms": (v.BARE_ALARM,)},
        [c.AlarmsSaved((v.ALARM, v.BARE_ALARM)), c.AlarmsMoved((v.MOVE,)), v.CREATION],
    ),
    Case(
        c.AlarmsMoved((v.MOVE,)),
        {
            "alarms": (
                replace(
                    v.ALARM,
                    state=v.MOVE.current,
                    state_reason=v.MOVE.reason,
                    state_ns=v.MOVE.at_ns,
                    version=v.MOVE.version,
                ),
                v.BARE_ALARM,
            )
        },
        [c.AlarmsSaved((v.ALARM, v.BARE_ALARM))],
    ),
    Case(v.CREATION),
    Case(c.DeliveriesQueued((v.DELIVERY, v.LATER_DELIVERY))),
    Case(
        c.DeliveriesReplayed((v.DELIVERY,), DeliveryState.DELIVERED),
        {},
        [c.DeliveriesQueued((v.DELIVERY, v.LATER_DELIVERY))],
    ),
    Case(
        c.QuotasSaved((v.QUOTA, v.OTHER_QUOTA)),
        {"quotas": (v.QUOTA, v.OTHER_QUOTA)},
        [c.QuotasSaved((replace(v.QUOTA, limit=77),))],
    ),
    Case(
        c.QuotasRemoved((v.PROJECT.id,)),
        {"quotas": (v.OTHER_QUOTA,)},
        [c.QuotasSaved((v.QUOTA, v.OTHER_QUOTA))],
    ),
    Case(
        c.SubscriptionsSaved((v.SUBSCRIPTION, v.BARE_SUBSCRIPTION)),
        {"subscriptions": (v.SUBSCRIPTION, v.BARE_SUBSCRIPTION)},
    ),
    Case(
        c.SubscriptionsRemoved((v.SUBSCRIPTION.id,)),
        {"subscriptions": (v.BARE_SUBSCRIPTION,), "watches": (v.OTHER_WATCH,)},
        [
            c.SubscriptionsSaved((v.SUBSCRIPTION, v.BARE_SUBSCRIPTION)),
            c.WatchesMoved((v.WATCH, v.OTHER_WATCH)),
        ],
    ),
    Case(
        c.WatchesMoved((replace(v.WATCH, severity="cleared", version=2),)),
        {"watches": (replace(v.WATCH, severity="cleared", version=2), v.OTHER_WATCH)},
        [c.WatchesMoved((v.WATCH, v.OTHER_WATCH))],
    ),
    Case(
        c.SecretsSaved(v.PROJECT.id, v.SECRETS),
        {"secrets": v.SECRETS},
        [c.SecretsSaved(v.PROJECT.id, tuple(reversed(v.SECRETS)) + v.SECRETS)],
    ),
    Case(
        c.UsersSaved((v.USER, v.OTHER_USER)),
        {"users": (v.USER, v.OTHER_USER)},
        [c.UsersSaved((replace(v.USER, name="bob"), replace(v.OTHER_USER, name="ann")))],
    ),
    Case(
        c.UsersRemoved((v.USER.id,)),
        {"users": (v.OTHER_USER,), "assignments": (v.OTHER_GRANT,)},
        [c.UsersSaved((v.USER, v.OTHER_USER)), c.AssignmentsSaved((v.GRANT, v.OTHER_GRANT))],
    ),
    Case(c.AssignmentsSaved((v.GRANT,)), {"assignments": (v.GRANT,)}),
    Case(
        c.AssignmentsRemoved((v.GRANT,)),
        {"assignments": (v.OTHER_GRANT,)},
        [c.AssignmentsSaved((v.GRANT, v.OTHER_GRANT))],
    ),
    Case(c.TokensRevoked((v.REVOCATION,)), {"revocations": (v.REVOCATION,)}),
    Case(
        c.CredentialsSaved((v.CREDENTIAL,)),
        {"credentials": (v.CREDENTIAL,)},
        [c.CredentialsSaved((replace(v.CREDENTIAL, id="old", secret_sha256="00"),))],
    ),
    Case(c.Audited((v.AUDITED,))),
]
EVERYTHING = [change for case in CASES for change in (*case.first, case.change)]


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

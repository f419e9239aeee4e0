"""A case for every type of change: what is stored first, what is tried, what is there then."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from faultwire.domain import changes as c
from faultwire.domain import guest_changes as g
from faultwire.domain.accounts import CredentialKind
from faultwire.domain.alarms import DeliveryState
from faultwire.domain.causes import Cause, ResourceKind
from faultwire.domain.changes import Change
from faultwire.domain.enrolment import CredentialsRemoved
from faultwire.domain.fencing import FencingsRemoved, FencingsSaved, FencingState
from faultwire.domain.guard_changes import (
    ActsDone,
    ActsNoted,
    HoldSaved,
    WindowsRemoved,
    WindowsSaved,
)
from faultwire.domain.guarding import NOT_HELD
from faultwire.domain.network_changes import (
    NetworksRemoved,
    NetworksSaved,
    SubnetsRemoved,
    SubnetsSaved,
)
from faultwire.domain.remote_acts import EventsHeld, HeldReleased, RemoteActsSaved, RemoteState
from faultwire.domain.signals import UnmappedRemoved, UnmappedSaved
from faultwire.domain.states import PowerState, VmState
from faultwire.domain.subscriptions import WatchesForgotten
from faultwire.domain.vantage_changes import SeatsTold, SeatTold
from tests.contract.store import values as v

MOVED = replace(
    v.SERVER,
    vm_state=VmState.ERROR,
    power_state=PowerState.CRASHED,
    task_state=None,
    revision=4,
    updated_ns=v.T0 + 2,
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
        {
            "hosts": (v.BARE_HOST,),
            "credentials": (v.GUEST_CREDENTIAL,),
            "causes": (v.CAUSE,),
            "evacuations": (v.OTHER_EVACUATION,),
            "fencings": (v.BARE_FENCING,),
        },
        [
            FencingsSaved((v.FENCING, v.BARE_FENCING)),
            c.EvacuationsSaved((v.EVACUATION, v.OTHER_EVACUATION)),
            c.HostsSaved((v.HOST, v.BARE_HOST)),
            c.CredentialsSaved((v.CREDENTIAL, v.GUEST_CREDENTIAL)),
            c.CausesSaved((v.HOST_CAUSE, v.CAUSE)),
        ],
    ),
    Case(c.RunningReported(v.HOST.name, frozenset({"vm-1"}))),
    Case(SeatsTold((SeatTold("m-1", "north", own=False, presence="voting"),))),
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
    Case(HoldSaved(v.HOLD), {"hold": v.HOLD}, [HoldSaved(NOT_HELD)]),
    Case(WindowsSaved((v.WINDOW,)), {"windows": (v.WINDOW,)}),
    Case(
        WindowsRemoved((v.WINDOW.id,)),
        {"windows": (v.OTHER_WINDOW,)},
        [WindowsSaved((v.WINDOW, v.OTHER_WINDOW))],
    ),
    Case(ActsDone((v.LATER_ACTED, v.ACTED)), {"acts": (v.ACTED, v.LATER_ACTED)}),
    Case(ActsNoted(1, (v.ACTED,))),
    Case(c.EvacuationsSaved((v.EVACUATION,)), {"evacuations": (v.EVACUATION,)}),
    Case(
        c.EvacuationsRemoved((v.EVACUATION,)),
        {"evacuations": (v.OTHER_EVACUATION,)},
        [c.EvacuationsSaved((v.EVACUATION, v.OTHER_EVACUATION))],
    ),
    Case(
        FencingsSaved((v.FENCING, v.BARE_FENCING)),
        {"fencings": (v.FENCING, v.BARE_FENCING)},
        [FencingsSaved((replace(v.FENCING, proof=None, state=FencingState.WANTED),))],
    ),
    Case(
        FencingsRemoved((v.FENCING.host,)),
        {"fencings": (v.BARE_FENCING,)},
        [FencingsSaved((v.FENCING, v.BARE_FENCING))],
    ),
    Case(RemoteActsSaved((v.REMOTE, v.OTHER_REMOTE)), {"remote_acts": (v.REMOTE, v.OTHER_REMOTE)}),
    Case(
        RemoteActsSaved((replace(v.REMOTE, state=RemoteState.DONE, settled_ns=v.T0 + 1),)),
        {"remote_acts": (v.OTHER_REMOTE,)},
        [RemoteActsSaved((v.REMOTE, v.OTHER_REMOTE))],
    ),
    Case(EventsHeld((v.HELD,)), {"held": (v.HELD,)}),
    Case(HeldReleased((v.HELD.id,)), {}, [EventsHeld((v.HELD,))]),
    Case(
        UnmappedSaved((v.UNMAPPED, v.OTHER_UNMAPPED)),
        {"unmapped": (v.UNMAPPED, v.OTHER_UNMAPPED)},
        [UnmappedSaved((replace(v.UNMAPPED, count=1, firing=False),))],
    ),
    Case(
        UnmappedRemoved((v.UNMAPPED.id,)),
        {"unmapped": (v.OTHER_UNMAPPED,)},
        [UnmappedSaved((v.UNMAPPED, v.OTHER_UNMAPPED))],
    ),
    Case(
        c.StatusesOwed((v.LATER_STATUS, v.OWED_STATUS)),
        {"owed_statuses": (v.OWED_STATUS, v.LATER_STATUS)},
        [c.StatusesOwed((replace(v.LATER_STATUS, after=""),))],
    ),
    Case(
        c.StatusesTold((v.OWED_STATUS.id,)),
        {"owed_statuses": (v.LATER_STATUS,)},
        [c.StatusesOwed((v.LATER_STATUS, v.OWED_STATUS))],
    ),
    Case(c.PortsSaved((v.PORT, v.BARE_PORT)), {"ports": (v.PORT, v.BARE_PORT)}),
    Case(
        c.PortsRemoved((v.PORT.id,)),
        {},
        [
            c.PortsSaved((v.PORT,)),
            c.CausesSaved((Cause(ResourceKind.PORT, v.PORT.id, "f-1", "DOWN", "ACTIVE"),)),
        ],
    ),
    Case(NetworksSaved((v.NETWORK, v.OTHER_NETWORK)), {"networks": (v.NETWORK, v.OTHER_NETWORK)}),
    Case(
        NetworksRemoved((v.NETWORK.id,)),
        {"networks": (v.OTHER_NETWORK,), "subnets": (v.OTHER_SUBNET,)},
        [
            NetworksSaved((v.NETWORK, v.OTHER_NETWORK)),
            SubnetsSaved((v.SUBNET, v.OTHER_SUBNET)),
        ],
    ),
    Case(SubnetsSaved((v.SUBNET,)), {"subnets": (v.SUBNET,)}),
    Case(
        SubnetsRemoved((v.SUBNET.id,)),
        {"subnets": (v.OTHER_SUBNET,)},
        [SubnetsSaved((v.SUBNET, v.OTHER_SUBNET))],
    ),
    Case(g.GuestsSaved((v.GUEST,)), {"guests": (v.GUEST,)}),
    Case(g.GuestsRemoved((v.GUEST.id,)), {}, [g.GuestsSaved((v.GUEST,))]),
    Case(g.TasksSaved((v.TASK,)), {"tasks": (v.TASK,)}),
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
        # One was moved since, and stays.
        WatchesForgotten((replace(v.WATCH, version=0), v.OTHER_WATCH)),
        {"watches": (v.WATCH,)},
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
    Case(
        CredentialsRemoved(CredentialKind.AGENT, (v.CREDENTIAL.name, "nobody")),
        {"credentials": (v.GUEST_CREDENTIAL,)},
        [c.CredentialsSaved((v.CREDENTIAL, v.GUEST_CREDENTIAL))],
    ),
    Case(c.Audited((v.AUDITED,))),
]
EVERYTHING = [change for case in CASES for change in (*case.first, case.change)]

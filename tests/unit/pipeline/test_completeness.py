"""Nothing falls between the stages: commands, changes and events each have their other half."""

from typing import get_args

import pytest

from faultwire.app.core import Indexes, deciders
from faultwire.domain import changes as c
from faultwire.domain import guest_changes as g
from faultwire.domain.alarms import Alarm
from faultwire.domain.changes import Change
from faultwire.domain.commands import AgentChanged, Command, ImportInventory
from faultwire.domain.events import EVENT_KINDS, LATENCY_BUDGET, Event
from faultwire.domain.guard_changes import GuardChange
from faultwire.domain.ids import AlarmId, GuestId, HostName, PortId, ProjectId, ServerId, UserId
from faultwire.domain.network_changes import NetworkChange
from faultwire.domain.resources import Guest, Host, InventoryDocument, Port, Project, Server
from faultwire.domain.rules import Clause, EventRule
from faultwire.domain.states import AgentState, ServerStateOnHostDown
from faultwire.domain.vantage_changes import SeatsTold
from faultwire.inspector.settings import Settings
from faultwire.resourcemap.scratch import MapScratch
from faultwire.store import Snapshot
from faultwire.testing.chain import ACTOR, InProcess

STORE_ONLY = {
    c.HistoryAdded: "the history of an alarm is read from the store",
    c.DeliveriesQueued: "the outbox is the sender's, woken by the chain",
    c.DeliveriesReplayed: "the outbox is the sender's, woken by the chain",
    c.Audited: "the audit record is read from the store",
    c.EventsOwed: "owed events are read by evaluators, from the store",
    c.EventsTaken: "owed events are read by evaluators, from the store",
    SeatsTold: "told to the other servers, whose monitors follow it",
}
"""Types of change that no index in memory follows, each with its reason."""

IMPORTED_ONLY = {
    c.HostsRemoved,
    c.ServersRemoved,
    c.SwitchesSaved,
    c.SwitchesRemoved,
    g.GuestsRemoved,
    *get_args(NetworkChange),
    *get_args(GuardChange),
}
"""Types of commands that decide on the base alone and need no overlay."""


def followed() -> dict[type, list[str]]:
    """Return which index in memory applies which type of change."""
    indexes = Indexes.of(Snapshot())
    followers = {
        "map": indexes.inventory,
        "holds": indexes.holds,
        "alarms": indexes.alarms,
        "directory": indexes.directory,
        "sessions": indexes.sessions,
        "subscriptions": indexes.subscriptions,
        "quotas": indexes.quotas,
        "owed": indexes.owed,
        "tasks": indexes.tasks,
        "fencings": indexes.fencings,
        "unmapped": indexes.unmapped,
        "acts": indexes.acts,
        "remote": indexes.remote,
    }
    found: dict[type, list[str]] = {}
    for name, follower in followers.items():
        for kind in follower._appliers:
            found.setdefault(kind, []).append(name)
    return found


def test_every_command_has_exactly_one_decider() -> None:
    """What a face or a monitor may ask for, somebody decides on."""
    asked = deciders(Indexes.of(Snapshot()), Settings())
    assert set(asked) == set(get_args(Command))


def test_every_change_is_followed_or_only_stored() -> None:
    """No change is forgotten by memory unless a reason is given here."""
    types = set(get_args(Change))
    assert set(followed()) | set(STORE_ONLY) == types
    assert not set(followed()) & set(STORE_ONLY)


def test_the_overlay_lays_all_that_the_fault_path_changes() -> None:
    """A change that a later step of a command must see is laid over the map."""
    product = InProcess()
    scratch = product.memory.scratch()
    assert isinstance(scratch, MapScratch)
    of_the_view = {
        kind for kind, names in followed().items() if {"map", "holds"} & set(names)
    } - IMPORTED_ONLY
    assert set(scratch._layers) == of_the_view


# ---------------------------------------------------------------- events

H1 = HostName("h1")
DOCUMENT = InventoryDocument(
    projects=(Project(ProjectId("p"), "p"),),
    hosts=(Host(H1),),
    servers=tuple(Server(ServerId(f"vm{n}"), "x", ProjectId("p"), H1) for n in range(2)),
    ports=(Port(PortId("port"), ProjectId("p"), server=ServerId("vm0")),),
    guests=(Guest(GuestId("g"), "db", ProjectId("p"), ServerId("vm0")),),
)


def told(setting: ServerStateOnHostDown) -> list[Event]:
    """Return every event of a life with all faults that act, and some that do not."""
    product = InProcess(Settings(setting))
    product.run(ImportInventory(DOCUMENT, replace=True, actor=ACTOR))
    product.report("compute.instance.down", instance_id="vm0")
    product.report("compute.host.down", hostname="h1")
    product.report("network.switch.down", switch="s")
    product.report("network.port.down", port_id="port")
    product.run(AgentChanged(H1, AgentState.LOST))
    product.report("compute.instance.up", instance_id="vm0")
    product.report("compute.host.up", hostname="h1")
    product.run(AgentChanged(H1, AgentState.CONNECTED, frozenset({"vm0"})))
    product.report("network.switch.up", switch="s")
    product.report("network.port.up", port_id="port")
    product.report("database.guest.down", guest_id="g")
    product.report("database.guest.up", guest_id="g")
    return product.events


@pytest.mark.parametrize("setting", ServerStateOnHostDown)
def test_every_event_has_the_traits_of_its_kind(setting: ServerStateOnHostDown) -> None:
    """What is emitted is what the table says, no trait more and none less (interfaces, S47)."""
    events = told(setting)
    assert {event.event_type for event in events} == set(EVENT_KINDS) - {LATENCY_BUDGET}
    for event in events:
        assert set(event.traits) == EVENT_KINDS[event.event_type].traits
        assert {type(value) for value in event.traits.values()} <= {str, int, float}


def test_no_two_events_share_a_message_id() -> None:
    """A receiver may take the id for the message."""
    ids = [event.message_id for event in told(ServerStateOnHostDown.ERROR)]
    assert len(ids) == len(set(ids))


def test_an_alarm_is_effective_for_the_very_next_event() -> None:
    """The index follows the commit, so that nothing is missed in between (promise 2)."""
    product = InProcess()
    product.run(ImportInventory(DOCUMENT, replace=True, actor=ACTOR))
    alarm = Alarm(
        AlarmId("a"), ProjectId("p"), UserId("u"), "n", "event", EventRule(Clause("*")),
        alarm_actions=("http://a/",),
    )  # fmt: skip
    product.commit(c.AlarmsSaved((alarm,)))
    product.report("compute.instance.down", instance_id="vm0")
    assert [delivery.url for delivery in product.deliveries] == ["http://a/"]

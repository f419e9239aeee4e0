"""The tables of the domain: fault types, states, statuses, events, ids, times."""

import dataclasses
import re
import uuid

import pytest

from faultwire.domain import errors
from faultwire.domain.alarms import Alarm, AlarmState, Transition
from faultwire.domain.catalogue import ENTRIES
from faultwire.domain.faults import CLEARING_TYPES, FAULT_TYPES, identity_of
from faultwire.domain.ids import AlarmId, HostName, ProjectId, ServerId, UserId, derived
from faultwire.domain.instants import rfc3339
from faultwire.domain.resources import Host, Server
from faultwire.domain.rules import Clause, EventRule
from faultwire.domain.states import (
    NOVA_STATUS,
    POWER_AFTER,
    STATUS_OF_VM_STATE,
    AgentState,
    HostStatus,
    PowerState,
    VmState,
    host_status,
)

INTERFACES = {
    "compute.host.down": ("compute.host.up", "critical", [("hostname",)]),
    "compute.host.hung": ("compute.host.ok", "major", [("hostname",)]),
    "compute.agent.down": ("compute.agent.up", "minor", [("hostname",)]),
    "compute.host.unreachable": ("compute.host.reachable", "warning", [("hostname",)]),
    "compute.host.flapping": ("compute.host.stable", "warning", [("hostname",)]),
    "compute.host.nic.error": ("compute.host.nic.ok", "major", [("hostname", "interface")]),
    "network.link.down": (
        "network.link.up",
        "major",
        [("hostname", "interface"), ("hostname", "physical_network"), ("switch", "switch_port")],
    ),
    "network.switch.down": ("network.switch.up", "critical", [("switch",)]),
    "network.port.down": ("network.port.up", "major", [("port_id",)]),
    "compute.instance.down": ("compute.instance.up", "critical", [("instance_id",)]),
    "database.guest.down": ("database.guest.up", "major", [("guest_id",)]),
    "monitor.isolated": ("monitor.connected", "warning", [("monitor",)]),
}


def test_the_fault_types_are_those_of_the_interfaces() -> None:
    """Each type has its clear, its severity and its identifying details."""
    table = {
        row.name: (row.clear, row.severity.value, list(row.identifying))
        for row in FAULT_TYPES.values()
        if row.name in INTERFACES
    }
    assert table == INTERFACES


def test_no_two_types_of_fault_are_mistaken_for_each_other() -> None:
    """Every fault type has a name and a clear of its own, and they come from the catalogue."""
    assert [entry.type for entry in ENTRIES] == list(FAULT_TYPES.values())
    assert len(FAULT_TYPES) == len(ENTRIES)
    assert {row.clear for row in FAULT_TYPES.values()} == set(CLEARING_TYPES)
    assert not set(FAULT_TYPES) & set(CLEARING_TYPES)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            {"hostname": "a", "interface": "x|interface=y"},
            {"hostname": "a|interface=x", "interface": "y"},
        ),
        ({"hostname": "a\\", "interface": "b"}, {"hostname": "a\\|interface=b"}),
        ({"hostname": "a|b"}, {"hostname": "a\\|b"}),
        ({"hostname": "a"}, {"switch": "a"}),
    ],
)
def test_no_two_resources_share_an_identity(one: dict[str, str], other: dict[str, str]) -> None:
    """What a reporter writes into a detail never makes it pass for another resource."""
    assert identity_of("network.link.down", one) != identity_of("network.link.down", other)


def test_an_identity_does_not_depend_on_the_order_of_details() -> None:
    """The same details are the same fault, however the reporter sorted them."""
    one = identity_of("t", {"hostname": "a", "interface": "b"})
    assert (
        one == identity_of("t", {"interface": "b", "hostname": "a"}) == "t|hostname=a|interface=b"
    )


@pytest.mark.parametrize(
    ("alive", "forced", "disabled", "status"),
    [
        (True, False, False, HostStatus.UP),
        (False, False, False, HostStatus.UNKNOWN),
        (True, False, True, HostStatus.MAINTENANCE),
        (False, False, True, HostStatus.MAINTENANCE),
        (True, True, False, HostStatus.DOWN),
        (False, True, False, HostStatus.DOWN),
        (True, True, True, HostStatus.DOWN),
        (False, True, True, HostStatus.DOWN),
    ],
)
def test_a_hosts_status_by_novas_precedence(
    alive: bool, forced: bool, disabled: bool, status: HostStatus
) -> None:
    """All eight combinations; DOWN is never hidden (S145-S152, D1)."""
    assert host_status(alive=alive, forced_down=forced, disabled=disabled) is status


@pytest.mark.parametrize(
    ("agent", "status"),
    [
        (AgentState.NEVER, HostStatus.UP),
        (AgentState.CONNECTED, HostStatus.UP),
        (AgentState.GONE, HostStatus.UP),
        (AgentState.LOST, HostStatus.UNKNOWN),
    ],
)
def test_only_a_lost_agent_makes_a_host_unknown(agent: AgentState, status: HostStatus) -> None:
    """A host that nobody watches is up, and one whose agent said goodbye (D24)."""
    assert Host(HostName("h"), agent=agent).status is status


def test_every_vm_state_has_one_status() -> None:
    """A status says one vm_state and the other way round, so that a document names it exactly."""
    assert set(STATUS_OF_VM_STATE) == set(VmState)
    assert {NOVA_STATUS[status][0]: status for status in NOVA_STATUS} == STATUS_OF_VM_STATE
    assert POWER_AFTER[VmState.STOPPED] is PowerState.SHUTDOWN
    assert POWER_AFTER[VmState.ERROR] is None


def test_a_server_in_another_state_is_a_later_revision_without_a_task() -> None:
    """Everything else stays (S120)."""
    before = Server(
        ServerId("s"),
        "web",
        ProjectId("p"),
        HostName("h"),
        task_state="rebooting",
        monitored=True,
        metadata={"tier": "front"},
        addresses=("192.0.2.1",),
        revision=3,
    )
    after = before.in_state(VmState.STOPPED, PowerState.SHUTDOWN)
    expected = dataclasses.replace(
        before,
        vm_state=VmState.STOPPED,
        power_state=PowerState.SHUTDOWN,
        task_state=None,
        revision=4,
    )
    assert after == expected


def test_an_alarm_moves_in_state_reason_time_and_version_alone() -> None:
    """What its owner wrote stays as it was written."""
    alarm = Alarm(
        AlarmId("a"),
        ProjectId("p"),
        UserId("u"),
        "name",
        "notification",
        EventRule(Clause("*")),
        description="text",
        enabled=False,
        severity="critical",
        updated_ns=3,
        repeat_actions=True,
        alarm_actions=("http://a/",),
        ok_actions=("http://b/",),
        insufficient_data_actions=("http://c/",),
        time_constraints=({"name": "n"},),
        resource_id="r",
        version=8,
    )
    move = Transition(
        alarm.id, alarm.project, alarm.state, AlarmState.ALARM, "because", 99, version=9
    )
    expected = dataclasses.replace(
        alarm, state=AlarmState.ALARM, state_reason="because", state_ns=99, version=9
    )
    assert alarm.moved(move) == expected


def test_derived_ids_name_their_parts() -> None:
    """The same parts give the same UUID-shaped id, other parts or other cuts another one."""
    assert derived("a", 1) == derived("a", 1)
    assert len({derived("a", 1), derived("a", 2), derived("a1"), derived("a", "1", "")}) == 4
    assert uuid.UUID(derived()).version == 8


def test_times_are_written_with_microseconds() -> None:
    """RFC 3339 in UTC, cut, not rounded."""
    assert rfc3339(1_700_000_000_000_001_999) == "2023-11-14T22:13:20.000001Z"


def test_every_error_is_in_the_drawing() -> None:
    """The tree in the docstring is the tree of the classes."""
    classes = [one for one in vars(errors).values() if isinstance(one, type)]
    assert all(issubclass(one, errors.FaultwireError) for one in classes)
    drawn = set(re.findall(r"^\s*[│├└─\s]*([A-Z]\w+)", errors.__doc__ or "", re.MULTILINE))
    assert {one.__name__ for one in classes} <= drawn
    assert str(errors.Invalid("a.b", "is wrong")) == "a.b: is wrong"
    assert str(errors.Invalid("", "is wrong")) == "is wrong"

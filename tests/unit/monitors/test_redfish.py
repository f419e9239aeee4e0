"""Hosts by their controllers: off is certain before it is told; contradictions are not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from faultwire.domain.commands import ReportFaults
from faultwire.domain.errors import BmcTrouble
from faultwire.domain.fencing import Power, PowerProof, PowerSeen
from faultwire.domain.ids import HostName
from faultwire.domain.instants import Instant
from faultwire.domain.redfish import context_of, events_of
from faultwire.domain.resources import Bmc, Host
from faultwire.domain.states import AgentState
from faultwire.monitors.redfish import RedfishMonitor
from faultwire.monitors.redfish_settings import Settings
from faultwire.telemetry.metrics import Metrics
from faultwire.testing.clock import ManualClock

H1 = HostName("compute-1")
HOST = Host(H1, bmc=Bmc("https://bmc", "u", "p"))


@dataclass
class World:
    """Implements `ports.bmcs.Bmcs`, and takes what is submitted."""

    power_is: Power = Power.ON
    host_is: Host = HOST
    ill: list[dict[str, str]] = field(default_factory=list)
    subscribed: list[tuple[str, str]] = field(default_factory=list)
    commands: list[Any] = field(default_factory=list)

    async def power(self, host: Host) -> PowerProof:
        return PowerProof(self.power_is, "https://bmc", "/redfish/v1/Systems/1", "redfish", 7)

    async def switch(self, host: Host, *, on: bool) -> None:
        raise AssertionError

    async def health(self, host: Host) -> Sequence[Mapping[str, str]]:
        return self.ill

    async def subscribe(self, host: Host, destination: str, context: str) -> Mapping[str, object]:
        self.subscribed.append((destination, context))
        return {"created": True}

    async def submit(self, command: Any) -> object:
        self.commands.append(command)
        return None

    def host(self, name: HostName) -> Host | None:
        return self.host_is if name == self.host_is.name else None

    def reports(self) -> list[tuple[str, bool]]:
        return [
            (report.type.name, report.raised)
            for command in self.commands
            if isinstance(command, ReportFaults)
            for report in command.reports
        ]

    def monitor(self, **settings: Any) -> RedfishMonitor:
        made: Any = RedfishMonitor(self, self, self, Settings(**settings), b"k")  # type: ignore[arg-type]
        clock = _Quick()
        found: RedfishMonitor = made.by(clock, Metrics(), lambda: True)
        return found


class _Quick(ManualClock):
    async def sleep(self, seconds: float) -> None:
        del seconds


async def test_a_host_that_is_off_is_dead_with_proof() -> None:
    """Two words in a row; the proof comes first, so that it is known when the fault opens."""
    world = World(Power.OFF)
    await world.monitor().look(HOST)
    seen, told = world.commands
    assert isinstance(seen, PowerSeen)
    assert seen.proof.power is Power.OFF
    assert world.reports() == [("compute.host.down", True)]
    assert told.reports[0].evidence.details["proof"] is True


async def test_a_host_that_is_on_is_only_noted() -> None:
    """Nothing is reported of a host that has power."""
    world = World()
    await world.monitor().look(HOST)
    assert world.reports() == []
    assert len(world.commands) == 1


async def test_an_agent_that_is_connected_disproves_its_controller() -> None:
    """A wrong BMC in the inventory kills no healthy host: it is told as a contradiction."""
    world = World(Power.OFF, Host(H1, bmc=HOST.bmc, agent=AgentState.CONNECTED))
    with pytest.raises(BmcTrouble, match="its agent is connected"):
        await world.monitor().look(world.host_is)
    assert world.commands == []


async def test_parts_that_are_not_ok_are_warnings_until_they_are() -> None:
    """A fan, a temperature and a power supply: one report each, cleared once they are OK."""
    world = World(ill=[{"part": "fan", "name": "Fan 1", "health": "Critical"}])
    monitor = world.monitor()
    await monitor.examine(HOST)
    await monitor.examine(HOST)
    world.ill = [{"part": "power", "name": "PSU 2", "health": "Warning"}]
    await monitor.examine(HOST)
    world.ill = [{"part": "unheard of", "name": "x", "health": "Warning"}]
    await monitor.examine(HOST)
    assert world.reports() == [
        ("compute.host.fan.error", True),
        ("compute.host.power.degraded", True),
        ("compute.host.fan.error", False),
        ("compute.host.power.degraded", False),
    ]


async def test_an_event_about_power_is_asked_about_and_not_believed() -> None:
    """What an event says of power is no proof: the controller's own answer is."""
    world = World()
    monitor = world.monitor()
    sent = {"Events": [{"MessageId": "iLOEvents.2.1.ServerPoweredOff", "Severity": "OK"}]}
    events = list(events_of(sent, context_of(b"k", H1)))
    assert await monitor.heard(H1, events, Instant(1, 1)) == 1
    (asked,) = monitor._tasks
    await asked
    assert world.reports() == []
    assert isinstance(world.commands[0], PowerSeen)


async def test_each_controller_is_given_its_own_address() -> None:
    """The address has the host and a secret, and the context is ours."""
    world = World()
    monitor = world.monitor(event_url="https://us:8779/")
    await monitor.subscribe(HOST)
    ((address, context),) = world.subscribed
    assert address.startswith("https://us:8779/fault/v1/redfish/events/compute-1/")
    assert context == context_of(b"k", "compute-1")

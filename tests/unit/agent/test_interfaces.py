"""Carriers of the host's own interfaces, as the agent watches them."""

import asyncio

import pytest

from faultwire.agent.interfaces import Interfaces
from faultwire.testing.clock import ManualClock
from tests.unit.monitors.fakes import pass_time


class FakeCarriers:
    """Stands for `liveness.local.Carriers`."""

    down_now: tuple[str, ...] = ()

    def watch(self, names: object) -> None:
        pass

    def down(self) -> tuple[str, ...]:
        return FakeCarriers.down_now

    def close(self) -> None:
        pass


async def test_a_change_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A carrier that goes, and one that comes back, are told; looks that find the same are not."""
    monkeypatch.setattr("faultwire.agent.interfaces.Carriers", FakeCarriers)
    FakeCarriers.down_now = ()
    clock, told = ManualClock(), []
    watched = Interfaces(("eth0", "eth1"), clock, lambda: told.append(dict(watched.states)))
    task = asyncio.create_task(watched.run())
    await pass_time(clock, 1)
    assert told == []
    FakeCarriers.down_now = ("eth1",)
    await pass_time(clock, 0.1)
    assert told == [{"eth0": True, "eth1": False}]
    FakeCarriers.down_now = ()
    await pass_time(clock, 1)
    assert told[1:] == [{"eth0": True, "eth1": True}]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def test_an_interface_that_is_not_there_has_no_carrier() -> None:
    """A named interface that is gone, or never was, is down; loopback is up."""
    watched = Interfaces(("lo", "nosuch0"), ManualClock(), lambda: None)
    assert watched.states == {"lo": True, "nosuch0": False}
    watched._news.close()
    watched._carriers.close()

"""Carriers of hosts' interfaces, from the agent's word to faults."""

import pytest

from faultwire.domain.errors import Invalid
from faultwire.domain.ids import HostName
from faultwire.faces.fault import agentwire
from tests.unit.monitors.fakes import RecordingWire, Scene

HOST = HostName("compute-1")


def _told(scene: Scene) -> list[tuple[str, bool]]:
    return [(one.resource["interface"], one.raised) for one in scene.reports]


async def test_a_lost_carrier_is_a_fault_at_once_and_its_return_clears_it() -> None:
    """The first raise is never delayed; the clear waits for five good looks in a row."""
    async with Scene() as scene:
        session = scene.monitor.open(HOST, "c1", None, RecordingWire())
        session.carriers({"eth0": True, "eth1": False})
        await scene.wait(0.01)
        assert _told(scene) == [("eth1", True)]
        (report,) = scene.reports
        assert report.type.name == "compute.host.nic.error"
        assert report.evidence.details == {"carrier": False}
        session.carriers({"eth0": True, "eth1": True})
        await scene.wait(0.2)
        assert len(scene.reports) == 1
        await scene.wait(0.5)
        assert _told(scene) == [("eth1", True), ("eth1", False)]


async def test_a_flicker_is_not_raised_again_and_shelves_the_host() -> None:
    """Short losses after the first need three looks of five; many turns are one flapping."""
    async with Scene() as scene:
        session = scene.monitor.open(HOST, "c1", None, RecordingWire())
        for _ in range(10):
            session.carriers({"eth0": False})
            await scene.wait(0.02)
            session.carriers({"eth0": True})
            await scene.wait(0.02)
        kinds = [one.type.name for one in scene.reports]
        assert kinds == ["compute.host.nic.error", "compute.host.flapping"]


async def test_a_fault_that_was_raised_before_our_start_is_cleared() -> None:
    """An agent that comes to another server, or after a restart, clears what is open there."""
    async with Scene() as scene:
        scene.monitor.verdicts.damped.is_open = lambda one: "interface=eth0" in one
        session = scene.monitor.open(HOST, "c1", None, RecordingWire())
        session.carriers({"eth0": True, "eth1": True})
        await scene.wait(1)
        assert _told(scene) == [("eth0", False)]


@pytest.mark.parametrize(
    "content",
    ["[]", '{"eth0":1}', '{"":true}', '{"a\\u0000b":true}', '{"%s":true}' % ("x" * 65)],
)
def test_what_is_no_state_of_interfaces_is_refused(content: str) -> None:
    """Names and states are checked; the reason names the member."""
    with pytest.raises(Invalid, match="interfaces"):
        agentwire.read(
            {"type": "websocket.receive", "text": f'{{"interfaces":{content}}}'}, 10_000
        )

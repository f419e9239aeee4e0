"""Fencing by several servers on one database: what one began another one ends."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.databases.fixtures import SERVERS, Databases, databases
from tests.system.bmcs import Emulator
from tests.system.hooks import Hooks
from tests.system.installation import Installation
from tests.system.test_fencing import FENCING, evacuate, fencing, filled, record, report, settled
from tests.system.waiting import wait_for

__all__ = ["databases"]

pytestmark = pytest.mark.system

ASKED = "power-off is asked of its BMC"


@pytest.fixture(params=SERVERS)
def two(
    request: pytest.FixtureRequest, databases: Databases, tmp_path: Path
) -> Iterator[Installation]:
    """Give an installation of two servers that fence."""
    made = Installation(tmp_path, databases.new(request.param), FENCING)
    made.serve()
    made.serve()
    yield made
    made.close()


def test_a_fencing_under_way_goes_on_when_its_server_is_killed(
    two: Installation, hooks: Hooks, tmp_path: Path
) -> None:
    """Kill -9 of who asked the BMC: the other one takes it up, and alone counts the BMC's word.

    Until then nothing is moved, whichever server is asked; the owner heard at once.
    """
    bmc = Emulator(tmp_path / "bmc", delay=6.0).start()
    try:
        cloud = filled(two.servers[0], bmc.bmc())
        (vm, *_) = cloud.servers(1, 2)
        cloud.alarm(vm, hooks.url("/owner"))
        fault = report(two.servers[0], cloud.host(1))
        hooks.wait_count(1)
        wait_for(lambda: bmc.resets() >= 1, "the power-off was asked for")
        (at_it,) = (one for one in two.servers if ASKED in one.log.read_text())
        (other,) = (one for one in two.servers if one is not at_it)
        at_it.kill9()
        assert fencing(other)["state"] == "wanted"
        assert evacuate(other, vm).status == 409
        wait_for(lambda: ASKED in other.log.read_text(), "the other one is at it")
        row = settled(other, "proven")
        assert (row["proof"]["power"], bmc.power()) == ("off", "Off")
        assert record(other, fault)["evidence"][-1]["source"] == "redfish"
        assert evacuate(other, vm).status == 200
        at_it.start()
        assert fencing(at_it)["state"] == "proven"
        asked = bmc.resets()
        again = at_it.call("POST", f"/fault/v1/hosts/{cloud.host(1)}/fence")
        assert (again.status, again.json["fencing"]["state"]) == (202, "proven")
        assert bmc.resets() == asked
    finally:
        bmc.stop()

"""What a cloud does not tell of is found out, and the lines that mend it are named (S1-S3)."""

import pytest

from faultwire.controllers.openstack.hearing import ADVICE, Hearing
from faultwire.domain.notices import Notice, PortNotice, ServerNotice, ServiceNotice
from faultwire.domain.states import VmState
from tests.unit.controllers.test_cloud_drift import known

MAP = known()
SERVER: Notice = ServerNotice("vm1", "p1", "one", "h1", VmState.ACTIVE)
STATE: Notice = ServerNotice("vm1", "p1", "one", "h1", VmState.ERROR)
HOST: Notice = ServiceNotice("h1", True, False)
PORT: Notice = PortNotice("port1", "p1")


def advised(hearing: Hearing) -> list[str]:
    """Return the kinds that a cloud is held not to tell of."""
    by_advice = {advice.what: kind for kind, advice in ADVICE.items()}
    return [by_advice[one.what] for one in hearing.known().advice]


@pytest.mark.parametrize(
    ("differed", "advice"),
    [("server", "server"), ("state", "server"), ("host", "server"), ("port", "port")],
)
def test_a_cloud_that_never_tells_is_found_at_the_first_change(differed: str, advice: str) -> None:
    """One change that nobody told of is enough; all of Nova's lines are for all that is its."""
    hearing = Hearing(1)
    hearing.looked([(differed, "x")])
    assert hearing.known().advice == ()
    assert hearing.looked(()) == {differed: 1}
    assert advised(hearing) == [advice]
    assert hearing.known().last_ns is None


def test_what_was_on_its_way_is_no_trouble() -> None:
    """A look may be faster than a notification: it counts as told until the next look."""
    for notice, kind in ((SERVER, "server"), (STATE, "state"), (PORT, "port"), (HOST, "host")):
        hearing = Hearing(1)
        name = {"server": "vm1", "state": "vm1", "port": "port1", "host": "h1"}[kind]
        hearing.told([notice], MAP, 5)
        hearing.looked([(kind, name)])
        assert not hearing.looked(())
        hearing.looked([(kind, name)])
        hearing.told([notice], MAP, 6)
        assert not hearing.looked(())
        assert hearing.known().last_ns == 6
        assert advised(hearing) == []


def test_states_that_are_not_told_of_are_found_where_servers_are() -> None:
    """Nova without notify_on_state_change tells of servers, not of os-resetState."""
    hearing = Hearing(1)
    hearing.told([SERVER], MAP, 5)
    hearing.looked([("state", "vm2")])
    hearing.looked(())
    assert advised(hearing) == ["state"]
    (advice,) = hearing.known().advice
    assert advice.what == "states of servers"
    assert "notify_on_state_change = vm_and_task_state" in advice.text
    hearing.told([STATE], MAP, 6)
    assert advised(hearing) == []


def test_one_that_was_lost_is_counted_and_is_no_advice() -> None:
    """Where a kind is told of, it takes several in a row to hold it to be off."""
    hearing = Hearing(1)
    hearing.told([SERVER, PORT], MAP, 5)
    hearing.looked([("port", "a"), ("port", "b")])
    hearing.looked(())
    assert hearing.known().untold == {"port": 2}
    assert advised(hearing) == []
    hearing.looked([("port", "c")])
    hearing.looked(())
    assert advised(hearing) == ["port"]
    hearing.told([PORT], MAP, 6)
    assert advised(hearing) == []
    assert hearing.known().untold == {"port": 3}


def test_what_happens_while_the_bus_is_away_is_not_held_against_a_cloud() -> None:
    """It is counted as untold, and no line of the cloud's configuration would have helped."""
    hearing = Hearing(1)
    hearing.looked([("server", "a")], listening=False)
    assert hearing.looked((), listening=True) == {"server": 1}
    hearing.looked([("server", "b")], listening=True)
    hearing.looked((), listening=False)
    assert hearing.known().untold == {"server": 2}
    assert advised(hearing) == []


def test_services_are_told_of_in_versioned_notifications_alone() -> None:
    """Nova's default format has servers and no services."""
    hearing = Hearing(1)
    hearing.told([SERVER], MAP, 5)
    hearing.looked([("host", "h1")])
    hearing.looked(())
    assert advised(hearing) == ["host"]
    assert "notification_format = both" in hearing.known().advice[0].text

"""Real sockets on loopback: both families, both kinds of sockets and of calls."""

import errno
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from faultwire.domain.errors import Unavailable
from faultwire.liveness import mmsg
from faultwire.liveness.icmp import Access, IcmpWire, family_of, name_of
from faultwire.liveness.local import Carriers, interfaces_to, neighbours
from faultwire.liveness.packets import BATCH
from faultwire.liveness.sweeper import Sweeper
from faultwire.liveness.sweeps import Patience
from faultwire.telemetry.clock import SystemClock

CASES = [
    (family, raw, many)
    for family in (socket.AF_INET, socket.AF_INET6)
    for raw in (False, True)
    for many in (True, False)
]
HERE = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}


@pytest.fixture(params=CASES, ids=lambda case: f"{case[0].name}-{case[1:]}")
def wire(request: pytest.FixtureRequest) -> Iterator[IcmpWire]:
    """Return each kind of wire that this system lets us have."""
    family, raw, many = request.param
    try:
        made = IcmpWire(family, many=many, raw=raw)
    except Unavailable as error:
        pytest.skip(error.detail)
    try:
        made.place(0, HERE[family])
    except OSError as error:
        pytest.skip(str(error))
    yield made
    made.close()


def test_every_kind_of_wire_hears_what_it_sent(wire: IcmpWire) -> None:
    """A batch and some goes out, comes back whole, and nothing else with it."""
    for slot in range(1, BATCH + 44):
        wire.place(slot, HERE[socket.AF_INET6 if wire.access.family == "IPv6" else 2])
    refused = wire.send(range(BATCH + 44), 77)
    if set(refused.values()) & {errno.EADDRNOTAVAIL, errno.ENETUNREACH}:
        pytest.skip("this machine has no such loopback")
    assert refused == {}
    slots: list[int] = []
    while True:
        taken = wire.take()
        assert taken.refused == 0
        assert set(taken.ticks) <= {77}
        slots += taken.slots
        if len(taken.slots) < BATCH:
            break
    assert sorted(slots) == list(range(BATCH + 44))
    assert wire.dropped() == 0


def test_a_place_that_was_cleared_takes_no_answers(wire: IcmpWire) -> None:
    """What still comes for a host that is not watched any more is refused."""
    if wire.send([0], 1):
        pytest.skip("this machine has no such loopback")
    wire.clear(0)
    taken = wire.take()
    assert (len(taken.slots), taken.refused) == (0, 1)


def test_what_the_system_refuses_is_told_and_the_others_go_out() -> None:
    """One address that cannot be sent to keeps no other from being asked."""
    try:
        made = IcmpWire(socket.AF_INET)
    except Unavailable as error:
        pytest.skip(error.detail)
    for many in (True, False):
        made._many = many and mmsg.available()
        for slot, address in enumerate(("127.0.0.1", "255.255.255.255", "127.0.0.2")):
            made.place(slot, address)
        assert set(made.send([0, 1, 2], 5)) == {1}
        assert list(made.take().slots) == [0, 2]
    made.close()


def test_addresses_are_written_as_the_system_writes_them() -> None:
    """Family, address and scope stand where sockaddr_in and sockaddr_in6 have them."""
    assert name_of("10.1.2.3", socket.AF_INET)[4:8] == bytes((10, 1, 2, 3))
    six = name_of("fe80::1%lo", socket.AF_INET6)
    assert six[8:24] == socket.inet_pton(socket.AF_INET6, "fe80::1")
    assert int.from_bytes(six[24:28], "little") == socket.if_nametoindex("lo")
    assert family_of("::1") == socket.AF_INET6


@pytest.mark.parametrize(
    ("address", "family"),
    [
        ("nonsense", socket.AF_INET),
        ("::1", socket.AF_INET),
        ("10.0.0.1", socket.AF_INET6),
        ("fe80::1%nosuch0", socket.AF_INET6),
        ("", socket.AF_INET),
    ],
)
def test_what_is_no_address_of_the_family_is_refused(address: str, family: int) -> None:
    """A name, another family or an unknown interface is a ValueError."""
    with pytest.raises(ValueError, match=r"."):
        name_of(address, family)


def test_the_costs_of_what_is_missing_are_told() -> None:
    """Raw sockets, single calls and a small buffer are each named with their price."""
    costs = Access("IPv4", "raw", "plain", 1000).costs
    assert [one.split(":")[0] for one in costs] == [
        "raw socket",
        "no sendmmsg and recvmmsg",
        "receive buffer of 1000 bytes",
    ]


def test_an_interface_that_is_gone_has_no_carrier() -> None:
    """Loopback is up; an interface that does not exist is down, and named."""
    carriers = Carriers()
    carriers.watch(["lo", "nosuch0"])
    assert carriers.down() == ("nosuch0",)
    carriers.close()


def test_interfaces_are_found_by_the_longest_route(tmp_path: Path) -> None:
    """The most special route decides; loopback is never watched."""
    folder = tmp_path
    (folder / "route").write_text(
        "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n"
        "eth0 00000000 0100000A 0003 0 0 0 00000000 0 0 0\n"
        "eth1 0000010A 00000000 0001 0 0 0 00FFFFFF 0 0 0\n"
        "eth2 0000020A 00000000 0000 0 0 0 00FFFFFF 0 0 0\n",
        encoding="ascii",
    )
    (folder / "ipv6_route").write_text(
        "fd000000000000000000000000000000 40 " + "0" * 32 + " 00 " + "0" * 32
        + " 00000100 00000001 00000000 00000001     eth3\n",
        encoding="ascii",
    )  # fmt: skip
    assert interfaces_to(["10.1.0.7"], folder) == {"eth1"}
    assert interfaces_to(["10.2.0.7"], folder) == {"eth0"}
    assert interfaces_to(["fd00::7", "10.9.9.9"], folder) == {"eth0", "eth3"}
    assert interfaces_to(["10.1.0.7"], folder / "nothing") == set()


def test_room_for_neighbours_is_known() -> None:
    """The system says how many neighbours it can know, or nothing is said."""
    assert neighbours(socket.AF_INET) is None or neighbours(socket.AF_INET) > 0  # type: ignore[operator]


def test_a_sweep_over_loopback_finds_all_alive() -> None:
    """Two sweeps of 2,000 addresses: everybody answers each of them, and nothing is dropped."""
    try:
        made = IcmpWire(socket.AF_INET)
    except Unavailable as error:
        pytest.skip(error.detail)
    for slot in range(2000):
        made.place(slot, f"127.2.{slot // 256}.{slot % 256}")
    sweeper = Sweeper(made, SystemClock().mono_ns)
    for _ in range(2):
        found = sweeper.sweep(range(2000), Patience())
        assert (len(found.alive), len(found.dead), len(found.unknown)) == (2000, 0, 0)
    assert made.dropped() == 0
    made.close()

"""The contract of engines that sweep: our sockets, the program fping, and the fake agree.

The true ones need addresses that are silent: a system test runs this file in a namespace that has
some, and has none of it skipped.
"""

import os
import subprocess

import pytest

from faultwire.domain.errors import Unavailable
from faultwire.liveness.engines import IcmpEngine, SweepEngine
from faultwire.liveness.fping import FpingEngine
from faultwire.liveness.parse import LONGEST_US, SILENT, UNSENT
from faultwire.liveness.probing import open_wires
from faultwire.telemetry.clock import SystemClock
from faultwire.testing.pinging import FakeEngine

ANSWERS = ("127.0.0.1", "127.0.3.4", "::1")
MUTE = ("198.51.100.2", "198.51.100.3", "2001:db8:1::2")
"""Behind an interface that swallows what is sent."""
UNROUTED = ("203.0.113.9", "2001:db8:2::9")


def _fake() -> SweepEngine:
    engine = FakeEngine()
    engine.answers = dict.fromkeys(ANSWERS, 120)
    engine.refuses = set(UNROUTED)
    return engine


def _icmp() -> SweepEngine:
    return IcmpEngine(open_wires()[0], SystemClock())


def _fping() -> SweepEngine:
    return FpingEngine("fping")


ENGINES = {"fake": _fake, "icmp": _icmp, "fping": _fping}


def _network() -> bool:
    if "FAULTWIRE_MUTE" not in os.environ:
        return False
    shown = subprocess.run(["ip", "-br", "address"], capture_output=True, text=True, check=True)
    return "198.51.100.1" in shown.stdout


@pytest.fixture(params=sorted(ENGINES))
def engine(request: pytest.FixtureRequest) -> SweepEngine:
    """Give each engine in turn."""
    if request.param != "fake" and not _network():
        pytest.skip("needs the namespace that tests/system/test_pings.py makes")
    return ENGINES[request.param]()


def test_those_that_answer_have_a_time_and_others_none(engine: SweepEngine) -> None:
    """Alive, silent, and never asked are three things, for both families, in order."""
    addresses = [one for three in zip(ANSWERS, MUTE, strict=True) for one in three] + [*UNROUTED]
    for slot, address in enumerate(addresses):
        engine.place(slot, address)
    found = engine.sweep(range(len(addresses)))
    answered = [address for address, one in zip(addresses, found, strict=True) if one < SILENT - 9]
    assert answered == [*ANSWERS]
    assert all(one <= LONGEST_US for one in found if one < SILENT - 9)
    assert list(found[1:6:2]) == [SILENT] * 3
    assert list(found[6:]) == [UNSENT] * 2


def test_slots_may_be_asked_in_any_order_and_stand_for_others(engine: SweepEngine) -> None:
    """What a slot stands for is what it stood for last; one that stands for nothing is unsent."""
    engine.place(4, MUTE[0])
    engine.place(9, ANSWERS[0])
    assert engine.sweep([9, 4])[1] == SILENT
    engine.place(4, ANSWERS[1])
    engine.clear(9)
    found = engine.sweep([9, 4, 77])
    assert (found[0], found[2]) == (UNSENT, UNSENT)
    assert found[1] <= LONGEST_US


def test_nobody_is_asked_where_there_is_nobody(engine: SweepEngine) -> None:
    """An empty sweep is empty."""
    assert list(engine.sweep([])) == []


def test_what_is_no_address_is_refused(engine: SweepEngine) -> None:
    """A name is no address: nothing is looked up; the slot stands for nothing then."""
    engine.place(1, ANSWERS[0])
    for wrong in ("localhost", "", "-h", "127.0.0.1 -f /etc/passwd", "127.0.0.1\n127.0.0.2"):
        with pytest.raises(ValueError, match="address"):
            engine.place(1, wrong)
    assert list(engine.sweep([1])) == [UNSENT]


def test_a_program_that_is_not_there_says_what_to_do() -> None:
    """Neither a missing nor a plain file is run (S195)."""
    for path in ("/nowhere/fping", __file__):
        with pytest.raises(Unavailable, match="fping_path"):
            FpingEngine(path)

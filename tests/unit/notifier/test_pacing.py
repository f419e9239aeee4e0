"""How many tries run at once: more where the network is slow, not where a machine is."""

import pytest

from faultwire.notifier.delivery.pacing import AGAIN_NS, LEAST, LOOK_S, Pace

MS = 1_000_000
LOOK_NS = round(LOOK_S * 1_000_000_000)


def _run(pace: Pace, seconds: float, rate: float, *, per_slot: bool) -> int:
    """Look regularly while tries end at a rate, of each slot or of all; return the slots."""
    now, ended = 0, 0.0
    pace.begin(now)
    while now < seconds * 1_000_000_000:
        now += LOOK_NS
        ended += rate * LOOK_S * (pace.slots if per_slot else 1)
        pace.note(int(ended))
        ended -= int(ended)
        pace.look(now, pace.slots)
    return pace.slots


def test_slow_answers_are_waited_for_side_by_side() -> None:
    """Where each try takes 200 ms, their number grows until the loop has enough to do."""
    assert _run(Pace(1024), 2, 5, per_slot=True) >= 128


@pytest.mark.parametrize("rate", [100, 300, 700])
def test_a_machine_that_has_enough_to_do_is_not_given_more(rate: int) -> None:
    """Where as many end however many run, they stay few: each of them is soon over."""
    assert _run(Pace(1024), AGAIN_NS / 1e9 * 0.9, rate, per_slot=False) <= 2 * LEAST


def test_a_fast_loop_is_left_as_it_is() -> None:
    """At a thousand in a second the least number stays."""
    assert _run(Pace(1024), 2, 1000, per_slot=False) == LEAST


def test_hung_ones_are_passed_soon() -> None:
    """Where nothing ends at all, the number doubles every few looks, up to the most."""
    assert _run(Pace(1024), 0.13, 0, per_slot=False) >= 128
    assert _run(Pace(1024), 5, 0, per_slot=False) == 1024


def test_what_did_not_pay_off_is_tried_again_later() -> None:
    """A rate that stands still is put to the test each second."""
    assert _run(Pace(1024), 3 * AGAIN_NS / 1e9, 300, per_slot=False) > 2 * LEAST


def test_a_late_loop_starts_nothing_more() -> None:
    """Looks that come late show that this machine is what all wait for."""
    pace = Pace(1024)
    pace.begin(0)
    for number in range(1, 20):
        pace.look(number * 10 * LOOK_NS, LEAST)
    assert pace.slots == LEAST


def test_rest_brings_it_back() -> None:
    """Once nothing waits, the next burst begins with few."""
    pace = Pace(1024)
    _run(pace, 5, 0, per_slot=False)
    pace.rest()
    assert pace.slots == LEAST


def test_the_most_is_kept_from_the_start() -> None:
    """Fewer than the least, where there is room for fewer alone."""
    assert Pace(8).slots == 8


def test_what_stalls_takes_no_ones_place() -> None:
    """As many run beside tries that hang as where nothing hangs, up to the most."""
    pace = Pace(100)
    pace.pass_over(0)
    assert pace.slots == LEAST
    pace.pass_over(64)
    assert pace.slots == LEAST + 64
    pace.pass_over(99)
    assert pace.slots == 100
    pace.rest()
    assert pace.slots == LEAST

"""Sweeps over a network that the test holds: who is asked when, and what is found."""

import errno
from collections.abc import Callable

from faultwire.liveness.suspicion import MS
from faultwire.liveness.sweeps import (
    BATCH,
    FIRST,
    NARROWEST,
    STEP,
    WIDEST,
    Patience,
    Sweep,
    Swept,
    Window,
)


def _always(slot: int, number: int) -> bool:
    return True


def swept(
    count: int,
    answers: Callable[[int, int], bool] = _always,
    *,
    window: Window | None = None,
    refuses: Callable[[int, int], bool] = lambda _slot, _try: False,
    patience: Patience | None = None,
) -> tuple[Swept, int]:
    """Sweep; answers come two milliseconds after each question. Return also the longest queue."""
    sweep = Sweep(range(count), patience or Patience(), window or Window())
    now, coming, asked, widest = 0, [], dict.fromkeys(range(count), 0), 0
    while not sweep.done:
        some = sweep.next(now)
        refused = {}
        for slot in some:
            asked[slot] += 1
            if refuses(slot, asked[slot]):
                refused[slot] = errno.ENOBUFS
            elif answers(slot, asked[slot]):
                coming.append((now + 2 * MS, slot))
        sweep.sent([slot for slot in some if slot not in refused], now)
        sweep.unsent(refused, now)
        widest = max(widest, len(coming))
        if not some:
            now += MS
        come = [slot for at, slot in coming if at <= now]
        coming = [(at, slot) for at, slot in coming if at > now]
        sweep.answered(come)
        assert now < 60_000 * MS, "it never ends"
    return sweep.result(), widest


def test_all_that_answer_are_asked_once() -> None:
    """Where nothing is lost, a sweep is one question each."""
    found, widest = swept(10_000)
    assert (len(found.alive), len(found.dead), found.asked) == (10_000, 0, 10_000)
    assert widest <= FIRST


def test_only_the_silent_are_asked_again() -> None:
    """Each of three passes asks those that have not answered, and they are dead at last."""
    found, _ = swept(1000, lambda slot, _: slot % 100 != 0)
    assert found.dead == frozenset(range(0, 1000, 100))
    assert found.asked == 1000 + 2 * 10


def test_lost_answers_are_asked_for_again_and_narrow_the_window() -> None:
    """Loss makes nobody dead; it halves the window for the next sweep."""
    window = Window()
    found, _ = swept(1000, lambda slot, number: number > 1 or slot % 10 != 0, window=window)
    assert len(found.alive) == 1000
    assert window.size == FIRST // 2


def test_dead_targets_do_not_narrow_the_window() -> None:
    """Who never answers was not lost by a window too wide: the next one is wider by a step."""
    window = Window()
    swept(1000, lambda slot, _: slot % 10 != 0, window=window)
    assert window.size == FIRST + STEP


def test_the_window_has_bounds() -> None:
    """It grows by steps to its widest and is halved to its narrowest."""
    window = Window()
    for _ in range(100):
        window.went(0, 1000)
    assert window.size == WIDEST
    for _ in range(100):
        window.shrink()
    assert window.size == NARROWEST


def test_what_cannot_be_sent_is_unknown() -> None:
    """A target that every time the system refused to ask is neither alive nor dead."""
    found, _ = swept(500, refuses=lambda slot, _: slot >= 400)
    assert len(found.alive) == 400
    assert not found.dead
    assert dict(found.unknown) == dict.fromkeys(range(400, 500), errno.ENOBUFS)


def test_what_was_refused_once_is_asked_later() -> None:
    """A full queue passes: what it refused is asked in the next pass and found alive."""
    found, _ = swept(500, refuses=lambda slot, number: number == 1 and slot % 2 == 0)
    assert (len(found.alive), len(found.unknown)) == (500, 0)


def test_a_sweep_of_nobody_is_done() -> None:
    """No target, no question."""
    sweep = Sweep((), Patience(), Window())
    assert sweep.done
    assert sweep.result() == Swept(frozenset(), frozenset(), {}, 0)


def test_no_more_go_out_at_once_than_a_batch() -> None:
    """However wide the window, queues of devices get one batch at a time."""
    window = Window()
    window.size = WIDEST
    assert len(Sweep(range(10_000), Patience(), window).next(0)) == BATCH


def test_each_target_has_its_own_patience() -> None:
    """Who is silent is asked again while others are asked for the first time."""
    sweep = Sweep(range(3 * BATCH), Patience(2, 20 * MS), Window())
    first = sweep.next(0)
    sweep.sent(first, 0)
    sweep.answered(list(first)[1:])
    second = sweep.next(15 * MS)
    sweep.sent(second, 15 * MS)
    assert list(sweep.next(20 * MS)) == [first[0]]


def test_the_dead_hold_nobody_up() -> None:
    """More of them than the window is wide: after 20 ms they no longer count as under way."""
    found, _ = swept(2000, lambda slot, _: slot >= 1000, patience=Patience(2, 250 * MS))
    assert len(found.dead) == 1000
    sweep = Sweep(range(1000), Patience(1, 250 * MS), Window())
    asked = 0
    for now in range(0, 100 * MS, MS):
        some = sweep.next(now)
        sweep.sent(some, now)
        asked += len(some)
    assert asked == 1000


def test_a_late_loop_declares_nobody_dead_whose_answer_it_has_not_read() -> None:
    """Time is read before what came is taken, and judged by after: an answer is never too late."""
    sweep = Sweep(range(10), Patience(1, 20 * MS), Window())
    sweep.sent(sweep.next(0), 0)
    # A second in which nothing ran. Then: what came is taken first.
    sweep.answered(range(9))
    assert sweep.next(1000 * MS) == ()
    assert sweep.result().dead == {9}


def test_what_answers_took_is_told() -> None:
    """By slot, as far as it is known."""
    sweep = Sweep(range(3), Patience(1, 20 * MS), Window())
    sweep.sent(sweep.next(0), 0)
    sweep.answered([0, 2], [5, 7])
    sweep.next(20 * MS)
    assert dict(sweep.result().took) == {0: 5, 2: 7}

"""Shares change hands when nothing is under way in them, or after a while in any case."""

from collections.abc import Callable, Collection
from typing import Any

from faultwire.app.cluster import Hands, Work
from faultwire.app.tail import PATIENCE_NS, Secrets, Tail
from faultwire.domain.shares import SHARES, Member, Share
from faultwire.liveness.members import wanted_shares
from faultwire.testing.clock import ManualClock

ME, OTHER = (Member(one, "sender", one, "", 0) for one in ("me", "other"))
EVERYTHING = frozenset(range(SHARES))
MINE = wanted_shares("me", (ME, OTHER))
THEIRS = EVERYTHING - MINE
PATIENCE_S = 5


class Stored:
    """The table of shares."""

    def __init__(self) -> None:
        self.owners: dict[int, str | None] = dict.fromkeys(range(SHARES), None)

    def all(self) -> tuple[Share, ...]:
        return tuple(Share(number, owner, 0) for number, owner in self.owners.items())

    def take(self, owner: str, shares: Collection[Share]) -> frozenset[int]:
        self.owners.update((one.number, owner) for one in shares)
        return frozenset(one.number for one in shares)

    def give(self, owner: str, numbers: Collection[int]) -> None:
        self.owners.update((one, None) for one in numbers if self.owners[one] == owner)

    def of(self, owner: str | None) -> frozenset[int]:
        return frozenset(one for one, who in self.owners.items() if who == owner)


class Stand:
    """One member's work, and what is under way in it."""

    def __init__(self) -> None:
        self.stored, self.clock = Stored(), ManualClock()
        self.busy: frozenset[int] = frozenset()
        self.adopted: list[frozenset[int]] = []
        self.releases = 0
        self.on_release: Callable[[], None] = lambda: None
        hands = Hands(self._adopt, self._release, PATIENCE_S * 10**9, self.clock)
        self.work = Work("me", "sender", self.stored, self._thread, hands)  # type: ignore[arg-type]

    async def _thread(self, call: Callable[..., object], *args: object) -> Any:
        return call(*args)

    async def _adopt(self, shares: frozenset[int]) -> None:
        self.adopted.append(shares)

    async def _release(self, shares: frozenset[int]) -> frozenset[int]:
        self.releases += 1
        self.on_release()
        return shares & self.busy


async def test_a_busy_share_is_given_once_it_is_quiet() -> None:
    """A member joins: it gets the quiet shares at once, the busy one when its try is over."""
    stand = Stand()
    await stand.work.reconcile((ME,))
    assert stand.work.owned == EVERYTHING
    busy = frozenset({min(THEIRS)})
    stand.busy = busy
    await stand.work.reconcile((ME, OTHER))
    assert stand.stored.of(None) == THEIRS - busy
    assert stand.work.owned == MINE
    stand.busy = frozenset()
    await stand.work.reconcile((ME, OTHER))
    assert stand.stored.of(None) == THEIRS


async def test_a_share_that_stays_busy_is_given_all_the_same() -> None:
    """Nobody waits for a destination that hangs for longer than a try may take."""
    stand = Stand()
    await stand.work.reconcile((ME,))
    stand.busy = THEIRS
    await stand.work.reconcile((ME, OTHER))
    stand.clock.advance(PATIENCE_S - 1)
    await stand.work.reconcile((ME, OTHER))
    assert stand.stored.of(None) == frozenset()
    stand.clock.advance(1)
    await stand.work.reconcile((ME, OTHER))
    assert stand.stored.of(None) == THEIRS


async def test_a_share_that_is_wanted_again_stays() -> None:
    """The other one left before it had everything: what was kept is taken up again."""
    stand = Stand()
    await stand.work.reconcile((ME,))
    stand.busy = THEIRS
    await stand.work.reconcile((ME, OTHER))
    await stand.work.reconcile((ME,))
    assert stand.work.owned == EVERYTHING
    assert stand.adopted[-1] == THEIRS
    stand.clock.advance(PATIENCE_S)
    await stand.work.reconcile((ME, OTHER))
    assert stand.stored.of(None) == frozenset(), "its patience begins anew"


async def test_who_leaves_waits_for_what_is_under_way() -> None:
    """All is given away at the end; a busy share last, and not without an end."""
    stand = Stand()
    await stand.work.reconcile((ME,))
    stand.busy = frozenset({1})

    def pass_a_second() -> None:
        if stand.releases > 1:
            assert stand.stored.of("me") == {1}
        stand.clock.advance(1)

    stand.on_release = pass_a_second
    await stand.work.let_go()
    assert stand.stored.of("me") == frozenset()
    assert stand.releases == PATIENCE_S + 1
    assert stand.work.owned == frozenset()


class Sender:
    """Implements `app.tail.Takes`: busy until the clock has moved a little."""

    longest_ms = 1000

    def __init__(self, clock: ManualClock, busy_ns: int) -> None:
        self._clock = clock
        self._until = clock.mono_ns() + busy_ns
        self.released: frozenset[int] = frozenset()

    def wake(self, deliveries: object) -> None:
        raise AssertionError

    async def adopt(self, shares: frozenset[int]) -> None:
        raise AssertionError

    def release(self, shares: frozenset[int]) -> None:
        self.released |= shares

    def busy(self, shares: frozenset[int]) -> frozenset[int]:
        self._clock.advance(0.05)
        return frozenset() if self._clock.mono_ns() >= self._until else shares & {3}


class Hasty(ManualClock):
    """Sleeps at once."""

    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)


async def test_a_short_try_is_waited_for_at_once() -> None:
    """Almost every try ends within the patience of a release; one that does not is named."""
    clock = Hasty()
    for busy_ns, left in ((PATIENCE_NS // 2, frozenset()), (9 * PATIENCE_NS, frozenset({3}))):
        sender = Sender(clock, busy_ns)
        tail = Tail(None, sender, clock, 1.0, Secrets(lambda _: True, None))  # type: ignore[arg-type]
        assert await tail.release(frozenset({3, 4})) == left
        assert sender.released == {3, 4}
        tail.close()

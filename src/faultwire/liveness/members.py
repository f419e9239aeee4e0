"""Which processes live, and which of them works on which share; pure, with time as an argument.

Nobody's clock is compared with anybody else's: a process is gone when its count of beats has
stood still for so long on the watcher's own monotonic clock.
"""

import zlib
from collections.abc import Collection, Iterable

from faultwire.domain.shares import SHARES, Member


class MemberWatch:
    """What one process has seen of the others; for one thread."""

    def __init__(self, silence_ns: int, look_ns: int) -> None:
        """Take after how long without a beat a member counts as gone.

        What passes between two looks beyond `look_ns` is our own blindness, and counts against
        nobody.
        """
        self._silence_ns = silence_ns
        self._look_ns = look_ns
        self._looked: int | None = None
        self._seen: dict[str, tuple[Member, int]] = {}

    def observe(self, members: Iterable[Member], now: int) -> None:
        """Take the stored members as they are at `now` (monotonic ns); who left is forgotten."""
        blind = 0 if self._looked is None else max(0, now - self._looked - self._look_ns)
        self._looked = now
        seen: dict[str, tuple[Member, int]] = {}
        for member in members:
            before = self._seen.get(member.id)
            moved = before is None or before[0].beats != member.beats
            seen[member.id] = member, now if before is None or moved else before[1] + blind
        self._seen = seen

    def live(self, now: int) -> tuple[Member, ...]:
        """Return who has shown a beat lately, in order of id."""
        return tuple(
            member for _, (member, at) in sorted(self._seen.items()) if now - at < self._silence_ns
        )

    def silences(self, now: int) -> tuple[tuple[Member, int], ...]:
        """Return every member that is stored, with the ns since it was last seen to beat."""
        return tuple((member, now - at) for _, (member, at) in sorted(self._seen.items()))

    def gone(self, now: int) -> tuple[Member, ...]:
        """Return who is still stored and has not shown a beat for too long."""
        return tuple(member for member, at in self._seen.values() if now - at >= self._silence_ns)


def working(members: Collection[Member], role: str) -> tuple[Member, ...]:
    """Return who does the work of a role: those who do only that, else every server."""
    ours = tuple(member for member in members if member.role == role)
    return ours or tuple(member for member in members if member.role == "serve")


def wanted_shares(member: str, workers: Iterable[Member]) -> frozenset[int]:
    """Return the shares that a member should own, evenly dealt among the workers.

    Whoever knows the same workers comes to the same answer; when one goes, the others keep most
    of what they have.
    """
    ids = sorted(worker.id for worker in workers)
    if member not in ids:
        return frozenset()
    most = -(-SHARES // len(ids))
    dealt: dict[str, int] = dict.fromkeys(ids, 0)
    mine = set()
    for share in range(SHARES):
        ranked = sorted(ids, key=lambda one: (zlib.crc32(f"{one}/{share}".encode()), one))
        owner = next(one for one in ranked if dealt[one] < most)
        dealt[owner] += 1
        if owner == member:
            mine.add(share)
    return frozenset(mine)

"""How many tries may be under way at once, and how few of them may be doubtful; pure.

Half of every ceiling is kept for destinations that are known to answer well. Of the other half,
destinations that just failed have half again, so that a first try never waits for the hung ones.
"""

from enum import IntEnum

from faultwire.notifier.settings import Settings


class Standing(IntEnum):
    """What is known of a destination; better ones go first.

    PROVEN answered well not long ago, SUSPECT failed when last tried, of FRESH nothing is known.
    """

    PROVEN = 0
    FRESH = 1
    SUSPECT = 2


STANDINGS = tuple(Standing)
WELL, UNKNOWN, ILL = STANDINGS


class Ceiling:
    """Counts tries under way against a limit; `held` are slow ones and those not proven."""

    __slots__ = ("_half", "_limit", "_quarter", "held", "suspect", "total", "yielding")

    def __init__(self, limit: int) -> None:
        """Allow `limit` at once."""
        self._limit = limit
        self._half = max(1, limit // 2)
        self._quarter = max(1, limit // 4)
        self.total = 0
        self.held = 0
        self.suspect = 0
        # Of the held ones, those that were told to end and have not ended yet.
        self.yielding = 0

    def room(self, standing: Standing) -> bool:
        """Return whether one more of that standing may start."""
        if self.total >= self._limit:
            return False
        if standing is WELL:
            return True
        return self.held < self._half and (standing is UNKNOWN or self.suspect < self._quarter)

    def start(self, standing: Standing) -> None:
        """Count a try that starts."""
        self.total += 1
        if standing is not WELL:
            self.held += 1
            if standing is ILL:
                self.suspect += 1

    def end(self, standing: Standing, slow: bool = False, yielded: bool = False) -> None:  # noqa: FBT001, FBT002
        """Count a try that ended."""
        self.total -= 1
        if standing is not WELL or slow:
            self.held -= 1
            if standing is ILL:
                self.suspect -= 1
        if yielded:
            self.yielding -= 1

    def wants(self, waiting: int) -> bool:
        """Return whether a slow try must end: too many are held, or first tries wait for room."""
        if self.held - self.yielding > self._half:
            return True
        return waiting > self.yielding and not self.room(UNKNOWN)


def clamped(settings: Settings, open_files: int) -> tuple[int, int]:
    """Return the overall ceiling and that of one origin, with half of the files left to others."""
    overall = max(4, min(settings.ceiling, open_files // 2))
    return overall, max(4, min(settings.origin_ceiling, overall // 2))

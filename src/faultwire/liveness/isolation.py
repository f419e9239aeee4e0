"""Whether it is we who are cut off: then nothing that we do not hear is held to be dead.

::

    connected ─DOUBT─▶ doubtful ─PERSISTS─▶ isolated ─CALM─▶ connected
                       doubtful ─CALM─▶ connected

From the first doubt on, verdicts are held. Only doubts that last are told as a fault.
Pure: times are arguments, monotonic nanoseconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

CALM_NS = 1_000_000_000
"""How long an isolation must have had no reason left before it is over."""


class Standing(StrEnum):
    """How we stand ourselves."""

    CONNECTED = "connected"
    DOUBTFUL = "doubtful"
    ISOLATED = "isolated"


class Sign(StrEnum):
    """What moves us from one standing to another."""

    DOUBT = "doubt"
    PERSISTS = "persists"
    CALM = "calm"


MOVES: Mapping[tuple[Standing, Sign], Standing] = {
    (Standing.CONNECTED, Sign.DOUBT): Standing.DOUBTFUL,
    (Standing.DOUBTFUL, Sign.PERSISTS): Standing.ISOLATED,
    (Standing.DOUBTFUL, Sign.CALM): Standing.CONNECTED,
    (Standing.ISOLATED, Sign.CALM): Standing.CONNECTED,
}
"""Every legal move."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Too many suspects are more than `percent` of the hosts that answer, and more than `hosts`.

    Doubts are told once they have lasted `persists_ns`.
    """

    percent: int
    hosts: int
    persists_ns: int


@dataclass(frozen=True, slots=True)
class Health:
    """What we see of ourselves.

    `carriers_down`: own interfaces without a carrier. `dropped`: replies that were thrown away at
    our own sockets since the last look. `canaries` and `silent`: how many addresses that should
    always answer have ever answered, and how many of these are silent now.
    """

    carriers_down: tuple[str, ...] = ()
    dropped: int = 0
    canaries: int = 0
    silent: int = 0


class Isolation:
    """Holds verdicts while something speaks against ourselves."""

    def __init__(self, limits: Limits) -> None:
        """Begin connected."""
        self._limits = limits
        self._since = 0
        self._reason_at = 0
        self.standing = Standing.CONNECTED
        self.reasons: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether no verdict may be given now."""
        return self.standing is not Standing.CONNECTED

    def look(self, now: int, suspects: int, eligible: int, health: Health) -> bool:
        """Take what is seen; return whether the standing is another one now.

        `suspects` of `eligible` hosts fell silent within one window. A turn ends with one move
        at most, so nobody passes from connected to isolated unseen.
        """
        reasons = self._found(suspects, eligible, health)
        if reasons:
            self.reasons = reasons
            self._reason_at = now
        return self._move(self._sign(now, doubted=bool(reasons)), now)

    def too_many(self, suspects: int, eligible: int) -> bool:
        """Return whether so many cannot be dead at once."""
        limits = self._limits
        return suspects > limits.hosts and suspects * 100 > eligible * limits.percent

    def _sign(self, now: int, *, doubted: bool) -> Sign | None:
        if self.standing is Standing.CONNECTED:
            return Sign.DOUBT if doubted else None
        if self.standing is Standing.DOUBTFUL:
            if not doubted:
                return Sign.CALM
            return Sign.PERSISTS if now - self._since >= self._limits.persists_ns else None
        return Sign.CALM if now - self._reason_at >= CALM_NS else None

    def _move(self, sign: Sign | None, now: int) -> bool:
        if sign is None:
            return False
        self.standing = MOVES[self.standing, sign]
        if not self.holds:
            self.reasons = ()
        self._since = now
        return True

    def _found(self, suspects: int, eligible: int, health: Health) -> tuple[str, ...]:
        found = [f"own interface {name} has no carrier" for name in health.carriers_down]
        if health.dropped:
            found.append(f"{health.dropped} replies were dropped at our own sockets")
        if health.canaries and health.silent == health.canaries:
            found.append(f"none of {health.canaries} canaries answers")
        if self.too_many(suspects, eligible):
            found.append(
                f"{suspects} of {eligible} hosts fell silent at once (limits"
                f" {self._limits.percent} % and {self._limits.hosts})"
            )
        return tuple(found)

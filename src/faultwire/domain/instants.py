"""Points in time: wall clock for people and other machines, monotonic clock for spans."""

from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Instant:
    """One reading of both clocks of one machine, in nanoseconds.

    `wall_ns` counts from the Unix epoch (UTC); `mono_ns` has no meaning outside this boot and is
    None where only a wall time is known, as for a time that another machine reported (D2).
    """

    wall_ns: int
    mono_ns: int | None = None


def rfc3339(wall_ns: int) -> str:
    """Return a wall time as text: UTC, microseconds, ``2026-01-31T12:00:00.000000Z``."""
    moment = datetime.fromtimestamp(wall_ns // 1_000_000_000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{wall_ns % 1_000_000_000 // 1000:06d}Z"

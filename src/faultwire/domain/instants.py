"""Points in time: wall clock for people and other machines, monotonic clock for spans."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Instant:
    """One reading of both clocks of one machine, in nanoseconds.

    `wall_ns` counts from the Unix epoch (UTC); `mono_ns` has no meaning outside this boot and is
    None where only a wall time is known, as for a time that another machine reported (D2).
    """

    wall_ns: int
    mono_ns: int | None = None

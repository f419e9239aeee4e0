"""The fault management cycle of one run: its lanes between the boundaries (S55-S57)."""

from dataclasses import dataclass

from faultwire_profiler.checkpoints import BOUNDARIES, DOCTOR, FAULT_MANAGEMENT, LANES, Lane
from faultwire_profiler.profile import Profile

_CHECKPOINT = {boundary.name: boundary.checkpoint for boundary in BOUNDARIES}


@dataclass(frozen=True, slots=True)
class Stretch:
    """A lane in one run; offsets in milliseconds as `Point` has them, None where not known."""

    lane: Lane
    begin_ms: float | None
    end_ms: float | None

    @property
    def ms(self) -> float | None:
        """How long it took; None where an end is not known."""
        if self.begin_ms is None or self.end_ms is None:
            return None
        return self.end_ms - self.begin_ms


def cycle(result: Profile) -> tuple[Stretch, ...]:
    """Return the five lanes, then the doctor span and the whole, as the run has them.

    Detected is the first T01, as the law has it; every other boundary the last of its checkpoint.
    """
    lanes = (*LANES, DOCTOR, FAULT_MANAGEMENT)
    return tuple(Stretch(one, _at(result, one.begin), _at(result, one.end)) for one in lanes)


def _at(result: Profile, boundary: str) -> float | None:
    key = _CHECKPOINT[boundary]
    point = result.point(key) if key else None
    if point is None:
        return None
    return point.first_ms if key == "T01" else point.last_ms

"""The probe: the profiler's recorder behind the port that the stages know."""

import logging

from faultwire.domain.ids import FaultId
from faultwire.domain.instants import Instant, rfc3339
from faultwire_profiler import UPPER_BOUND, Recorder

log = logging.getLogger(__name__)


class RecordingProbe:
    """Implements `ports.Probe` on a recorder; on the loop."""

    def __init__(self, recorder: Recorder | None) -> None:
        """Take the recorder, which somebody else stores; without one, marks are only logged."""
        self._recorder = recorder

    def mark(
        self,
        fault: FaultId,
        point: str,
        first: Instant,
        last: Instant | None = None,
        count: int = 1,
        source: str = "faultwire",
    ) -> None:
        """Note that a checkpoint was passed, `count` times between `first` and `last`."""
        if self._recorder is not None:
            self._recorder.note(fault, point, first, last or first, count, source)
        if log.isEnabledFor(logging.DEBUG):
            write_line(fault, point, first, last or first, count, source)


def write_line(
    fault: str, point: str, first: Instant, last: Instant, count: int, source: str
) -> None:
    """Write a checkpoint to the log, at DEBUG, as the profiler's rules for our log read it."""
    bound = "bound of " if source == UPPER_BOUND else ""
    log.debug(
        "%scheckpoint %s of fault %s: %d from %s to %s",
        bound,
        point,
        fault,
        count,
        rfc3339(first.wall_ns),
        rfc3339(last.wall_ns),
    )

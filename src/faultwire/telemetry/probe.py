"""The probe: the profiler's recorder behind the port that the stages know."""

from faultwire.domain.ids import FaultId
from faultwire.domain.instants import Instant
from faultwire.profiler import Recorder


class RecordingProbe:
    """Implements `ports.Probe` on a recorder; on the loop."""

    def __init__(self, recorder: Recorder) -> None:
        """Take the recorder, which somebody else stores."""
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
        self._recorder.note(fault, point, first, last or first, count, source)

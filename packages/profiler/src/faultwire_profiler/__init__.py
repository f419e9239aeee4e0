"""The profiler: where every millisecond of a fault went (S52-S81).

It imports nothing of the server and reads no clock: marks come in, a profile comes out. The
console's picture is `faultwire_profiler.report.render`, which alone needs rich and is therefore
not imported here.
"""

from faultwire_profiler.checkpoints import (
    BOUNDARIES,
    CHECKPOINTS,
    DOCTOR,
    FAULT_MANAGEMENT,
    LANES,
    OWNERS,
    Boundary,
    Checkpoint,
    Lane,
)
from faultwire_profiler.document import marks_from_json, marks_to_json, to_json
from faultwire_profiler.marks import OURS, UPPER_BOUND, Instant, Mark, Moment, Reading, joined
from faultwire_profiler.profile import (
    LAW_MS,
    Component,
    Point,
    Profile,
    Span,
    Verdict,
    profile,
)
from faultwire_profiler.recorder import FAULTS_KEPT, Recorder

__version__ = "0.1.0"

__all__ = [
    "BOUNDARIES",
    "CHECKPOINTS",
    "DOCTOR",
    "FAULTS_KEPT",
    "FAULT_MANAGEMENT",
    "LANES",
    "LAW_MS",
    "OURS",
    "OWNERS",
    "UPPER_BOUND",
    "Boundary",
    "Checkpoint",
    "Component",
    "Instant",
    "Lane",
    "Mark",
    "Moment",
    "Point",
    "Profile",
    "Reading",
    "Recorder",
    "Span",
    "Verdict",
    "joined",
    "marks_from_json",
    "marks_to_json",
    "profile",
    "to_json",
]

"""The profiler: where every millisecond of a fault went (S52-S81).

It imports nothing of the server. Times are arguments; only `report` draws, with rich.
"""

from faultwire.profiler.checkpoints import CHECKPOINTS, Checkpoint
from faultwire.profiler.marks import (
    UPPER_BOUND,
    Mark,
    Moment,
    Recorder,
    marks_from_json,
    marks_to_json,
)
from faultwire.profiler.profile import Profile, Share, Span, Verdict, profile, to_json

__all__ = [
    "CHECKPOINTS",
    "UPPER_BOUND",
    "Checkpoint",
    "Mark",
    "Moment",
    "Profile",
    "Recorder",
    "Share",
    "Span",
    "Verdict",
    "marks_from_json",
    "marks_to_json",
    "profile",
    "to_json",
]

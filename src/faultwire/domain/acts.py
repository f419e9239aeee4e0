"""Acts: what we do to a cloud that costs somebody something, and the word of the guards on each.

An act is asked about before it is done, and once more where time went by in between: what was
allowed when it was decided may be refused by the time a machine is to be switched off.
"""

from dataclasses import dataclass
from enum import StrEnum

from faultwire.domain.ids import FaultId, HostName


class ActKind(StrEnum):
    """What guards limit; telling owners is no act."""

    FORCE_DOWN = "force_down"
    FENCE = "fence"
    EVACUATE = "evacuate"
    MARK_PORTS = "mark_ports"


@dataclass(frozen=True, slots=True)
class Act:
    """One act on one host, before it is done.

    `fault` is what it follows from, None for an operator's own wish. `asked_by` is the user who
    asks, empty where a rule does. `why` is in words, for the record.
    """

    kind: ActKind
    host: HostName
    fault: FaultId | None
    why: str
    asked_by: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether an act may be done; of a refused one `guard` and `words` say who and why."""

    allowed: bool
    guard: str = ""
    words: str = ""


ALLOWED = Verdict(True)
"""Nobody has anything against it."""

"""What an examination found: one finding a check, with the line that mends it; pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How grave a finding is; the value is what is printed."""

    OK = "ok"
    WARN = "warn"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found. `mend` are the lines that mend it; none where nothing is wrong."""

    check: str
    level: Level
    text: str
    mend: tuple[str, ...] = ()


_STATUS = {Level.OK: 0, Level.WARN: 1, Level.FAIL: 2}


def status_of(findings: Iterable[Finding]) -> int:
    """Return the exit status: that of the gravest finding, 0 where all is well."""
    return max((_STATUS[one.level] for one in findings), default=0)

"""Alerts of other systems that no row of the mapping fits: kept, so that they are seen."""

from collections.abc import Mapping
from dataclasses import dataclass

from faultwire.domain.fencing import FencingChange
from faultwire.domain.ids import derived

MOST_KEPT = 1000
"""Unmapped alerts that are kept; the one that was heard of longest ago gives way."""


@dataclass(frozen=True, slots=True)
class UnmappedAlert:
    """An alert that means nothing to us, by its source and labels; `count` is how often it came.

    `why` says what was looked for in vain. `firing` is what its sender last said.
    """

    id: str
    source: str
    name: str
    labels: Mapping[str, str]
    firing: bool
    why: str
    count: int
    first_ns: int
    last_ns: int


def unmapped_id(source: str, labels: Mapping[str, str]) -> str:
    """Return the name of an unmapped alert: the same labels from one source are the same one."""
    return derived("unmapped", source, *(f"{key}={labels[key]}" for key in sorted(labels)))


@dataclass(frozen=True, slots=True)
class UnmappedSaved:
    """Unmapped alerts that are new or came again."""

    alerts: tuple[UnmappedAlert, ...]


@dataclass(frozen=True, slots=True)
class UnmappedRemoved:
    """Unmapped alerts that gave way or were dismissed, by id."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NoteUnmapped:
    """Keep alerts that no row fits; `count` of each is how often it came now. Answers None."""

    alerts: tuple[UnmappedAlert, ...]


@dataclass(frozen=True, slots=True)
class ForgetUnmapped:
    """Dismiss unmapped alerts by id, or all of them (None); answers how many there were."""

    ids: tuple[str, ...] | None = None


SignalChange = FencingChange | UnmappedSaved | UnmappedRemoved
SignalCommand = NoteUnmapped | ForgetUnmapped

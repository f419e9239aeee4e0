"""What a row of the fault catalogue says; the rows themselves are made from `catalogue.yaml`."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """Perceived severity of X.733."""

    CRITICAL = "critical"
    MAJOR = "major"
    MINOR = "minor"
    WARNING = "warning"
    INDETERMINATE = "indeterminate"
    CLEARED = "cleared"


_MILDEST_FIRST = {severity: rank for rank, severity in enumerate(reversed(Severity))}


def worst(severities: Iterable[Severity]) -> Severity:
    """Return the worst of severities; CLEARED for none."""
    return max(severities, key=_MILDEST_FIRST.__getitem__, default=Severity.CLEARED)


@dataclass(frozen=True, slots=True)
class FaultType:
    """What everybody must know of a type of fault.

    `identifying` lists alternatives; each is the tuple of details that together name the
    resource. The first alternative whose details are all present is used.
    """

    name: str
    clear: str
    identifying: tuple[tuple[str, ...], ...]
    severity: Severity


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """One type of fault with what people are told of it.

    `event_type` and `probable_cause` are X.733's names. `doctor` has the rows of OPNFV Doctor's
    fault table that it stands for, each with the severity that Doctor gives.
    """

    type: FaultType
    layer: str
    title: str
    detection: str
    action: str
    event_type: str
    probable_cause: str
    repair: str
    doctor: tuple[tuple[str, str], ...] = ()

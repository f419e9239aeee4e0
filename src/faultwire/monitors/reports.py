"""Reports of our own monitors, put together."""

import uuid
from collections.abc import Iterable, Mapping

from faultwire.domain.accounts import Actor
from faultwire.domain.commands import ReportFaults
from faultwire.domain.faults import FAULT_TYPES, Evidence, Report
from faultwire.domain.ids import FaultId
from faultwire.domain.instants import Instant
from faultwire.ports import Clock


def reports(
    kind: str,
    resource: Mapping[str, str],
    evidence: Iterable[Evidence],
    detected: Instant,
    actor: Actor,
    *,
    raised: bool,
) -> ReportFaults:
    """Return one report for each statement: the first opens or clears, the others join it."""
    made = tuple(
        Report(
            FaultId(str(uuid.uuid4())),
            FAULT_TYPES[kind],
            raised=raised,
            resource=resource,
            evidence=one,
            detected=detected,
        )
        for one in evidence
    )
    return ReportFaults(made, actor)


def instant_of(clock: Clock, mono_ns: int) -> Instant:
    """Return an instant of the monotonic clock, which is one for all processes of a machine."""
    now = clock.instant()
    return Instant(now.wall_ns - ((now.mono_ns or mono_ns) - mono_ns), mono_ns)

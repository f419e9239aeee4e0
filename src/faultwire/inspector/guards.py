"""Guards: rows that may veto a report before it opens a fault."""

from collections.abc import Callable
from dataclasses import dataclass

from faultwire.domain.faults import Decision, Outcome, Report
from faultwire.domain.guests import SOURCE
from faultwire.inspector.settings import Settings

OWN_MONITORS = frozenset({"agent", "icmp", SOURCE})
"""Sources whose verdict rests on our own clock and loop; what others post does not."""

LOOP_LAG = "loop_lag_ms"
"""Key of the evidence in which our monitors say how late the loop was when they judged."""

PUT_OFF = "put_off_ms"
"""Key of the evidence in which they say for how long they waited until it was not."""


@dataclass(frozen=True, slots=True)
class Guard:
    """One row; `veto` returns the reason, or the empty text to let the report pass."""

    name: str
    asks: Callable[[Report], bool]
    veto: Callable[[Report, Settings], str]


def _is_own(report: Report) -> bool:
    return report.raised and report.evidence.source in OWN_MONITORS


def _is_stalled(report: Report, settings: Settings) -> str:
    lag = report.evidence.details.get(LOOP_LAG, 0)
    if isinstance(lag, int | float) and lag > settings.stalled_ms:
        return f"I am stalled: the loop was {lag:.0f} ms late (limit {settings.stalled_ms} ms)"
    return ""


GUARDS: tuple[Guard, ...] = (Guard("stalled", _is_own, _is_stalled),)


def ask(report: Report, settings: Settings) -> tuple[tuple[Decision, ...], bool]:
    """Ask every guard; return the record and whether one of them vetoed."""
    record = []
    vetoed = False
    for guard in GUARDS:
        if not guard.asks(report):
            why = "judges only our own monitors"
            record.append(Decision(guard.name, Outcome.SKIPPED, why))
            continue
        reason = guard.veto(report, settings)
        vetoed = vetoed or bool(reason)
        outcome = Outcome.VETOED if reason else Outcome.PASSED
        record.append(Decision(guard.name, outcome, reason or _passed(report)))
    return tuple(record), vetoed


def _passed(report: Report) -> str:
    put_off = report.evidence.details.get(PUT_OFF)
    if isinstance(put_off, int | float):
        return f"I was stalled: judged {put_off:.0f} ms later, once the loop kept time"
    return "nothing against it"

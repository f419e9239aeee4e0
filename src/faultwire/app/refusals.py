"""What was refused, gathered for the audit record: counted here, written as a few lines."""

import logging

from faultwire.domain.accounts import Actor, AuditRecord
from faultwire.domain.commands import NoteRefusals
from faultwire.domain.errors import FaultwireError
from faultwire.ports import Clock, Intake

log = logging.getLogger(__name__)

GATHER_SECONDS = 10.0
"""How often lines are written; a crash loses what came since."""

KINDS = 1000
"""Refusals that are told apart in between; of all others only the number is kept."""

LINES = 20
"""Lines of one writing, besides one for the rest: whoever is refused cannot fill the disk."""

_Kind = tuple[str, str, str]


class Refusals:
    """Counts refusals by action, target and address; on the event loop."""

    def __init__(self, intake: Intake, clock: Clock) -> None:
        """Have counted nothing."""
        self._intake = intake
        self._clock = clock
        self._counts: dict[_Kind, int] = {}
        self._others = 0

    def note(self, action: str, target: str, source: str) -> None:
        """Count one refusal; never waits, never fails."""
        kind = action, target, source
        if kind in self._counts or len(self._counts) < KINDS:
            self._counts[kind] = self._counts.get(kind, 0) + 1
        else:
            self._others += 1

    async def write(self) -> None:
        """Have the lines kept; what cannot be kept now is counted on."""
        if not self._counts:
            return
        counts, others = self._counts, self._others
        self._counts, self._others = {}, 0
        try:
            await self._intake.submit(NoteRefusals(self._lines(counts, others)))
        except FaultwireError as error:
            log.warning(
                "%d refusals are not in the audit record yet: %s", len(counts), error.detail
            )
            for kind, count in counts.items():
                self._counts[kind] = self._counts.get(kind, 0) + count
            self._others += others

    def _lines(self, counts: dict[_Kind, int], others: int) -> tuple[AuditRecord, ...]:
        now = self._clock.wall_ns()
        most = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        lines = [
            AuditRecord(now, Actor("", "", source), action, target, _times(count))
            for (action, target, source), count in most[:LINES]
        ]
        left = others + sum(count for _, count in most[LINES:])
        if left:
            lines.append(AuditRecord(now, Actor(""), "refused", "(others)", _times(left)))
        return tuple(lines)


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"

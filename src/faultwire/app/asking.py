"""Rounds over the alarms that ask a Prometheus server (D18)."""

import asyncio
import logging
from collections.abc import Iterator, Sequence

from faultwire.app.looks import AT_ONCE, Looks, rule_of, windows_of
from faultwire.app.turns import Turns
from faultwire.domain.alarms import Alarm
from faultwire.domain.commands import Verdict
from faultwire.domain.errors import Refused, Unavailable
from faultwire.domain.ids import ADMINISTRATORS, AlarmId
from faultwire.domain.rules import PrometheusRule
from faultwire.domain.samples import Statistics
from faultwire.notifier.evaluator.composite import leaves
from faultwire.notifier.evaluator.periodic import verdict
from faultwire.notifier.evaluator.promql import restricted
from faultwire.notifier.evaluator.thresholds import Outcome, of_samples, of_vector, unanswered

log = logging.getLogger(__name__)

FAILURES = 3
"""So often in a row an alarm's query must go without an answer until nothing is known of it."""

NO_ANSWER = "The Prometheus server does not answer"

_NS = 1_000_000_000

_Found = asyncio.Queue[Verdict | None]
_Held = Iterator[tuple[Statistics, ...]]
"""What each window of an alarm holds, from left to right."""


class OverPrometheus:
    """Asks for alarms, some at once; what is found moves alarms while others are asked for."""

    def __init__(self, looks: Looks) -> None:
        """Take what reads and moves."""
        self._looks = looks
        self._tools = looks.tools
        self._unanswered: dict[AlarmId, int] = {}
        self._refused: dict[AlarmId, str] = {}
        # Passed over in the last round: they come first in this one.
        self._behind: dict[AlarmId, None] = {}
        self._silent = False

    async def round(self, names: Sequence[AlarmId], *, whole: bool) -> None:
        """Ask for all of these that are due."""
        looks, tools = self._looks, self._tools
        alarms = [alarm async for some in looks.due(names) for alarm in some]
        if not alarms:
            return
        self._forget()
        alarms.sort(key=lambda alarm: alarm.id not in self._behind)
        allowed_s = tools.interval_s if whole else tools.deadline_s
        turns = Turns(alarms, tools.queries, tools.clock.mono_ns(), int(allowed_s * _NS))
        found: _Found = asyncio.Queue()
        mover = asyncio.create_task(self._moving(found), name="moves alarms")
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(tools.queries, len(alarms))):
                    group.create_task(self._asking(turns, found))
            self._leave(turns, found, whole=whole)
            found.put_nowait(None)
            await mover
        finally:
            mover.cancel()
        self._tell(turns)

    async def _asking(self, turns: Turns, found: _Found) -> None:
        clock = self._tools.clock
        while (alarm := turns.next(clock.mono_ns())) is not None:
            began = clock.mono_ns()
            failure = await self._look(alarm, found)
            turns.over(alarm, clock.mono_ns() - began, failure)

    async def _look(self, alarm: Alarm, found: _Found) -> str | None:
        """Look at an alarm; return why the server did not answer, empty if it did.

        None: it was not asked.
        """
        windows = windows_of(alarm, self._tools.clock.wall_ns())
        try:
            held = await self._looks.statistics(windows)
        except Unavailable as error:
            # That is our database, and says nothing of the server.
            self._looks.miss((alarm.id,), error)
            return None
        try:
            async with asyncio.timeout(self._tools.deadline_s):
                outcomes = await self._outcomes(alarm, iter([held[one] for one in windows]))
        except Unavailable as error:
            self._had_no_answer(alarm, found)
            return error.detail
        except TimeoutError:
            self._had_no_answer(alarm, found)
            return "no answer in time"
        self._unanswered.pop(alarm.id, None)
        self._looks.count("judged")
        _add(found, verdict(alarm, outcomes))
        return ""

    async def _outcomes(self, alarm: Alarm, held: _Held) -> list[Outcome]:
        """Evaluate the leaves of an alarm one after the other; raises Unavailable."""
        outcomes = []
        for leaf in leaves(rule_of(alarm)):
            if isinstance(leaf, PrometheusRule):
                outcomes.append(await self._query(leaf, alarm))
            else:
                outcomes.append(of_samples(leaf, next(held)))
        return outcomes

    async def _query(self, rule: PrometheusRule, alarm: Alarm) -> Outcome:
        ask, label = self._tools.ask, self._tools.label
        if ask is None:
            return unanswered("No Prometheus server is known")
        try:
            query = rule.promql
            if alarm.project != ADMINISTRATORS:
                query = restricted(query, label, alarm.project)
            return of_vector(rule, await ask(query))
        except Refused as error:
            self._looks.count("refused")
            if self._refused.get(alarm.id) != error.detail:
                self._refused[alarm.id] = error.detail
                log.info("the query of alarm %s cannot be evaluated: %s", alarm.id, error.detail)
            return unanswered(str(error))

    def _had_no_answer(self, alarm: Alarm, found: _Found) -> None:
        """Count it; at the third time in a row nothing is known of the alarm any more."""
        self._looks.count("unanswered")
        times = self._unanswered[alarm.id] = self._unanswered.get(alarm.id, 0) + 1
        if times >= FAILURES:
            del self._unanswered[alarm.id]
            _add(found, verdict(alarm, [unanswered(NO_ANSWER) for _ in leaves(rule_of(alarm))]))

    def _leave(self, turns: Turns, found: _Found, *, whole: bool) -> None:
        """Do without what nobody asked for: it keeps its state, and comes first next time.

        Where the server answered nobody it would not have answered these either.
        """
        left = list(turns.left())
        nobody = turns.silent or turns.broken
        if nobody:
            for alarm in left:
                self._had_no_answer(alarm, found)
        elif left:
            self._looks.count("skipped", len(left))
        if whole:
            self._behind = {} if nobody else dict.fromkeys(alarm.id for alarm in left)

    async def _moving(self, found: _Found) -> None:
        """Move alarms in the order of the verdicts, all at once that are there; None ends it."""
        while True:
            batch = [await found.get()]
            while len(batch) < AT_ONCE and not found.empty():
                batch.append(found.get_nowait())
            try:
                await self._looks.move(batch)
            except Unavailable as error:
                self._looks.miss([one.alarm for one in batch if one is not None], error)
            if batch[-1] is None:
                return

    def _forget(self) -> None:
        known = self._tools.alarms.get
        self._unanswered = {name: n for name, n in self._unanswered.items() if known(name)}
        self._refused = {name: said for name, said in self._refused.items() if known(name)}

    def _tell(self, turns: Turns) -> None:
        """Say once that the server is silent, and once that it is not."""
        silent = turns.silent
        if silent and not self._silent:
            log.warning(
                "the Prometheus server does not answer, its alarms keep their state for now: %s",
                turns.reason,
            )
        elif self._silent and not silent:
            log.warning("the Prometheus server answers again")
        self._silent = silent


def _add(found: _Found, moving: Verdict | None) -> None:
    if moving is not None:
        found.put_nowait(moving)

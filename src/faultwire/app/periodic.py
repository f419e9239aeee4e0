"""The periodic evaluator: looks at threshold, prometheus and composite alarms now and then (D18).

It runs beside the lane and is never behind its events: what it finds are verdicts, and only
those that move something become a command. Alarms over samples and alarms that ask a Prometheus
server have a loop each, so that a slow server delays none but its own.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from faultwire.app.away import Away
from faultwire.domain.alarms import Alarm
from faultwire.domain.changes import AlarmsSaved, Change
from faultwire.domain.commands import MoveAlarms, Verdict
from faultwire.domain.errors import Refused, Unavailable
from faultwire.domain.ids import ADMINISTRATORS, AlarmId
from faultwire.domain.rules import PrometheusRule, ThresholdRule
from faultwire.domain.samples import Statistics, Window
from faultwire.domain.shares import share_of
from faultwire.notifier.evaluator.composite import leaves
from faultwire.notifier.evaluator.constraints import within
from faultwire.notifier.evaluator.index import PERIODIC, AlarmIndex
from faultwire.notifier.evaluator.periodic import verdict
from faultwire.notifier.evaluator.promql import restricted
from faultwire.notifier.evaluator.thresholds import (
    Outcome,
    of_samples,
    of_vector,
    unanswered,
    window,
)
from faultwire.ports import Clock, Intake, Meter, Reader, SampleStore

log = logging.getLogger(__name__)

SAMPLES, PROMETHEUS = "samples", "prometheus"

AT_ONCE = 256
"""Alarms read, judged and moved together."""

BEAT_SECONDS = 1.0
"""How soon a new or changed alarm is looked at."""

FAILURES = 3
"""So often in a row an alarm's query must go without an answer until nothing is known of it."""

NO_ANSWER = "The Prometheus server does not answer"

_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Tools:
    """What the loops need.

    `ask` returns the values of a query, or is None where no server is known; `queries` is how
    many are asked at once, and `deadline_s` how long all of one alarm may take together. `owned`
    tells the shares of projects that this process evaluates.
    """

    alarms: AlarmIndex
    intake: Intake
    clock: Clock
    meter: Meter
    samples: SampleStore
    read: Reader
    ask: Callable[[str], Awaitable[tuple[float, ...]]] | None
    label: str
    queries: int
    deadline_s: float
    interval_s: float
    owned: Callable[[], frozenset[int]]


class Periodic:
    """Two loops over the periodic alarms of this process; on the event loop."""

    def __init__(self, tools: Tools) -> None:
        """Take what is needed; `run` must be running for anything to happen."""
        self._tools = tools
        self._fresh: dict[str, dict[AlarmId, None]] = {SAMPLES: {}, PROMETHEUS: {}}
        self._unanswered: dict[AlarmId, int] = {}
        self._silent = False
        self._rounds = {SAMPLES: self._over_samples, PROMETHEUS: self._over_prometheus}

    def follow(self, change: Change) -> None:
        """Note what was created or changed: it is looked at soon."""
        if isinstance(change, AlarmsSaved):
            for alarm in change.alarms:
                if alarm.enabled and isinstance(alarm.rule, PERIODIC):
                    self._fresh[_kind(alarm)][alarm.id] = None

    async def run(self) -> None:
        """Evaluate until cancelled."""
        async with asyncio.TaskGroup() as group:
            for kind in self._rounds:
                group.create_task(self._again(kind), name=f"alarms over {kind}")

    async def _again(self, kind: str) -> None:
        clock, interval_ns = self._tools.clock, int(self._tools.interval_s * _NS)
        away = Away("periodic alarms are not evaluated")
        due = clock.mono_ns()
        while True:
            whole = clock.mono_ns() >= due
            if whole:
                due = clock.mono_ns() + interval_ns
            try:
                if whole or self._fresh[kind]:
                    await self.round(kind, whole=whole)
                    away.back()
            except Unavailable as error:
                away.failed(error)
            except Exception:
                log.exception("a round over periodic alarms failed; the next one is tried")
            await clock.sleep(BEAT_SECONDS)

    async def round(self, kind: str, *, whole: bool) -> None:
        """Evaluate all alarms of a kind, or (not `whole`) the new ones; raises Unavailable."""
        tools = self._tools
        began = tools.clock.mono_ns()
        fresh, self._fresh[kind] = self._fresh[kind], {}
        try:
            await self._rounds[kind](tuple(tools.alarms.periodic()) if whole else tuple(fresh))
        except Unavailable:
            # They are still to be looked at soon.
            self._fresh[kind] = {**fresh, **self._fresh[kind]}
            raise
        if whole:
            took = (tools.clock.mono_ns() - began) / _NS
            tools.meter.observe("faultwire_periodic_round_seconds", took, kind=kind)
            now_s = tools.clock.wall_ns() / _NS
            tools.meter.gauge("faultwire_periodic_last_round_seconds", now_s, kind=kind)

    # ------------------------------------------------------------ which alarms

    async def _due(self, names: Sequence[AlarmId], kind: str) -> AsyncIterator[list[Alarm]]:
        """Give the alarms that are ours, of the kind, and within their times, some at once."""
        tools = self._tools
        for start in range(0, len(names), AT_ONCE):
            owned, now = tools.owned(), tools.clock.wall_ns()
            found, outside = [], 0
            for name in names[start : start + AT_ONCE]:
                alarm = tools.alarms.get(name)
                if alarm is None or not _is(alarm, kind) or share_of(alarm.project) not in owned:
                    continue
                if within(alarm.time_constraints, now):
                    found.append(alarm)
                else:
                    outside += 1
            if outside:
                self._count(kind, "outside", outside)
            if found:
                yield found
            await asyncio.sleep(0)

    # ------------------------------------------------------------ samples

    async def _over_samples(self, names: Sequence[AlarmId]) -> None:
        async for alarms in self._due(names, SAMPLES):
            asked = [_windows(alarm, self._tools.clock.wall_ns()) for alarm in alarms]
            found = await self._statistics(one for some in asked for one in some)
            verdicts = []
            for alarm, windows in zip(alarms, asked, strict=True):
                outcomes = [
                    of_samples(leaf, found[one])
                    for leaf, one in zip(leaves(_rule(alarm)), windows, strict=True)
                    if isinstance(leaf, ThresholdRule)
                ]
                verdicts.append(verdict(alarm, outcomes))
            self._count(SAMPLES, "judged", len(alarms))
            await self._move(verdicts)

    async def _statistics(self, windows: Iterable[Window]) -> dict[Window, tuple[Statistics, ...]]:
        wanted = list(dict.fromkeys(windows))
        found: Any = await self._tools.read(self._tools.samples.statistics, wanted)
        return dict(zip(wanted, found, strict=True))

    async def _move(self, verdicts: Iterable[Verdict | None]) -> None:
        moving = tuple(one for one in verdicts if one is not None)
        if moving:
            await self._tools.intake.submit(MoveAlarms(moving))

    # ------------------------------------------------------------ Prometheus

    async def _over_prometheus(self, names: Sequence[AlarmId]) -> None:
        """Ask for every alarm, some at once; what is found moves alarms while others are asked."""
        alarms = [alarm async for some in self._due(names, PROMETHEUS) for alarm in some]
        if not alarms:
            return
        known = self._tools.alarms.get
        self._unanswered = {name: n for name, n in self._unanswered.items() if known(name)}
        row = _Row(2 * self._tools.queries)
        found: asyncio.Queue[Verdict | None] = asyncio.Queue()
        waiting = iter(fairly(alarms))
        mover = asyncio.create_task(self._moving(found), name="moves alarms")
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(self._tools.queries, len(alarms))):
                    group.create_task(self._asking(waiting, row, found))
            found.put_nowait(None)
            await mover
        finally:
            mover.cancel()
        self._tell(row)

    async def _moving(self, found: asyncio.Queue[Verdict | None]) -> None:
        """Move alarms in the order of the verdicts, all at once that are there; None ends it."""
        while True:
            batch = [await found.get()]
            while len(batch) < AT_ONCE and not found.empty():
                batch.append(found.get_nowait())
            await self._move(batch)
            if batch[-1] is None:
                return

    async def _asking(
        self, waiting: Iterator[Alarm], row: "_Row", found: asyncio.Queue[Verdict | None]
    ) -> None:
        for alarm in waiting:
            outcomes = await self._asked(alarm, row)
            if outcomes is not None:
                moving = verdict(alarm, outcomes)
                if moving is not None:
                    found.put_nowait(moving)

    async def _asked(self, alarm: Alarm, row: "_Row") -> list[Outcome] | None:
        """Return the outcomes of an alarm's leaves; None for no news yet."""
        outcomes: list[Outcome] | None = None
        if not row.broken:
            try:
                async with asyncio.timeout(self._tools.deadline_s):
                    outcomes = await self._outcomes(alarm)
            except (Unavailable, TimeoutError) as error:
                detail = error.detail if isinstance(error, Unavailable) else "no answer in time"
                row.failed(detail)
        if outcomes is not None:
            row.answered()
            self._unanswered.pop(alarm.id, None)
            self._count(PROMETHEUS, "judged")
            return outcomes
        self._count(PROMETHEUS, "unanswered")
        times = self._unanswered[alarm.id] = self._unanswered.get(alarm.id, 0) + 1
        if times < FAILURES:
            return None
        del self._unanswered[alarm.id]
        return [unanswered(NO_ANSWER) for _ in leaves(_rule(alarm))]

    async def _outcomes(self, alarm: Alarm) -> list[Outcome]:
        """Evaluate the leaves of an alarm one after the other; raises Unavailable."""
        outcomes = []
        windows = iter(_windows(alarm, self._tools.clock.wall_ns()))
        for leaf in leaves(_rule(alarm)):
            if isinstance(leaf, PrometheusRule):
                outcomes.append(await self._query(leaf, alarm))
            else:
                one = next(windows)
                outcomes.append(of_samples(leaf, (await self._statistics([one]))[one]))
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
            self._count(PROMETHEUS, "refused")
            return unanswered(str(error))

    def _tell(self, row: "_Row") -> None:
        """Say once that the server is silent, and once that it is not."""
        silent = row.nobody
        if silent and not self._silent:
            log.warning(
                "the Prometheus server does not answer, its alarms keep their state for now: %s",
                row.reason,
            )
        elif self._silent and not silent:
            log.warning("the Prometheus server answers again")
        self._silent = silent

    def _count(self, kind: str, result: str, amount: int = 1) -> None:
        self._tools.meter.count(
            "faultwire_periodic_evaluations_total", amount, kind=kind, result=result
        )


class _Row:
    """Queries of one round that went without an answer one after the other.

    After `limit` of them the rest is not asked: each would take its whole deadline.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._length = 0
        self._answers = 0
        self.reason = ""

    @property
    def broken(self) -> bool:
        return self._length >= self._limit

    @property
    def nobody(self) -> bool:
        return bool(self._length) and not self._answers

    def failed(self, reason: str) -> None:
        self._length += 1
        self.reason = reason

    def answered(self) -> None:
        self._length = 0
        self._answers += 1


def fairly(alarms: Iterable[Alarm]) -> Iterator[Alarm]:
    """Give the first alarm of each project, then the second of each, and so on."""
    projects: dict[str, list[Alarm]] = {}
    for alarm in alarms:
        projects.setdefault(alarm.project, []).append(alarm)
    turns = [iter(some) for some in projects.values()]
    while turns:
        left = []
        for turn in turns:
            for alarm in turn:
                yield alarm
                left.append(turn)
                break
        turns = left


def _rule(alarm: Alarm) -> Any:
    """Return the rule of an alarm that is known to be periodic."""
    return alarm.rule


def _kind(alarm: Alarm) -> str:
    asks = any(isinstance(leaf, PrometheusRule) for leaf in leaves(_rule(alarm)))
    return PROMETHEUS if asks else SAMPLES


def _is(alarm: Alarm, kind: str) -> bool:
    """Whether an alarm is still of a kind: it may have been replaced by quite another one."""
    return alarm.enabled and isinstance(alarm.rule, PERIODIC) and _kind(alarm) == kind


def _windows(alarm: Alarm, now_ns: int) -> list[Window]:
    """Return what the threshold rules of an alarm look at, from left to right."""
    return [
        window(leaf, alarm.project, alarm.resource_id, now_ns)
        for leaf in leaves(_rule(alarm))
        if isinstance(leaf, ThresholdRule)
    ]

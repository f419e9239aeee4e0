"""What the loops over periodic alarms have in common: which are due, what they read and move."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from faultwire.domain.alarms import Alarm
from faultwire.domain.commands import MoveAlarms, Verdict
from faultwire.domain.errors import Unavailable
from faultwire.domain.ids import AlarmId
from faultwire.domain.rules import PrometheusRule, ThresholdRule
from faultwire.domain.samples import Statistics, Window
from faultwire.domain.shares import share_of
from faultwire.notifier.evaluator.composite import leaves
from faultwire.notifier.evaluator.constraints import within
from faultwire.notifier.evaluator.index import PERIODIC, AlarmIndex
from faultwire.notifier.evaluator.thresholds import window
from faultwire.ports import Clock, Intake, Meter, Reader, SampleStore

SAMPLES, PROMETHEUS = KINDS = "samples", "prometheus"

AT_ONCE = 256
"""Alarms read, judged and moved together."""


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


class Looks:
    """Reads and moves alarms of one kind; what could not be, is to be looked at soon."""

    def __init__(self, tools: Tools, kind: str) -> None:
        """Take what is needed."""
        self.tools = tools
        self.kind = kind
        self._soon: dict[AlarmId, None] = {}
        self._trouble: Unavailable | None = None

    @property
    def waiting(self) -> bool:
        """Whether an alarm is to be looked at before the next whole round."""
        return bool(self._soon)

    def soon(self, names: Iterable[AlarmId]) -> None:
        """Have these looked at soon, after those that wait already."""
        for name in names:
            self._soon.pop(name, None)
            self._soon[name] = None

    def taken(self) -> tuple[AlarmId, ...]:
        """Return those that are to be looked at soon, whose wait ends with it."""
        names, self._soon = tuple(self._soon), {}
        return names

    def miss(self, names: Sequence[AlarmId], error: Unavailable) -> None:
        """Note that the database kept these from being looked at: they are looked at again soon.

        `done` raises the error.
        """
        self.count("missed", len(names))
        self.soon(names)
        self._trouble = error

    def done(self) -> None:
        """End a round; raises the Unavailable because of which some were missed."""
        trouble, self._trouble = self._trouble, None
        if trouble is not None:
            raise trouble

    async def due(self, names: Sequence[AlarmId]) -> AsyncIterator[list[Alarm]]:
        """Give the alarms that are ours, of the kind, and within their times, some at once."""
        tools = self.tools
        for start in range(0, len(names), AT_ONCE):
            owned, now = tools.owned(), tools.clock.wall_ns()
            found, outside = [], 0
            for name in names[start : start + AT_ONCE]:
                alarm = tools.alarms.get(name)
                if alarm is None or not self._is_mine(alarm, owned):
                    continue
                if within(alarm.time_constraints, now):
                    found.append(alarm)
                else:
                    outside += 1
            if outside:
                self.count("outside", outside)
            if found:
                yield found
            await asyncio.sleep(0)

    def _is_mine(self, alarm: Alarm, owned: frozenset[int]) -> bool:
        # It may have been replaced by quite another one.
        periodic = alarm.enabled and isinstance(alarm.rule, PERIODIC)
        return periodic and kind_of(alarm) == self.kind and share_of(alarm.project) in owned

    async def statistics(self, windows: Iterable[Window]) -> dict[Window, tuple[Statistics, ...]]:
        """Return what the windows hold; raises Unavailable."""
        wanted = list(dict.fromkeys(windows))
        if not wanted:
            return {}
        found: Any = await self.tools.read(self.tools.samples.statistics, wanted)
        return dict(zip(wanted, found, strict=True))

    async def move(self, verdicts: Iterable[Verdict | None]) -> None:
        """Move alarms; raises Unavailable."""
        moving = tuple(one for one in verdicts if one is not None)
        if moving:
            await self.tools.intake.submit(MoveAlarms(moving))

    def count(self, result: str, amount: int = 1) -> None:
        """Count looks by what came of them."""
        self.tools.meter.count(
            "faultwire_periodic_evaluations_total", amount, kind=self.kind, result=result
        )


def rule_of(alarm: Alarm) -> Any:
    """Return the rule of an alarm that is known to be periodic."""
    return alarm.rule


def kind_of(alarm: Alarm) -> str:
    """Return which loop looks at a periodic alarm."""
    asks = any(isinstance(leaf, PrometheusRule) for leaf in leaves(rule_of(alarm)))
    return PROMETHEUS if asks else SAMPLES


def windows_of(alarm: Alarm, now_ns: int) -> list[Window]:
    """Return what the threshold rules of an alarm look at, from left to right."""
    return [
        window(leaf, alarm.project, alarm.resource_id, now_ns)
        for leaf in leaves(rule_of(alarm))
        if isinstance(leaf, ThresholdRule)
    ]

"""The periodic evaluator: looks at threshold, prometheus and composite alarms now and then (D18).

It runs beside the lane and is never behind its events: what it finds are verdicts, and only
those that move something become a command. Alarms over samples and alarms that ask a Prometheus
server have a loop each, so that a slow server delays none but its own.
"""

import asyncio
import logging
from collections.abc import Sequence

from faultwire.app.asking import OverPrometheus
from faultwire.app.away import Away
from faultwire.app.looks import (
    KINDS,
    PROMETHEUS,
    SAMPLES,
    Looks,
    Tools,
    kind_of,
    rule_of,
    windows_of,
)
from faultwire.domain.alarms import Alarm
from faultwire.domain.changes import AlarmsSaved, Change
from faultwire.domain.errors import Unavailable
from faultwire.domain.ids import AlarmId
from faultwire.domain.rules import ThresholdRule
from faultwire.notifier.evaluator.composite import leaves
from faultwire.notifier.evaluator.index import PERIODIC
from faultwire.notifier.evaluator.periodic import verdict
from faultwire.notifier.evaluator.thresholds import of_samples

log = logging.getLogger(__name__)

BEAT_SECONDS = 1.0
"""How soon a new or changed alarm is looked at, and one that was missed."""

_NS = 1_000_000_000


class Periodic:
    """Two loops over the periodic alarms of this process; on the event loop."""

    def __init__(self, tools: Tools) -> None:
        """Take what is needed; `run` must be running for anything to happen."""
        self._tools = tools
        self._looks = {kind: Looks(tools, kind) for kind in KINDS}
        samples = OverSamples(self._looks[SAMPLES])
        prometheus = OverPrometheus(self._looks[PROMETHEUS])
        self._rounds = {SAMPLES: samples.round, PROMETHEUS: prometheus.round}

    def follow(self, change: Change) -> None:
        """Note what was created or changed: it is looked at soon."""
        if isinstance(change, AlarmsSaved):
            for alarm in change.alarms:
                if alarm.enabled and isinstance(alarm.rule, PERIODIC):
                    self._looks[kind_of(alarm)].soon((alarm.id,))

    async def run(self) -> None:
        """Evaluate until cancelled."""
        async with asyncio.TaskGroup() as group:
            for kind in KINDS:
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
                if whole or self._looks[kind].waiting:
                    await self.round(kind, whole=whole)
                    away.back()
            except Unavailable as error:
                away.failed(error)
            except Exception:
                log.exception("a round over periodic alarms failed; the next one is tried")
            await clock.sleep(BEAT_SECONDS)

    async def round(self, kind: str, *, whole: bool) -> None:
        """Evaluate all alarms of a kind, or (not `whole`) those that are to be looked at soon.

        Raises Unavailable where some could not be, at its end: these are looked at soon.
        """
        tools, looks = self._tools, self._looks[kind]
        began = tools.clock.mono_ns()
        soon = looks.taken()
        await self._rounds[kind](tuple(tools.alarms.periodic()) if whole else soon, whole=whole)
        looks.done()
        if whole:
            took = (tools.clock.mono_ns() - began) / _NS
            tools.meter.observe("faultwire_periodic_round_seconds", took, kind=kind)
            now_s = tools.clock.wall_ns() / _NS
            tools.meter.gauge("faultwire_periodic_last_round_seconds", now_s, kind=kind)


class OverSamples:
    """Looks at alarms over samples, many with one read."""

    def __init__(self, looks: Looks) -> None:
        """Take what reads and moves."""
        self._looks = looks

    async def round(self, names: Sequence[AlarmId], *, whole: bool) -> None:
        """Evaluate those of these that are due.

        Where the database is away the rest is missed, and looked at soon: before those at which
        it was found to be away, in case that it is their fault.
        """
        del whole
        failed: tuple[list[AlarmId], Unavailable] | None = None
        rest: list[AlarmId] = []
        async for alarms in self._looks.due(names):
            found = [alarm.id for alarm in alarms]
            if failed is not None:
                rest += found
                continue
            try:
                await self._look(alarms)
            except Unavailable as error:
                failed = found, error
        if failed is not None:
            last, trouble = failed
            self._looks.miss(rest + last, trouble)

    async def _look(self, alarms: Sequence[Alarm]) -> None:
        looks = self._looks
        asked = [windows_of(alarm, looks.tools.clock.wall_ns()) for alarm in alarms]
        found = await looks.statistics(one for some in asked for one in some)
        verdicts = []
        for alarm, windows in zip(alarms, asked, strict=True):
            outcomes = [
                of_samples(leaf, found[one])
                for leaf, one in zip(leaves(rule_of(alarm)), windows, strict=True)
                if isinstance(leaf, ThresholdRule)
            ]
            verdicts.append(verdict(alarm, outcomes))
        looks.count("judged", len(alarms))
        await looks.move(verdicts)

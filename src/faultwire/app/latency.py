"""Standing figures of the chain: each span over the newest faults, by this process's marks."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from faultwire.app.core import Tools
from faultwire.domain.accounts import Actor
from faultwire.domain.commands import TakeEvents
from faultwire.domain.errors import FaultwireError
from faultwire.domain.events import LATENCY_BUDGET, Event
from faultwire.domain.ids import ADMINISTRATORS, FaultId, derived
from faultwire.ports import Clock, Intake, Meter
from faultwire.telemetry.profiler_settings import Settings
from faultwire_profiler import Recorder, profile
from faultwire_profiler.budgets import Budgets, Crossing, read_budgets
from faultwire_profiler.window import Window

log = logging.getLogger(__name__)

TAKEN = 100
"""Faults that one flush has looked at: of a burst the newest, for the loop has other work."""
SLICE = 4
"""Faults between two moments in which others are served; each takes a third of a millisecond."""

ACTOR = Actor("profiler")

Tell = Callable[[Crossing], Awaitable[object]]
"""Tells administrators that a span exceeds its budget; raises FaultwireError where it cannot."""


def teller(intake: Intake, clock: Clock, origin: str) -> Tell:
    """Return what makes an event of a budget that is exceeded; `origin` names this process."""

    async def tell(crossing: Crossing) -> object:
        now_ns = clock.wall_ns()
        event = Event(
            derived(LATENCY_BUDGET, origin, crossing.span, now_ns),
            LATENCY_BUDGET,
            ADMINISTRATORS,
            now_ns,
            {
                "span": crossing.span,
                "budget": crossing.budget_ms,
                "observed": crossing.observed_ms,
            },
        )
        return await intake.submit(TakeEvents((event,), ACTOR))

    return tell


def latency_of(tools: Tools, intake: Intake, origin: str, settings: Settings) -> "Latency":
    """Return the standing figures of a process, whose administrators hear of budgets."""
    tell = teller(intake, tools.clock, origin)
    return Latency(tools.recorder, tools.metrics, settings, tell)


class Latency:
    """Keeps the window, its gauges and the budgets; on the loop."""

    def __init__(
        self,
        recorder: Recorder,
        meter: Meter,
        settings: Settings | None = None,
        tell: Tell | None = None,
    ) -> None:
        """Take the recorder that holds the marks, and who is told of exceeded budgets."""
        self._recorder = recorder
        self.meter = meter
        self._window = Window()
        settings = settings or Settings()
        self.enabled = settings.enabled
        self._figure = settings.budget_figure.value
        self._budgets = Budgets(read_budgets(settings.budgets))
        self._tell = tell
        for span in self._budgets.spans:
            meter.gauge("faultwire_latency_budget_exceeded", 0, span=span)

    async def changed(self, faults: Sequence[FaultId]) -> None:
        """Look at faults anew that were marked since, set the gauges, and watch the budgets."""
        for place, fault in enumerate(faults[-TAKEN:]):
            marks = self._recorder.marks(fault)
            if marks:
                self._window.put(fault, profile(marks))
            if place % SLICE == SLICE - 1:
                await asyncio.sleep(0)
        highest = self._window.highest()
        for span, figures in highest.items():
            for figure, ms in figures.items():
                self.meter.gauge("faultwire_latency_seconds", ms / 1000, span=span, figure=figure)
        observed = {span: figures[self._figure] for span, figures in highest.items()}
        for crossing in self._budgets.look(observed):
            await self._crossed(crossing)

    def show(self) -> dict[str, Any]:
        """Return the window as plain JSON values, and which budgets are exceeded."""
        return self._window.to_json() | {"over_budget": sorted(self._budgets.over)}

    async def _crossed(self, crossing: Crossing) -> None:
        name, exceeded = "faultwire_latency_budget_exceeded", crossing.exceeded
        if exceeded and self._tell is not None:
            try:
                await self._tell(crossing)
            except FaultwireError as error:
                log.warning("nobody is told of an exceeded budget yet: %s", error)
                self._budgets.untold(crossing.span)
                return
        self.meter.gauge(name, int(exceeded), span=crossing.span)
        if exceeded:
            self.meter.count("faultwire_latency_budgets_total", span=crossing.span)
            log.warning(
                "the %s of %s is %.3f ms; its budget is %.3f ms",
                self._figure,
                crossing.span,
                crossing.observed_ms,
                crossing.budget_ms,
            )

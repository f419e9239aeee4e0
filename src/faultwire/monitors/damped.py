"""What monitors tell of things, damped: between what they see and what they owe the lane."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from faultwire.domain.accounts import Actor
from faultwire.domain.commands import HostAnswered, ReportFaults
from faultwire.domain.faults import FLAPPING, Evidence, identity_of
from faultwire.domain.ids import HostName
from faultwire.liveness.damping import Act, Damper, Told
from faultwire.liveness.damping_settings import Settings
from faultwire.monitors.reports import instant_of, reports
from faultwire.ports import Clock, Meter

log = logging.getLogger(__name__)

TICK_SECONDS = 0.1
SOURCE = "damping"
ACTOR = Actor("monitor damping")

Owing = ReportFaults | HostAnswered
Pay = Callable[[HostName, Owing], None]
"""Owes something that concerns a host."""


def _nothing_open(_: str) -> bool:
    return False


@dataclass(slots=True)
class _News:
    """What is told of a thing when it is bad, and when it is well."""

    host: HostName
    bad: Owing | None = None
    well: Owing | None = None


class Damped:
    """On the event loop; `run` must be running. `pay` is told what there is to tell.

    `is_open` says whether a fault of that identity is open: what was told before our start, or
    by another server.
    """

    def __init__(self, clock: Clock, meter: Meter, pay: Pay) -> None:
        """Know of nothing; the terms are the usual ones."""
        self.set_terms(Settings())
        self._clock = clock
        self._meter = meter
        self._pay = pay
        self.is_open: Callable[[str], bool] = _nothing_open
        self._news: dict[tuple[str, str], _News] = {}

    def set_terms(self, settings: Settings) -> None:
        """Have other terms; before anything is told."""
        self._damper = Damper(settings.terms, settings.flaps, settings.half_life_ns)

    def bad(self, kind: str, host: HostName, owing: Owing, thing: str = "") -> None:
        """Note that something of a host is bad: `thing`, or the host itself."""
        name = thing or host
        self._news.setdefault((kind, name), _News(host)).bad = owing
        now = self._clock.mono_ns()
        self._do(self._damper.signal(kind, name, now, bad=True))

    def well(
        self, kind: str, host: HostName, owing: Owing | None, thing: str = "", identity: str = ""
    ) -> None:
        """Note that it is well; None tells nothing. `identity` is its fault's, if it has one."""
        name = thing or host
        now = self._clock.mono_ns()
        if (kind, name) not in self._news:
            if not identity or not self.is_open(identity):
                return
            self._damper.hold(kind, name, now)
        self._news.setdefault((kind, name), _News(host)).well = owing
        self._do(self._damper.signal(kind, name, now, bad=False))

    def taken_back(self, kind: str, host: HostName) -> None:
        """Forget a thing whose report a guard vetoed: the next one is the first again."""
        self._news.pop((kind, host), None)
        self._do(self._damper.forget(kind, host))

    def forget(self, host: HostName) -> None:
        """Forget everything of a host that is gone."""
        for key in [key for key, news in self._news.items() if news.host == host]:
            del self._news[key]
            self._damper.forget(*key)

    def tick(self) -> None:
        """Look at everything again."""
        self._do(self._damper.tick(self._clock.mono_ns()))
        known = self._damper.known()
        for key in [key for key in self._news if key not in known]:
            del self._news[key]

    async def run(self) -> None:
        """Look regularly until cancelled."""
        while True:
            await self._clock.sleep(TICK_SECONDS)
            if self._news:
                self.tick()

    def _do(self, acts: list[Act]) -> None:
        for act in acts:
            news = self._news.get((act.type, act.thing))
            if act.told in {Told.SHELVED, Told.STABLE}:
                host = news.host if news else HostName(act.thing)
                self._flapping(host, act, raised=act.told is Told.SHELVED)
                continue
            owing = None if news is None else news.bad if act.told is Told.BAD else news.well
            if news is not None and owing is not None:
                self._pay(news.host, owing)

    def _flapping(self, host: HostName, act: Act, *, raised: bool) -> None:
        resource = {"hostname": host}
        if raised:
            self._meter.count("faultwire_shelved_total", type=act.type)
            log.warning("%s of %s comes and goes: it is shelved", act.type, act.thing)
        else:
            still = any(self._host_of(key) == host for key in self._damper.shelved())
            if still or not self.is_open(identity_of(FLAPPING, resource)):
                return
        details = {"type": act.type, "thing": act.thing, "score": round(act.score, 2)}
        vote = "flapping" if raised else "stable"
        now = self._clock.instant()
        said = Evidence(SOURCE, act.type, vote, now.wall_ns, details=details)
        when = instant_of(self._clock, self._clock.mono_ns())
        self._pay(host, reports(FLAPPING, resource, (said,), when, ACTOR, raised=raised))

    def _host_of(self, key: tuple[str, str]) -> HostName:
        news = self._news.get(key)
        return news.host if news else HostName(key[1])

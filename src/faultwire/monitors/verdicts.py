"""What follows from the heartbeat engine's verdicts, by what probing holds of the host."""

import logging
from collections.abc import Callable, Mapping

from faultwire.domain.accounts import Actor
from faultwire.domain.commands import AgentChanged, HostAnswered, ReportFaults
from faultwire.domain.faults import (
    AGENT_DOWN,
    HOST_DOWN,
    HUNG,
    NIC_ERROR,
    UNREACHABLE,
    Evidence,
    identity_of,
)
from faultwire.domain.ids import HostName
from faultwire.domain.instants import rfc3339
from faultwire.domain.states import AgentState
from faultwire.liveness.heartbeat import Verdict, VerdictKind
from faultwire.monitors.combining import MEANS, WITHHELD, Icmp
from faultwire.monitors.damped import Damped
from faultwire.monitors.owed import Owed
from faultwire.monitors.reports import instant_of, reports
from faultwire.ports import Clock, Meter

log = logging.getLogger(__name__)

SOURCE = "agent"
ACTOR = Actor("monitor agents")
KINDS = (HUNG, AGENT_DOWN)
"""Types of faults that an agent's return ends by itself: they force nothing."""

_MS = 1_000_000


def _unwatched(_: HostName) -> Icmp:
    return Icmp.UNWATCHED


class AgentVerdicts:
    """On the event loop. `icmp` says what probing holds of a host; without it nobody watches."""

    def __init__(self, owed: Owed, clock: Clock, meter: Meter) -> None:
        """Withhold nothing."""
        self._owed = owed
        self._clock = clock
        self._meter = meter
        self._withheld: dict[HostName, tuple[Verdict, float]] = {}
        self.icmp: Callable[[HostName], Icmp] = _unwatched
        self.damped = Damped(clock, meter, self._pay)

    def give(self, verdict: Verdict, lag_ms: float) -> None:
        """Tell of a host, or keep the verdict until probing knows."""
        held = self.icmp(verdict.host)
        kind = MEANS[held, verdict.kind]
        if kind is WITHHELD:
            self._withheld[verdict.host] = verdict, lag_ms
            log.info("the verdict on the agent of %s waits: probing is %s", verdict.host, held)
            return
        self._withheld.pop(verdict.host, None)
        self._tell(kind, verdict, lag_ms, held)

    def again(self) -> None:
        """Weigh what was withheld."""
        for verdict, lag_ms in tuple(self._withheld.values()):
            if MEANS[self.icmp(verdict.host), verdict.kind] is not WITHHELD:
                self.give(verdict, lag_ms)

    def back(self, host: HostName) -> None:
        """End what an agent's return disproves, and nothing that probing holds."""
        self._withheld.pop(host, None)
        resource = {"hostname": host}
        for kind in (HOST_DOWN, UNREACHABLE):
            # What ends these is decided elsewhere (D20); that it comes and goes is counted.
            self.damped.well(kind, host, None)
        for kind in KINDS:
            said = Evidence(SOURCE, host, "up", self._clock.wall_ns())
            when = instant_of(self._clock, self._clock.mono_ns())
            clear = reports(kind, resource, (said,), when, ACTOR, raised=False)
            self.damped.well(kind, host, clear, identity=identity_of(kind, resource))

    def carriers(self, host: HostName, states: Mapping[str, bool]) -> None:
        """Tell of interfaces of a host that have no carrier, and of those that have it again."""
        now = self._clock.instant()
        for name, up in states.items():
            resource, vote = {"hostname": host, "interface": name}, "up" if up else "down"
            said = Evidence(SOURCE, host, vote, now.wall_ns, details={"carrier": up})
            told = reports(NIC_ERROR, resource, (said,), now, ACTOR, raised=not up)
            thing = f"{host} {name}"
            if up:
                identity = identity_of(NIC_ERROR, resource)
                self.damped.well(NIC_ERROR, host, told, thing, identity)
            else:
                self.damped.bad(NIC_ERROR, host, told, thing)

    def doubted(self, host: HostName) -> None:
        """Take back a verdict that a guard vetoed."""
        for kind in (HOST_DOWN, UNREACHABLE, *KINDS):
            self.damped.taken_back(kind, host)

    def forget(self, host: HostName) -> None:
        """Know nothing of a host any more."""
        self._withheld.pop(host, None)
        self.damped.forget(host)

    def _tell(self, kind: str, verdict: Verdict, lag_ms: float, held: Icmp) -> None:
        host = verdict.host
        age = verdict.age_ns / _MS
        log.warning("host %s: %s, %s for %.0f ms", host, kind, verdict.kind, age)
        self._meter.count("faultwire_verdicts_total", kind=verdict.kind.value)
        details = self._figures(verdict, lag_ms)
        if held is not Icmp.UNWATCHED:
            details["icmp"] = held.value
        now = self._clock.instant()
        said = Evidence(SOURCE, host, "down", now.wall_ns, details=details)
        self.damped.bad(
            *(kind, host, reports(kind, {"hostname": host}, (said,), now, ACTOR, raised=True))
        )
        self._owed.change(AgentChanged(host, AgentState.LOST))

    def _pay(self, host: HostName, owing: ReportFaults | HostAnswered) -> None:
        if isinstance(owing, ReportFaults):
            self._owed.report(host, owing)

    def _figures(self, verdict: Verdict, lag: float) -> dict[str, object]:
        figures: dict[str, object] = {
            "verdict": verdict.kind.value,
            "age_ms": verdict.age_ns / _MS,
            "limit_ms": verdict.limit_ns / _MS,
            "loop_lag_ms": round(lag, 3),
        }
        if verdict.put_off_ns:
            figures["put_off_ms"] = round(verdict.put_off_ns / _MS, 3)
        if verdict.seen is not None:
            figures["last_beat"] = rfc3339(self._wall(verdict.seen))
        if verdict.kind is VerdictKind.CLOSED:
            figures["closed"] = rfc3339(self._wall(verdict.since))
        return figures

    def _wall(self, mono_ns: int) -> int:
        return instant_of(self._clock, mono_ns).wall_ns

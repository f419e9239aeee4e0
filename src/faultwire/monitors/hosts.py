"""The hosts' monitor: verdicts of probing in, reports of dead hosts and of ourselves out (D20)."""

import logging
import uuid
from collections.abc import Callable, Iterable, Mapping

from faultwire.domain.accounts import Actor
from faultwire.domain.commands import HostAnswered, ReportFaults
from faultwire.domain.faults import FAULT_TYPES, HOST_DOWN, Evidence, FaultType, Report
from faultwire.domain.ids import FaultId, HostName
from faultwire.domain.instants import Instant
from faultwire.domain.resources import Host
from faultwire.liveness.isolation import Standing
from faultwire.liveness.probes import Probes, Seen
from faultwire.liveness.suspicion import State
from faultwire.monitors.owed import Owed
from faultwire.ports import Clock, Intake, Meter

log = logging.getLogger(__name__)

SOURCE = "icmp"
ISOLATED = "monitor.isolated"
ACTOR = Actor("monitor hosts")
FIRST_LOOK_SECONDS = 10.0
"""How long after the start hosts are named that have never answered."""
NAMED = 10

_MS = 1_000_000


class HostMonitor:
    """Tells the lane of hosts that died, of those that answer again, and of our isolation.

    Everything runs on the event loop. `run` must be running for anything to be noticed.
    """

    def __init__(
        self, probes: Probes, intake: Intake, clock: Clock, meter: Meter, name: str
    ) -> None:
        """Take what probes; `name` is ours in faults about ourselves."""
        self._probes = probes
        self._clock = clock
        self._meter = meter
        self._name = name
        self._standing = Standing.CONNECTED
        self._raised = False
        self._stopping = False
        self._owed = Owed(intake, clock, self._doubt)
        probes.listen(self)

    # ------------------------------------------------------------ what the app calls

    def begin(self, hosts: Iterable[Host], dead: Iterable[HostName], *, isolated: bool) -> None:
        """Watch the hosts of the map; `dead` and `isolated` are what faults of ours still say."""
        held = dict.fromkeys(dead, State.DEAD)
        self._raised = isolated
        self._probes.probe(_addresses(hosts), held)

    def saved(self, hosts: Iterable[Host]) -> None:
        """Watch hosts that are new or have another address; no longer those that have none."""
        known = tuple(hosts)
        self._probes.leave(host.name for host in known if not host.addresses)
        self._probes.probe(_addresses(known), {})

    def removed(self, hosts: Iterable[HostName]) -> None:
        """Watch hosts no longer that were taken out of the map."""
        self._probes.leave(hosts)

    def state(self, host: HostName) -> State:
        """Return what is held of a host."""
        return self._probes.state(host)

    async def run(self, hosts: Callable[[], Iterable[Host]]) -> None:
        """Say once which hosts never answered, then wait; `Probes.run` does the work."""
        await self._clock.sleep(FIRST_LOOK_SECONDS)
        mute = [
            host.name
            for host in hosts()
            if host.addresses and self.state(host.name) is State.UNKNOWN
        ]
        if mute:
            names = sorted(mute)[:NAMED] + (["..."] if len(mute) > NAMED else [])
            log.warning(
                "%d hosts have not answered since the start, nothing is known of them: %s",
                *(len(mute), ", ".join(names)),
            )
        while True:
            await self._clock.sleep(3600.0)

    async def stop(self, seconds: float = 2.0) -> None:
        """Report nothing any more; see what is owed through, up to `seconds`."""
        self._stopping = True
        await self._owed.stop(seconds)

    # ------------------------------------------------------------ probes.Listener

    def started(self) -> None:
        """Begin anew: the process that probes knows nothing of its own standing."""
        self._standing = Standing.CONNECTED

    def moved(self, seen: Seen) -> None:
        """Report a host that is dead; tell of one that answers again."""
        if self._stopping:
            return
        if seen.state is State.DEAD:
            self._dead(seen)
        elif seen.state is State.ALIVE:
            if self._raised and self._standing is Standing.CONNECTED:
                self._connected(seen.at)
            if seen.was in {State.DEAD, State.UNREACHABLE}:
                log.warning("host %s answers again", seen.host)
                said = self._evidence("up", _figures(seen))
                self._owed.turn(seen.host, HostAnswered(seen.host, said))

    def stood(self, standing: Standing, reasons: tuple[str, ...], at: int) -> None:
        """Tell of our own isolation, and of its end."""
        self._standing = standing
        self._meter.gauge("faultwire_isolated", standing is Standing.ISOLATED)
        if self._stopping:
            return
        if standing is Standing.ISOLATED:
            self._raised = True
            log.warning("we are isolated, no host is held to be dead: %s", "; ".join(reasons))
            self._meter.count("faultwire_verdicts_total", kind="isolated")
            self._myself("isolated", at, {"reasons": list(reasons)}, raised=True)
        elif standing is Standing.CONNECTED and self._raised:
            self._connected(at)

    # ------------------------------------------------------------ the rest

    def _connected(self, at: int) -> None:
        self._raised = False
        log.warning("we are connected again: verdicts on hosts are given")
        self._myself("connected", at, {}, raised=False)

    def _dead(self, seen: Seen) -> None:
        silent = seen.evidence.get("silent_ms")
        log.warning("host %s is down: silent to probes of %s ms", seen.host, silent)
        self._meter.count("faultwire_verdicts_total", kind=SOURCE)
        evidence = self._evidence("down", _figures(seen))
        resource = {"hostname": seen.host}
        report = self._report(FAULT_TYPES[HOST_DOWN], resource, evidence, seen.at, raised=True)
        self._owed.turn(seen.host, ReportFaults((report,), ACTOR))

    def _doubt(self, host: HostName) -> None:
        """Judge a host again whose verdict a guard vetoed."""
        self._meter.count("faultwire_verdicts_suspended_total")
        self._probes.doubt(host)

    def _myself(self, vote: str, at: int, details: Mapping[str, object], *, raised: bool) -> None:
        evidence = self._evidence(vote, details)
        resource = {"monitor": self._name}
        report = self._report(FAULT_TYPES[ISOLATED], resource, evidence, at, raised=raised)
        # A key that is no host's name.
        self._owed.turn(HostName(f"monitor {self._name}"), ReportFaults((report,), ACTOR))

    def _report(
        self,
        kind: FaultType,
        resource: Mapping[str, str],
        evidence: Evidence,
        at: int,
        *,
        raised: bool,
    ) -> Report:
        return Report(
            FaultId(str(uuid.uuid4())),
            kind,
            raised=raised,
            resource=resource,
            evidence=evidence,
            detected=self._instant(at),
        )

    def _evidence(self, vote: str, details: Mapping[str, object]) -> Evidence:
        return Evidence(SOURCE, self._name, vote, self._clock.wall_ns(), details=details)

    def _instant(self, mono_ns: int) -> Instant:
        """Return an instant of the monotonic clock, which is one for all processes."""
        now = self._clock.instant()
        return Instant(now.wall_ns - ((now.mono_ns or mono_ns) - mono_ns), mono_ns)


def _addresses(hosts: Iterable[Host]) -> dict[HostName, str]:
    """Return the address at which each host is probed: its first."""
    return {host.name: host.addresses[0] for host in hosts if host.addresses}


def _figures(seen: Seen) -> dict[str, object]:
    return {
        "verdict": seen.state.value,
        "address": seen.address,
        **seen.evidence,
        "loop_lag_ms": round(seen.lag_ns / _MS, 3),
    }

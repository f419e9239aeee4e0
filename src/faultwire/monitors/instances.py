"""The servers' monitor: silence of a server whose host is alive, told as compute.instance.down.

Only of servers that answered before, are active, and are not set `monitored: false`; after so
many sweeps in a row; and not while so many fall silent at once that it speaks against ourselves.
"""

import logging
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from faultwire.domain.accounts import Actor
from faultwire.domain.commands import InstanceAnswered, ReportFaults
from faultwire.domain.faults import FAULT_TYPES, INSTANCE_DOWN, Evidence, Report
from faultwire.domain.ids import FaultId, HostName, ServerId
from faultwire.domain.instants import Instant
from faultwire.domain.pings import Ping, PingState
from faultwire.domain.resources import Server
from faultwire.domain.states import PowerState, VmState
from faultwire.liveness.isolation import Limits
from faultwire.monitors.owed import Owed
from faultwire.monitors.pinged import ServerPings
from faultwire.ports import Clock, Intake, Inventory, Meter

log = logging.getLogger(__name__)

ACTOR = Actor("monitor servers")

Established = Callable[[HostName], int | None]
"""After how many nanoseconds of a server's silence its host's life is established.

None: it is not known to be alive.
"""


@dataclass(frozen=True, slots=True)
class Terms:
    """When silence is told; `name` is ours in evidence, `established` tells of hosts."""

    name: str
    sweeps: int
    answers: int
    limits: Limits
    established: Established


@dataclass(slots=True)
class _Quiet:
    """A server that answered before: silent since then, for so many sweeps."""

    since: int
    sweeps: int = 0
    answers: int = 0
    told: bool = False


class InstanceMonitor:
    """Looks at what regular sweeps found; on the event loop, after each of them."""

    def __init__(
        self,
        pings: ServerPings,
        inventory: Inventory,
        intake: Intake,
        clock: Clock,
        meter: Meter,
        terms: Terms,
    ) -> None:
        """Take what pings; it is listened to from now on."""
        self._pings = pings
        self._inventory = inventory
        self._clock = clock
        self._meter = meter
        self._terms = terms
        self._known: set[ServerId] = set()
        self._quiet: dict[ServerId, _Quiet] = {}
        self._held = False
        self._owed = Owed(intake, clock, self._vetoed)
        pings.listen(self.swept)

    def begin(self, down: Iterable[ServerId]) -> None:
        """Take the servers whose silence an open fault of ours tells."""
        for name in down:
            self._known.add(name)
            self._quiet[name] = _Quiet(self._clock.mono_ns(), told=True)

    async def stop(self, seconds: float = 2.0) -> None:
        """See what is owed through, up to `seconds`."""
        await self._owed.stop(seconds)

    def swept(self, begun: int) -> None:
        """Judge after a regular sweep that began then."""
        due: list[tuple[Server, _Quiet]] = []
        seen: set[ServerId] = set()
        for name in self._pings.monitored():
            ping = self._pings.seen(name)
            seen.add(name)
            if ping.state is PingState.ALIVE:
                self._answered(name, ping)
            elif ping.state is PingState.DEAD and name in self._known:
                quiet = self._quiet.setdefault(name, _Quiet(begun))
                quiet.sweeps, quiet.answers = quiet.sweeps + 1, 0
                server = self._inventory.server(name)
                if server is not None and self._due(server, quiet, begun):
                    due.append((server, quiet))
        self._known &= seen
        for name in [one for one in self._quiet if one not in seen]:
            del self._quiet[name]
        self._tell(due)

    def _answered(self, name: ServerId, ping: Ping) -> None:
        self._known.add(name)
        quiet = self._quiet.get(name)
        if quiet is None:
            return
        quiet.answers += 1
        quiet.sweeps, quiet.since = 0, self._clock.mono_ns()
        if quiet.told and quiet.answers < self._terms.answers:
            return
        del self._quiet[name]
        if quiet.told:
            log.warning("server %s answers again", name)
            rtt = None if ping.rtt_ns is None else round(ping.rtt_ns / 1_000_000, 3)
            said = self._evidence("up", {"rtt_ms": rtt})
            self._owed.turn(_key(name), InstanceAnswered(name, said))

    def _due(self, server: Server, quiet: _Quiet, now: int) -> bool:
        """Return whether a server's silence is to be told."""
        if quiet.told or quiet.sweeps < self._terms.sweeps:
            return False
        if (server.vm_state, server.power_state) != (VmState.ACTIVE, PowerState.RUNNING):
            return False
        needed = self._terms.established(server.host) if server.host else None
        return needed is not None and now - quiet.since >= needed

    def _tell(self, due: list[tuple[Server, _Quiet]]) -> None:
        limits, eligible = self._terms.limits, len(self._known)
        held = len(due) > limits.hosts and len(due) * 100 > eligible * limits.percent
        if held and not self._held:
            log.warning(
                "%d of %d servers are silent at once while their hosts are alive: none is"
                " reported, the way to them may be cut",
                *(len(due), eligible),
            )
        self._held = held
        for server, quiet in () if held else due:
            quiet.told = True
            self._down(server, quiet)

    def _down(self, server: Server, quiet: _Quiet) -> None:
        silent = round((self._clock.mono_ns() - quiet.since) / 1_000_000)
        log.warning("server %s is silent for %d ms, its host is alive", server.id, silent)
        self._meter.count("faultwire_verdicts_total", kind="instance")
        details = {"silent_ms": silent, "sweeps": quiet.sweeps, "host": server.host}
        report = Report(
            FaultId(str(uuid.uuid4())),
            FAULT_TYPES[INSTANCE_DOWN],
            raised=True,
            resource={"instance_id": server.id},
            evidence=self._evidence("down", details),
            detected=self._now(),
        )
        self._owed.turn(_key(server.id), ReportFaults((report,), ACTOR))

    def _vetoed(self, key: HostName) -> None:
        """Judge a server anew whose report opened no fault."""
        self._meter.count("faultwire_verdicts_suspended_total")
        quiet = self._quiet.get(ServerId(key.removeprefix(_KEY)))
        if quiet is not None:
            quiet.told, quiet.sweeps = False, 0

    def _evidence(self, vote: str, details: dict[str, object]) -> Evidence:
        name, wall = self._terms.name, self._clock.wall_ns()
        return Evidence(self._pings.engine, name, vote, wall, details=details)

    def _now(self) -> Instant:
        return self._clock.instant()


_KEY = "server "


def _key(name: ServerId) -> HostName:
    """Return a key that is no host's name."""
    return HostName(f"{_KEY}{name}")

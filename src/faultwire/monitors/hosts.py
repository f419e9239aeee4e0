"""The hosts' monitor: what is seen by probing from here becomes votes (D20, D24)."""

import logging
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from faultwire.domain.commands import HostAnswered, HostsWatched, ReportFaults
from faultwire.domain.errors import FaultwireError
from faultwire.domain.faults import HOST_DOWN, MONITOR_ISOLATED, Evidence
from faultwire.domain.ids import HostName
from faultwire.domain.resources import Host
from faultwire.liveness import damping_settings, quorum_settings
from faultwire.liveness.ballots import Ballots, Terms
from faultwire.liveness.ballots import State as Together
from faultwire.liveness.isolation import Standing
from faultwire.liveness.probes import Probes, Seen
from faultwire.liveness.seats import Down, Presence
from faultwire.liveness.settings import Addresses
from faultwire.liveness.suspicion import FALLEN, State
from faultwire.monitors.combining import Icmp
from faultwire.monitors.damped import Damped, Owing
from faultwire.monitors.owed import Owed
from faultwire.monitors.reports import instant_of, reports
from faultwire.monitors.votes import ACTOR, SOURCE, Votes
from faultwire.ports import Clock, Intake, Meter

log = logging.getLogger(__name__)

FIRST_LOOK_SECONDS = 10.0
"""How long after the start hosts are named that have never answered."""
NAMED = 10
WATCHED_SECONDS = 1.0
"""How often is noted which hosts are watched now."""

PRESENCES: Mapping[Standing, Presence] = {
    Standing.CONNECTED: Presence.VOTING,
    Standing.DOUBTFUL: Presence.DOUBTFUL,
    Standing.ISOLATED: Presence.ISOLATED,
}

_MS = 1_000_000

Targets = Mapping[HostName, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Judging:
    """How votes are counted and told."""

    quorum: quorum_settings.Settings = field(default_factory=quorum_settings.Settings)
    damping: damping_settings.Settings = field(default_factory=damping_settings.Settings)
    percent: int = 20
    hosts: int = 5
    addresses: Addresses = Addresses.FIRST

    @property
    def terms(self) -> Terms:
        """How votes are counted."""
        return Terms(self.quorum.votes, self.quorum.wait_ms * _MS, self.percent, self.hosts)


@dataclass(frozen=True, slots=True)
class Before:
    """What open faults of ours say of the time before our start."""

    dead: tuple[HostName, ...] = ()
    unreachable: tuple[HostName, ...] = ()
    isolated: bool = False


def _nothing_open(_: str) -> bool:
    return False


class HostMonitor:
    """Votes for this server, and tells of its isolation; implements `votes.Follower`.

    Everything runs on the event loop. `run` must be running for anything to be noticed. Without
    `probes` it has no seat, and others vote alone.
    """

    def __init__(
        self,
        probes: Probes | None,
        intake: Intake,
        clock: Clock,
        meter: Meter,
        name: str,
        judging: Judging | None = None,
    ) -> None:
        """Take what probes; `name` is ours in faults about ourselves, and that of our seat."""
        judging = judging or Judging()
        self._probes = probes
        self._intake = intake
        self._clock = clock
        self._meter = meter
        self.name = name
        self._all = judging.addresses is Addresses.ALL
        self._standing = Standing.CONNECTED
        self._raised = False
        self._stopping = False
        self._heard: set[HostName] = set()
        self._owed = Owed(intake, clock, self._vetoed)
        self._damped = Damped(clock, meter, self._pay)
        self._damped.set_terms(judging.damping)
        self._on_targets: list[Callable[[Targets, Iterable[HostName]], None]] = []
        self.targets: dict[HostName, tuple[str, ...]] = {}
        self.votes = Votes(Ballots(judging.terms), self._damped, self._owed, clock, meter)
        self.votes.own = name
        self.votes.follow(self)
        if probes is not None:
            probes.listen(self)

    # ------------------------------------------------------------ what the app calls

    def begin(
        self,
        hosts: Iterable[Host],
        before: Before,
        is_open: Callable[[str], bool] = _nothing_open,
    ) -> None:
        """Watch the hosts of the map; `is_open` tells whether a fault is open now."""
        self._raised = before.isolated
        self._damped.is_open = is_open
        self.targets = self._addresses(hosts)
        held = {Together.DEAD: before.dead, Together.UNREACHABLE: before.unreachable}
        self.votes.begin(self.name, len(self.targets), held, is_open)
        # A monitor may have come before us, and been told of no host.
        for call in self._on_targets:
            call(self.targets, ())
        if self._probes is None:
            return
        now = self._clock.mono_ns()
        down: dict[str, Down] = {
            host: Down(now, {}) for host in before.dead if host in self.targets
        }
        unknown = [host for host in self.targets if host not in down]
        self.votes.survey(self.name, Presence.VOTING, down, unknown)
        self._probes.probe(self.targets, dict.fromkeys(before.dead, State.DEAD))

    def follow_targets(self, call: Callable[[Targets, Iterable[HostName]], None]) -> None:
        """Have somebody told of hosts to be probed from now on, and of those no longer."""
        self._on_targets.append(call)

    def saved(self, hosts: Iterable[Host]) -> None:
        """Watch hosts that are new or have another address; no longer those that have none."""
        known = tuple(hosts)
        wanted = self._addresses(known)
        self.removed(host.name for host in known if not host.addresses)
        other = {host: at for host, at in wanted.items() if self.targets.get(host) != at}
        if not other:
            return
        new = [host for host in other if host not in self.targets]
        self.targets |= other
        self.votes.ballots.hosts = len(self.targets)
        if self._probes is not None:
            self.votes.cast(self.name, unknown=new)
            self._probes.probe(other, {})
        for call in self._on_targets:
            call(other, ())

    def removed(self, hosts: Iterable[HostName]) -> None:
        """Watch hosts no longer that were taken out of the map."""
        gone = [host for host in hosts if self.targets.pop(host, None) is not None]
        if not gone:
            return
        self._heard.difference_update(gone)
        self.votes.removed(gone)
        self.votes.ballots.hosts = len(self.targets)
        if self._probes is not None:
            self._probes.leave(gone)
        for call in self._on_targets:
            call({}, gone)

    def state(self, host: HostName) -> State:
        """Return what is held of a host from here."""
        return self._probes.state(host) if self._probes is not None else State.UNKNOWN

    def icmp(self, host: HostName) -> Icmp:
        """Return what the vantage points hold of a host, for the agents' monitor."""
        together = _ICMP.get(self.votes.ballots.state(host))
        if together is not None:
            return together
        if self.state(host) in {State.SUSPECT, *FALLEN}:
            return Icmp.UNSURE
        if self.votes.ballots.heard(host):
            return Icmp.ALIVE
        own = self.votes.ballots.seats.get(self.name)
        cut_off = own is not None and own.presence in {Presence.DOUBTFUL, Presence.ISOLATED}
        known = own is not None and host in self.targets and host not in own.unknown
        return Icmp.ISOLATED if cut_off and known else Icmp.UNWATCHED

    def heard(self, hosts: Iterable[HostName]) -> None:
        """Note hosts that some vantage point heard: they are monitored (D24)."""
        self._heard.update(hosts)

    async def run(self, hosts: Callable[[], Iterable[Host]]) -> None:
        """Say once which hosts never answered; note regularly which are watched."""
        begun, said = self._clock.mono_ns(), False
        while True:
            await self._clock.sleep(WATCHED_SECONDS)
            await self._note_watched(hosts)
            if not said and self._clock.mono_ns() - begun >= FIRST_LOOK_SECONDS * 1e9:
                said = True
                self._name_mute(hosts())

    def works(self) -> tuple[tuple[Callable[[], Coroutine[Any, Any, None]], str], ...]:
        """Return what must run besides `run`."""
        works = ((self.votes.run, "votes"), (self._damped.run, "damping"))
        return works if self._probes is None else (*works, (self._probes.run, "probes"))

    async def stop(self, seconds: float = 2.0) -> None:
        """Report nothing any more; see what is owed through, up to `seconds`."""
        self._stopping = True
        await self._owed.stop(seconds)

    # ------------------------------------------------------------ probes.Listener

    def started(self) -> None:
        """Begin anew: the process that probes knows nothing of its own standing."""
        self._standing = Standing.CONNECTED
        self.votes.stand(self.name, Presence.VOTING)

    def moved(self, seen: Seen) -> None:
        """Vote on a host as it is from here now."""
        if self._stopping:
            return
        host = seen.host
        if seen.state is State.ALIVE:
            self._heard.add(host)
            if self._raised and self._standing is Standing.CONNECTED:
                self._connected(seen.at)
            self.votes.cast(self.name, alive=(host,))
        elif seen.state in FALLEN and seen.was not in FALLEN:
            self.votes.cast(self.name, down={host: Down(seen.at, _figures(seen))})
        elif seen.state is State.UNKNOWN:
            self.votes.cast(self.name, unknown=(host,))

    def stood(self, standing: Standing, reasons: tuple[str, ...], at: int) -> None:
        """Tell of our own isolation, and of its end."""
        self._standing = standing
        self._meter.gauge("faultwire_isolated", standing is Standing.ISOLATED)
        if self._stopping:
            return
        self.votes.stand(self.name, PRESENCES[standing], reasons)
        if standing is Standing.ISOLATED:
            self._raised = True
            log.warning("we are isolated, no host is held to be dead: %s", "; ".join(reasons))
            self._meter.count("faultwire_verdicts_total", kind="isolated")
            self._myself("isolated", at, {"reasons": list(reasons)}, raised=True)
        elif standing is Standing.CONNECTED and self._raised:
            self._connected(at)

    # ------------------------------------------------------------ votes.Follower

    def settled(self, host: HostName, *, agreed: bool) -> None:
        """Hand on what the vantage points hold together."""
        if self._probes is not None:
            self._probes.settle(host, agreed=agreed)

    def doubted(self, host: HostName) -> None:
        """Judge a host again whose verdict a guard vetoed."""
        if self._probes is not None:
            self._probes.doubt(host)

    # ------------------------------------------------------------ the rest

    def _pay(self, host: HostName, owing: Owing) -> None:
        if self._stopping:
            return
        kind = "" if isinstance(owing, HostAnswered) else _type_of(owing)
        if kind in {"", HOST_DOWN}:
            self._owed.turn(host, owing)
        elif isinstance(owing, ReportFaults):
            self._owed.report(HostName(f"{kind} {host}"), owing)

    def _vetoed(self, key: HostName) -> None:
        """Take a veto of what was owed under a key: a host's name, or one after a type."""
        self.votes.vetoed(HostName(key.rpartition(" ")[2]))

    def _connected(self, at: int) -> None:
        self._raised = False
        log.warning("we are connected again: verdicts on hosts are given")
        self._myself("connected", at, {}, raised=False)

    def _myself(self, vote: str, at: int, details: Mapping[str, object], *, raised: bool) -> None:
        said = Evidence(SOURCE, self.name, vote, self._clock.wall_ns(), details=details)
        resource, when = {"monitor": self.name}, instant_of(self._clock, at)
        owing = reports(MONITOR_ISOLATED, resource, (said,), when, ACTOR, raised=raised)
        # A key that is no host's name.
        self._owed.turn(HostName(f"monitor {self.name}"), owing)

    async def _note_watched(self, hosts: Callable[[], Iterable[Host]]) -> None:
        if not self._heard or self._stopping:
            return
        heard, self._heard = self._heard, set()
        new = [host.name for host in hosts() if host.name in heard and not host.monitored]
        if not new:
            return
        try:
            await self._intake.submit(HostsWatched(tuple(new)))
        except FaultwireError as error:
            self._heard |= heard
            log.warning("which hosts are monitored was not recorded: %s", error.detail)

    def _name_mute(self, hosts: Iterable[Host]) -> None:
        if self._probes is None:
            return
        mute = [
            host.name
            for host in hosts
            if host.addresses and self.state(host.name) is State.UNKNOWN
        ]
        if mute:
            names = sorted(mute)[:NAMED] + (["..."] if len(mute) > NAMED else [])
            log.warning(
                "%d hosts have not answered since the start, nothing is known of them: %s",
                *(len(mute), ", ".join(names)),
            )

    def _addresses(self, hosts: Iterable[Host]) -> dict[HostName, tuple[str, ...]]:
        """Return the addresses at which each host is probed: its first, or all."""
        upto = None if self._all else 1
        return {host.name: host.addresses[:upto] for host in hosts if host.addresses}


_ICMP: Mapping[Together, Icmp] = {
    Together.DEAD: Icmp.DEAD,
    Together.UNREACHABLE: Icmp.UNREACHABLE,
    Together.CONTESTED: Icmp.UNSURE,
}


def _type_of(owing: ReportFaults) -> str:
    return owing.reports[-1].type.name


def _figures(seen: Seen) -> dict[str, object]:
    return {
        "verdict": seen.state.value,
        "address": seen.address,
        **seen.evidence,
        "loop_lag_ms": round(seen.lag_ns / _MS, 3),
    }

"""Hosts by their management controllers: power polled, health looked at, subscriptions kept."""

import asyncio
import logging
import uuid
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any

from faultwire.domain.accounts import Actor
from faultwire.domain.commands import ReportFaults
from faultwire.domain.errors import BmcTrouble, FaultwireError
from faultwire.domain.faults import FAULT_TYPES, HOST_DOWN, Evidence, FaultType, Report
from faultwire.domain.fencing import Power, PowerProof, PowerSeen
from faultwire.domain.ids import FaultId, HostName
from faultwire.domain.instants import Instant
from faultwire.domain.redfish import PARTS, BmcEvent, context_of, secret_of
from faultwire.domain.resources import Host
from faultwire.domain.states import AgentState
from faultwire.monitors.redfish_settings import Settings
from faultwire.ports import Clock, Intake, Inventory, Meter
from faultwire.ports.bmcs import Bmcs

log = logging.getLogger(__name__)

SOURCE = "redfish"
ACTOR = Actor("redfish monitor")
AT_ONCE = 32
"""Controllers that are asked at the same time."""
AGAIN_SECONDS = 1.0
"""Between the first Off and the second: only two in a row are believed."""
PATIENCE = 5
"""Looks at a host without power whose agent is still connected, before it is given up."""


class RedfishMonitor:
    """Belongs to the event loop. `ours` tells whether this process asks, of several."""

    def __init__(
        self, intake: Intake, inventory: Inventory, bmcs: Bmcs, settings: Settings, key: bytes
    ) -> None:
        """Take whom to ask; `key` makes the addresses to which controllers send events."""
        self._intake = intake
        self._inventory = inventory
        self._bmcs = bmcs
        self._settings = settings
        self._key = key
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._busy: set[HostName] = set()
        self._ill: dict[HostName, frozenset[str]] = {}
        self._trouble: dict[HostName, str] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._ours: Callable[[], bool] = lambda: True
        self._clock: Clock
        self._meter: Meter

    def by(self, clock: Clock, meter: Meter, ours: Callable[[], bool]) -> "RedfishMonitor":
        """Take the clock, the meter, and whether this process is the one that asks."""
        self._clock, self._meter, self._ours = clock, meter, ours
        return self

    def begin(self, ill: Iterable[tuple[HostName, str]]) -> None:
        """Take what controllers said of hosts before: hosts, and types of fault that are open."""
        for host, kind in ill:
            self._ill[host] = self._ill.get(host, frozenset()) | {kind}

    async def run(self) -> None:
        """Ask until cancelled."""
        settings = self._settings
        async with asyncio.TaskGroup() as group:
            group.create_task(self._regularly(settings.poll_seconds, self.look))
            if settings.poll_seconds:
                group.create_task(self._regularly(settings.health_seconds, self.examine))
            if settings.event_url:
                group.create_task(self._regularly(settings.subscribe_seconds, self.subscribe))

    async def _regularly(
        self, seconds: float, work: Callable[[Host], Coroutine[Any, Any, None]]
    ) -> None:
        while seconds:
            if self._ours():
                hosts = [host for host in self._inventory.hosts() if host.bmc is not None]
                await asyncio.gather(*(self._one(host, work) for host in hosts))
            await self._clock.sleep(seconds)

    async def _one(self, host: Host, work: Callable[[Host], Coroutine[Any, Any, None]]) -> None:
        """Do one thing with one controller; what goes wrong is told once."""
        async with self._slots:
            try:
                await work(host)
            except FaultwireError as error:
                if self._trouble.get(host.name) != str(error):
                    self._trouble[host.name] = str(error)
                    log.warning("the BMC of host %s: %s", host.name, error.detail)
            else:
                if self._trouble.pop(host.name, None) is not None:
                    log.info("the BMC of host %s answers again", host.name)

    # ------------------------------------------------------------ power

    async def look(self, host: Host) -> None:
        """Ask for the power of a host, and report it dead once Off is certain."""
        if host.name in self._busy:
            return
        self._busy.add(host.name)
        try:
            proof = await self._bmcs.power(host)
            if proof.power is Power.OFF and not host.forced_down:
                proof = await self._certain(host, proof)
            await self._intake.submit(PowerSeen(host.name, proof))
            if proof.power is Power.OFF and not host.forced_down:
                self._meter.count("faultwire_verdicts_total", kind="redfish")
                await self._report(FAULT_TYPES[HOST_DOWN], host.name, _power(proof), raised=True)
        finally:
            self._busy.discard(host.name)

    async def _certain(self, host: Host, proof: PowerProof) -> PowerProof:
        """Ask again; a host whose agent is connected all the while has power, whatever is said.

        Raises BmcTrouble for that contradiction: somebody named the wrong controller or system.
        """
        for _ in range(PATIENCE):
            await self._clock.sleep(AGAIN_SECONDS)
            proof = await self._bmcs.power(host)
            now = self._inventory.host(host.name)
            if proof.power is not Power.OFF or now is None:
                return proof
            if now.agent is not AgentState.CONNECTED:
                return proof
        words = f"{proof.source} says that {host.name} is off, and its agent is connected"
        raise BmcTrouble("contradiction", f"{words}: see bmc in the inventory")

    # ------------------------------------------------------------ health

    async def examine(self, host: Host) -> None:
        """Look at the parts of a host: what is not OK is a warning, and over when it is OK."""
        found: dict[str, list[Mapping[str, str]]] = {}
        for part in await self._bmcs.health(host):
            kind = PARTS.get(part["part"])
            if kind is not None:
                found.setdefault(kind, []).append(part)
        was = self._ill.get(host.name, frozenset())
        for kind in sorted(set(found) - was):
            parts = [f"{one['name']}: {one['health']}" for one in found[kind][:10]]
            await self._report(FAULT_TYPES[kind], host.name, {"parts": parts}, raised=True)
        for kind in sorted(was - set(found)):
            await self._report(FAULT_TYPES[kind], host.name, {"parts": []}, raised=False)
        self._ill[host.name] = frozenset(found)

    # ------------------------------------------------------------ events

    async def subscribe(self, host: Host) -> None:
        """See to it that the controller sends its events here, once."""
        base = self._settings.event_url.rstrip("/")
        path = f"/fault/v1/redfish/events/{host.name}/{secret_of(self._key, host.name)}"
        done = await self._bmcs.subscribe(host, base + path, context_of(self._key, host.name))
        if done.get("created"):
            self._meter.count("faultwire_bmc_subscriptions_total")
            log.info("the BMC of host %s sends its events here now", host.name)

    async def heard(self, host: HostName, events: Iterable[BmcEvent], detected: Instant) -> int:
        """Take events of a host's controller; answers how many of them meant something.

        That power changed is not believed: the controller is asked.
        """
        meant, look = 0, False
        reports: list[Report] = []
        for event in events:
            look = look or event.power
            meant += event.power or event.type is not None
            if event.type is not None:
                reports.append(
                    _report(event.type, host, event.details, detected, raised=event.raised)
                )
        if reports:
            await self._intake.submit(ReportFaults(tuple(reports), ACTOR))
        known = self._inventory.host(host)
        if look and known is not None:
            task = asyncio.create_task(self._one(known, self.look), name=f"power of {host}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return meant

    async def _report(
        self, kind: FaultType, host: HostName, details: Mapping[str, object], *, raised: bool
    ) -> None:
        report = _report(kind, host, details, self._clock.instant(), raised=raised)
        await self._intake.submit(ReportFaults((report,), ACTOR))


def _power(proof: PowerProof) -> dict[str, object]:
    return {
        "power_state": proof.power.value,
        "bmc": proof.source,
        "system": proof.system,
        "proof": proof.power is Power.OFF,
    }


def _report(
    kind: FaultType,
    host: HostName,
    details: Mapping[str, object],
    detected: Instant,
    *,
    raised: bool,
) -> Report:
    vote = "down" if raised else "up"
    evidence = Evidence(SOURCE, "redfish monitor", vote, detected.wall_ns, None, details)
    name = FaultId(str(uuid.uuid4()))
    return Report(name, kind, raised, {"hostname": host}, evidence, detected)

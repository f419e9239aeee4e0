"""The process that probes hosts, as the server's loop sees it."""

import asyncio
import logging
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import orjson

from faultwire.domain.ids import HostName
from faultwire.liveness import probing
from faultwire.liveness.isolation import Standing
from faultwire.liveness.settings import Settings
from faultwire.liveness.suspicion import FALLEN, Signal, State, combined
from faultwire.ports import Clock, Meter

log = logging.getLogger(__name__)

AGAIN_SECONDS = 1.0
LINE_BYTES = 1 << 20
AT_ONCE = 1000
"""Hosts in one line to the process."""
COUNTED: Mapping[str, str] = {
    "sent": "sent",
    "answered": "answered",
    "refused": "refused",
    "unsent": "unsent",
    "dropped": "dropped",
}


@dataclass(frozen=True, slots=True)
class Seen:
    """A host is in another state; `at` is monotonic, `lag_ns` how late the process itself was."""

    host: HostName
    address: str
    was: State
    state: State
    signal: Signal
    evidence: Mapping[str, object]
    at: int
    lag_ns: int


class Listener(Protocol):
    """Who is told; on the loop."""

    def started(self) -> None:
        """Note that the process was started anew: it knows nothing of its own standing."""

    def moved(self, seen: Seen) -> None:
        """Take a host's new state."""

    def stood(self, standing: Standing, reasons: tuple[str, ...], at: int) -> None:
        """Take our own new standing."""


class Probes:
    """Keeps the process running, and what it knows when it is started again.

    On the event loop. `run` must be running for anything to be probed.
    """

    def __init__(
        self, settings: Settings, clock: Clock, meter: Meter, *, asks: bool = False
    ) -> None:
        """Probe nobody. `asks`: others vote too, and `settle` says what came of it."""
        self._settings = settings
        self._asks = asks
        self._retuned = False
        self._clock = clock
        self._meter = meter
        self._listener: Listener | None = None
        self._targets: dict[HostName, tuple[str, ...]] = {}
        self._places: dict[str, tuple[HostName, str]] = {}
        self._at: dict[str, State] = {}
        self._states: dict[HostName, State] = {}
        self._tell: Callable[[bytes], None] | None = None
        self._counted = dict.fromkeys(COUNTED, 0)
        self.child: asyncio.subprocess.Process | None = None
        self.trouble: str | None = "the process that probes hosts has not started"

    def listen(self, listener: Listener) -> None:
        """Tell this one; before `run`."""
        self._listener = listener

    def retune(self, settings: Settings) -> bool:
        """Probe by other settings from now on; what is held of hosts stays. False: no others."""
        if settings == self._settings:
            return False
        self._settings = settings
        self._retuned = True
        if self.child is not None and self.child.returncode is None:
            self.child.terminate()
        return True

    def state(self, host: HostName) -> State:
        """Return what is held of a host; UNKNOWN for one that is not probed."""
        return self._states.get(host, State.UNKNOWN)

    def probe(
        self, hosts: Mapping[HostName, Sequence[str]], held: Mapping[HostName, State]
    ) -> None:
        """Probe these hosts at these addresses besides the others, without a gap for any.

        `held` is what is held already of some that are new.
        """
        gone: list[str] = []
        rows: list[tuple[str, str, str]] = []
        for host, addresses in hosts.items():
            wanted = _places(host, addresses)
            before = _places(host, self._targets.get(host, ()))
            if before == wanted:
                continue
            self._targets[host] = tuple(addresses)
            state = self._states.setdefault(host, held.get(host, State.UNKNOWN))
            gone += [label for label in before if label not in wanted]
            for label, address in wanted.items():
                self._places[label] = host, address
                known = self._at.setdefault(label, state)
                if before.get(label) != address:
                    rows.append((label, address, known.value))
        self._drop(gone)
        for begin in range(0, len(rows), AT_ONCE):
            self._say({"add": rows[begin : begin + AT_ONCE]})

    def leave(self, hosts: Iterable[HostName]) -> None:
        """Probe these hosts no longer."""
        gone: list[str] = []
        for host in hosts:
            gone += _places(host, self._targets.pop(host, ()))
            self._states.pop(host, None)
        self._drop(gone)

    def targets(self) -> Iterable[HostName]:
        """Return the hosts that are probed."""
        return self._targets.keys()

    def settle(self, host: HostName, *, agreed: bool) -> None:
        """Say what the vantage points hold of a host that is dead from here."""
        labels = _places(host, self._targets.get(host, ()))
        if labels:
            self._say({"settle": [(label, agreed) for label in labels]})

    def doubt(self, host: HostName) -> None:
        """Judge a dead host anew: the verdict on it did not hold."""
        labels = _places(host, self._targets.get(host, ()))
        if labels:
            self._say({"doubt": list(labels)})

    async def run(self) -> None:
        """Keep the process running until cancelled."""
        while True:
            try:
                await self._probe()
            except OSError as error:
                log.warning("hosts cannot be probed: %s", error)
            if not self._retuned:
                await self._clock.sleep(AGAIN_SECONDS)

    async def _probe(self) -> None:
        self._retuned = False
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            probing.__name__,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=LINE_BYTES,
        )
        heard, said = child.stdout, child.stdin
        if heard is None or said is None:
            return
        try:
            self.child, self._tell = child, said.write
            self._counted = dict.fromkeys(COUNTED, 0)
            self._say({**probing.options_of(self._settings), probing.ASKS: self._asks})
            known, self._targets = self._targets, {}
            self.probe(known, {})
            async for line in heard:
                self._hear(line)
            status = await child.wait()
            if not self._retuned:
                log.warning(
                    "the process that probes hosts ended (%d); it is started again", status
                )
        finally:
            self.child = self._tell = None
            self.trouble = "the process that probes hosts is not running"
            said.close()
            if child.returncode is None:
                child.kill()
                await asyncio.shield(child.wait())

    def _drop(self, labels: Sequence[str]) -> None:
        for label in labels:
            self._places.pop(label, None)
            self._at.pop(label, None)
        if labels:
            self._say({"remove": labels})

    def _say(self, line: Mapping[str, object]) -> None:
        if self._tell is not None:
            self._tell(orjson.dumps(line) + b"\n")

    def _hear(self, raw: bytes) -> None:
        line: dict[str, Any] = orjson.loads(raw)
        if "host" in line:
            self._moved(line)
        elif "standing" in line:
            if self._listener is not None:
                standing, reasons = Standing(line["standing"]), tuple(line["reasons"])
                self._listener.stood(standing, reasons, line["at"])
        elif "figures" in line:
            self._count(line["figures"])
        elif "refused" in line:
            log.warning("host %s cannot be probed: %s", line["refused"], line["reason"])
        elif "access" in line:
            self._started(line)

    def _moved(self, line: Mapping[str, Any]) -> None:
        label = line["host"]
        if label not in self._places:
            return
        host, address = self._places[label]
        self._at[label] = State(line["state"])
        was = self._states[host]
        state = combined(self._at[one] for one in _places(host, self._targets[host]))
        if state is was and len(self._targets[host]) > 1:
            return
        self._states[host] = state
        seen = Seen(
            host,
            address,
            was if len(self._targets[host]) > 1 else State(line["was"]),
            state,
            Signal(line["signal"]),
            line["evidence"],
            line["at"],
            line["lag_ns"],
        )
        if state in FALLEN or seen.was in FALLEN:
            log.info("host %s is %s, was %s", host, state, seen.was)
        if self._listener is not None:
            self._listener.moved(seen)

    def _started(self, line: Mapping[str, Any]) -> None:
        rows = line["access"]
        if self._listener is not None:
            self._listener.started()
        self.trouble = None if rows else "; ".join(line["costs"])
        for row in rows:
            log.info(
                "hosts are probed by %s over a %s socket, %s calls, receive buffer %d bytes",
                *(row["family"], row["kind"], row["calls"], row["buffer_bytes"]),
            )
            room = row["neighbours"]
            if room is not None and len(self._targets) > room:
                log.warning(
                    "%d hosts are probed and the system knows %d neighbours by %s at most: those"
                    " on links of this machine beyond it stay unknown (raise gc_thresh3)",
                    *(len(self._targets), room, row["family"]),
                )
        if line["realtime"]:
            log.info("hosts are probed with real-time priority")
        for cost in line["costs"]:
            log.warning("probing hosts: %s", cost)

    def _count(self, figures: Mapping[str, Any]) -> None:
        for name, result in COUNTED.items():
            more = figures[name] - self._counted[name]
            self._counted[name] = figures[name]
            if more > 0:
                self._meter.count("faultwire_probes_total", more, result=result)
        for state, count in figures["states"].items():
            self._meter.gauge("faultwire_probed_hosts", count, state=state)
        self._meter.observe("faultwire_probing_lag_seconds", figures["lag_ns"] / 1e9)


def _places(host: HostName, addresses: Sequence[str]) -> Mapping[str, str]:
    """Return under which names the addresses of a host are probed."""
    if len(addresses) == 1:
        return {host: addresses[0]}
    return {f"{host} {address}": address for address in addresses}

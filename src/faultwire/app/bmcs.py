"""The process that speaks to management controllers, as the server's loop sees it."""

import asyncio
import contextlib
import itertools
import logging
import sys
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import orjson

from faultwire.domain.errors import BmcTrouble
from faultwire.domain.fencing import Power, PowerProof
from faultwire.domain.resources import Host
from faultwire.monitors.redfish_settings import Settings
from faultwire.ports import Clock, Meter

log = logging.getLogger(__name__)

WORKER = "faultwire.controllers.fencing.worker"
REQUESTS = 6
"""Requests to a controller that one question needs at most, each with its own deadline."""
LINE_BYTES = 1 << 20
DEFECTS = 100
"""Defects of different ways that are logged in the life of a server."""
STUCK = 32
"""Questions that were never answered, after which the process is ended and begun anew."""


class RedfishBmcs:
    """Implements `ports.bmcs.Bmcs`; on the event loop.

    The process is started by the first question. Who asks sees to it that a controller is not
    asked much at once: many serve one request at a time.
    """

    def __init__(self, settings: Settings, clock: Clock, meter: Meter) -> None:
        """Start nothing."""
        self._settings = settings
        self._clock = clock
        self._meter = meter
        self._child: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._stuck = 0
        self._defects: set[str] = set()

    async def power(self, host: Host) -> PowerProof:
        """Return what the controller of a host says of its power now."""
        said: Any = await self._ask(host, "power")
        bmc = host.bmc
        source = plain(bmc.url) if bmc else ""
        at = self._clock.wall_ns()
        return PowerProof(Power(said["power"]), source, said["system"], "redfish", at)

    async def switch(self, host: Host, *, on: bool) -> None:
        """Ask for power, or for none at once."""
        await self._ask(host, "switch", wanted="on" if on else "off")

    async def health(self, host: Host) -> Sequence[Mapping[str, str]]:
        """Return the parts that are not OK."""
        found: Any = await self._ask(host, "health")
        return tuple(found)

    async def subscribe(self, host: Host, destination: str, context: str) -> Mapping[str, object]:
        """Have its events sent to an address, once."""
        done: Any = await self._ask(host, "subscribe", destination=destination, context=context)
        return dict(done)

    async def close(self) -> None:
        """End the process."""
        child, self._child = self._child, None
        if child is not None and child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                child.kill()
            await child.wait()
        if self._reading is not None:
            await asyncio.gather(self._reading, return_exceptions=True)

    async def _ask(self, host: Host, op: str, **given: object) -> object:
        bmc = host.bmc
        if bmc is None:
            raise BmcTrouble("unsupported", f"the inventory names no BMC of host {host.name}")
        settings = self._settings
        access = {
            "url": bmc.url.rstrip("/"),
            "username": bmc.username,
            "password": bmc.password,
            "system": bmc.system,
            "verify": (settings.ca_file or True) if settings.verify else False,
            "connect_seconds": settings.connect_seconds,
            "read_seconds": settings.read_seconds,
        }
        answer = await self._answer({"op": op, "access": access, **given})
        if "kind" in answer:
            self._note_defect(op, answer.get("defect"))
            self._meter.count("faultwire_bmc_failures_total", kind=answer["kind"])
            raise BmcTrouble(answer["kind"], answer["words"])
        return answer["answer"]

    def _note_defect(self, op: str, defect: str | None) -> None:
        """Log each way to a defect once: the host's own trouble is told with its fault."""
        if defect and defect not in self._defects and len(self._defects) < DEFECTS:
            self._defects.add(defect)
            log.error("a question to a BMC ended in a defect of ours: %s: %s", op, defect)

    async def _answer(self, asked: dict[str, object]) -> dict[str, Any]:
        settings = self._settings
        deadline = REQUESTS * (settings.connect_seconds + settings.read_seconds)
        number = next(self._numbers)
        try:
            child = await self._running()
            future = asyncio.get_running_loop().create_future()
            self._waiting[number] = future
            if child.stdin is not None:
                child.stdin.write(orjson.dumps({"n": number, **asked}) + b"\n")
            async with asyncio.timeout(deadline):
                answer: dict[str, Any] = await future
                return answer
        except TimeoutError:
            self._stuck += 1
            return {"kind": "unreachable", "words": f"no end of it within {deadline:.0f} s"}
        except OSError as error:
            return {"kind": "unreachable", "words": f"no process for BMCs: {error}"}
        finally:
            self._waiting.pop(number, None)

    async def _running(self) -> asyncio.subprocess.Process:
        async with self._starting:
            if self._stuck >= STUCK:
                log.warning("%d BMCs never ended their answers: starting anew", self._stuck)
                self._stuck = 0
                await self.close()
            if self._child is None or self._child.returncode is not None:
                self._child = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-m",
                    WORKER,
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    limit=LINE_BYTES,
                )
                self._reading = asyncio.create_task(self._read(self._child), name="bmcs")
            return self._child

    async def _read(self, child: asyncio.subprocess.Process) -> None:
        lines = child.stdout
        with contextlib.suppress(ValueError, ConnectionError):
            while lines is not None and (line := await lines.readline()):
                answer = orjson.loads(line)
                future = self._waiting.get(answer["n"])
                if future is not None and not future.done():
                    future.set_result(answer)
        ended = {"kind": "unreachable", "words": "the process that speaks to BMCs ended"}
        for future in self._waiting.values():
            if not future.done():
                future.set_result(ended)


def plain(url: str) -> str:
    """Return a URL without user and password."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    shown = f"[{host}]" if ":" in host else host
    place = f"{shown}:{parts.port}" if parts.port else shown
    return urlunsplit((parts.scheme, place, parts.path, "", ""))

"""The monitor on another machine: it probes the hosts that the server names, and votes."""

import asyncio
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import aiohttp

from faultwire.agent import vantagewire
from faultwire.agent.backoff import pause
from faultwire.agent.client import HEADER, give_up_after, http_client
from faultwire.agent.credential import BoundCredential
from faultwire.agent.opinions import Opinions
from faultwire.domain.errors import FaultwireError
from faultwire.domain.ids import HostName
from faultwire.liveness.isolation import Standing
from faultwire.liveness.probes import Probes, Seen
from faultwire.liveness.settings import Settings
from faultwire.ports import Clock, Meter

CONNECT_SECONDS = 5.0
GOODBYE_SECONDS = 2.0
LONGEST_MESSAGE = 16 * 1_048_576
SETTLED_NS = 5_000_000_000
"""A session that lasted this long was a good one: the next pause is the shortest again."""
ASKED_SECONDS = 1.0
"""How long hosts that are new are probed before there is an opinion on them."""
APART_SECONDS = 0.02
"""Shortest time between two messages with votes."""

Say = Callable[[str], None]
Make = Callable[[Settings], Probes]

STANDINGS = {
    Standing.CONNECTED: "voting",
    Standing.DOUBTFUL: "doubtful",
    Standing.ISOLATED: "isolated",
}

_MS = 1_000_000


class Monitor:
    """Keeps a session with the server until `stop` is called; one event loop, `run` once.

    Hosts are probed without a gap while the session breaks and is made again. `settings` are what
    this machine knows best: canaries, interfaces and priority; the rest comes from the server.
    Implements `liveness.probes.Listener`.
    """

    def __init__(
        self,
        credential: BoundCredential,
        settings: Settings,
        clock: Clock,
        meter: Meter,
        say: Say,
        make: Make | None = None,
    ) -> None:
        """Connect to nobody yet, probe nobody yet; `make` gives what probes."""
        self._make = make or self._made
        self._credential = credential
        self._settings = settings
        self._clock = clock
        self._meter = meter
        self._say = say
        self._opinions = Opinions()
        self._targets: dict[HostName, tuple[str, ...]] = {}
        self._probes: Probes | None = None
        self._probing: asyncio.Task[None] | None = None
        self._standing: tuple[str, tuple[str, ...]] = ("blind", ("it has not begun to probe",))
        self._stood = False
        self._news = asyncio.Event()
        self._stopping = asyncio.Event()
        self._session: aiohttp.ClientWebSocketResponse | None = None
        self._over = asyncio.Event()
        name = quote(credential.name, safe="")
        self.url = f"{credential.server.rstrip('/')}/v1/monitors/{name}/session"

    def stop(self) -> None:
        """Say goodbye and end `run`; harmless when called again."""
        self._stopping.set()

    async def run(self) -> None:
        """Stay connected until stopped; what goes wrong is said and tried again."""
        staying = asyncio.create_task(self._stay(), name="monitor")
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            done, _ = await asyncio.wait({staying, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if staying in done:
                staying.result()
            await self._say_goodbye()
        finally:
            tasks = [one for one in (staying, stopping, self._probing) if one is not None]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    # ------------------------------------------------------------ the connection

    async def _stay(self) -> None:
        attempt, said = 0, ""
        async with http_client(self._credential) as http:
            while True:
                began = self._clock.mono_ns()
                reason = await self._connect_once(http)
                if self._stopping.is_set():
                    return
                if self._clock.mono_ns() - began >= SETTLED_NS:
                    attempt, said = 0, ""
                if reason != said:
                    self._say(f"not connected: {reason}; trying again")
                    said = reason
                await self._clock.sleep(pause(attempt, random.random()))  # noqa: S311  no secret
                attempt += 1

    async def _connect_once(self, http: aiohttp.ClientSession) -> str:
        """Connect, stay as long as it lasts, and return why it ended."""
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                connection = await http.ws_connect(
                    self.url,
                    headers={HEADER: self._credential.header},
                    timeout=aiohttp.ClientWSTimeout(ws_close=GOODBYE_SECONDS),
                    max_msg_size=LONGEST_MESSAGE,
                )
            async with connection:
                return await self._meet(connection)
        except TimeoutError:
            return f"no answer from {self.url} in time"
        except aiohttp.WSServerHandshakeError as error:
            return f"{self.url} answered HTTP {error.status}"
        except (aiohttp.ClientError, OSError, FaultwireError) as error:
            return str(error) or type(error).__name__

    async def _meet(self, connection: aiohttp.ClientWebSocketResponse) -> str:
        async with asyncio.timeout(CONNECT_SECONDS):
            await connection.send_str(vantagewire.hello())
            first = await connection.receive()
        if first.type is not aiohttp.WSMsgType.TEXT:
            return _why_closed(connection, first)
        terms = vantagewire.welcome(first.data)
        give_up_after(connection, terms.silence_ms)
        self._begin(terms)
        self._say(f"connected to {self.url}")
        self._over.clear()
        self._session = connection
        asked = asyncio.Event()
        tasks = [
            asyncio.create_task(self._listen(connection, asked)),
            asyncio.create_task(self._beat(connection, terms)),
            asyncio.create_task(self._vote(connection, terms, asked)),
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            return "; ".join(task.result() for task in done)
        finally:
            self._session = None
            self._over.set()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, terms: vantagewire.Terms) -> None:
        """Begin to probe, or probe on as the server's terms are now."""
        settings = with_terms(self._settings, terms.probing)
        if self._probes is not None:
            if self._probes.retune(settings):
                self._say("the server has other terms: probing begins anew by them")
            return
        self._probes = self._make(settings)
        self._probes.listen(self)
        self._probing = asyncio.create_task(self._keep_probing(self._probes), name="probes")

    def _made(self, settings: Settings) -> Probes:
        return Probes(settings, self._clock, self._meter, asks=True)

    async def _keep_probing(self, probes: Probes) -> None:
        await probes.run()

    async def _listen(
        self, connection: aiohttp.ClientWebSocketResponse, asked: asyncio.Event
    ) -> str:
        whole: dict[HostName, tuple[str, ...]] = {}
        asking: set[asyncio.Task[None]] = set()
        try:
            while True:
                message = await connection.receive()
                if message.type is not aiohttp.WSMsgType.TEXT:
                    return _why_closed(connection, message)
                match vantagewire.heard(message.data):
                    case vantagewire.TargetsPart() as part:
                        self._follow(part, whole)
                        if not part.more and not asked.is_set() and not asking:
                            task = asyncio.create_task(self._ask(asked))
                            asking.add(task)
                    case vantagewire.Doubt(hosts):
                        self._doubt(hosts)
                    case vantagewire.Ping():
                        async with asyncio.timeout(CONNECT_SECONDS):
                            await connection.send_str(vantagewire.beat(0))
                    case None:
                        pass
        finally:
            for task in asking:
                task.cancel()
            await asyncio.gather(*asking, return_exceptions=True)

    async def _ask(self, asked: asyncio.Event) -> None:
        """Give hosts that are new the time to answer before there is an opinion."""
        await self._clock.sleep(ASKED_SECONDS)
        asked.set()

    def _follow(
        self, part: vantagewire.TargetsPart, whole: dict[HostName, tuple[str, ...]]
    ) -> None:
        """Probe what the server names; the others without a gap."""
        if self._probes is None:
            return
        added = {HostName(host): addresses for host, addresses in part.add.items() if addresses}
        gone = {HostName(host) for host in part.remove}
        if part.whole:
            whole |= added
            if not part.more:
                gone |= self._targets.keys() - whole.keys()
        gone -= added.keys()
        self._probes.leave(gone)
        self._opinions.leave(gone)
        for host in gone:
            self._targets.pop(host, None)
        self._targets |= added
        self._opinions.add(added)
        self._probes.probe(added, {})
        self._news.set()

    def _doubt(self, hosts: Iterable[str]) -> None:
        names = [HostName(host) for host in hosts]
        self._opinions.doubt(names)
        if self._probes is not None:
            for host in names:
                self._probes.doubt(host)

    async def _beat(
        self, connection: aiohttp.ClientWebSocketResponse, terms: vantagewire.Terms
    ) -> str:
        number = 0
        while True:
            await self._clock.sleep(terms.heartbeat_ms / 1000)
            number += 1
            self._see_trouble()
            async with asyncio.timeout(terms.silence_ms / 1000):
                await connection.send_str(vantagewire.beat(number))

    def _see_trouble(self) -> None:
        trouble = self._probes.trouble if self._probes is not None else None
        if trouble is not None and self._standing[0] != "blind":
            self._stand("blind", (trouble,))

    async def _vote(
        self,
        connection: aiohttp.ClientWebSocketResponse,
        terms: vantagewire.Terms,
        asked: asyncio.Event,
    ) -> str:
        limit = terms.silence_ms / 1000
        await asked.wait()
        standing, reasons = self._standing
        self._stood = False
        self._news.clear()
        async with asyncio.timeout(limit):
            await connection.send_str(vantagewire.survey(self._opinions.whole(), standing))
            if reasons:
                await connection.send_str(vantagewire.standing(standing, reasons))
        while True:
            await self._news.wait()
            self._news.clear()
            # How we stand comes first: it may make our votes worthless.
            if self._stood:
                self._stood = False
                async with asyncio.timeout(limit):
                    await connection.send_str(vantagewire.standing(*self._standing))
            if self._opinions.news:
                async with asyncio.timeout(limit):
                    await connection.send_str(vantagewire.votes(self._opinions.since()))
            await self._clock.sleep(APART_SECONDS)

    async def _say_goodbye(self) -> None:
        if self._session is None:
            return
        try:
            async with asyncio.timeout(GOODBYE_SECONDS):
                await self._session.send_str(vantagewire.goodbye("stopped"))
                await self._over.wait()
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            self._say(f"the goodbye may not have arrived: {error!r}")

    # ------------------------------------------------------------ probes.Listener

    def started(self) -> None:
        """Begin anew: the process that probes knows nothing of its own standing."""
        self._stand("voting", ())

    def moved(self, seen: Seen) -> None:
        """Take what is held of a host from here."""
        grounds = {
            "address": seen.address,
            **seen.evidence,
            "monitor_lag_ms": round(seen.lag_ns / _MS, 3),
        }
        if self._opinions.take(seen.host, seen.state, grounds):
            self._news.set()

    def stood(self, standing: Standing, reasons: tuple[str, ...], at: int) -> None:
        """Take how we stand."""
        del at
        self._stand(STANDINGS[standing], reasons)

    def _stand(self, standing: str, reasons: tuple[str, ...]) -> None:
        if standing == "isolated":
            self._say(f"isolated: {'; '.join(reasons)}")
        elif standing == "blind":
            self._say(f"cannot probe: {'; '.join(reasons)}")
        elif self._standing[0] in {"isolated", "blind"}:
            self._say("votes")
        self._standing = standing, reasons
        self._stood = True
        self._news.set()


def with_terms(settings: Settings, terms: Mapping[str, int]) -> Settings:
    """Return settings with the server's terms in place of ours; raises Invalid."""
    wanted: dict[str, Any] = dict(terms)
    return replace(settings, **wanted)


def _why_closed(connection: aiohttp.ClientWebSocketResponse, message: aiohttp.WSMessage) -> str:
    if message.type is aiohttp.WSMsgType.ERROR:
        return f"the connection broke: {message.data}"
    if message.type is not aiohttp.WSMsgType.CLOSE:
        return f"the connection was lost ({connection.close_code})"
    text = f": {message.extra}" if message.extra else ""
    return f"closed by the server ({message.data}{text})"

"""The agent itself: one connection, kept; a sign of life, regularly; a goodbye, when asked."""

import asyncio
import contextlib
import random
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import aiohttp

from faultwire.agent import servers, wire
from faultwire.agent.backoff import pause
from faultwire.agent.barred import Barred
from faultwire.agent.client import HEADER, give_up_after, http_client
from faultwire.agent.credential import BoundCredential
from faultwire.agent.datagrams import Datagrams, opened
from faultwire.agent.interfaces import Interfaces
from faultwire.domain.agents import CloseCode
from faultwire.domain.errors import FaultwireError, Invalid
from faultwire.ports import Clock

HEARTBEAT_MS = 1000
"""What the agent proposes, and how often it looks at its list; the welcome rules the beats."""

CONNECT_SECONDS = 5.0
GOODBYE_SECONDS = 2.0
FIRST_LIST_SECONDS = 2.0
LONGEST_MESSAGE = 1_048_576
CARRIERS_APART_SECONDS = 0.05
"""Shortest time between two messages on interfaces."""
SETTLED_NS = 5_000_000_000
"""A session that lasted this long was a good one: the next pause is the shortest again."""

CONNECTION_MS = 3000
"""How often an agent beats on its connection whoever hears its datagrams: a server that is gone
must be noticed, and machines between forget connections that say nothing."""

LIST_REFUSED = frozenset({CloseCode.TOO_BIG, CloseCode.MALFORMED})
"""Ways of being hung up on that a list can be the cause of."""

Say = Callable[[str], None]


class Agent:
    """Keeps a session with the server until `stop` is called; one event loop, `run` once.

    `listed` is a file with the servers that run here (see `servers`); None: the agent reports
    none. `say` takes one line for the operator at a time. `barred` is a file that is kept for
    whoever starts servers here: those that must not be (see `barred`).
    """

    def __init__(
        self,
        credential: BoundCredential,
        clock: Clock,
        say: Say,
        listed: Path | None = None,
        barred: Path | None = None,
        interfaces: tuple[str, ...] = (),
    ) -> None:
        """Connect to nobody yet; carriers of `interfaces` are told."""
        self._named = interfaces
        self._interfaces: Interfaces | None = None
        self._carriers = asyncio.Event()
        self._credential = credential
        self._clock = clock
        self._say = say
        self._listed = listed
        self._running: frozenset[str] | None = None
        self._stamp: servers.Stamp | None = None
        self._refused: frozenset[str] | None = None
        self._complaint = ""
        self._news = asyncio.Event()
        self._looked = asyncio.Event()
        self._barred = Barred(credential, clock, say, barred)
        self._stopping = asyncio.Event()
        self._session: aiohttp.ClientWebSocketResponse | None = None
        self._over = asyncio.Event()
        host = quote(credential.name, safe="")
        self.url = f"{credential.server.rstrip('/')}/v1/agents/{host}/session"

    def stop(self) -> None:
        """Say goodbye and end `run`; harmless when called again."""
        self._stopping.set()

    async def run(self) -> None:
        """Stay connected until stopped; what goes wrong is said and tried again."""
        tasks = [asyncio.create_task(self._stay(), name="agent")]
        if self._listed is not None:
            tasks.append(asyncio.create_task(self._keep_list(self._listed), name="agent's list"))
        if self._named:
            self._interfaces = Interfaces(self._named, self._clock, self._carriers.set)
            tasks.append(asyncio.create_task(self._interfaces.run(), name="agent's interfaces"))
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            done, _ = await asyncio.wait({*tasks, stopping}, return_when=asyncio.FIRST_COMPLETED)
            for task in done & set(tasks):
                task.result()
            await self._say_goodbye()
        finally:
            for task in (*tasks, stopping):
                task.cancel()
            await asyncio.gather(*tasks, stopping, return_exceptions=True)

    # ------------------------------------------------------------ the connection

    async def _stay(self) -> None:
        if self._listed is not None:
            # A first list that is slow to read comes later, by a message of its own.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), FIRST_LIST_SECONDS)
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
                return await self._meet(http, connection)
        except TimeoutError:
            return f"no answer from {self.url} in time"
        except aiohttp.WSServerHandshakeError as error:
            return f"{self.url} answered HTTP {error.status}"
        except (aiohttp.ClientError, OSError, FaultwireError) as error:
            return str(error) or type(error).__name__

    async def _meet(
        self, http: aiohttp.ClientSession, connection: aiohttp.ClientWebSocketResponse
    ) -> str:
        told = self._tellable()
        async with asyncio.timeout(CONNECT_SECONDS):
            await connection.send_str(wire.hello(HEARTBEAT_MS, told))
            first = await connection.receive()
        if first.type is not aiohttp.WSMsgType.TEXT:
            return self._why_closed(connection, first)
        terms = wire.welcome(first.data)
        give_up_after(connection, terms.silence_ms)
        self._say(f"connected to {self.url}")
        self._over.clear()
        self._session = connection
        datagrams = opened(_peer(connection), terms.datagrams)
        tasks = [
            asyncio.create_task(self._listen(connection, datagrams)),
            asyncio.create_task(self._beat(connection, terms, datagrams)),
            asyncio.create_task(self._tell_news(connection, terms, told)),
        ]
        if self._interfaces is not None and terms.interfaces:
            tasks.append(
                asyncio.create_task(self._tell_carriers(self._interfaces, connection, terms))
            )
        headers = {HEADER: self._credential.header}
        some = bool(terms.must_not_start)
        heed = self._barred.heed(http, headers, self._look, some=some)
        heeding = asyncio.create_task(heed)
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            return "; ".join(task.result() for task in done)
        finally:
            self._session = None
            self._over.set()
            for task in (*tasks, heeding):
                task.cancel()
            await asyncio.gather(*tasks, heeding, return_exceptions=True)
            if datagrams is not None:
                datagrams.close()

    async def _listen(
        self, connection: aiohttp.ClientWebSocketResponse, datagrams: Datagrams | None
    ) -> str:
        while True:
            message = await connection.receive()
            if message.type not in {aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY}:
                return self._why_closed(connection, message)
            text = message.data if message.type is aiohttp.WSMsgType.TEXT else ""
            if datagrams is not None and text.startswith((wire.PING, wire.HEARD)):
                # A ping says that none came lately.
                datagrams.heard = text.startswith(wire.HEARD)
            if text.startswith(wire.PING):
                async with asyncio.timeout(CONNECT_SECONDS):
                    await connection.send_str(wire.beat(0))

    async def _beat(
        self,
        connection: aiohttp.ClientWebSocketResponse,
        terms: wire.Terms,
        datagrams: Datagrams | None,
    ) -> str:
        number = 0
        every = max(1, CONNECTION_MS // terms.heartbeat_ms)
        while True:
            # From beat to beat, by no timetable: after a stop of ours one is due, not all.
            await self._clock.sleep(terms.heartbeat_ms / 1000)
            number += 1
            if datagrams is not None:
                datagrams.beat()
                if datagrams.heard and number % every:
                    continue
            async with asyncio.timeout(terms.silence_ms / 1000):
                await connection.send_str(wire.beat(number))

    async def _tell_news(
        self,
        connection: aiohttp.ClientWebSocketResponse,
        terms: wire.Terms,
        told: frozenset[str] | None,
    ) -> str:
        while True:
            self._news.clear()
            fresh = self._tellable()
            if fresh is not None and fresh != told:
                told = fresh
                async with asyncio.timeout(terms.silence_ms / 1000):
                    await connection.send_str(wire.servers(told))
            await self._news.wait()

    async def _tell_carriers(
        self,
        interfaces: Interfaces,
        connection: aiohttp.ClientWebSocketResponse,
        terms: wire.Terms,
    ) -> str:
        while True:
            self._carriers.clear()
            async with asyncio.timeout(terms.silence_ms / 1000):
                await connection.send_str(wire.interfaces(interfaces.states))
            await self._clock.sleep(CARRIERS_APART_SECONDS)
            await self._carriers.wait()

    def _tellable(self) -> frozenset[str] | None:
        return None if self._running == self._refused else self._running

    def _why_closed(
        self, connection: aiohttp.ClientWebSocketResponse, message: aiohttp.WSMessage
    ) -> str:
        if message.type is aiohttp.WSMsgType.ERROR:
            return f"the connection broke: {message.data}"
        if message.type is not aiohttp.WSMsgType.CLOSE:
            return f"the connection was lost ({connection.close_code})"
        if message.data in LIST_REFUSED:
            # That the host lives matters more than its list: come back without this one.
            self._refused = self._running
        text = f": {message.extra}" if message.extra else ""
        return f"closed by the server ({message.data}{text})"

    async def _say_goodbye(self) -> None:
        if self._session is None:
            return
        try:
            async with asyncio.timeout(GOODBYE_SECONDS):
                await self._session.send_str(wire.goodbye("stopped"))
                await self._over.wait()
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            self._say(f"the goodbye may not have arrived: {error!r}")

    # ------------------------------------------------------------ the list

    async def _look(self) -> frozenset[str] | None:
        """Return what runs here by a reading that begins after this call."""
        if self._listed is None:
            return None
        for _ in range(2):
            # The one that ends first may have begun before.
            self._looked.clear()
            await self._looked.wait()
        return self._running

    async def _keep_list(self, path: Path) -> None:
        while True:
            try:
                # On a thread: a slow disk must not hold up a beat.
                found = await asyncio.to_thread(_changed, path, self._stamp)
                self._complaint = ""
                if found is not None:
                    self._stamp, self._running = found
                self._looked.set()
            except Invalid as error:
                if str(error) != self._complaint:
                    self._complaint = str(error)
                    self._say(f"the list of servers is left as it was: {error}")
            self._news.set()
            await self._clock.sleep(HEARTBEAT_MS / 1000)


def _changed(
    path: Path, known: servers.Stamp | None
) -> tuple[servers.Stamp, frozenset[str]] | None:
    """Return the stamp and the list of a file that was written anew; None for one that was not."""
    stamp = servers.stamp(path)
    # The stamp is taken first: a change in between is read now and looked at once more.
    return None if stamp == known else (stamp, servers.read(path))


def _peer(connection: aiohttp.ClientWebSocketResponse) -> str:
    """Return the address that the connection leads to: no name is looked up twice."""
    peer = connection.get_extra_info("peername")
    return str(peer[0]) if peer else ""

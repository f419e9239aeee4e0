"""A guest agent's own connection to the server, where there is no broker."""

import asyncio
import random
from collections.abc import Coroutine, Mapping
from typing import Any
from urllib.parse import quote

import aiohttp
import orjson

from faultwire.agent.backoff import pause
from faultwire.agent.client import HEADER, give_up_after, http_client
from faultwire.agent.credential import BoundCredential
from faultwire.agent.guest import Guest, Say, first_of
from faultwire.domain.agents import PROTOCOL_VERSION, check_version
from faultwire.domain.errors import (
    FaultwireError,
    Invalid,
    NoAnswer,
    NoConsumer,
    RefusedArguments,
    RefusedVersion,
    RemoteFailure,
    RpcError,
)
from faultwire.messaging.dispatch import Dispatcher, Envelope
from faultwire.messaging.table import GUESTAGENT, TABLE
from faultwire.messaging.versions import fit
from faultwire.ports import Clock

CONNECT_SECONDS = 5.0
GOODBYE_SECONDS = 2.0
LONGEST_MESSAGE = 1_048_576
MOST_CALLS = 32
SETTLED_NS = 5_000_000_000
"""A session that lasted this long was a good one: the next pause is the shortest again."""

_ERRORS: Mapping[str, type[RpcError]] = {
    kind.verdict: kind for kind in (RefusedVersion, RefusedArguments, RemoteFailure, NoConsumer)
}


class GuestLink:
    """Keeps a guest's session with the server until `stop` is called; `run` once."""

    def __init__(self, guest: Guest, credential: BoundCredential, clock: Clock, say: Say) -> None:
        """Connect to nobody yet."""
        self._guest = guest
        self._credential = credential
        self._clock = clock
        self._say = say
        self._stopping = asyncio.Event()
        self._anew = asyncio.Event()
        guest.on_restart = self._anew.set
        name = quote(guest.name, safe="")
        self.url = f"{credential.server.rstrip('/')}/v1/agents/guests/{name}/session"

    def stop(self) -> None:
        """Say goodbye and end `run`; harmless when called again."""
        self._stopping.set()

    async def run(self) -> None:
        """Stay connected until stopped; what goes wrong is said and tried again."""
        attempt, said = 0, ""
        async with http_client(self._credential) as http:
            while not self._stopping.is_set():
                began = self._clock.mono_ns()
                await self._guest.look()
                reason = await self._connect_once(http)
                if self._stopping.is_set():
                    return
                if self._anew.is_set():
                    self._anew.clear()
                    self._guest.renew()
                    self._say("the agent begins anew")
                    continue
                if self._clock.mono_ns() - began >= SETTLED_NS:
                    attempt, said = 0, ""
                if reason != said:
                    self._say(f"not connected: {reason}; trying again")
                    said = reason
                seconds = pause(attempt, random.random())  # noqa: S311  (no secret)
                attempt += 1
                await self._wait(seconds)

    async def _wait(self, seconds: float) -> None:
        stopping = asyncio.create_task(self._stopping.wait())
        sleeping = asyncio.create_task(self._clock.sleep(seconds))
        try:
            await asyncio.wait({stopping, sleeping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
            sleeping.cancel()
            await asyncio.gather(stopping, sleeping, return_exceptions=True)

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
        beat = self._guest.beat()
        hello = {
            "version": PROTOCOL_VERSION,
            "boot_id": beat["boot_id"],
            "sequence": beat["sequence"],
            "rpc_version": beat["rpc_version"],
            "service_status": self._guest.status,
        }
        async with asyncio.timeout(CONNECT_SECONDS):
            await connection.send_str(_text("hello", hello))
            first = await connection.receive()
        if first.type is not aiohttp.WSMsgType.TEXT:
            return _why_closed(connection, first)
        heartbeat_ms, silence_ms = _welcome(first.data)
        give_up_after(connection, silence_ms)
        self._say(f"connected to {self.url}")
        talk = _Talk(self._guest, connection, silence_ms / 1000)
        try:
            return await first_of(
                asyncio.create_task(talk.listen()),
                asyncio.create_task(self._beats(talk, heartbeat_ms)),
                asyncio.create_task(self._until_asked(talk)),
            )
        finally:
            await talk.end()

    async def _beats(self, talk: "_Talk", heartbeat_ms: int) -> str:
        while True:
            await self._clock.sleep(heartbeat_ms / 1000)
            try:
                await self._guest.tell(talk.call)
            except RpcError as error:
                return f"a heartbeat was not taken: {error.reason}"

    async def _until_asked(self, talk: "_Talk") -> str:
        """Leave when we are stopped, or begin anew."""
        stopping = asyncio.create_task(self._stopping.wait())
        anew = asyncio.create_task(self._anew.wait())
        try:
            await asyncio.wait({stopping, anew}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (stopping, anew):
                task.cancel()
            await asyncio.gather(stopping, anew, return_exceptions=True)
        await talk.goodbye("stopped" if self._stopping.is_set() else "begins anew")
        return "stopped"


class _Talk:
    """One session, as long as it lasts."""

    def __init__(
        self, guest: Guest, connection: aiohttp.ClientWebSocketResponse, seconds: float
    ) -> None:
        self._connection = connection
        self._seconds = seconds
        self._waiting: dict[int, asyncio.Future[Mapping[str, Any]]] = {}
        self._number = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._over = asyncio.Event()
        self._dispatcher = Dispatcher(TABLE, GUESTAGENT.topic_of(guest.name))
        self._dispatcher.add(GUESTAGENT, guest)

    async def listen(self) -> str:
        """Take messages until the end, and return why it came."""
        while True:
            message = await self._connection.receive()
            if message.type not in {aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY}:
                self._over.set()
                return _why_closed(self._connection, message)
            self._take(message.data)

    def _take(self, data: str | bytes) -> None:
        try:
            value = orjson.loads(data)
        except orjson.JSONDecodeError:
            return
        content = value.get("call") if isinstance(value, dict) else None
        if isinstance(content, dict) and len(self._tasks) < MOST_CALLS:
            self._later(self._answer(content))
        answer = value.get("answer") if isinstance(value, dict) else None
        if isinstance(answer, dict):
            waiting = self._waiting.get(answer.get("id", 0))
            if waiting is not None and not waiting.done():
                waiting.set_result(answer)

    async def _answer(self, call: Mapping[str, Any]) -> None:
        envelope = Envelope(
            call.get("api"), call.get("method"), call.get("version"), call.get("arguments"), {}
        )
        answer: dict[str, object] = {"id": call.get("id")}
        try:
            answer["value"] = await self._dispatcher.dispatch(envelope)
        except RpcError as error:
            answer["error"] = {"verdict": error.verdict, "reason": error.reason}
        async with asyncio.timeout(self._seconds):
            await self._connection.send_str(_text("answer", answer))

    async def call(self, api: str, method: str, arguments: Mapping[str, object]) -> object:
        """Call the conductor and return its answer; raises an RpcError."""
        form = fit(TABLE.api(api), method, arguments, None, None)
        self._number += 1
        number = self._number
        answer: asyncio.Future[Mapping[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        call = {
            "id": number,
            "api": api,
            "method": method,
            "version": str(form.version),
            "arguments": form.arguments,
        }
        try:
            async with asyncio.timeout(self._seconds):
                await self._connection.send_str(_text("call", call))
                told = await answer
        except TimeoutError:
            raise NoAnswer(api, method, f"no answer in {self._seconds:g} s") from None
        except (ConnectionError, aiohttp.ClientError) as error:
            raise NoConsumer(api, method, f"the connection ended: {error}") from None
        finally:
            del self._waiting[number]
        failure = told.get("error")
        if isinstance(failure, dict):
            kind = _ERRORS.get(str(failure.get("verdict")), RemoteFailure)
            raise kind(api, method, str(failure.get("reason", "failed")))
        return told.get("value")

    async def goodbye(self, reason: str) -> None:
        """Take our leave, and wait a little for the server to hang up; answers go out first."""
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=GOODBYE_SECONDS)
        try:
            async with asyncio.timeout(GOODBYE_SECONDS):
                await self._connection.send_str(_text("goodbye", reason))
                await self._over.wait()
        except (TimeoutError, ConnectionError, aiohttp.ClientError):
            return

    async def end(self) -> None:
        """Answer nobody any more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _welcome(text: str) -> tuple[int, int]:
    """Return how often to beat and what silence counts, in ms; raises Invalid."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Invalid("welcome", f"malformed JSON: {error}") from None
    content = value.get("welcome") if isinstance(value, Mapping) else None
    if not isinstance(content, Mapping):
        raise Invalid("welcome", "is missing from the server's first message")
    difference = check_version(content.get("version"), "welcome.version")
    if difference is not None:
        raise Invalid("welcome.version", f"the server: {difference}")
    found = []
    for key in ("heartbeat_ms", "silence_ms"):
        number = content.get(key)
        if not isinstance(number, int) or isinstance(number, bool) or not 0 < number <= 3_600_000:
            raise Invalid(f"welcome.{key}", "must be milliseconds, above 0")
        found.append(number)
    return found[0], found[1]


def _why_closed(connection: aiohttp.ClientWebSocketResponse, message: aiohttp.WSMessage) -> str:
    if message.type is aiohttp.WSMsgType.ERROR:
        return f"the connection broke: {message.data}"
    if message.type is not aiohttp.WSMsgType.CLOSE:
        return f"the connection was lost ({connection.close_code})"
    text = f": {message.extra}" if message.extra else ""
    return f"closed by the server ({message.data}{text})"


def _text(kind: str, content: object) -> str:
    return orjson.dumps({kind: content}).decode()

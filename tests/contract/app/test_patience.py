"""Connections whose client does not go on, on a real listener with limits of a moment."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import pytest
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from faultwire.app import crowd, patience
from faultwire.app.crowd import Crowd, Limits, connections_of
from faultwire.app.listen import Address, Listener, Tls

SECONDS = 60
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n"
UPGRADE = (
    b"GET /session HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n%s\r\n"
)
HURRIED = Limits(head_seconds=0.02, body_seconds=0.02, reader_seconds=0.05)


class Counts:
    """Implements `ports.Meter`."""

    def __init__(self) -> None:
        self.refused: Counter[str] = Counter()
        self.connections = 0.0

    def count(self, name: str, amount: int = 1, **labels: str) -> None:
        self.refused[labels["reason"]] += amount

    def gauge(self, name: str, value: float, **labels: str) -> None:
        self.connections = value

    def observe(self, name: str, seconds: float, **labels: str) -> None:
        raise AssertionError(name)


class App:
    """Answers with the length of the body; with more than anybody takes on /much.

    On /os-fping with the length of the query.
    """

    def __init__(self) -> None:
        self.abandoned = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close"})
            return
        request = Request(scope, receive)
        if request.url.path == "/os-fping":
            await Response(str(len(scope["query_string"])))(scope, receive, send)
            return
        if request.url.path == "/much":
            try:
                await StreamingResponse(self._much())(scope, receive, send)
            finally:
                self.abandoned.set()
            return
        body = await request.body()
        await Response(str(len(body)))(scope, receive, send)

    async def _much(self) -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 1_000_000
            # Sending to a connection that is gone waits for nothing.
            await asyncio.sleep(0)


class Client:
    """One raw connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def says(self, *parts: bytes) -> None:
        for part in parts:
            self.writer.write(part)
            await self.writer.drain()

    async def answer(self) -> bytes:
        async with asyncio.timeout(SECONDS):
            head = await self.reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            return head.split(b" ")[1] + b" " + await self.reader.readexactly(length)

    async def is_hung_up_on(self) -> bool:
        """Wait for the end, whatever is said before."""
        async with asyncio.timeout(SECONDS):
            with suppress(ConnectionError):
                await self.reader.read()
            return True


class Stand:
    """A listener and its clients."""

    def __init__(self, limits: Limits, known: Callable[[str], bool] | None, tls: Tls) -> None:
        self.app, self.meter = App(), Counts()
        self.listener = Listener(Address("127.0.0.1", 0), tls, "listen", limits, self.meter)
        self._known = known
        self.clients: list[Client] = []

    @property
    def crowd(self) -> Crowd:
        return self.listener.crowd

    async def start(self) -> None:
        await self.listener.start(self.app, self._known)

    async def dial(self) -> Client:
        host, port = self.listener.url.removeprefix("http://").split(":")
        made = Client(*await asyncio.open_connection(host, int(port), limit=2**20))
        self.clients.append(made)
        return made

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(SECONDS):
            while not true():  # noqa: ASYNC110  the listener tells it in no other way
                await asyncio.sleep(0)


@asynccontextmanager
async def standing(
    limits: Limits | None = None,
    known: Callable[[str], bool] | None = None,
    tls: Tls | None = None,
) -> AsyncIterator[Stand]:
    stand = Stand(limits or Limits(), known, tls or Tls())
    await stand.start()
    try:
        yield stand
    finally:
        for client in stand.clients:
            client.writer.close()
        await stand.listener.stop()


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have connections looked at often."""
    monkeypatch.setattr(patience, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(patience, "REFUSED_SECONDS", 0.05)


async def test_requests_on_one_connection_are_answered() -> None:
    """Whole requests, in pieces, with bodies and pipelined, are answered as ever."""
    async with standing() as stand:
        client = await stand.dial()
        await client.says(GET, GET[:10], GET[10:], POST, b"ab", b"cde", GET + GET)
        found = [await client.answer() for _ in range(5)]
        assert found == [b"200 0"] * 2 + [b"200 5"] + [b"200 0"] * 2


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ((), b""),
        ((GET[:10],), b"408"),
        ((GET[:-2],), b"408"),
        ((POST,), b"408"),
        ((POST, b"ab"), b"408"),
    ],
    ids=["nothing", "half a line", "half a head", "no body", "half a body"],
)
@pytest.mark.usefixtures("hurried")
async def test_who_stops_in_the_middle_is_hung_up_on(
    parts: tuple[bytes, ...], said: bytes
) -> None:
    """A connection without a whole request in time ends; it needs no token to hold one."""
    async with standing(HURRIED) as stand:
        client = await stand.dial()
        await client.says(*parts)
        if said:
            assert (await client.answer()).startswith(said)
        assert await client.is_hung_up_on()
        assert stand.meter.refused["head"] + stand.meter.refused["body"] == 1


@pytest.mark.usefixtures("hurried")
async def test_bytes_that_begin_nothing_hold_no_connection() -> None:
    """Empty lines after an answer do not switch the deadlines off."""
    async with standing(HURRIED) as stand:
        client = await stand.dial()
        await client.says(GET + b"\r\n")
        assert await client.answer() == b"200 0"
        await client.says(b"\r\n")
        assert await client.is_hung_up_on()


@pytest.mark.parametrize("line", [b"x: " + b"y" * 1000 + b"\r\n", b"y" * 1000])
async def test_a_head_without_end_is_refused(line: bytes) -> None:
    """A head over its limit is 431 and the end, long before it fills the memory."""
    async with standing() as stand:
        client = await stand.dial()
        await client.says(b"GET / HTTP/1.1\r\nHost: x\r\nx:")
        # What we still send may make the other side take its answer back.
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            for _ in range(10):
                await client.says(line * 20)
            assert (await client.answer()).startswith((b"431 ", b"400 "))
        assert await client.is_hung_up_on()


@pytest.mark.parametrize("ids", [10, 2_000, 10_000, 20_000])
async def test_a_query_that_names_servers_may_be_long(ids: int) -> None:
    """Twenty thousand ids come through whole, and the next request on the connection too."""
    query = b"include=" + b"%2C".join([b"038ab3ef-88d8-4be4-9587-000000000001"] * ids)
    async with standing() as stand:
        client = await stand.dial()
        for _ in range(2):
            await client.says(b"GET /os-fping?%s HTTP/1.1\r\nHost: x\r\n\r\n" % query)
            assert await client.answer() == b"200 %d" % len(query)
        await client.says(GET)
        assert await client.answer() == b"200 0"


@pytest.mark.parametrize(("path", "limit"), [(b"/servers", 65_536), (b"/os-fping", 1_048_576)])
async def test_a_query_that_is_longer_is_refused_with_its_limit(path: bytes, limit: int) -> None:
    """The answer names how long it may be."""
    async with standing() as stand:
        client = await stand.dial()
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await client.says(b"GET %s?include=%s" % (path, b"x" * (limit + 1)))
            said = b"431 The head of the request is too long: more than %d bytes." % limit
            assert await client.answer() == said


@pytest.mark.usefixtures("hurried")
async def test_who_takes_no_answer_is_hung_up_on() -> None:
    """An answer that nobody reads holds a connection for a bounded time."""
    async with standing(HURRIED) as stand:
        client = await stand.dial()
        await client.says(b"GET /much HTTP/1.1\r\nHost: x\r\n\r\n")
        async with asyncio.timeout(SECONDS):
            await stand.app.abandoned.wait()
        assert stand.meter.refused["reader"] == 1


async def test_answers_that_nobody_takes_have_one_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Readers that stop hold so much together; then those that hold it longest are cut."""
    monkeypatch.setattr(crowd, "HELD_BYTES", 100_000)
    async with standing() as stand:
        for _ in range(4):
            client = await stand.dial()
            await client.says(b"GET /much HTTP/1.1\r\nHost: x\r\n\r\n")
        await stand.until(lambda: stand.meter.refused["reader"] >= 3)
        assert sum(one.held() for one in stand.crowd._full) <= 100_000


async def test_one_connection_too_many_is_told_so() -> None:
    """Beyond the limit the answer is 503, and who is there is served on."""
    async with standing(Limits(connections=2)) as stand:
        first, second = await stand.dial(), await stand.dial()
        await stand.until(lambda: len(stand.crowd) == 2)
        third = await stand.dial()
        assert (await third.answer()).startswith(b"503 ")
        await first.says(GET)
        await second.says(GET)
        assert [await first.answer(), await second.answer()] == [b"200 0", b"200 0"]
        assert stand.meter.connections == 2


async def test_one_that_is_idle_gives_way() -> None:
    """A connection that waits for a further request is closed rather than a new one refused."""
    async with standing(Limits(connections=1)) as stand:
        first = await stand.dial()
        await first.says(GET)
        assert await first.answer() == b"200 0"
        second = await stand.dial()
        await second.says(GET)
        assert await second.answer() == b"200 0"
        assert await first.is_hung_up_on()


async def test_one_source_does_not_take_all_connections() -> None:
    """Connections without a request are counted by source; one that made a request is not."""
    async with standing(Limits(unproven=2)) as stand:
        for _ in range(3):
            client = await stand.dial()
            await client.says(GET)
            assert await client.answer() == b"200 0"
        for _ in range(2):
            await stand.dial()
        await stand.until(lambda: len(stand.crowd) == 5)
        assert (await (await stand.dial()).answer()).startswith(b"503 ")
        assert stand.meter.refused["source"] == 1


async def test_the_slow_give_way_to_the_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A source that holds its share by connections that say nothing loses the oldest of them."""
    monkeypatch.setattr(crowd, "SLOW_SECONDS", 0.0)
    async with standing(Limits(unproven=1)) as stand:
        slow = await stand.dial()
        await stand.until(lambda: len(stand.crowd) == 1)
        quick = await stand.dial()
        await quick.says(GET)
        assert await quick.answer() == b"200 0"
        assert await slow.is_hung_up_on()


async def test_behind_a_proxy_nobody_is_judged_by_the_address() -> None:
    """All connections come from the proxy, so that its address says nothing."""
    async with standing(Limits(unproven=1), tls=Tls(proxied=True)) as stand:
        clients = [await stand.dial() for _ in range(3)]
        for client in clients:
            await client.says(GET)
            assert await client.answer() == b"200 0"


async def test_sessions_without_a_valid_credential_are_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Beyond so many from one source they are turned away unread; a valid one is looked at."""
    monkeypatch.setattr(crowd, "STRANGERS_AT_ONCE", 1.0)
    monkeypatch.setattr(crowd, "STRANGERS_A_SECOND", 0.0)
    good = UPGRADE % b"X-Faultwire-Credential: agent/a:s\r\n"
    async with standing(known=lambda text: text == "agent/a:s") as stand:
        found = []
        for head in (UPGRADE % b"", UPGRADE % b"", good, UPGRADE % b""):
            client = await stand.dial()
            await client.says(head)
            async with asyncio.timeout(SECONDS):
                found.append((await client.reader.readline()).split()[1])
        assert found == [b"403", b"429", b"403", b"429"]
        assert stand.meter.refused == {"strangers": 2}


@pytest.mark.parametrize(
    ("wanted", "files", "most"),
    [(0, 20_000, 5000), (0, 1_000_000, 10_000), (100, 20_000, 100), (9000, 1024, 256), (0, 8, 64)],
)
def test_connections_leave_room_for_other_files(wanted: int, files: int, most: int) -> None:
    """What is held is a quarter of the files that may be open, or less where that is wanted."""
    assert connections_of(wanted, files) == most

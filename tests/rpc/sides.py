"""Both sides of remote calls over one transport, for suites that run on each."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from faultwire.domain.errors import RefusedVersion, RpcError
from faultwire.messaging.addresses import broker_of
from faultwire.messaging.caps import Caps
from faultwire.messaging.inprocess import InProcessClient, InProcessExchange, InProcessServer
from faultwire.messaging.peers import Peers
from faultwire.messaging.rabbit_client import RabbitClient
from faultwire.messaging.rabbit_server import RabbitServer
from faultwire.messaging.settings import Settings
from faultwire.messaging.table import TABLE
from faultwire.messaging.versions import Api, Kind, Method, Older, Table, parse, placed
from faultwire.ports.rpc import PeerVersions, RpcClient, RpcServer
from faultwire.telemetry.clock import SystemClock
from tests.rpc.handlers import Handlers

EXAMPLES: Mapping[Kind, object] = {
    Kind.TEXT: "text",
    Kind.WHOLE: 3,
    Kind.REAL: 1.5,
    Kind.FLAG: True,
    Kind.NAMES: ["one", "two"],
    Kind.DOCUMENT: {"service_status": "running"},
}


QUEUES = {api.name: api.topic for api in TABLE.apis}
"""Topics of all ages are this release's, as one configuration for all has them."""


class Sides:
    """Servers and clients that meet; `url` empty: within the process."""

    def __init__(self, url: str) -> None:
        """Start with nobody."""
        self._url = url
        self._exchange = InProcessExchange()
        self._servers: list[RpcServer] = []
        self._served: dict[int, RpcServer] = {}
        self._clients: list[RabbitClient | InProcessClient] = []
        self.refused: list[tuple[str, str, RpcError]] = []
        self.heard_of_refused = asyncio.Event()

    async def server(
        self, api: str, *, to: str | None = None, table: Table = TABLE, wait: bool = True
    ) -> Handlers:
        """Serve an API, from a table of any age, and return its handlers."""
        handlers = Handlers(table.api(api))
        server: RpcServer
        if self._url:
            broker = broker_of(Settings(transport_url=self._url))
            assert broker is not None
            rabbit = RabbitServer(broker, table)
            rabbit.serve(api, handlers, to=to)
            await rabbit.start()
            if wait:
                await rabbit.ready()
            server = rabbit
        else:
            server = InProcessServer(self._exchange, placed(table, QUEUES))
            server.serve(api, handlers, to=to)
            await server.start()
        self._servers.append(server)
        self._served[id(handlers)] = server
        return handlers

    async def stop(self, handlers: Handlers) -> None:
        """End the server of these handlers."""
        server = self._served.pop(id(handlers))
        self._servers.remove(server)
        await server.stop()

    async def client(
        self,
        table: Table = TABLE,
        levels: Mapping[str, str] | None = None,
        guests: PeerVersions | None = None,
    ) -> RpcClient:
        """Return a client with a table of any age."""
        clock = SystemClock()
        table = placed(table, QUEUES)
        peers = Peers(clock, guests, table)
        caps = Caps(levels, peers, table)
        client: RabbitClient | InProcessClient
        if self._url:
            broker = broker_of(Settings(transport_url=self._url))
            assert broker is not None
            rabbit = RabbitClient(broker, "tests", caps, peers, clock)
            rabbit.cast_failed = self._refused
            await rabbit.start()
            client = rabbit
        else:
            inner = InProcessClient(self._exchange, caps, clock)
            inner.cast_failed = self._refused
            client = inner
        self._clients.append(client)
        return client

    async def every_method(
        self, client: RpcClient, api: Api, server: Table, name: str | None
    ) -> None:
        """Call each method of an API with each prefix of its arguments, at a server of its own.

        What arrives is what the older of both knows; what it does not know is left out or
        refused, as the table says.
        """
        handlers = await self.server(api.name, to=name, table=server)
        speaks = server.api(api.name)
        for method in api.methods:
            for count in range(len(method.arguments) + 1):
                given = {one.name: EXAMPLES[one.kind] for one in method.arguments[:count]}
                if any(one.required and one.name not in given for one in method.arguments):
                    continue
                await self._one(client, speaks, handlers, method, given, name)

    async def _one(
        self,
        client: RpcClient,
        speaks: Api,
        handlers: Handlers,
        method: Method,
        given: dict[str, object],
        name: str | None,
    ) -> None:
        newer = [
            one
            for one in method.arguments
            if one.name in given and one.since is not None and one.since > speaks.newest
        ]
        refused = method.since > speaks.newest or any(one.older is Older.REFUSE for one in newer)
        handlers.asked.clear()
        try:
            answer = await client.call(speaks.name, method.name, given, to=name, deadline_s=60)
        except RefusedVersion:
            assert refused, (speaks.name, method.name, given)
            assert not handlers.asked
            return
        assert not refused, (speaks.name, method.name, given)
        assert answer == method.name
        [(called, version, arguments)] = handlers.asked
        kept = {key: value for key, value in given.items() if key not in {n.name for n in newer}}
        assert called == method.name
        assert parse(version) == method.needs(kept)
        assert {key: value for key, value in arguments.items() if value is not None} == kept

    def _refused(self, api: str, method: str, error: RpcError) -> None:
        self.refused.append((api, method, error))
        self.heard_of_refused.set()

    async def close(self) -> None:
        """End all."""
        await asyncio.gather(*(each.stop() for each in (*self._clients, *self._servers)))


@asynccontextmanager
async def sides(url: str = "") -> AsyncIterator[Sides]:
    """Give both sides over a broker, or within the process."""
    made = Sides(url)
    try:
        yield made
    finally:
        await made.close()

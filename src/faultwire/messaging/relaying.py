"""The process that takes calls from the broker for a server, apart from its event loop.

Started by `app.calldoor`. The first line on standard input is the broker and the APIs; then calls
go out on standard output, and answers come in. What the table refuses does not go that way. It
ends with its standard input.
"""

import asyncio
import itertools
import logging
import os
import sys
from collections.abc import Awaitable, Callable
from types import SimpleNamespace

import orjson

from faultwire.domain.errors import RemoteFailure
from faultwire.messaging import relay
from faultwire.messaging.addresses import broker_of
from faultwire.messaging.dispatch import Envelope
from faultwire.messaging.rabbit_server import RabbitServer
from faultwire.messaging.settings import RabbitSettings, Settings
from faultwire.messaging.table import TABLE
from faultwire.messaging.versions import Api
from faultwire.ports.rpc import Incoming
from faultwire.telemetry import logs

Method = Callable[..., Awaitable[object]]


class Parent:
    """The server at the other end of our pipes; on the loop."""

    def __init__(self, out: asyncio.StreamWriter) -> None:
        """Take where calls go."""
        self._out = out
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[object]] = {}

    async def call(self, topic: str, envelope: Envelope) -> object:
        """Return the server's answer; raises an RpcError."""
        number = next(self._numbers)
        answer: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            self._out.write(relay.call_line(number, topic, envelope))
            await self._out.drain()
            return await answer
        except ConnectionError:
            raise RemoteFailure(topic, str(envelope.method), "the server is gone") from None
        finally:
            del self._waiting[number]

    def answered(self, line: bytes) -> None:
        """Take an answer."""
        number, value, error = relay.read_answer(line)
        waiting = self._waiting.get(number)
        if waiting is None or waiting.done():
            return
        if error is None:
            waiting.set_result(value)
        else:
            waiting.set_exception(error)

    def handler(self, api: Api) -> object:
        """Return a handler of an API whose methods ask the server."""
        methods = {method.name: self._method(api, method.name) for method in api.methods}
        return SimpleNamespace(**methods)

    def _method(self, api: Api, name: str) -> Method:
        async def method(incoming: Incoming, **arguments: object) -> object:
            given = {key: value for key, value in arguments.items() if value is not None}
            envelope = Envelope(api.name, name, incoming.version, given, incoming.context)
            return await self.call(incoming.topic, envelope)

        return method


async def _run() -> None:
    loop = asyncio.get_running_loop()
    source = asyncio.StreamReader(limit=1 << 20)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(source), sys.stdin)
    transport, protocol = await loop.connect_write_pipe(
        asyncio.streams.FlowControlMixin, sys.stdout
    )
    parent = Parent(asyncio.StreamWriter(transport, protocol, None, loop))
    first = orjson.loads(await source.readline())
    broker = broker_of(Settings(**first["default"]), RabbitSettings(**first["rabbit"]))
    assert broker is not None  # noqa: S101
    server = RabbitServer(broker)
    for name in first["apis"]:
        api = TABLE.api(name)
        server.serve(name, parent.handler(api))
    await server.start()
    while line := await source.readline():
        parent.answered(line)
    await server.stop()


def main() -> None:
    """Be the process until the standard input ends."""
    logs.set_up("INFO")
    # What is wrong with the broker we say ourselves, once; the library says it at every try.
    for name in ("oslo", "oslo_service", "oslo_messaging", "kombu", "amqp"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    asyncio.run(_run())
    # The library's own threads must not keep a process whose parent is gone.
    os._exit(0)


if __name__ == "__main__":
    main()

"""Guests for the bench of remote calls: `python -m bench.rpc_fleet URL oslo|plain NAME COUNT`.

`oslo` are servers of oslo.messaging, each with the threads and the connection it has there;
`plain` are consumers of one AMQP connection, which answer with bytes and decode nothing more than
they must. Both run in one process here; guests are machines of their own.
"""

import os
import signal
import sys
from typing import Any

import amqp
import orjson

from faultwire.messaging import transport
from faultwire.messaging.addresses import broker_of
from faultwire.messaging.link import connect
from faultwire.messaging.rabbit_server import GUESTS_EXCHANGE, passing
from faultwire.messaging.settings import Settings


class Endpoint:
    """Answers pings, as Trove's guest does."""

    target = transport.library.Target(namespace="guestagent", version="1.2")

    def rpc_ping(self, context: object) -> bool:
        """Answer."""
        del context
        return True


def _oslo(url: str, names: list[str]) -> None:
    broker = broker_of(Settings(transport_url=url))
    assert broker is not None
    opened = transport.rpc_transport(passing(broker), GUESTS_EXCHANGE)
    for name in names:
        target = transport.library.Target(topic=f"guestagent.{name}", server="all")
        server = transport.library.get_rpc_server(opened, target, [Endpoint()])
        # By default 64 threads each, which 200 servers in one process do not survive.
        server.start(override_pool_size=1)
    print("listening on oslo.messaging", flush=True)
    signal.pause()


def _plain(url: str, names: list[str]) -> None:
    broker = broker_of(Settings(transport_url=url))
    assert broker is not None
    connection = connect(broker, broker.hosts[0], "plain")
    channel = connection.channel()
    heard: list[Any] = []

    def answer(message: Any) -> None:
        inner = orjson.loads(orjson.loads(message.body)["oslo.message"])
        said = {"_msg_id": inner["_msg_id"], "result": True, "failure": None, "ending": True}
        body = orjson.dumps({"oslo.version": "2.0", "oslo.message": orjson.dumps(said).decode()})
        reply = amqp.Message(body, content_type="application/json", content_encoding="utf-8")
        channel.basic_publish(reply, "", inner["_reply_q"])

    for name in names:
        queue = f"guestagent.{name}"
        channel.queue_declare(queue, auto_delete=True)
        channel.basic_consume(queue, no_ack=True, callback=heard.append)
    print("listening on AMQP", flush=True)
    while True:
        connection.drain_events()
        # Publishing hears too: what came meanwhile is answered here, and not within.
        while heard:
            answer(heard.pop(0))


def main() -> None:
    """Serve until a signal ends it."""
    url, kind, name, count = sys.argv[1:]
    {"oslo": _oslo, "plain": _plain}[kind](url, [f"{name}-{n}" for n in range(int(count))])
    os._exit(0)


if __name__ == "__main__":
    main()

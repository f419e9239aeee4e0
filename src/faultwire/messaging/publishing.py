"""The process that publishes notifications, apart from the server: the library is all threads.

Started by `app.busline`. Lines of JSON come on its standard input, whose end is its own: first
the broker and the topics, then notifications with a number each. For each one line goes out on
its standard output: the number, and what was wrong. What was confirmed by the broker is durable.
"""

import logging
import os
import sys
from collections.abc import Mapping
from typing import Any

import orjson

from faultwire.messaging import transport
from faultwire.messaging.addresses import Broker, broker_of
from faultwire.messaging.publisher import Publisher, Send
from faultwire.messaging.settings import RabbitSettings, Settings
from faultwire.telemetry.clock import SystemClock


def sender(broker: Broker) -> Send:
    """Return what sends by oslo.messaging, once, without trying again: the outbox does that."""
    opened = transport.notification_transport(broker)

    def send(topic: str, message: Mapping[str, Any]) -> None:
        # The public notifier draws a new message_id for every try and hides what fails.
        opened._send_notification(  # noqa: SLF001
            transport.target(topic=topic), {}, message, version=2.0, retry=0
        )

    return send


def main() -> None:
    """Be the process until the standard input ends."""
    # What is wrong is told by our parent, once.
    for name in ("oslo", "oslo_service", "oslo_messaging", "kombu", "amqp"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    source, out = sys.stdin.buffer, sys.stdout.buffer
    first = orjson.loads(source.readline())
    rabbit = RabbitSettings(**first["rabbit"])
    broker = broker_of(Settings(first["url"]), rabbit)
    assert broker is not None  # noqa: S101
    topics, mono_ns = first["topics"], SystemClock().mono_ns
    publisher = Publisher(sender(broker), topics, mono_ns, first["aodh"])
    for line in source:
        asked = orjson.loads(line)
        trouble = publisher.publish(asked["message"])
        out.write(orjson.dumps({"id": asked["id"], "trouble": trouble}) + b"\n")
        out.flush()
    # The library's own threads must not keep a process whose parent is gone.
    os._exit(0)


if __name__ == "__main__":
    main()

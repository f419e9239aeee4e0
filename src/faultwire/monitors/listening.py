"""The process that listens for notifications beside a server: its pipes lead to the server.

Started by `app.listening`. Lines of JSON: the first on the standard input says what to listen to.
On the standard output come ``{"say": counts, "trouble": text}``, and ``{"messages": […]}``, each
of the latter answered by one line on the standard input: the word, and why.
"""

import logging
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, BinaryIO

import orjson

from faultwire.messaging.addresses import broker_of
from faultwire.messaging.listener import Listener
from faultwire.messaging.reading import Verdict, Word
from faultwire.messaging.settings import ListenerSettings, RabbitSettings, Settings
from faultwire.monitors import notified
from faultwire.telemetry.clock import SystemClock


def line_of(settings: Settings, rabbit: RabbitSettings, listener: ListenerSettings) -> bytes:
    """Return the first line for the process; passwords are not for its arguments."""
    said = {
        "url": settings.transport_url,
        "rabbit": asdict(rabbit),
        "listener": asdict(listener),
    }
    return orjson.dumps(said) + b"\n"


class Pipes:
    """The two lines to the parent; ends the process when the parent is gone."""

    def __init__(self, source: BinaryIO, out: BinaryIO) -> None:
        """Take them."""
        self._source = source
        self._out = out

    def submit(self, told: Sequence[Mapping[str, Any]]) -> Verdict:
        """Give messages to the server and return its word."""
        self._write({"messages": told})
        line = self._source.readline()
        if not line:
            os._exit(0)
        said = orjson.loads(line)
        return Verdict(Word(said["word"]), said["reason"])

    def say(self, counts: Mapping[str, int], trouble: str) -> None:
        """Tell the server what became of messages, and what is wrong."""
        self._write({"say": dict(counts), "trouble": trouble})

    def _write(self, said: Mapping[str, Any]) -> None:
        try:
            self._out.write(orjson.dumps(said) + b"\n")
            self._out.flush()
        except BrokenPipeError:
            os._exit(0)


def main() -> None:
    """Be the process until it is ended."""
    for name in ("kombu", "amqp"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    source, out = sys.stdin.buffer, sys.stdout.buffer
    first = orjson.loads(source.readline())
    lists: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in first["listener"].items()
    }
    broker = broker_of(Settings(first["url"]), RabbitSettings(**first["rabbit"]))
    if broker is None:
        return
    pipes = Pipes(source, out)
    settings = ListenerSettings(**lists)
    Listener(broker, settings, pipes.submit, notified.notices, pipes.say, SystemClock()).run()


if __name__ == "__main__":
    main()

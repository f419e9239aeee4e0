"""What goes between a process that takes calls from the broker and the one that does them.

Lines of JSON over a pipe: calls one way, answers the other. No I/O here, and no library.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import orjson

from faultwire.domain import errors
from faultwire.domain.errors import RpcError
from faultwire.messaging.dispatch import Envelope
from faultwire.messaging.settings import RabbitSettings, Settings

PROCESS = "faultwire.messaging.relaying"
"""Module of the process that takes calls: nobody imports it, for it imports the library."""

_ERRORS: Mapping[str, type[RpcError]] = {
    kind.__name__: kind
    for kind in (
        errors.NoAnswer,
        errors.NoConsumer,
        errors.RefusedVersion,
        errors.RefusedArguments,
        errors.RefusedSender,
        errors.BusDown,
        errors.RemoteFailure,
    )
}


def first_line(settings: Settings, rabbit: RabbitSettings, apis: Sequence[str]) -> bytes:
    """Return the first line for the process; passwords are not for its arguments."""
    words = {"default": asdict(settings), "rabbit": asdict(rabbit), "apis": list(apis)}
    return orjson.dumps(words) + b"\n"


def call_line(number: int, topic: str, envelope: Envelope) -> bytes:
    """Return the line of a call."""
    words = [
        number,
        topic,
        envelope.api,
        envelope.method,
        envelope.version,
        envelope.arguments,
        dict(envelope.context),
    ]
    return orjson.dumps(words) + b"\n"


def read_call(line: bytes) -> tuple[int, str, Envelope]:
    """Return what the line of a call says."""
    number, topic, *parts = orjson.loads(line)
    return number, topic, Envelope(*parts)


def answer_line(number: int, value: object = None, error: RpcError | None = None) -> bytes:
    """Return the line of an answer."""
    told = error and [type(error).__name__, error.topic, error.method, error.reason]
    return orjson.dumps([number, value, told]) + b"\n"


def read_answer(line: bytes) -> tuple[int, object, RpcError | None]:
    """Return what the line of an answer says."""
    found: Any = orjson.loads(line)
    number, value, told = found
    if told is None:
        return number, value, None
    name, *parts = told
    return number, None, _ERRORS.get(name, errors.RemoteFailure)(*parts)

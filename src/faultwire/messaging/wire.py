"""Calls and answers as bytes: the envelope of oslo.messaging, version 2.0; no I/O.

What is written here is read by any oslo.messaging server, and what such a server answers is read
here; the contract tests hold both against the library itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from faultwire.domain.errors import (
    RefusedArguments,
    RefusedSender,
    RefusedVersion,
    RemoteFailure,
    RpcError,
)
from faultwire.messaging.versions import Form

ENVELOPE = "2.0"
SPEAKS = "speaks"
"""Where a refusal tells the version that the peer speaks."""

LONGEST_REASON = 500

_REFUSALS: Mapping[str, type[RpcError]] = {
    "UnsupportedVersion": RefusedVersion,
    "NoSuchMethod": RefusedVersion,
    "RefusedVersion": RefusedVersion,
    "RefusedArguments": RefusedArguments,
    "RefusedSender": RefusedSender,
}


@dataclass(frozen=True, slots=True)
class Call:
    """One call to be sent; `token` names it and its answer, `reply_to` our queue of answers.

    Without that queue it is what oslo.messaging calls a cast: nothing comes back, not even a
    refusal. Ours are never sent so.
    """

    token: str
    api: str
    method: str
    form: Form
    topic: str
    reply_to: str
    context: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back. `speaks`: the version that a peer which refused speaks, if it told."""

    token: str
    value: object = None
    failure: type[RpcError] | None = None
    reason: str = ""
    speaks: str = ""

    def error(self, topic: str, method: str) -> RpcError:
        """Return the failure as an error."""
        reason = self.reason.removeprefix(f"{method} to {topic}: ")
        return (self.failure or RemoteFailure)(topic, method, reason)


def encode(call: Call) -> bytes:
    """Return the body of a call."""
    message: dict[str, object] = {
        "method": call.method,
        "args": call.form.arguments,
        "version": str(call.form.version),
        "namespace": call.api,
        "_unique_id": call.token,
    }
    if call.reply_to:
        message |= {"_msg_id": call.token, "_reply_q": call.reply_to, "_timeout": None}
    message.update({f"_context_{key}": value for key, value in call.context.items()})
    text = orjson.dumps(message).decode()
    return orjson.dumps({"oslo.version": ENVELOPE, "oslo.message": text})


def decode(body: bytes | str) -> Reply | None:
    """Return the answer that a body holds; None: it is no answer, or only a sign of life.

    A body may come from anybody who can write to our queue: nothing in it is trusted.
    """
    try:
        outer = orjson.loads(body)
        inner = orjson.loads(outer["oslo.message"])
        token = inner["_msg_id"]
        if not isinstance(token, str):
            return None
        if inner.get("failure"):
            return _failed(token, inner["failure"])
        return Reply(token, inner.get("result")) if inner.get("ending") else None
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _failed(token: str, text: str) -> Reply:
    failure = orjson.loads(text)
    name = failure.get("class")
    reason = str(failure.get("message") or name)[:LONGEST_REASON]
    told = failure.get("kwargs")
    speaks = told.get(SPEAKS) if isinstance(told, dict) else None
    kind = _REFUSALS.get(name, RemoteFailure) if isinstance(name, str) else RemoteFailure
    return Reply(token, None, kind, reason, speaks if isinstance(speaks, str) else "")

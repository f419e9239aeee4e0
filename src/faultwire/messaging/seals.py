"""Proof of who sent a call: what goes on the envelope of a call, and what a server checks.

A broker lets whoever may use remote calls at all write to every queue: replies need the default
exchange. So a call says who sent it and proves it with a key that sender and server share.
"""

import hashlib
import hmac
from collections.abc import Callable, Mapping

import orjson

from faultwire.messaging.wire import Call

SENDER, PROOF = "sender", "proof"

Seal = Callable[[Call], Mapping[str, str]]
"""Returns what goes on the envelope of a call; on the loop, never waits."""


def unsealed(call: Call) -> Mapping[str, str]:
    """Put nothing on the envelope."""
    del call
    return {}


def proof(
    key: bytes, sender: str, place: tuple[str, str, str], version: str, arguments: object
) -> str:
    """Return the proof of a call; `place` is API, method and topic, all of which it covers.

    Arguments are covered by their encoded form with sorted keys.
    """
    parts = [sender, *place, version]
    text = orjson.dumps([parts, arguments], option=orjson.OPT_SORT_KEYS)
    return hmac.new(key, text, hashlib.sha256).hexdigest()


def sealer(key: bytes, sender: str) -> Seal:
    """Return a seal that proves the sender with this key."""

    def seal(call: Call) -> Mapping[str, str]:
        place = (call.api, call.method, call.topic)
        version = str(call.form.version)
        return {
            SENDER: sender,
            PROOF: proof(key, sender, place, version, call.form.arguments),
        }

    return seal

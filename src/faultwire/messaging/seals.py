"""Proof of who sent a call: what goes on the envelope of a call, and what a server checks.

A broker lets whoever may use remote calls at all write to every queue: replies need the default
exchange. So a call says who sent it and proves it with a key that sender and server share.
"""

import hashlib
import hmac
from collections.abc import Callable, Mapping

import orjson

from faultwire.domain.errors import RefusedSender
from faultwire.messaging.dispatch import BASEAPI, Door, Envelope
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


KeyOf = Callable[[str], bytes | None]
"""Returns the key for a topic (sealing) or a sender (checking); None: there is none."""


def sealer(sender: str, key_of: KeyOf) -> Seal:
    """Return a seal that proves the sender with the key that it shares with a topic's server."""

    def seal(call: Call) -> Mapping[str, str]:
        key = key_of(call.topic)
        if key is None:
            return {SENDER: sender}
        place = (call.api, call.method, call.topic)
        version = str(call.form.version)
        return {
            SENDER: sender,
            PROOF: proof(key, sender, place, version, call.form.arguments),
        }

    return seal


def door(key_of: KeyOf) -> Door:
    """Return a door for calls whose sender proves itself; baseapi is for everybody.

    Behind it `Incoming.context` names the sender truly.
    """

    def check(topic: str, envelope: Envelope) -> None:
        if envelope.api == BASEAPI:
            return
        sender, told = envelope.context.get(SENDER, ""), envelope.context.get(PROOF, "")
        key = key_of(sender)
        method, version = str(envelope.method), str(envelope.version)
        if key is not None:
            place = (str(envelope.api), method, topic)
            right = proof(key, sender, place, version, envelope.arguments)
            if hmac.compare_digest(right.encode(), told.encode()):
                return
        raise RefusedSender(topic, method[:64], "who sent it did not prove who it is")

    return check

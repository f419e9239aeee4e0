"""Signatures of webhooks by Standard Webhooks 1.0: the sender makes them, consumers check them.

A secret is ``whsec_`` and the base64 of 24 to 64 random bytes. What is signed is
``id.timestamp.body``, so that neither can be exchanged; the signature header holds one
``v1,<base64 of HMAC-SHA256>`` for each valid secret, parted by spaces.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from functools import lru_cache

from faultwire.domain.errors import Invalid, Unauthenticated

ID = "webhook-id"
TIMESTAMP = "webhook-timestamp"
SIGNATURE = "webhook-signature"

PREFIX = "whsec_"
SHORTEST, LONGEST = 24, 64
TOLERANCE_S = 300
_BLOCK = 64  # of SHA-256; no key is longer
_VERSION = "v1,"
_MOST_SIGNATURES = 16


def new_secret(random_bytes: bytes) -> str:
    """Return a secret made of random bytes that the caller drew; Invalid for a bad length."""
    if not SHORTEST <= len(random_bytes) <= LONGEST:
        raise Invalid("secret", f"takes {SHORTEST} to {LONGEST} random bytes")
    return PREFIX + base64.b64encode(random_bytes).decode()


@lru_cache(maxsize=4096)
def key_of(secret: str) -> bytes:
    """Return the key that a secret stands for; raises Invalid, without repeating the secret."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(PREFIX) or not SHORTEST <= len(key) <= LONGEST:
        raise Invalid(
            "secret", f"is {PREFIX} and the base64 of {SHORTEST} to {LONGEST} bytes, as given out"
        )
    return key


@lru_cache(maxsize=4096)
def _begun(secret: str) -> "tuple[hashlib._Hash, hashlib._Hash]":
    """Return the inner and outer hash of RFC 2104 with the key taken in; never update these.

    Half of an HMAC depends on the key alone, and setting one up costs more than the rest.
    """
    key = key_of(secret).ljust(_BLOCK, b"\0")
    return (
        hashlib.sha256(bytes(byte ^ 0x36 for byte in key)),
        hashlib.sha256(bytes(byte ^ 0x5C for byte in key)),
    )


def sign(secrets: Sequence[str], message_id: str, timestamp_s: int, body: bytes) -> str:
    """Return the signature header of a message: one signature for each secret, in their order.

    `timestamp_s` is seconds since the epoch. Raises Invalid for a malformed secret.
    """
    signed = f"{message_id}.{timestamp_s}.".encode() + body
    return " ".join([_signature(secret, signed) for secret in secrets])


def verify(
    secrets: Sequence[str],
    headers: Mapping[str, str],
    body: bytes,
    now_s: float,
    tolerance_s: int = TOLERANCE_S,
) -> str:
    """Return the id of a message that one of the secrets signed within the tolerance.

    `headers` finds lower-case names. Raises Unauthenticated, saying what is wrong and never
    what would have been right.
    """
    message_id = headers.get(ID, "")
    stamp = headers.get(TIMESTAMP, "")
    given = headers.get(SIGNATURE, "")
    for name, value in ((ID, message_id), (TIMESTAMP, stamp), (SIGNATURE, given)):
        if not value:
            raise Unauthenticated(f"the header {name} is missing")
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 12):
        raise Unauthenticated(f"the header {TIMESTAMP} is no number of seconds")
    timestamp_s = int(stamp)
    if abs(now_s - timestamp_s) > tolerance_s:
        raise Unauthenticated(
            f"the header {TIMESTAMP} is more than {tolerance_s} s away from this machine's clock"
        )
    offered = [item.encode() for item in given.split(" ")[:_MOST_SIGNATURES]]
    signed = f"{message_id}.{stamp}.".encode() + body
    for secret in secrets:
        expected = _signature(secret, signed).encode()
        if any(hmac.compare_digest(expected, one) for one in offered):
            return message_id
    raise Unauthenticated(f"no signature in {SIGNATURE} fits a secret known here")


def _signature(secret: str, signed: bytes) -> str:
    begun, ending = _begun(secret)
    inner, outer = begun.copy(), ending.copy()
    inner.update(signed)
    outer.update(inner.digest())
    return _VERSION + binascii.b2a_base64(outer.digest(), newline=False).decode()

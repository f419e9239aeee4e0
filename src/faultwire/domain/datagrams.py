"""A sign of life in one datagram: what an agent and the server agree on, down to the byte.

::

    0        4        8                16                               32
    | "FWB1" |  slot  |    sequence    |  BLAKE2s-128, keyed, of 0..15  |

Numbers are unsigned, in network byte order. The server names slot and key in the welcome of a
session; both are void with it. The sequence grows with every datagram: a lower or equal one was
recorded by somebody and is refused.
"""

import hashlib
import struct
from dataclasses import dataclass, field

FORMAT = 1
"""What a hello asks for and a welcome grants."""

MAGIC = b"FWB1"
KEY_BYTES = 32
MAC_BYTES = 16
LENGTH = 32

_HEAD = struct.Struct("!4sIQ")


@dataclass(frozen=True, slots=True)
class DatagramTerms:
    """How one session may beat by datagrams: where to, as whom, under which key."""

    port: int
    slot: int
    key: bytes = field(repr=False)


def seal(terms: DatagramTerms, sequence: int) -> bytes:
    """Return the datagram of a sign of life."""
    head = _HEAD.pack(MAGIC, terms.slot, sequence)
    return head + hashlib.blake2s(head, digest_size=MAC_BYTES, key=terms.key).digest()

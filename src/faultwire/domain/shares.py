"""Shares: the parts into which work is cut, so that several processes can do it side by side.

Events are shared out by project, deliveries by destination: what must stay in order is always in
one share, and a share has one owner at a time.
"""

import zlib
from dataclasses import dataclass
from enum import StrEnum

from faultwire.domain.events import Event

SHARES = 64
"""How many parts there are of each kind; it never changes while rows lie in them."""

ALL_SHARES = frozenset(range(SHARES))


class ShareKind(StrEnum):
    """Work that is shared out."""

    EVENTS = "events"
    OUTBOX = "outbox"


def share_of(*parts: str) -> int:
    """Return the share of a project, or of a project and destination: 0 to `SHARES` - 1."""
    return zlib.crc32("\x1f".join(parts).encode(errors="surrogatepass")) % SHARES


@dataclass(frozen=True, slots=True)
class OwedEvents:
    """Events of one commit (`seq`) and one share that an evaluator has yet to look at."""

    seq: int
    share: int
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class Member:
    """A process on the shared database.

    `role` is ``serve``, ``evaluator`` or ``sender``; `address` is HOST:PORT where it takes pokes;
    `beats` grows as long as it lives.
    """

    id: str
    role: str
    name: str
    address: str
    started_ns: int
    beats: int = 0


@dataclass(frozen=True, slots=True)
class Share:
    """Who works on one part; `epoch` grows with every change of hands."""

    number: int
    owner: str | None
    epoch: int

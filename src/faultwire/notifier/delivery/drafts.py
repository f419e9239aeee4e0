"""Requests made ahead: while a commit waits for the disk, of what it will owe."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from faultwire.domain.alarms import Delivery
from faultwire.domain.ids import DeliveryId

MOST = 2_000
"""Deliveries of one commit that are drafted at most."""
SLICE = 32
"""Drafts between two of which others are served."""
KEPT_NS = 1_000_000_000
"""Age at which a draft is void: its signature says when it was made."""

Make = Callable[[Delivery, int], tuple[bytes, Sequence[str]] | None]
"""Returns the request of a first try at that wall time (ns) and the secrets that signed it."""


class Drafts:
    """First requests of deliveries that are not durable yet, each good for one use.

    On the event loop, which a commit leaves idle: what is made then is not made after it.
    """

    def __init__(self, make: Make, wall_ns: Callable[[], int]) -> None:
        """Keep nothing yet."""
        self._make = make
        self._wall_ns = wall_ns
        self._expected: deque[Delivery] = deque()
        self._made: dict[DeliveryId, tuple[Delivery, int, bytes, Sequence[str]]] = {}
        self._writing = False

    def __len__(self) -> int:
        """Return how many drafts are kept."""
        return len(self._made)

    def expect(self, deliveries: Sequence[Delivery]) -> None:
        """Look forward to these and to no others."""
        self._made.clear()
        self._expected = deque(deliveries[:MOST])

    def write(self) -> None:
        """Draft what is expected, little by little."""
        if self._expected and not self._writing:
            self._writing = True
            asyncio.get_running_loop().call_soon(self._slice)

    def end(self) -> None:
        """Draft no more: what was expected is owed now, or never."""
        self._expected.clear()

    def take(self, delivery: Delivery, secrets: Sequence[str], wall_ns: int) -> bytes | None:
        """Return the request of a delivery; None where there is none that is good.

        Good is one that was made of this very value, with the same secrets, not long ago.
        """
        draft = self._made.pop(delivery.id, None) if self._made else None
        if draft is None:
            return None
        drafted, at_ns, data, signers = draft
        fresh = 0 <= wall_ns - at_ns < KEPT_NS
        return data if fresh and drafted is delivery and signers == secrets else None

    def _slice(self) -> None:
        self._writing = False
        wall_ns = self._wall_ns()
        for _ in range(min(SLICE, len(self._expected))):
            delivery = self._expected.popleft()
            made = self._make(delivery, wall_ns)
            if made is not None:
                self._made[delivery.id] = (delivery, wall_ns, *made)
        self.write()

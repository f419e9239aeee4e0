"""A system's socket for probes that a test holds in its hands."""

import heapq
from collections.abc import Callable, Mapping, Sequence

from faultwire.liveness.packets import BATCH, Taken


class FakeWire:
    """Implements `liveness.icmp.Wire`; everything that happens is decided by the test.

    `answers` maps addresses to how long their answer takes, in nanoseconds; an address that is
    not there is silent. `refuses` maps addresses to the error with which the system refuses a
    packet to them, `full` does so for all. `room` is how many replies fit until they are read.
    """

    def __init__(self, mono_ns: Callable[[], int]) -> None:
        """Answer for nobody."""
        self._mono_ns = mono_ns
        self.answers: dict[str, int] = {}
        self.refuses: dict[str, int] = {}
        self.full = 0
        self.room = 1_000_000
        self.lose: Callable[[str, int], bool] = lambda _address, _tick: False
        self.places: dict[int, str] = {}
        self.sent: list[tuple[int, str, int]] = []
        self._coming: list[tuple[int, int, int]] = []
        self._forged: list[tuple[int, int]] = []
        self._dropped = 0

    def place(self, slot: int, address: str) -> None:
        """Let a slot stand for an address."""
        self.places[slot] = address

    def clear(self, slot: int) -> None:
        """Let a slot stand for nothing."""
        self.places.pop(slot, None)

    def send(self, slots: Sequence[int], tick: int) -> Mapping[int, int]:
        """Take requests, and have each answered after its time."""
        now = self._mono_ns()
        refused: dict[int, int] = {}
        for slot in slots:
            address = self.places[slot]
            error = self.full or self.refuses.get(address, 0)
            if error:
                refused[slot] = error
                continue
            self.sent.append((now, address, tick))
            delay = self.answers.get(address)
            if delay is not None and not self.lose(address, tick):
                heapq.heappush(self._coming, (now + delay, slot, tick))
        return refused

    def forge(self, slot: int, tick: int) -> None:
        """Have an answer come to a probe that was perhaps never sent."""
        self._forged.append((slot, tick))

    def take(self) -> Taken:
        """Return what has come by now; what found no room is dropped."""
        now = self._mono_ns()
        come: list[tuple[int, int]] = []
        waiting = sum(at <= now for at, _, _ in self._coming)
        while self._coming and self._coming[0][0] <= now and len(come) < BATCH:
            if waiting > self.room:
                waiting -= 1
                self._dropped += 1
                heapq.heappop(self._coming)
                continue
            _, slot, tick = heapq.heappop(self._coming)
            if slot in self.places:
                come.append((slot, tick))
        forged, self._forged = self._forged, []
        come += forged
        return Taken([slot for slot, _ in come], [tick for _, tick in come])

    def dropped(self) -> int:
        """Return how many replies found no room."""
        return self._dropped

"""How many tries run at once; pure, times are monotonic nanoseconds.

A machine sends fastest over few connections, as long as these answer at once. More are worth it
where the network is what all wait for, or where some hang. Which it is shows when their number is
doubled: it paid off if more ends in the same time. Where it does not, this machine or the other
side has enough to do, and more at once would only make each of them slow.
"""

LEAST = 32
LOOK_S = 0.02
"""How often `look` wants to be called while something waits."""
ENOUGH = 16
"""Fewest tries that end before their rate is believed."""

_MS = 1_000_000
_S = 1_000_000_000
NOTHING_NS = 40 * _MS
"""How long nothing may end."""
LONGEST_NS = 100 * _MS
"""How long a rate is measured."""
AGAIN_NS = _S
"""How long one that did not pay off stands."""
LATE_NS = 5 * _MS
"""A loop that is so late has enough to do."""
FAST = 800
"""So many in a second are as many as one loop sends."""
PAYS = 1.3


class Pace:
    """The number of tries at once; `slots`."""

    def __init__(self, most: int) -> None:
        """Begin with few; never have more than `most`."""
        self._most = most
        self.slots = min(LEAST, most)
        self._ended = 0
        self._began_ns = 0
        self._due_ns = 0
        self._rate = 0.0
        self._held_ns = 0

    def rest(self) -> None:
        """Note that nothing waits: few are enough again."""
        self.slots = min(LEAST, self._most)
        self._rate = 0.0
        self._held_ns = 0

    def begin(self, now_ns: int) -> None:
        """Begin to measure, as something waits for a slot."""
        self._ended = 0
        self._began_ns = now_ns
        self._due_ns = now_ns + round(LOOK_S * _S)

    def pass_over(self, stalled: int) -> None:
        """Let as many run beside those that stall as run where nothing stalls."""
        self.slots = max(self.slots, min(self._most, LEAST + stalled))

    def note(self, ended: int) -> None:
        """Count tries that ended."""
        self._ended += ended

    def look(self, now_ns: int, running: int) -> None:
        """Judge what ended since, with so many under way and others waiting."""
        late = now_ns - self._due_ns >= LATE_NS
        self._due_ns = now_ns + round(LOOK_S * _S)
        elapsed = now_ns - self._began_ns
        if not self._ended and elapsed < NOTHING_NS:
            return
        if 0 < self._ended < max(ENOUGH, running // 2) and elapsed < LONGEST_NS:
            return
        rate = self._ended * _S / elapsed
        hung = self._ended < running // 8
        if not late and (hung or (rate < FAST and self._paid(rate, now_ns))):
            self.slots = min(self._most, max(LEAST, 2 * running))
            self._held_ns = 0
        elif not self._held_ns:
            self._held_ns = now_ns
        self._rate = rate
        self.begin(now_ns)

    def _paid(self, rate: float, now_ns: int) -> bool:
        stale = self._held_ns and now_ns - self._held_ns >= AGAIN_NS
        return bool(stale) or rate >= PAYS * self._rate

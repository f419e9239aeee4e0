"""When we were asleep ourselves: silence of that time counts for nobody."""

PRUNED_AT = 64
"""Stalls that are kept before those which touch no running wait are looked for."""


class Stalls:
    """Spans of time in which our own loop did not run; disjoint and in order.

    Times are monotonic nanoseconds.
    """

    def __init__(self) -> None:
        """Begin awake."""
        self._spans: list[tuple[int, int]] = []

    def __len__(self) -> int:
        """Return how many spans are kept."""
        return len(self._spans)

    def add(self, lag_ns: int, now: int) -> None:
        """Note that the loop slept for `lag_ns` until `now`; what is noted already counts once."""
        begin = now - lag_ns
        if self._spans:
            begin = max(begin, self._spans[-1][1])
        if begin < now:
            self._spans.append((begin, now))

    def within(self, since: int, until: int) -> int:
        """Return how much of a span of time we slept; cost grows with the stalls since then."""
        slept = 0
        for begin, end in reversed(self._spans):
            if end <= since:
                break
            slept += max(0, min(end, until) - max(begin, since))
        return slept

    def forget(self, before: int) -> None:
        """Drop the spans that ended by then."""
        self._spans = [span for span in self._spans if span[1] > before]

"""How late the event loop is: the figure that suspends verdicts (design, promise 3)."""

from collections import deque

from faultwire.ports import Clock, Meter

PERIOD_NS = 20_000_000
"""How often the loop is asked to be punctual."""

MINUTE = 60_000_000_000 // PERIOD_NS
"""Timers of a minute, while the loop is punctual."""

_NS = 1_000_000_000
_MS = 1_000_000


class LagGauge:
    """Measures by how much the loop wakes a timer too late; read on the loop."""

    def __init__(self, clock: Clock, meter: Meter, *, window_ns: int = _NS) -> None:
        """Remember latenesses of the last `window_ns`."""
        self._clock = clock
        self._meter = meter
        self._window_ns = window_ns
        self._late: deque[tuple[int, int]] = deque()
        self._minute: deque[int] = deque(maxlen=MINUTE)
        self._due_ns = 0

    def recent_ms(self) -> float:
        """Return the worst lateness in the window, one that goes on at this moment included."""
        now = self._clock.mono_ns()
        overdue = max(0, now - self._due_ns) if self._due_ns else 0
        horizon = now - self._window_ns
        worst = max((late for at, late in self._late if at >= horizon), default=0)
        return max(worst, overdue) / _MS

    def last_minute(self) -> tuple[float, float]:
        """Return p99 and worst lateness of the last minute or so, in ms; 0 before the first."""
        late = sorted(self._minute)
        return (late[len(late) * 99 // 100] / _MS, late[-1] / _MS) if late else (0.0, 0.0)

    async def run(self) -> None:
        """Measure until cancelled."""
        while True:
            self._due_ns = self._clock.mono_ns() + PERIOD_NS
            await self._clock.sleep(PERIOD_NS / _NS)
            self._note(self._clock.mono_ns())

    def _note(self, now: int) -> None:
        late = max(0, now - self._due_ns)
        self._late.append((now, late))
        self._minute.append(late)
        horizon = now - self._window_ns
        while self._late and self._late[0][0] < horizon:
            self._late.popleft()
        self._meter.observe("faultwire_loop_lag_seconds", late / _NS)

"""The watcher's side of the dead-man's beat: who says so when an installation is silent; pure.

Times are arguments: silence is measured by the monotonic clock, the wall clock is for people.
Only a beat that says that all is well counts; what one that says otherwise gives as its reasons
is kept for whoever is told of the silence.
"""

from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass

from faultwire.domain.ids import derived
from faultwire.domain.instants import Instant, rfc3339

IDS_KEPT = 4096
REASONS_KEPT = 10
NAME_CHARACTERS = 200

_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class News:
    """Something that a webhook has to tell; `id` names it over all tries."""

    id: str
    body: Mapping[str, object]


class Watch:
    """One installation, however many of its processes beat."""

    def __init__(self, after_ns: int, started: Instant) -> None:
        """Expect a beat at least every `after_ns`, the first one from the start on."""
        self._after_ns = after_ns
        self._started = started
        self._last = started
        self._heard = False
        self._silent = False
        self._name = ""
        self._reasons: tuple[str, ...] = ()
        self._ids: OrderedDict[str, None] = OrderedDict()
        self.news: deque[News] = deque()

    @property
    def silent(self) -> bool:
        """Whether it has been told that the installation is silent, and not that it is back."""
        return self._silent

    def beat(self, message_id: str, body: Mapping[str, object], now: Instant) -> None:
        """Take a beat; one that came before, by its id, is no news."""
        if message_id in self._ids:
            return
        self._ids[message_id] = None
        if len(self._ids) > IDS_KEPT:
            self._ids.popitem(last=False)
        self._name = _short(body.get("name"))
        if body.get("well") is not True:
            self._reasons = _reasons(body.get("reasons"))
            return
        self._heard = True
        seconds = self._seconds(now)
        self._last = now
        self._reasons = ()
        if self._silent:
            self._silent = False
            self._tell(now, current="ok", why=f"it beats again, after {seconds} s")

    def look(self, now: Instant) -> None:
        """Find out whether it has been silent for too long."""
        if not self._silent and self.left_ns(now) <= 0:
            self._silent = True
            seconds = self._seconds(now)
            why = f"no beat for {seconds} s" if self._heard else f"no beat at all for {seconds} s"
            if self._reasons:
                why = f"{why}; it says that it is not well: {'; '.join(self._reasons)}"
            self._tell(now, current="alarm", why=why)

    def left_ns(self, now: Instant) -> int:
        """Return how long the silence may last from now on."""
        return self._after_ns - _between(self._last, now)

    def shown(self, now: Instant) -> dict[str, object]:
        """Return the state for people."""
        return {
            "name": self._name,
            "silent": self.silent,
            "last_beat_at": self._last_beat_at(),
            "seconds_since": self._seconds(now),
            "reasons": list(self._reasons),
            "undelivered": len(self.news),
        }

    def _seconds(self, now: Instant) -> int:
        return _between(self._last, now) // _NS

    def _last_beat_at(self) -> str | None:
        return rfc3339(self._last.wall_ns) if self._heard else None

    def _tell(self, now: Instant, *, current: str, why: str) -> None:
        """Queue a webhook in the shape of an alarm, so that consumers of alarms take it."""
        who = self._name or "the installation"
        body = {
            "alarm_id": derived("deadman", self._started.wall_ns),
            "alarm_name": "faultwire is silent",
            "severity": "critical",
            "previous": "ok" if current == "alarm" else "alarm",
            "current": current,
            "reason": f"{who}: {why}",
            "reason_data": {
                "type": "deadman",
                "name": self._name,
                "last_beat_at": self._last_beat_at(),
                "reasons": list(self._reasons),
                "told_at": rfc3339(now.wall_ns),
            },
        }
        name = derived("deadman", self._started.wall_ns, now.wall_ns, current)
        self.news.append(News(name, body))


def _between(earlier: Instant, later: Instant) -> int:
    return (later.mono_ns or 0) - (earlier.mono_ns or 0)


def _short(value: object) -> str:
    return value[:NAME_CHARACTERS] if isinstance(value, str) else ""


def _reasons(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        return ()
    return tuple(_short(one) for one in value[:REASONS_KEPT] if isinstance(one, str))

"""What guards look at: acts that were done, windows, the hold, and signs of life."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from faultwire.domain.acts import ActKind
from faultwire.domain.ids import FaultId, HostName

ON_HOSTS = frozenset({ActKind.FORCE_DOWN, ActKind.FENCE, ActKind.EVACUATE})
"""Acts after which a host's servers run nowhere, or elsewhere; marking ports only says so."""


class WindowKind(StrEnum):
    """Maintenance is of one host and planned; a silence is of all that its words match."""

    MAINTENANCE = "maintenance"
    SILENCE = "silence"


MATCHES = ("host", "zone", "rack", "aggregate", "switch", "type")
"""What a window may be about; one with several words needs all of them."""


@dataclass(frozen=True, slots=True)
class Window:
    """A time in which nothing is done to what it matches; owners are told all the same."""

    id: str
    kind: WindowKind
    from_ns: int
    to_ns: int
    matches: Mapping[str, str]
    reason: str = ""
    by: str = ""
    created_ns: int = 0

    def covers(self, now_ns: int) -> bool:
        """Whether it is on; its end does not belong to it."""
        return self.from_ns <= now_ns < self.to_ns

    @property
    def words(self) -> str:
        """What it is about, for people."""
        return " ".join(f"{key}={value}" for key, value in sorted(self.matches.items()))


@dataclass(frozen=True, slots=True)
class Hold:
    """Whether an operator stopped all acts at once, and who, when and why."""

    held: bool = False
    reason: str = ""
    by: str = ""
    since_ns: int = 0


NOT_HELD = Hold()


@dataclass(frozen=True, slots=True)
class Acted:
    """An act that guards let pass; limits count it. `shadow`: it was decided and not done."""

    id: str
    at_ns: int
    kind: ActKind
    host: HostName
    fault: FaultId | None
    asked_by: str = ""
    shadow: bool = False


@dataclass(frozen=True, slots=True)
class Sign:
    """Somebody hears a host, or servers on it: an agent, a prober, another vantage point.

    `source` and `words` stand in the record. Whoever gives signs leaves out what it no longer
    believes itself: a sign speaks of now.
    """

    source: str
    words: str


@dataclass(frozen=True, slots=True)
class Refused:
    """An act that a guard refused, as counted and logged."""

    kind: ActKind
    host: HostName
    guard: str
    words: str


@dataclass(frozen=True, slots=True)
class Guarded:
    """How the guards stand, for people: the hold, windows that are not over, recent acts."""

    hold: Hold = NOT_HELD
    windows: tuple[Window, ...] = ()
    acts: tuple[Acted, ...] = field(default=())

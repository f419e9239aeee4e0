"""What the lanes are made of: origins, destinations, chains and the tries under way."""

from collections import deque
from dataclasses import dataclass, field

from faultwire.domain.alarms import Delivery
from faultwire.notifier.delivery.ceilings import STANDINGS, Ceiling, Standing, clamped
from faultwire.notifier.settings import Settings

_MS = 1_000_000


@dataclass(frozen=True, slots=True)
class Sizes:
    """Numbers of tries at once, and times in nanoseconds."""

    ceiling: int = 1024
    origin_ceiling: int = 512
    window: int = 32
    slow_ns: int = 500_000_000
    deadline_ns: int = 5_000_000_000


def sizes_of(settings: Settings, open_files: int) -> Sizes:
    """Return the sizes that settings ask for, in a process that may open so many files."""
    slots, origin = clamped(settings, open_files)
    return Sizes(
        slots, origin, settings.window, settings.slow_ms * _MS, settings.deadline_ms * _MS
    )


@dataclass(slots=True, eq=False)
class Origin:
    """A scheme, host and port."""

    name: str
    ceiling: Ceiling
    destinations: int = 0
    runnable: tuple["deque[Destination]", ...] = field(
        default_factory=lambda: tuple(deque() for _ in STANDINGS)
    )
    offered: list[bool] = field(default_factory=lambda: [False for _ in STANDINGS])


@dataclass(slots=True, eq=False)
class Destination:
    """A project and a whole URL."""

    key: tuple[str, str]
    origin: Origin
    window: int = 1
    in_flight: int = 0
    failures: int = 0
    failed_ns: int = 0
    resting_until_ns: int = 0
    proven_until_ns: int = 0
    queued: bool = False
    timed: bool = False
    chains: "dict[str, Chain]" = field(default_factory=dict)
    # A heap: the oldest delivery first, so that what is too old is seen to be.
    ready: "list[tuple[int, int, Chain]]" = field(default_factory=list)
    pardonable: "dict[Chain, None]" = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Chain:
    """The deliveries of one alarm to one destination, in their order."""

    destination: Destination
    items: deque[Delivery]
    due_ns: int | None = None
    pardons: int = 0


@dataclass(slots=True, eq=False)
class Flight:
    """One try under way; `overdue` says why it has to end, empty while it need not.

    Who makes the try sets `started_ns`, in the order of `take`; it is not overdue before. One
    that is `forgotten` is no longer ours to repeat.
    """

    delivery: Delivery
    standing: Standing
    taken_ns: int
    chain: Chain
    started_ns: int = 0
    slow: bool = False
    yielded: bool = False
    overdue: str = ""
    forgotten: bool = False

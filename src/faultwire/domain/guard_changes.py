"""Changes of what guards look at."""

from dataclasses import dataclass

from faultwire.domain.guarding import Acted, Hold, Refused, Window


@dataclass(frozen=True, slots=True)
class HoldSaved:
    """All acts are held from now on, or no longer."""

    hold: Hold


@dataclass(frozen=True, slots=True)
class WindowsSaved:
    """Windows that are new."""

    windows: tuple[Window, ...]


@dataclass(frozen=True, slots=True)
class WindowsRemoved:
    """Windows that are gone, by id."""

    windows: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ActsDone:
    """Acts that guards let pass."""

    acts: tuple[Acted, ...]


@dataclass(frozen=True, slots=True)
class ActsNoted:
    """What this process let pass, at which reading of its monotonic clock, and what it refused.

    Memory of this process alone: another one's clock means nothing here.
    """

    mono_ns: int | None
    acts: tuple[Acted, ...] = ()
    refused: tuple[Refused, ...] = ()


GuardChange = HoldSaved | WindowsSaved | WindowsRemoved | ActsDone | ActsNoted

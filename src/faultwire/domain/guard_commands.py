"""Requests of operators that concern guards."""

from dataclasses import dataclass

from faultwire.domain.accounts import Actor
from faultwire.domain.guarding import Window
from faultwire.domain.ids import FaultId


@dataclass(frozen=True, slots=True)
class SetHold:
    """Stop all acts at once, or let them go on; answers the `Hold`. Notification goes on."""

    held: bool
    reason: str
    actor: Actor


@dataclass(frozen=True, slots=True)
class SaveWindow:
    """Keep a new window; answers it, its host by its full name.

    Raises Invalid for one that ends before it begins or is over, and for what the map lacks.
    """

    window: Window
    actor: Actor


@dataclass(frozen=True, slots=True)
class RemoveWindow:
    """End a window; raises NotFound."""

    window: str
    actor: Actor


@dataclass(frozen=True, slots=True)
class ActOnFault:
    """Ask the guards again about what they refused for an open fault; answers the `Fault`.

    Without an actor it is asked because a sign of life is over. With one it is an operator's own
    wish, which limits do not bind. Raises NotFound for a fault that is closed or unknown, and
    Conflict with the guard's words where an operator's wish is refused.
    """

    fault: FaultId
    actor: Actor | None = None


GuardCommand = SetHold | SaveWindow | RemoveWindow | ActOnFault

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
    """Do what guards refused for an open fault, at an operator's word; answers the `Fault`.

    Limits do not bind it. Raises NotFound for a fault that is closed or unknown, and Conflict
    where nothing was refused, or with the guard's words where it is refused still. Without an
    actor nobody asks for it: a sign of life that spoke against a verdict of ours is over.
    """

    fault: FaultId
    actor: Actor | None = None


GuardCommand = SetHold | SaveWindow | RemoveWindow | ActOnFault

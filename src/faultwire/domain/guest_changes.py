"""Changes of database guests, and of the tasks that are done for operators."""

from dataclasses import dataclass

from faultwire.domain.ids import GuestId
from faultwire.domain.resources import Guest
from faultwire.domain.tasks import Task


@dataclass(frozen=True, slots=True)
class GuestsSaved:
    """Guests that are new or changed."""

    guests: tuple[Guest, ...]


@dataclass(frozen=True, slots=True)
class GuestsRemoved:
    """Guests that are gone, with their agents' credentials and causes."""

    guests: tuple[GuestId, ...]


@dataclass(frozen=True, slots=True)
class TasksSaved:
    """Tasks that are new, or further than before."""

    tasks: tuple[Task, ...]


GuestChange = GuestsSaved | GuestsRemoved | TasksSaved

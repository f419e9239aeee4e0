"""Changes of host_status that owners have yet to hear of, in memory, oldest first (D19)."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from faultwire.domain import changes
from faultwire.domain.services import OwedStatus


class OwedStatuses:
    """The book; written on the event loop alone."""

    def __init__(self, rows: Iterable[OwedStatus] = ()) -> None:
        """Take what is owed, oldest first."""
        self._rows = {row.id: row for row in rows}
        self._appliers: dict[type, Callable[[Any], None]] = {
            changes.StatusesOwed: lambda c: self._rows.update((row.id, row) for row in c.statuses),
            changes.StatusesTold: self._told,
        }

    def apply(self, change: changes.Change) -> None:
        """Take one committed change; types that do not concern the book are passed over."""
        applier = self._appliers.get(type(change))
        if applier is not None:
            applier(change)

    def __len__(self) -> int:
        """Return how many changes are owed."""
        return len(self._rows)

    def __iter__(self) -> Iterator[OwedStatus]:
        """Give what is owed, oldest first."""
        return iter(self._rows.values())

    def oldest(self) -> OwedStatus | None:
        """Return what is owed for longest."""
        return next(iter(self._rows.values()), None)

    def _told(self, change: changes.StatusesTold) -> None:
        for name in change.ids:
            self._rows.pop(name, None)

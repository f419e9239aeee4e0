"""Alerts that no row of the mapping fits, in memory, the one heard of longest ago first."""

from collections.abc import Callable, Iterator
from typing import Any

from faultwire.domain import changes
from faultwire.domain.signals import UnmappedAlert, UnmappedRemoved, UnmappedSaved


class UnmappedBook:
    """The book; written on the event loop alone."""

    def __init__(self) -> None:
        """Hold none."""
        self._rows: dict[str, UnmappedAlert] = {}
        self._appliers: dict[type, Callable[[Any], None]] = {
            UnmappedSaved: self._saved,
            UnmappedRemoved: self._removed,
        }

    def apply(self, change: changes.Change) -> None:
        """Take one committed change; types that do not concern the book are passed over."""
        applier = self._appliers.get(type(change))
        if applier is not None:
            applier(change)

    def get(self, name: str) -> UnmappedAlert | None:
        """Return an alert by its id."""
        return self._rows.get(name)

    def __iter__(self) -> Iterator[UnmappedAlert]:
        """Give all, the one heard of longest ago first."""
        return iter(self._rows.values())

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._rows)

    def _saved(self, change: UnmappedSaved) -> None:
        for row in sorted(change.alerts, key=lambda one: one.last_ns):
            self._rows.pop(row.id, None)
            self._rows[row.id] = row

    def _removed(self, change: UnmappedRemoved) -> None:
        for name in change.ids:
            self._rows.pop(name, None)

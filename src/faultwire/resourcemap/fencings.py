"""What is known of hosts' power and owed to be done about it, in memory."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from faultwire.domain import changes
from faultwire.domain.fencing import Fencing, FencingsRemoved, FencingsSaved, FencingState
from faultwire.domain.ids import HostName


class FencingBook:
    """One record a host; written on the event loop alone."""

    def __init__(self, rows: Iterable[Fencing] = ()) -> None:
        """Take what is stored."""
        self._rows = {row.host: row for row in rows}
        self._wanted = {row.host for row in rows if row.state is FencingState.WANTED}
        self._appliers: dict[type, Callable[[Any], None]] = {
            FencingsSaved: self._saved,
            FencingsRemoved: lambda c: self._removed(c.hosts),
            changes.HostsRemoved: lambda c: self._removed(c.hosts),
        }

    def apply(self, change: changes.Change) -> None:
        """Take one committed change; types that do not concern the book are passed over."""
        applier = self._appliers.get(type(change))
        if applier is not None:
            applier(change)

    def of(self, host: HostName) -> Fencing | None:
        """Return the record of a host."""
        return self._rows.get(host)

    def wanted(self) -> tuple[Fencing, ...]:
        """Return what is owed, by name of the host."""
        return tuple(self._rows[host] for host in sorted(self._wanted))

    def __iter__(self) -> Iterator[Fencing]:
        """Give all records, by name of the host."""
        return iter([self._rows[host] for host in sorted(self._rows)])

    def _saved(self, change: FencingsSaved) -> None:
        for row in change.fencings:
            self._rows[row.host] = row
            if row.state is FencingState.WANTED:
                self._wanted.add(row.host)
            else:
                self._wanted.discard(row.host)

    def _removed(self, hosts: Iterable[HostName]) -> None:
        for host in hosts:
            self._rows.pop(host, None)
            self._wanted.discard(host)

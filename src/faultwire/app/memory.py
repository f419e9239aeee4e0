"""Everything in memory that follows the ledger, kept in step by one call."""

from collections.abc import Callable, Iterable
from typing import Protocol

from faultwire.domain.changes import Change
from faultwire.resourcemap.holds import Holds
from faultwire.resourcemap.index import ResourceMap
from faultwire.resourcemap.scratch import MapScratch


class Follower(Protocol):
    """An index that takes committed changes one by one."""

    def apply(self, change: Change) -> None:
        """Take one change, or pass it over."""


class Followers:
    """Implements `ports.Memory`: map, holds, alarm index and directory, in this order."""

    def __init__(self, inventory: ResourceMap, holds: Holds, *others: Follower) -> None:
        """Take every follower; they are written through `apply` and nowhere else."""
        self._inventory = inventory
        self._holds = holds
        followers: tuple[Follower, ...] = (inventory, holds, *others)
        self._appliers: list[Callable[[Change], None]] = [follower.apply for follower in followers]

    def follow(self, apply: Callable[[Change], None]) -> None:
        """Have somebody who came later take committed changes too, after all others."""
        self._appliers.append(apply)

    def scratch(self) -> MapScratch:
        """Return a fresh overlay for one command."""
        return MapScratch(self._inventory, self._holds)

    def apply(self, changes: Iterable[Change]) -> None:
        """Make committed changes visible; on the loop."""
        for change in changes:
            for apply in self._appliers:
                apply(change)

"""Everything in memory that follows the ledger, kept in step by one call."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from functools import cache
from typing import Any, Protocol

from faultwire.domain.changes import Change
from faultwire.domain.decided import Work
from faultwire.resourcemap.holds import Holds
from faultwire.resourcemap.index import ResourceMap
from faultwire.resourcemap.scratch import MapScratch

AT_ONCE = 256
"""Values of one change that are made visible between two breathing points."""


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
            self._one(change)

    def steps(self, changes: Iterable[Change]) -> Work[None]:
        """Do what `apply` does in slices; between two of them others see a part of it.

        What others see is whole for each value, and the lane serves no other command meanwhile.
        """
        for change in changes:
            for piece in _pieces(change):
                self._one(piece)
                yield

    def _one(self, change: Change) -> None:
        for apply in self._appliers:
            apply(change)


def _pieces(change: Any) -> Iterator[Change]:
    """Part a change that is nothing but a list of values, each of which stands for itself."""
    kind: Any = type(change)
    name = _list_of(kind)
    values = getattr(change, name) if name else ()
    if not isinstance(values, tuple) or len(values) <= AT_ONCE:
        yield change
        return
    for start in range(0, len(values), AT_ONCE):
        yield type(change)(values[start : start + AT_ONCE])


@cache
def _list_of(kind: type[Any]) -> str | None:
    names = [field.name for field in fields(kind)]
    return names[0] if len(names) == 1 else None

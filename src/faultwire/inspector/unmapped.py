"""Decisions on alerts that no row of the mapping fits: kept, counted, bounded."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import islice
from typing import Any

from faultwire.domain.changes import Change
from faultwire.domain.decided import Decided, Deciding
from faultwire.domain.instants import Instant
from faultwire.domain.signals import (
    MOST_KEPT,
    ForgetUnmapped,
    NoteUnmapped,
    UnmappedAlert,
    UnmappedRemoved,
    UnmappedSaved,
)
from faultwire.ports import Decider, View

Get = Callable[[str], UnmappedAlert | None]
All = Callable[[], Iterable[UnmappedAlert]]


class NoteDecider:
    """Keeps them; the same labels from one source are one alert that came again."""

    def __init__(
        self,
        get: Callable[[str], UnmappedAlert | None],
        all_: Callable[[], Iterable[UnmappedAlert]],
    ) -> None:
        """Take what is kept, by id and all of it, oldest first."""
        self._get = get
        self._all = all_

    def decide(self, command: NoteUnmapped, view: View, now: Instant) -> Deciding:
        """Add to what is kept; the oldest give way where there are too many."""
        del view, now
        yield None
        new: dict[str, UnmappedAlert] = {}
        for alert in command.alerts:
            known = new.get(alert.id) or self._get(alert.id)
            new[alert.id] = alert if known is None else _again(alert, known)
        kept = [one.id for one in self._all() if one.id not in new]
        newest = tuple(new.values())[-MOST_KEPT:]
        over = max(len(kept) + len(newest) - MOST_KEPT, 0)
        changes: list[Change] = [UnmappedSaved(newest)]
        if over:
            changes.append(UnmappedRemoved(tuple(islice(kept, over))))
        return Decided(changes=tuple(changes))


class ForgetDecider:
    """Dismisses them."""

    def __init__(self, all_: All) -> None:
        """Take what is kept."""
        self._all = all_

    def decide(self, command: ForgetUnmapped, view: View, now: Instant) -> Deciding:
        """Answer how many there were."""
        del view, now
        yield None
        wanted = None if command.ids is None else frozenset(command.ids)
        gone = tuple(one.id for one in self._all() if wanted is None or one.id in wanted)
        return Decided(len(gone), (UnmappedRemoved(gone),) if gone else ())


def _again(alert: UnmappedAlert, known: UnmappedAlert) -> UnmappedAlert:
    return replace(alert, count=known.count + alert.count, first_ns=known.first_ns)


def deciders(get: Get, all_: All) -> dict[type, Decider[Any]]:
    """Return who decides on commands of unmapped alerts."""
    return {NoteUnmapped: NoteDecider(get, all_), ForgetUnmapped: ForgetDecider(all_)}

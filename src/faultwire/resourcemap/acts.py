"""Acts that were done, windows and the hold, in memory, and which host belongs to which domain."""

from bisect import bisect, insort
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain, islice
from operator import attrgetter
from typing import Any

from faultwire.domain import changes, guard_changes
from faultwire.domain.guarding import NOT_HELD, Acted, Hold, Window
from faultwire.domain.ids import HostName
from faultwire.domain.instants import Instant
from faultwire.domain.resources import Host

KEPT_NS = 86_400_000_000_000
"""How long acts are remembered: no limit looks further back."""

FORGET_NS = 2 * KEPT_NS
MOST_OURS = 10_000
"""Age of the oldest act of ours, or number of them, at which those that are over are forgotten."""

FORGOTTEN = 8
"""The oldest acts that are looked at with every new one: more are never forgotten at once."""

CLOUD = "cloud"
"""The domain that every host belongs to."""


def domains_of(host: Host) -> tuple[str, ...]:
    """Return what may fail as one with a host inside: ``cloud``, ``zone z``, ``rack r``, ..."""
    found = {CLOUD: None}
    if host.zone:
        found[f"zone {host.zone}"] = None
    if host.rack:
        found[f"rack {host.rack}"] = None
    found.update((f"aggregate {name}", None) for name in host.aggregates)
    found.update((f"switch {one.switch}", None) for one in host.interfaces if one.switch)
    return tuple(found)


class ActBook:
    """Follows the ledger; written on the event loop alone.

    An act's age is told by the monotonic clock where this process saw it done, so that no jump
    of the wall moves it; by the wall where another process did, or this one before its start.
    """

    def __init__(self) -> None:
        """Start with no host, no window, no act and nothing held."""
        self.hold: Hold = NOT_HELD
        self._windows: dict[str, Window] = {}
        # Of other processes, or from before our start: by the wall. Ours: by when they were seen.
        self._told: dict[str, Acted] = {}
        self._seen: list[tuple[int, str, Acted]] = []
        self._ours: set[str] = set()
        self._domains: dict[HostName, tuple[str, ...]] = {}
        self._sizes: Counter[str] = Counter()
        self._appliers: dict[type, Callable[[Any], None]] = {
            changes.HostsSaved: self._hosts_saved,
            changes.HostsRemoved: self._hosts_removed,
            guard_changes.HoldSaved: self._hold_saved,
            guard_changes.WindowsSaved: lambda c: self._windows.update(
                (one.id, one) for one in c.windows
            ),
            guard_changes.WindowsRemoved: self._windows_removed,
            guard_changes.ActsDone: self._acts_done,
            guard_changes.ActsNoted: self._acts_noted,
        }

    def apply(self, change: changes.Change) -> None:
        """Take one committed change; types that do not concern guards are passed over."""
        applier = self._appliers.get(type(change))
        if applier is not None:
            applier(change)

    def windows(self) -> tuple[Window, ...]:
        """Return all windows that are kept, earliest first."""
        return tuple(sorted(self._windows.values(), key=lambda one: (one.from_ns, one.id)))

    def window(self, name: str) -> Window | None:
        """Return a window by id."""
        return self._windows.get(name)

    def open_windows(self, now_ns: int) -> Iterator[Window]:
        """Give the windows that are on."""
        return (one for one in self._windows.values() if one.covers(now_ns))

    def acts(self) -> Iterator[Acted]:
        """Give the acts of the last day, oldest first."""
        ours = (act for _, _, act in self._seen)
        return iter(sorted(chain(self._told.values(), ours), key=attrgetter("at_ns", "id")))

    def recent(self, now: Instant, window_ns: int) -> Iterator[Acted]:
        """Give the acts that are younger than so long; one of the future is young.

        It takes as long as there are young ones of ours, and any of others.
        """
        for act in self._told.values():
            if now.wall_ns - act.at_ns < window_ns:
                yield act
        for seen, _, act in reversed(self._seen):
            age = now.wall_ns - act.at_ns if now.mono_ns is None else now.mono_ns - seen
            if age < window_ns:
                yield act
            elif now.mono_ns is not None:
                return

    def domains(self, host: HostName) -> tuple[str, ...]:
        """Return the domains of a host; none for one that is not in the map."""
        return self._domains.get(host, ())

    def size(self, domain: str) -> int:
        """Return how many hosts belong to a domain."""
        return self._sizes[domain]

    def sizes(self) -> Mapping[str, int]:
        """Return how many hosts belong to each domain that has any."""
        return {name: count for name, count in self._sizes.items() if count}

    def _acts_done(self, change: guard_changes.ActsDone) -> None:
        self._told.update((act.id, act) for act in change.acts if act.id not in self._ours)
        newest = max((act.at_ns for act in change.acts), default=0)
        for name in tuple(islice(self._told, FORGOTTEN)):
            if self._told[name].at_ns < newest - KEPT_NS:
                del self._told[name]

    def _acts_noted(self, change: guard_changes.ActsNoted) -> None:
        if change.mono_ns is None or not change.acts:
            return
        for act in change.acts:
            self._told.pop(act.id, None)
            if act.id not in self._ours:
                self._ours.add(act.id)
                insort(self._seen, (change.mono_ns, act.id, act))
        if len(self._seen) > MOST_OURS or self._seen[0][0] < change.mono_ns - FORGET_NS:
            old = bisect(self._seen, (change.mono_ns - KEPT_NS,))
            self._ours.difference_update(name for _, name, _ in self._seen[:old])
            del self._seen[:old]

    def _hold_saved(self, change: guard_changes.HoldSaved) -> None:
        self.hold = change.hold

    def _windows_removed(self, change: guard_changes.WindowsRemoved) -> None:
        for name in change.windows:
            self._windows.pop(name, None)

    def _hosts_saved(self, change: changes.HostsSaved) -> None:
        for host in change.hosts:
            now, before = domains_of(host), self._domains.get(host.name, ())
            if now != before:
                self._count(before, -1)
                self._count(now, 1)
                self._domains[host.name] = now

    def _hosts_removed(self, change: changes.HostsRemoved) -> None:
        for name in change.hosts:
            self._count(self._domains.pop(name, ()), -1)

    def _count(self, domains: Iterable[str], by: int) -> None:
        for name in domains:
            self._sizes[name] += by

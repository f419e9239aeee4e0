"""Decisions on the hold, on maintenance and on silences."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from faultwire.domain.accounts import AuditRecord
from faultwire.domain.changes import Audited
from faultwire.domain.decided import Decided, Deciding
from faultwire.domain.errors import Invalid, NotFound
from faultwire.domain.faults import ACTS_REFUSED, FAULT_TYPES, identity_of
from faultwire.domain.guard_changes import HoldSaved, WindowsRemoved, WindowsSaved
from faultwire.domain.guard_commands import RemoveWindow, SaveWindow, SetHold
from faultwire.domain.guarding import MATCHES, NOT_HELD, Hold, Window, WindowKind
from faultwire.domain.instants import Instant, rfc3339
from faultwire.inspector import clearing
from faultwire.inspector.settings import Settings
from faultwire.ports import Decider, View
from faultwire.resourcemap.acts import ActBook

OVER_NS = 7 * 86_400_000_000_000
"""How long windows that are over are kept; the next new one takes them away."""


class HoldDecider:
    """Stops all acts at once, and lets them go on."""

    def __init__(self, settings: Settings, book: ActBook) -> None:
        """Take the settings, and the book, which is only read."""
        self._settings = settings
        self._book = book

    def decide(self, command: SetHold, view: View, now: Instant) -> Deciding:
        """Answer the hold; to hold what is held already changes nothing but the reason."""
        before, actor = self._book.hold, command.actor
        yield None
        if not command.held:
            if not before.held:
                return Decided(answer=NOT_HELD)
            fault = view.open_fault(identity_of(ACTS_REFUSED, {"guard": "hold"}))
            if fault is not None:
                yield from clearing.close(fault, actor.user, view, now, self._settings)
            line = AuditRecord(now.wall_ns, actor, "acts.release", "all", command.reason)
            return Decided(NOT_HELD, (HoldSaved(NOT_HELD), Audited((line,))))
        since = before.since_ns if before.held else now.wall_ns
        hold = Hold(held=True, reason=command.reason, by=actor.user, since_ns=since)
        if before.held and before.reason == hold.reason:
            return Decided(answer=before)
        line = AuditRecord(now.wall_ns, actor, "acts.hold", "all", command.reason)
        return Decided(hold, (HoldSaved(hold), Audited((line,))))


class SaveWindowDecider:
    """Keeps new windows; several may overlap, and each of them counts."""

    def __init__(self, book: ActBook) -> None:
        """Take the book, which is only read."""
        self._book = book

    def decide(self, command: SaveWindow, view: View, now: Instant) -> Deciding:
        """Answer the window as it is kept."""
        window = command.window
        if window.to_ns <= window.from_ns:
            raise Invalid("to", f"must be after from ({rfc3339(window.from_ns)})")
        if window.to_ns <= now.wall_ns:
            raise Invalid("to", "is over already")
        yield None
        matches = self._known(window, view)
        kept = replace(window, matches=matches, by=command.actor.user, created_ns=now.wall_ns)
        gone = tuple(one.id for one in self._book.windows() if one.to_ns < now.wall_ns - OVER_NS)
        until = f"{kept.words} until {rfc3339(kept.to_ns)}"
        line = AuditRecord(now.wall_ns, command.actor, f"{kept.kind.value}.create", kept.id, until)
        changes = (WindowsSaved((kept,)), Audited((line,)))
        return Decided(kept, (WindowsRemoved(gone), *changes) if gone else changes)

    def _known(self, window: Window, view: View) -> dict[str, str]:
        """Return what it matches, a host by its full name; raises Invalid for what is unknown."""
        matches = dict(window.matches)
        if not matches:
            raise Invalid("", f"say what it is about: one of {', '.join(MATCHES)}")
        if window.kind is WindowKind.MAINTENANCE and set(matches) != {"host"}:
            raise Invalid("", "a maintenance is about one host")
        for key, name in matches.items():
            if key == "host":
                matches[key] = _host(name, view)
            elif key == "type":
                if name not in FAULT_TYPES:
                    raise Invalid(key, f"no such type of fault: {name}")
            elif key not in MATCHES:
                raise Invalid(key, f"is none of {', '.join(MATCHES)}")
            elif not self._book.size(f"{key} {name}") and not _is_switch(key, name, view):
                raise Invalid(key, f"no host of the map belongs to {key} {name}")
        return matches


class RemoveWindowDecider:
    """Ends windows before their time."""

    def __init__(self, look: Callable[[str], Window | None]) -> None:
        """Take the look-up by id, which is only read."""
        self._look = look

    def decide(self, command: RemoveWindow, view: View, now: Instant) -> Deciding:
        """Answer the window that is gone."""
        del view
        window = self._look(command.window)
        yield None
        if window is None:
            raise NotFound(f"no window {command.window}")
        action = f"{window.kind.value}.delete"
        line = AuditRecord(now.wall_ns, command.actor, action, window.id, window.words)
        return Decided(window, (WindowsRemoved((window.id,)), Audited((line,))))


def deciders(settings: Settings, book: ActBook) -> dict[type, Decider[Any]]:
    """Return who decides on the hold and on windows."""
    return {
        SetHold: HoldDecider(settings, book),
        SaveWindow: SaveWindowDecider(book),
        RemoveWindow: RemoveWindowDecider(book.window),
    }


def _host(name: str, view: View) -> str:
    found: Iterable[str] = view.match_host(name)
    names = sorted(found)
    if len(names) == 1:
        return names[0]
    if names:
        raise Invalid("host", f"{name} is the short name of {' and '.join(names)}")
    raise Invalid("host", f"no host {name} in the map")


def _is_switch(key: str, name: str, view: View) -> bool:
    return key == "switch" and any(one.name == name for one in view.switches())

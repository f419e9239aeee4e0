"""Rows of what guards look at: the hold, windows, acts that were done."""

from typing import Any

from sqlalchemy import Select, select

from faultwire.domain.acts import ActKind
from faultwire.domain.guarding import Acted, Hold, Window, WindowKind
from faultwire.store import schema
from faultwire.store.codec import text
from faultwire.store.statements import Row

ALL = "all"
"""The key of the one row that says whether all acts are held."""

DAY_NS = 86_400_000_000_000


def hold_row(hold: Hold) -> Row:
    """Return the row of the hold."""
    return ALL, hold.held, hold.reason, hold.by, hold.since_ns


def hold_of(row: Row) -> Hold:
    """Return the hold of a row."""
    _, held, reason, by, since_ns = row
    return Hold(bool(held), reason, by, since_ns)


def window_row(window: Window) -> Row:
    """Return a row of windows."""
    return (
        window.id,
        window.kind.value,
        window.from_ns,
        window.to_ns,
        text(dict(window.matches)),
        window.reason,
        window.by,
        window.created_ns,
    )


def window_of(row: Row) -> Window:
    """Return the window of a row."""
    name, kind, from_ns, to_ns, matches, reason, by, created_ns = row
    return Window(name, WindowKind(kind), from_ns, to_ns, matches, reason, by, created_ns)


def acted_row(act: Acted) -> Row:
    """Return a row of acts."""
    return act.id, act.at_ns, act.kind.value, act.host, act.fault, act.asked_by, act.shadow


def acted_of(row: Row) -> Acted:
    """Return the act of a row."""
    name, at_ns, kind, host, fault, asked_by, shadow = row
    return Acted(name, at_ns, ActKind(kind), host, fault, asked_by, bool(shadow))


def recent_acts(now_ns: int) -> Select[Any]:
    """Return the acts of the last day, oldest first: no limit looks further back."""
    acts = schema.acts
    return (
        select(*acts.columns)
        .where(acts.c.at_ns > now_ns - DAY_NS)
        .order_by(acts.c.at_ns, acts.c.id)
    )

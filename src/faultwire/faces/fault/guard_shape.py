"""The hold, windows and acts as this face writes them."""

from typing import Any

from faultwire.domain.explaining import Explanation
from faultwire.domain.guarding import Acted, Hold, Window
from faultwire.domain.instants import rfc3339


def hold_row(hold: Hold) -> dict[str, Any]:
    """Return whether acts are held, by whom, since when and why."""
    return {
        "held": hold.held,
        "reason": hold.reason,
        "by": hold.by,
        "since": rfc3339(hold.since_ns) if hold.held else None,
    }


def window_row(window: Window, now_ns: int) -> dict[str, Any]:
    """Return a window; `state` is one of planned, on, over."""
    over = "over" if now_ns >= window.to_ns else "planned"
    return {
        "id": window.id,
        "kind": window.kind.value,
        "state": "on" if window.covers(now_ns) else over,
        "from": rfc3339(window.from_ns),
        "to": rfc3339(window.to_ns),
        "matches": dict(window.matches),
        "reason": window.reason,
        "by": window.by,
        "created_at": rfc3339(window.created_ns),
    }


def acted_row(act: Acted) -> dict[str, Any]:
    """Return an act that guards let pass."""
    return {
        "id": act.id,
        "at": rfc3339(act.at_ns),
        "act": act.kind.value,
        "host": act.host,
        "fault": act.fault,
        "asked_by": act.asked_by,
        "shadow": act.shadow,
    }


def explained(explanation: Explanation) -> dict[str, Any]:
    """Return a fault in words."""
    sections = [{"title": one.title, "lines": list(one.lines)} for one in explanation.sections]
    return {"summary": explanation.summary, "sections": sections}

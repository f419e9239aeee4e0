"""A line of the history of alarms, as Aodh shows it; pure."""

from faultwire.domain.aodh import Document, naive
from faultwire.domain.queries import HistoryLine


def line_document(line: HistoryLine) -> Document:
    """Return a line; `user_id` is null where no user made it.

    Both projects are the alarm's: who acted in the place of its owner is in the audit record.
    """
    return {
        "event_id": line.event_id,
        "alarm_id": line.alarm_id,
        "type": line.kind,
        "detail": line.detail,
        "project_id": line.project,
        "user_id": line.user or None,
        "on_behalf_of": line.project,
        "timestamp": naive(line.at_ns),
    }

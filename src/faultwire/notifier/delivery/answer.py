"""What a consumer's answer says of when it had the alarm and was done with it (D2)."""

from datetime import UTC, datetime, timedelta

import orjson

SLACK_NS = 5_000_000
"""How far a consumer's clock may be off before its times are not believed."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def times_of(body: bytes, began_ns: int, ended_ns: int) -> tuple[int | None, int | None]:
    """Return T09 and T10 as ``{"received_at", "handled_at"}`` says, as far as it can be true.

    All times are wall nanoseconds. One is believed if it lies between the start of the request
    and the end of the answer, by this machine's clock; a little outside counts as the edge.
    Anything else is None and no error.
    """
    if not body.startswith(b"{"):
        return None, None
    try:
        stated = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None, None
    received_ns = _between(stated.get("received_at"), began_ns, ended_ns)
    if received_ns is None:
        return None, None
    return received_ns, _between(stated.get("handled_at"), received_ns, ended_ns)


def _between(stated: object, first_ns: int, last_ns: int) -> int | None:
    if not isinstance(stated, str) or len(stated) > 40:
        return None
    try:
        wall_ns = (datetime.fromisoformat(stated) - _EPOCH) // _MICROSECOND * 1000
    except (ValueError, TypeError, OverflowError):
        # No time, or one without its zone, which says nothing.
        return None
    if not first_ns - SLACK_NS <= wall_ns <= last_ns + SLACK_NS:
        return None
    return min(max(wall_ns, first_ns), last_ns)

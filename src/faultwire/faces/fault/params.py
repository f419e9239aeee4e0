"""Query parameters of this face, from text to values; errors name the parameter."""

import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime

from starlette.requests import Request

from faultwire.domain.errors import Invalid
from faultwire.domain.faults import FaultState

PAGE, LARGEST_PAGE = 100, 1000
FAULTS = {
    "host": "Faults of this host, by its name or its one short name.",
    "state": "One of open, unmatched, closed.",
    "since": "Opened then or later: ISO 8601, UTC where it has no zone.",
    "limit": f"Rows of a page, 1 to {LARGEST_PAGE}; {PAGE} where it is left out.",
    "marker": "The id of the last fault of the page before.",
    "whole": "true: with evidence, plan and decisions, as a history needs them.",
}
AUDIT = {
    "action": "Lines of this action, or of a family: user stands for user.create and the like.",
    "user": "What this user or credential did, by id.",
    "target": "What was done to this, as the lines have it.",
    "since": FAULTS["since"].replace("Opened", "Done"),
    "until": "Done before then, in the same form.",
    "limit": FAULTS["limit"],
    "marker": "The id of the last line of the page before.",
}
IMPORT = {
    "force": "true: more than a tenth of a kind may be removed.",
    "dry_run": "true: answer what would change, change nothing.",
}

_FLAGS = {"true": True, "1": True, "false": False, "0": False}
_LAST_NS = 2**63
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# A plus sign that was not escaped has become a space.
_LOST_PLUS = re.compile(r"(?<=\d) (?=\d\d:?\d\d\Z)")


def only(request: Request, known: Collection[str] = ()) -> Mapping[str, str]:
    """Return the query; raises Invalid naming a parameter that is not known here."""
    for key, value in request.query_params.items():
        if key not in known:
            there = f"there are {', '.join(known)}" if known else "there are none"
            raise Invalid(key[:255], f"is no parameter of this call: {there}")
        if "\x00" in value:
            raise Invalid(key, "holds a NUL character")
    return request.query_params


def flag(text: str | None, field: str) -> bool:
    """Return a truth, false where it is left out; raises Invalid."""
    found = _FLAGS.get("false" if text is None else text.lower())
    if found is None:
        raise Invalid(field, "must be true or false")
    return found


def state_of(text: str | None) -> FaultState | None:
    """Return the state of faults that is asked for; raises Invalid."""
    if text is None:
        return None
    try:
        return FaultState(text)
    except ValueError:
        known = ", ".join(state.value for state in FaultState)
        raise Invalid("state", f"must be one of {known}") from None


def limit_of(text: str | None) -> int:
    """Return the size of a page; raises Invalid."""
    if text is None:
        return PAGE
    if not text.isdecimal() or len(text) > 9 or not 1 <= int(text) <= LARGEST_PAGE:
        raise Invalid("limit", f"must be a number from 1 to {LARGEST_PAGE}")
    return int(text)


def since_ns(text: str | None, field: str = "since") -> int | None:
    """Return an ISO 8601 time of a query as wall ns; without a zone it is UTC."""
    if text is None:
        return None
    if "T" in text:
        text = _LOST_PLUS.sub("+", text)
    return wall_ns(text, field)


def wall_ns(text: str, field: str, *, zoned: bool = False) -> int:
    """Return an ISO 8601 time as wall ns; raises Invalid, also without a zone if `zoned`."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Invalid(field, "must be an ISO 8601 time") from None
    if moment.tzinfo is None:
        if zoned:
            raise Invalid(field, "must be an RFC 3339 time, with its zone")
        moment = moment.replace(tzinfo=UTC)
    since = moment - _EPOCH
    found = (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1000
    if not 0 <= found < _LAST_NS:
        raise Invalid(field, "must lie between 1970 and 2262")
    return found

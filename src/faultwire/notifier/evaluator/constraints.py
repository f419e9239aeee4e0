"""Time constraints: when an alarm is evaluated at all, in Aodh's terms (cron start, duration).

A constraint is a mapping: `name`, `start` (cron of five fields, see `cron`), `duration`
(seconds), `timezone` (a name of the IANA data base; empty or missing: UTC), `description`.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from faultwire.domain.errors import Invalid
from faultwire.notifier.evaluator.cron import Cron, parse_cron

Constraint = Mapping[str, object]

MINUTE_S = 60
"""The minute of a start always counts, even with a duration of 0."""

LONGEST_S = 100 * 365 * 86_400

FIELDS = frozenset({"name", "description", "start", "duration", "timezone"})

_LONGEST_TEXT = 255
_NS = 1_000_000_000
_TRANSITION = timedelta(hours=4)
"""No clock of the world is put forward or back by so much at once, one day in 1844 excepted."""


def check(constraint: object, path: str = "time_constraints") -> None:
    """Refuse a constraint that could never be evaluated; raises Invalid with the field's path."""
    if not isinstance(constraint, Mapping):
        raise Invalid(path, "a time constraint is an object")
    for key in constraint:
        if key not in FIELDS:
            raise Invalid(f"{path}.{key}", "unknown attribute")
    for key, needed in (("name", True), ("start", True), ("description", False)):
        _check_text(constraint.get(key), f"{path}.{key}", needed=needed)
    duration = constraint.get("duration")
    if isinstance(duration, bool) or not isinstance(duration, int):
        raise Invalid(f"{path}.duration", "must be a whole number of seconds")
    if not 0 <= duration <= LONGEST_S:
        raise Invalid(f"{path}.duration", f"must be between 0 and {LONGEST_S}")
    parse_cron(str(constraint["start"]), f"{path}.start")
    zone = constraint.get("timezone") or ""
    if not isinstance(zone, str) or _zone(zone) is None:
        raise Invalid(f"{path}.timezone", "no such time zone")


def _check_text(value: object, path: str, *, needed: bool) -> None:
    if value is None and not needed:
        return
    if not isinstance(value, str) or (needed and not value):
        raise Invalid(path, "must be a text" if value else "is missing")
    if len(value) > _LONGEST_TEXT:
        raise Invalid(path, f"is longer than {_LONGEST_TEXT} characters")


def check_all(constraints: Iterable[object], path: str = "time_constraints") -> None:
    """Check every constraint, and that no two of them have one name; raises Invalid."""
    names: set[str] = set()
    for number, constraint in enumerate(constraints):
        where = f"{path}[{number}]"
        check(constraint, where)
        name = str(constraint["name"]) if isinstance(constraint, Mapping) else ""
        if name in names:
            raise Invalid(f"{where}.name", f"another constraint has the name {name!r}")
        names.add(name)


def within(constraints: Iterable[Constraint], wall_ns: int) -> bool:
    """Whether an alarm with these constraints is evaluated now: in one of them, or has none.

    A constraint holds from its last start on for `duration` seconds, both ends counted, and at
    least for the minute of the start. One that `check` would refuse holds never.
    """
    any_ = False
    for constraint in constraints:
        any_ = True
        duration = constraint.get("duration")
        if not isinstance(duration, int):
            continue
        start, zone = str(constraint.get("start")), str(constraint.get("timezone") or "")
        begun = _last_start(start, zone, wall_ns // (MINUTE_S * _NS), max(duration, MINUTE_S))
        if begun is None:
            continue
        past_ns = wall_ns - begun * _NS
        if past_ns <= duration * _NS or past_ns < MINUTE_S * _NS:
            return True
    return not any_


@lru_cache(maxsize=1024)
def _last_start(start: str, zone: str, minute: int, reach_s: int) -> int | None:
    """Return the last start at or before a minute (since the epoch), in seconds; else None.

    Starts further back than `reach_s` may be left out.
    """
    where = _zone(zone)
    if where is None:
        return None
    try:
        cron = parse_cron(start)
    except Invalid:
        return None
    now = datetime.fromtimestamp(minute * MINUTE_S, UTC)
    local = now.astimezone(where).replace(tzinfo=None)
    earliest = local - timedelta(seconds=reach_s + MINUTE_S) - _TRANSITION
    if _steady(where, now):
        latest = cron.last(local, earliest)
        return None if latest is None else _seconds(latest, where)
    return _across_transition(cron, where, local, earliest, now)


def _across_transition(
    cron: Cron, where: tzinfo, local: datetime, earliest: datetime, now: datetime
) -> int | None:
    """Return the last start where the clock is put forward or back near to now.

    A time of day that is skipped means the one after the skip, one that comes twice the first.
    So the order of wall times is not that of moments, and all near ones are looked at.
    """
    limit = int(now.timestamp())
    best: int | None = None
    found = cron.last(local + _TRANSITION, earliest)
    while found is not None:
        moment = _seconds(found, where)
        if moment <= limit and (best is None or moment > best):
            best = moment
        if best is not None and found < local - _TRANSITION:
            break
        found = cron.last(found - timedelta(minutes=1), earliest)
    return best


def _steady(where: tzinfo, now: datetime) -> bool:
    before, after = now - 2 * _TRANSITION, now + 2 * _TRANSITION
    return before.astimezone(where).utcoffset() == after.astimezone(where).utcoffset()


def _seconds(wall: datetime, where: tzinfo) -> int:
    return int(wall.replace(tzinfo=where).timestamp())


@lru_cache(maxsize=256)
def _zone(name: str) -> tzinfo | None:
    if not name:
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None

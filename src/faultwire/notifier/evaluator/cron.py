"""Cron expressions of five fields: minute, hour, day of month, month, day of week."""

import calendar
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache

from faultwire.domain.errors import Invalid

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")

ALIASES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}

LONGEST = 255
"""Characters of an expression."""


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    least: int
    most: int
    words: tuple[str, ...] = ()
    first: int = 0


_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of month", 1, 31),
    _Field("month", 1, 12, _MONTHS, 1),
    # 7 is Sunday too.
    _Field("day of week", 0, 7, _DAYS),
)


@dataclass(frozen=True, slots=True)
class Cron:
    """An expression as sets of numbers; `weekdays` count from Sunday, 0.

    Where days of month and of week are both restricted, either will do, as in every cron.
    """

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]

    def last(self, until: datetime, earliest: datetime) -> datetime | None:
        """Return the last time at or before `until`, to the minute; None if before `earliest`.

        Times are wall times without a zone.
        """
        day, limit = until.date(), until.time()
        while day >= earliest.date():
            if day.month not in self.months:
                day, limit = day.replace(day=1) - timedelta(days=1), time.max
                continue
            at = self._last_of_day(limit) if self._falls_on(day) else None
            if at is not None:
                found = datetime.combine(day, at)
                return found if found >= earliest else None
            day, limit = day - timedelta(days=1), time.max
        return None

    def _falls_on(self, day: date) -> bool:
        of_month = day.day in self.days
        of_week = (day.weekday() + 1) % 7 in self.weekdays
        if len(self.days) < 31 and len(self.weekdays) < 7:
            return of_month or of_week
        return of_month and of_week

    def _last_of_day(self, limit: time) -> time | None:
        for hour in reversed(self.hours):
            if hour > limit.hour:
                continue
            for minute in reversed(self.minutes):
                if hour < limit.hour or minute <= limit.minute:
                    return time(hour, minute)
        return None


@lru_cache(maxsize=1024)
def parse_cron(text: str, path: str = "start") -> Cron:
    """Return the expression; raises Invalid, naming `path`, for what is none.

    A field is `*` or a list of numbers, ranges and names, each with a step if need be; ``?`` is
    `*`. One that never comes (30 February) is refused.
    """
    if len(text) > LONGEST:
        raise Invalid(path, f"is longer than {LONGEST} characters")
    parts = ALIASES.get(text.strip().lower(), text).split()
    if len(parts) != len(_FIELDS):
        raise Invalid(path, "a cron expression has five fields")
    numbers = [_numbers(part, field, path) for part, field in zip(parts, _FIELDS, strict=True)]
    minutes, hours, days, months, weekdays = numbers
    cron = Cron(
        tuple(sorted(minutes)),
        tuple(sorted(hours)),
        frozenset(days),
        frozenset(months),
        frozenset(day % 7 for day in weekdays),
    )
    # A leap year has all days that there are.
    longest = max(calendar.monthrange(2024, month)[1] for month in cron.months)
    if len(cron.weekdays) == 7 and min(cron.days) > longest:
        raise Invalid(path, "there is no such day in these months")
    return cron


def _numbers(text: str, field: _Field, path: str) -> set[int]:
    found: set[int] = set()
    for item in text.split(","):
        found.update(_item(item, field, path))
    return found


def _item(item: str, field: _Field, path: str) -> range:
    span, slash, step = item.partition("/")
    every = _number(step, field, path) if slash else 1
    if every < 1:
        raise _wrong(item, field, path)
    if span in {"*", "?"}:
        # A week has seven days: that both 0 and 7 are Sunday must not break a step.
        return range(field.least, min(field.most, 6 if field.words == _DAYS else 99) + 1, every)
    low, dash, high = span.partition("-")
    first = _value(low, field, path)
    last = _value(high, field, path) if dash else (field.most if slash else first)
    if not field.least <= first <= last <= field.most:
        raise _wrong(item, field, path)
    return range(first, last + 1, every)


def _value(text: str, field: _Field, path: str) -> int:
    name = text.lower()
    if name in field.words:
        return field.words.index(name) + field.first
    return _number(text, field, path)


def _number(text: str, field: _Field, path: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 2):
        raise _wrong(text, field, path)
    return int(text)


def _wrong(text: str, field: _Field, path: str) -> Invalid:
    return Invalid(path, f"{text!r} is no {field.name} of a cron expression")

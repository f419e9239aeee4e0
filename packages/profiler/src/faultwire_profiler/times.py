"""Wall clock times as logs write them, to and from nanoseconds since the epoch."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

_AS_ISO = {"iso", "%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%d %H:%M:%S,%f", "%Y-%m-%dT%H:%M:%S.%f"}
"""Formats that the faster reader understands as well."""

Read = Callable[[str], int]
"""From text to nanoseconds since the epoch, UTC; ValueError for what is no such time."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)")
_FRACTION = re.compile(r"[.,](\d+)")
_UNITS = {"epoch": 1_000_000_000, "epoch_ms": 1_000_000, "epoch_us": 1000, "epoch_ns": 1}


def zone(name: str) -> tzinfo:
    """Return a time zone: UTC, an offset as +02:00, or a name as Europe/Helsinki.

    Raises ValueError for anything else.
    """
    if name.upper() in {"UTC", "Z"}:
        return UTC
    found = _OFFSET.fullmatch(name)
    if found:
        ahead = timedelta(hours=int(found[2]), minutes=int(found[3]))
        return timezone(-ahead if found[1] == "-" else ahead)
    try:
        return ZoneInfo(name)
    except (OSError, KeyError, ValueError):
        raise ValueError(f"no time zone {name!r}: UTC, +02:00 or Europe/Helsinki") from None


def reader(form: str, where: tzinfo, year: int | None = None) -> Read:
    """Return what reads times of one format.

    `form` is ``iso`` (ISO 8601, an offset of its own counts), ``epoch``, ``epoch_ms``,
    ``epoch_us``, ``epoch_ns``, or strptime's. A format without a year needs `year`. Raises
    ValueError for a format that cannot be.
    """
    if form in _UNITS:
        unit = _UNITS[form]
        return lambda text: _number(text, unit)
    if form in _AS_ISO:
        return lambda text: _iso(text, where)
    if "%" not in form:
        known = ", ".join(("iso", *_UNITS))
        raise ValueError(f"no format {form!r}: {known}, or strptime's with %")
    if "%Y" not in form and "%y" not in form and "%s" not in form and "%c" not in form:
        if year is None:
            raise ValueError(f"the format {form!r} has no year: give `year`")
        form, lead = f"%Y {form}", f"{year} "
    else:
        lead = ""
    return lambda text: _by_format(f"{lead}{text}", form, where)


def resolution_ns(text: str) -> int:
    """Return how exact a written time is: a second, or what its digits after the point say."""
    found = _FRACTION.search(text)
    return max(1, 10 ** (9 - len(found[1]))) if found else 1_000_000_000


def rfc3339(wall_ns: int) -> str:
    """Return a time as text, UTC, to the microsecond; what no calendar holds as a number."""
    try:
        at = _EPOCH + timedelta(microseconds=wall_ns // 1000)
    except OverflowError:
        return f"{wall_ns} ns"
    return f"{at:%Y-%m-%dT%H:%M:%S.%f}Z"


def _number(text: str, unit: int) -> int:
    whole, _, rest = text.partition(".")
    digits = f"{rest}000000000"[:9]
    if not (whole + rest).isascii() or not (whole + digits).isdigit():
        raise ValueError(f"{text!r} is no number of time")
    return int(whole) * unit + int(digits) * unit // 1_000_000_000


def _iso(text: str, where: tzinfo) -> int:
    at = datetime.fromisoformat(text.replace(",", "."))
    return _since(at if at.tzinfo else at.replace(tzinfo=where))


def _by_format(text: str, form: str, where: tzinfo) -> int:
    at = datetime.strptime(text, form)  # noqa: DTZ007  the zone is put on where it has none
    return _since(at if at.tzinfo else at.replace(tzinfo=where))


def _since(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND * 1000

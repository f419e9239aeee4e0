"""Time constraints: cron starts, durations, time zones, and days with another hour in them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultwire.domain.errors import Invalid
from faultwire.notifier.evaluator.constraints import check, check_all, within
from faultwire.notifier.evaluator.cron import ALIASES, parse_cron

WEEKDAYS = {
    "name": "work",
    "start": "0 8 * * 1-5",
    "duration": 36_000,
    "timezone": "Europe/Berlin",
}
FIRST, LAST = (datetime.fromisoformat(day) for day in ("2023-01-01", "2028-12-31"))


def at(text: str) -> int:
    """Return a moment in nanoseconds."""
    return int(datetime.fromisoformat(text).timestamp()) * 1_000_000_000


@pytest.mark.parametrize(
    ("moment", "inside"),
    [
        # Berlin is an hour ahead of UTC in winter: 8:00 to 18:00 there.
        ("2026-11-20T06:59:59+00:00", False),
        ("2026-11-20T07:00:00+00:00", True),
        ("2026-11-20T17:00:00+00:00", True),
        ("2026-11-20T17:00:01+00:00", False),
        ("2026-11-21T10:00:00+00:00", False),
        # And two hours in summer.
        ("2026-07-01T06:00:00+00:00", True),
        ("2026-07-01T16:00:01+00:00", False),
    ],
)
def test_a_constraint_holds_from_its_start_for_its_duration(moment: str, inside: bool) -> None:
    """Both ends count, in the constraint's own zone, as Aodh takes them."""
    assert within([WEEKDAYS], at(moment)) is inside


def test_one_of_several_is_enough_and_none_is_always() -> None:
    """An alarm is evaluated within any of its constraints; without any it always is."""
    night = {"name": "night", "start": "0 22 * * *", "duration": 3600}
    assert within([WEEKDAYS, night], at("2026-11-21T22:30:00+00:00"))
    assert not within([WEEKDAYS, night], at("2026-11-21T21:30:00+00:00"))
    assert within([], at("2026-11-21T21:30:00+00:00"))


def test_the_minute_of_the_start_counts_whatever_the_duration() -> None:
    """A duration of 0 is the minute itself: cron knows nothing shorter."""
    once = [{"name": "noon", "start": "0 12 * * *", "duration": 0}]
    assert within(once, at("2026-11-21T12:00:00+00:00"))
    assert within(once, at("2026-11-21T12:00:59+00:00"))
    assert not within(once, at("2026-11-21T12:01:00+00:00"))
    assert not within(once, at("2026-11-21T11:59:59+00:00"))


def test_a_duration_of_years_reaches_back_to_a_leap_day() -> None:
    """However rare the start and long the duration, it is found; before the start it is not."""
    rare = [{"name": "leap", "start": "0 0 29 2 *", "duration": 3 * 365 * 86_400}]
    assert within(rare, at("2027-02-01T00:00:00+00:00"))
    assert not within(rare, at("2027-03-01T00:00:00+00:00"))
    assert within(rare, at("2028-02-29T00:00:00+00:00"))


@pytest.mark.parametrize(
    ("moment", "inside"),
    [
        # 2:30 does not exist on 29 March 2026 in Berlin: it means 3:30 by the new time.
        ("2026-03-29T01:29:59+00:00", False),
        ("2026-03-29T01:30:00+00:00", True),
        ("2026-03-29T02:00:00+00:00", True),
        ("2026-03-29T02:00:01+00:00", False),
        # 2:30 comes twice on 25 October: the first one counts, for half an hour.
        ("2026-10-25T00:29:59+00:00", False),
        ("2026-10-25T00:30:00+00:00", True),
        ("2026-10-25T01:00:00+00:00", True),
        ("2026-10-25T01:00:01+00:00", False),
        ("2026-10-25T01:30:00+00:00", False),
    ],
)
def test_a_day_with_another_hour_has_each_start_once(moment: str, inside: bool) -> None:
    """A start in the skipped hour comes after it, one in the doubled hour comes once."""
    night = {"name": "n", "start": "30 2 * * *", "duration": 1800, "timezone": "Europe/Berlin"}
    assert within([night], at(moment)) is inside


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": None}, "name"),
        ({"name": 5}, "name"),
        ({"name": "n" * 256}, "name"),
        ({"description": 5}, "description"),
        ({"start": None}, "start"),
        ({"start": "0 8 * *"}, "start"),
        ({"start": "60 8 * * *"}, "start"),
        ({"start": "0 0 30 2 *"}, "start"),
        ({"start": "0 0 31 4,6 *"}, "start"),
        ({"start": "*/0 * * * *"}, "start"),
        ({"start": "5-1 * * * *"}, "start"),
        ({"start": "x * * * *"}, "start"),
        ({"start": "1,,2 * * * *"}, "start"),
        ({"start": "\u0661 * * * *"}, "start"),
        ({"start": "0 0 * * mun"}, "start"),
        ({"start": "0," * 200 + "0 * * * *"}, "start"),
        ({"duration": None}, "duration"),
        ({"duration": True}, "duration"),
        ({"duration": -1}, "duration"),
        ({"duration": 10**12}, "duration"),
        ({"duration": "60"}, "duration"),
        ({"timezone": "Europe/Nowhere"}, "timezone"),
        ({"timezone": "../../etc/passwd"}, "timezone"),
        ({"timezone": "Europe"}, "timezone"),
        ({"timezone": "a\x00b"}, "timezone"),
        ({"timezone": 5}, "timezone"),
        ({"until": 5}, "until"),
    ],
)
def test_what_could_never_be_kept_is_refused(changed: dict[str, Any], field: str) -> None:
    """The error names the field of the constraint."""
    with pytest.raises(Invalid) as caught:
        check({**WEEKDAYS, **changed}, "time_constraints[3]")
    assert caught.value.field == f"time_constraints[3].{field}"


def test_names_are_told_apart() -> None:
    """Two constraints of one alarm must not share a name; what is no object is refused."""
    check_all([WEEKDAYS, {**WEEKDAYS, "name": "other"}])
    with pytest.raises(Invalid, match=r"time_constraints\[1\]\.name"):
        check_all([WEEKDAYS, WEEKDAYS])
    with pytest.raises(Invalid, match=r"time_constraints\[0\]"):
        check_all(["always"])


def test_a_constraint_that_cannot_be_read_never_holds() -> None:
    """What an older release stored does not break the evaluation, nor does it pass for none."""
    for broken in ({"start": "x"}, {"duration": None}, {"timezone": "Europe/Nowhere"}):
        assert not within([{**WEEKDAYS, **broken}], at("2026-11-20T10:00:00+00:00"))


@pytest.mark.parametrize(
    "text", [*ALIASES, "@DAILY", "0 0 * * ?", "0 0 * * sun,7", "5/10 * * * *"]
)
def test_spellings_of_cron(text: str) -> None:
    """Aliases, names, question marks and steps without a range are understood."""
    assert parse_cron(text).minutes


def field_of(least: int, most: int) -> st.SearchStrategy[str]:
    """Return fields of a cron expression within a range."""
    number = st.integers(least, most)
    span = st.tuples(number, number).map(lambda pair: f"{min(pair)}-{max(pair)}")
    step = st.tuples(span | st.just("*"), st.integers(1, 9)).map(
        lambda pair: f"{pair[0]}/{pair[1]}"
    )
    return st.lists(number.map(str) | span | step | st.just("*"), min_size=1, max_size=3).map(
        ",".join
    )


def naive(text: str, least: int, most: int) -> set[int]:
    """Return the numbers of a field by trying each of them."""
    found = set()
    for item in text.split(","):
        span, _, step = item.partition("/")
        low, dash, high = (str(least), "-", str(most)) if span == "*" else span.partition("-")
        last = int(high) if dash else int(low)
        found |= {
            number
            for number in range(least, most + 1)
            if int(low) <= number <= last and (number - int(low)) % int(step or 1) == 0
        }
    return found


@given(
    st.tuples(field_of(0, 59), field_of(0, 23), field_of(1, 31), field_of(1, 12), field_of(0, 6)),
    st.datetimes(FIRST, LAST),
)
def test_the_last_start_is_the_one_a_walk_back_finds(
    fields: tuple[str, ...], until: datetime
) -> None:
    """Minute by minute into the past: the first that fits is the last start, or there is none."""
    earliest = until - timedelta(days=3)
    try:
        cron = parse_cron(" ".join(fields))
    except Invalid:
        return
    minutes, hours, days, months, weekdays = (
        naive(text, *bounds)
        for text, bounds in zip(fields, [(0, 59), (0, 23), (1, 31), (1, 12), (0, 6)], strict=True)
    )
    either = len(days) < 31 and len(weekdays) < 7
    expected = None
    moment = until.replace(second=0, microsecond=0)
    while moment >= earliest and expected is None:
        of_month, of_week = moment.day in days, (moment.weekday() + 1) % 7 in weekdays
        day = (of_month or of_week) if either else (of_month and of_week)
        if day and moment.month in months and moment.hour in hours and moment.minute in minutes:
            expected = moment
        moment -= timedelta(minutes=1)
    assert cron.last(until, earliest) == expected


@given(st.text(max_size=30))
def test_any_text_is_a_cron_expression_or_refused(text: str) -> None:
    """Nothing but Invalid comes of hostile text."""
    try:
        cron = parse_cron(text)
    except Invalid:
        return
    assert cron.last(LAST, FIRST - timedelta(days=20 * 366)) is not None


@given(
    st.integers(0, 2 * 365 * 24 * 60), st.sampled_from(["Europe/Berlin", "America/New_York", ""])
)
def test_every_minute_is_always(minute: int, zone: str) -> None:
    """A start in every minute leaves no gap, whatever clocks do."""
    moment = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=minute, seconds=17)
    always = [{"name": "a", "start": "* * * * *", "duration": 0, "timezone": zone}]
    assert within(always, int(moment.timestamp()) * 1_000_000_000)

"""What an outcome means and when the next try is due."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultwire.domain.alarms import Delivery, DeliveryState
from faultwire.domain.ids import DeliveryId, ProjectId
from faultwire.notifier.delivery import schedule
from faultwire.notifier.delivery.schedule import Kind, Limits, Outcome
from faultwire.notifier.settings import Settings

S = 1_000_000_000
NOW = 1_700_000_000 * S
LIMITS = Limits()
DELIVERY = Delivery(DeliveryId("d"), ProjectId("p"), "http://a/", "alarm", b"{}", NOW)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (200, Kind.DELIVERED),
        (204, Kind.DELIVERED),
        (299, Kind.DELIVERED),
        (301, Kind.REFUSED),
        (302, Kind.REFUSED),
        (304, Kind.REFUSED),
        (308, Kind.REFUSED),
        (400, Kind.DEAD),
        (401, Kind.DEAD),
        (404, Kind.DEAD),
        (410, Kind.DEAD),
        (101, Kind.DEAD),
        (408, Kind.ANSWERED),
        (425, Kind.ANSWERED),
        (429, Kind.ANSWERED),
        (500, Kind.ANSWERED),
        (507, Kind.ANSWERED),
        (599, Kind.ANSWERED),
        (502, Kind.UNREACHABLE),
        (503, Kind.UNREACHABLE),
        (504, Kind.UNREACHABLE),
    ],
)
def test_what_a_status_means(status: int, kind: Kind) -> None:
    """2xx delivers, 3xx is refused, overload and server errors are tried again, 4xx is final."""
    outcome = schedule.of_status(status, None, NOW)
    assert (outcome.kind, outcome.status) == (kind, status)


def test_a_redirect_is_said_to_be_refused() -> None:
    """The text that the owner sees says that a redirect was refused."""
    assert "redirect refused" in schedule.of_status(302, None, NOW).text


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, 0),
        ("", 0),
        ("7", 7),
        (" 7 ", 7),
        ("-7", 0),
        ("1.5", 0),
        ("٧", 0),  # noqa: RUF001
        ("soon", 0),
        ("9" * 100, 0),
        ("Tue, 14 Nov 2023 22:13:30 GMT", 10),
        ("Tue, 14 Nov 2023 22:13:30", 10),
        ("Tue, 14 Nov 2000 22:13:30 GMT", 0),
        ("Tue, 99 Nov 2023 22:13:30 GMT", 0),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str | None, seconds: int) -> None:
    """Both forms are read; a past date and anything else asks for nothing."""
    assert schedule.asked_wait_ns(header, NOW) == seconds * S


def test_a_date_in_the_far_future_is_a_long_wait() -> None:
    """The last date that there is asks for a wait, which is bounded elsewhere."""
    wait = schedule.asked_wait_ns("Fri, 31 Dec 9999 23:59:59 -2359", NOW)
    outcome = Outcome(Kind.ANSWERED, "", 429, wait)
    assert schedule.wait_ns(1, outcome, 0.0, LIMITS) == LIMITS.most_ns


@given(st.text(max_size=64))
def test_retry_after_takes_any_text(header: str) -> None:
    """No text of a consumer's is an error of ours."""
    assert schedule.asked_wait_ns(header, NOW) >= 0


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_backoff_doubles_up_to_its_limit(failures: int, jitter: float) -> None:
    """The first wait is 0.5 s and a little; each is twice as long; none is over 5 minutes."""
    wait = schedule.backoff_ns(failures, jitter, LIMITS)
    assert S // 2 <= wait <= 300 * S
    if failures == 1:
        assert wait <= 0.63 * S
    elif failures < 9:
        before = schedule.backoff_ns(failures - 1, jitter, LIMITS)
        assert wait == pytest.approx(2 * before)


@given(st.integers(1, 40), st.floats(0, 1), st.integers(0, 10**15))
def test_an_asked_wait_is_honoured_and_bounded(failures: int, jitter: float, asked: int) -> None:
    """Retry-After makes a wait longer, never shorter, and never longer than the limit."""
    outcome = Outcome(Kind.ANSWERED, "", 429, asked)
    wait = schedule.wait_ns(failures, outcome, jitter, LIMITS)
    assert schedule.backoff_ns(failures, jitter, LIMITS) <= wait <= LIMITS.most_ns
    assert wait >= min(asked, LIMITS.most_ns)


def test_a_day_old_delivery_is_too_old() -> None:
    """Deliveries are given up at the configured age, 24 hours by default."""
    assert not schedule.expired(DELIVERY, NOW + 86_399 * S, LIMITS)
    assert schedule.expired(DELIVERY, NOW + 86_400 * S, LIMITS)
    assert not schedule.expired(DELIVERY, NOW - 86_400 * S, LIMITS)


def test_records_say_what_came_of_a_try() -> None:
    """A final record is due never again, a pending one at its time, with the number of tries."""
    outcome = schedule.of_status(500, None, NOW)
    pending = schedule.pending(DELIVERY, outcome, 3, NOW, NOW + S)
    assert (pending.state, pending.attempt, pending.next_ns) == (DeliveryState.PENDING, 3, NOW + S)
    assert (pending.status, pending.outcome) == (500, "HTTP 500")
    final = schedule.final(DELIVERY, schedule.of_status(404, None, NOW), 1, NOW)
    assert (final.state, final.status) == (DeliveryState.DEAD, 404)
    assert schedule.tried(DELIVERY, 3, NOW + S).attempt == 3
    with pytest.raises(KeyError):
        schedule.final(DELIVERY, outcome, 1, NOW)


def test_limits_come_from_the_settings() -> None:
    """Milliseconds and seconds of the configuration become nanoseconds."""
    limits = schedule.limits_of(Settings(retry_first_ms=20, retry_max_s=3, dead_letter_s=9))
    assert limits == Limits(20_000_000, 3 * S, 9 * S)

"""What came of a try, and when the next one is due; pure, time and chance are arguments."""

from dataclasses import dataclass, replace
from datetime import UTC
from email.utils import parsedate_to_datetime
from enum import StrEnum

from faultwire.domain.alarms import Attempt, Delivery, DeliveryState
from faultwire.notifier.settings import Settings

_S = 1_000_000_000
_MS = 1_000_000
JITTER = 0.25
"""A wait is longer than its base by up to this share."""


class Kind(StrEnum):
    """Kinds of outcome; the value labels the metric.

    ANSWERED and UNREACHABLE are tried again. Who is UNREACHABLE may be back any moment: all that
    waits for it goes out once something gets through.
    """

    DELIVERED = "delivered"
    REFUSED = "refused"
    DEAD = "dead"
    ANSWERED = "answered"
    UNREACHABLE = "unreachable"


FINAL: dict[Kind, DeliveryState] = {
    Kind.DELIVERED: DeliveryState.DELIVERED,
    Kind.REFUSED: DeliveryState.REFUSED,
    Kind.DEAD: DeliveryState.DEAD,
}

_GATEWAY = frozenset({502, 503, 504})
_LATER = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one try; `text` is shown to the owner and names no URL."""

    kind: Kind
    text: str
    status: int | None = None
    retry_after_ns: int = 0


_DELIVERED = {status: Outcome(Kind.DELIVERED, "delivered", status) for status in range(200, 300)}


@dataclass(frozen=True, slots=True)
class Limits:
    """Waits and ages, in nanoseconds."""

    first_ns: int = _S // 2
    most_ns: int = 300 * _S
    dead_ns: int = 86_400 * _S


def limits_of(settings: Settings) -> Limits:
    """Return the limits of the settings."""
    return Limits(
        settings.retry_first_ms * _MS, settings.retry_max_s * _S, settings.dead_letter_s * _S
    )


BUS_MOST_NS = 5 * _S
"""A bus is one, and ours: it is asked again soon, for as long as it takes."""


def of_bus(limits: Limits) -> Limits:
    """Return the limits of what a message bus gets."""
    return replace(limits, most_ns=min(limits.most_ns, BUS_MOST_NS))


def of_status(status: int, retry_after: str | None, wall_ns: int) -> Outcome:
    """Return what an HTTP status means; `retry_after` is the header's text."""
    if 200 <= status < 300:
        return _DELIVERED[status]
    if 300 <= status < 400:
        return Outcome(Kind.REFUSED, f"redirect refused (HTTP {status})", status)
    wait_ns = asked_wait_ns(retry_after, wall_ns)
    if status in _GATEWAY:
        return Outcome(Kind.UNREACHABLE, f"HTTP {status}", status, wait_ns)
    if status >= 500 or status in _LATER:
        return Outcome(Kind.ANSWERED, f"HTTP {status}", status, wait_ns)
    return Outcome(Kind.DEAD, f"HTTP {status}", status)


def asked_wait_ns(retry_after: str | None, wall_ns: int) -> int:
    """Return the wait that a Retry-After header asks for, seconds or a date; 0 if none."""
    if not retry_after or len(retry_after) > 64:
        return 0
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return int(text) * _S
    try:
        moment = parsedate_to_datetime(text)
        until_s = moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()
    except (ValueError, OverflowError):
        return 0
    return max(0, round(until_s * _S) - wall_ns)


def backoff_ns(failures: int, jitter: float, limits: Limits) -> int:
    """Return the wait after so many failures in a row; `jitter` is from 0 to 1."""
    # The exponent is bounded: a number of failures has no bound.
    wait_ns = limits.first_ns << min(max(failures, 1) - 1, 40)
    return round(min(wait_ns, limits.most_ns / (1 + JITTER)) * (1 + JITTER * jitter))


def wait_ns(failures: int, outcome: Outcome, jitter: float, limits: Limits) -> int:
    """Return the backoff, or the longer wait that was asked for; never over the limit."""
    return max(backoff_ns(failures, jitter, limits), min(outcome.retry_after_ns, limits.most_ns))


def expired(delivery: Delivery, wall_ns: int, limits: Limits) -> bool:
    """Return whether a delivery is too old to be tried again."""
    return wall_ns - delivery.created_ns >= limits.dead_ns


def tried(delivery: Delivery, attempt: int, next_ns: int) -> Delivery:
    """Return a delivery as it is after a try that has to be repeated."""
    return replace(delivery, attempt=attempt, next_ns=next_ns)


def pending(
    delivery: Delivery, outcome: Outcome, attempt: int, wall_ns: int, next_ns: int
) -> Attempt:
    """Return the record of a try that is repeated at `next_ns`."""
    return Attempt(
        delivery.id,
        DeliveryState.PENDING,
        attempt,
        wall_ns,
        next_ns,
        outcome.text,
        outcome.status,
        created_ns=delivery.created_ns,
    )


def final(delivery: Delivery, outcome: Outcome, attempt: int, wall_ns: int) -> Attempt:
    """Return the record of a try after which there is none; KeyError for an outcome that has."""
    return Attempt(
        delivery.id,
        FINAL[outcome.kind],
        attempt,
        wall_ns,
        wall_ns,
        outcome.text,
        outcome.status,
        created_ns=delivery.created_ns,
    )

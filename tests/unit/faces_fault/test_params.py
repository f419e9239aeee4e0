"""Query parameters of the fault face."""

import pytest
from starlette.requests import Request

from faultwire.domain.errors import Invalid
from faultwire.domain.faults import FaultState
from faultwire.faces.fault import params

NOON = 1_543_406_400_000_000_000


def request(query: str) -> Request:
    return Request({"type": "http", "query_string": query.encode(), "headers": []})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2018-11-28T12:00:00Z", NOON),
        ("2018-11-28T12:00:00", NOON),
        ("2018-11-28 12:00", NOON),
        ("2018-11-28T13:00:00+01:00", NOON),
        ("2018-11-28T13:00:00 01:00", NOON),
        ("2018-11-28T13:00:00 0100", NOON),
        ("2018-11-28T12:00:00.000001Z", NOON + 1000),
        (None, None),
    ],
)
def test_since_is_any_iso_8601_time(text: str | None, expected: int | None) -> None:
    """A time without a zone is UTC; a plus sign that became a space is one again."""
    assert params.since_ns(text) == expected


@pytest.mark.parametrize("text", ["", "noon", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_a_time_that_cannot_be_is_named(text: str) -> None:
    """No time, and no time that a database could not hold, goes further."""
    with pytest.raises(Invalid) as refused:
        params.since_ns(text)
    assert refused.value.field == "since"


def test_a_reported_instant_has_its_zone() -> None:
    """RFC 3339 leaves no doubt; without a zone an instant is none."""
    assert params.wall_ns("2018-11-28T12:00:00Z", "at", zoned=True) == NOON
    with pytest.raises(Invalid, match="at: must be an RFC 3339 time"):
        params.wall_ns("2018-11-28T12:00:00", "at", zoned=True)


def test_states_and_limits_have_their_ranges() -> None:
    """Left out they have defaults; what is out of range is named."""
    assert params.state_of("open") is FaultState.OPEN
    assert params.state_of(None) is None
    assert params.limit_of(None) == params.PAGE
    assert params.limit_of("1000") == 1000
    for text in ("0", "1001", "-1", "many", "", "9" * 30, "1.5"):
        with pytest.raises(Invalid, match="limit: must be a number from 1 to 1000"):
            params.limit_of(text)
    with pytest.raises(Invalid, match="state: must be one of open, unmatched, closed"):
        params.state_of("burning")


def test_flags_are_truths() -> None:
    """Only true and false are, in any case, and 1 and 0."""
    assert params.flag("True", "force")
    assert params.flag("1", "force")
    assert not params.flag(None, "force")
    for text in ("yes", ""):
        with pytest.raises(Invalid, match="force: must be true or false"):
            params.flag(text, "force")


def test_a_parameter_that_nobody_knows_is_named() -> None:
    """A misspelt filter must not answer as if it had been none."""
    assert params.only(request("host=a"), params.FAULTS)["host"] == "a"
    with pytest.raises(Invalid) as refused:
        params.only(request("hosts=a"), params.FAULTS)
    assert refused.value.field == "hosts"
    with pytest.raises(Invalid, match="host: holds a NUL character"):
        params.only(request("host=a%00b"), params.FAULTS)
    with pytest.raises(Invalid, match="there are none"):
        params.only(request("x=1"))

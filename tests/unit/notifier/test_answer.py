"""What is believed of a consumer's answer (D2)."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultwire.domain.instants import rfc3339
from faultwire.notifier.delivery import answer

US = 1000
MS = 1_000_000
NOW = 1_700_000_000_000_000_000


def _body(**times: object) -> bytes:
    return orjson.dumps(times)


@given(st.integers(0, 50_000), st.integers(0, 50_000))
def test_times_within_the_request_are_taken_to_the_microsecond(first: int, later: int) -> None:
    """T09 and T10 are what the consumer says, if it can be true."""
    received, handled = NOW + first * US, NOW + (first + later) * US
    body = _body(received_at=rfc3339(received), handled_at=rfc3339(handled))
    assert answer.times_of(body, NOW, NOW + 100 * MS) == (received, handled)


@pytest.mark.parametrize(
    ("stated_ms", "taken_ms"), [(-4, 0), (-6, None), (104, 100), (106, None), (50, 50)]
)
def test_clocks_may_differ_a_little(stated_ms: int, taken_ms: int | None) -> None:
    """Up to 5 ms outside counts as the edge, more is not believed."""
    body = _body(received_at=rfc3339(NOW + stated_ms * MS))
    received, handled = answer.times_of(body, NOW, NOW + 100 * MS)
    assert received == (None if taken_ms is None else NOW + taken_ms * MS)
    assert handled is None


def test_handled_before_received_is_not_believed() -> None:
    """A T10 before T09 is dropped, T09 stays; without T09 there is no T10."""
    early, late = rfc3339(NOW + 10 * MS), rfc3339(NOW + 50 * MS)
    body = _body(received_at=late, handled_at=early)
    assert answer.times_of(body, NOW, NOW + 100 * MS) == (NOW + 50 * MS, None)
    assert answer.times_of(_body(handled_at=late), NOW, NOW + 100 * MS) == (None, None)


def test_another_zone_is_understood() -> None:
    """RFC 3339 with an offset means the same instant."""
    body = _body(received_at="2023-11-14T23:13:20.000000+01:00")
    assert answer.times_of(body, NOW - MS, NOW + MS)[0] == NOW


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"OK",
        b"{",
        b"[]",
        b"null",
        b"{}",
        b'{"received_at": null}',
        b'{"received_at": 5}',
        b'{"received_at": "yesterday"}',
        b'{"received_at": "2023-11-14T22:13:20.000000"}',
        b'{"received_at": "0001-01-01T00:00:00+23:59"}',
        b'{"received_at": {"a": []}}',
        b'{"received_at": "' + b"9" * 100 + b'"}',
        b'{"a":' * 2000,
        b"\xff\xfe{",
    ],
)
def test_other_answers_say_nothing(body: bytes) -> None:
    """An answer of another form is no error."""
    assert answer.times_of(body, NOW, NOW + MS) == (None, None)


@given(st.binary(max_size=200))
def test_any_answer_is_harmless(body: bytes) -> None:
    """Whatever a consumer answers, reading it fails never."""
    assert answer.times_of(body, NOW, NOW + MS) == (None, None)
    answer.times_of(b'{"received_at":"' + body + b'"}', NOW, NOW + MS)

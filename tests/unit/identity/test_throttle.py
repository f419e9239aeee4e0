"""The slow-down of failed logins, with time as an argument."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultwire.identity import throttle
from faultwire.identity.throttle import NS, Limits, Throttle, network_of

LIMITS = Limits(account_failures=3, source_failures=6, longest_delay=8.0)
HERE, THERE = "192.0.2.1", "198.51.100.7"


def _delay(slow: Throttle, source: str, account: str, now_ns: int = 0) -> float:
    return slow.delay_ns(source, account, now_ns) / NS


def test_the_first_failures_are_free_then_the_delay_doubles_up_to_its_limit() -> None:
    """Delays of an account are 0, 0, 0, 0.25, 0.5 … 8, 8 seconds."""
    slow = Throttle(LIMITS)
    seen = []
    for number in range(10):
        # Another source each time: the account alone is meant.
        seen.append(_delay(slow, "203.0.113.250", "admin"))
        slow.failed(f"10.0.{number}.1", "admin", 0)
    assert seen == [0, 0, 0, 0.25, 0.5, 1, 2, 4, 8, 8]


def test_a_source_is_slowed_for_every_account() -> None:
    """Guessing through many names from one address is slowed, too."""
    slow = Throttle(LIMITS)
    for number in range(6):
        slow.failed(HERE, f"user-{number}", 0)
    assert _delay(slow, HERE, "somebody") == 0.25
    assert _delay(slow, THERE, "somebody") == 0
    assert slow.slowed(HERE, 0)
    assert not slow.slowed(THERE, 0)


def test_whoever_logged_in_from_there_before_does_not_wait_for_the_account() -> None:
    """An attack on an account does not slow its owner at the owner's own address."""
    slow = Throttle(LIMITS)
    slow.succeeded(HERE, "admin")
    for number in range(20):
        slow.failed(f"10.0.{number}.1", "admin", 0)
    assert _delay(slow, THERE, "admin") == 8
    assert _delay(slow, HERE, "admin") == 0


def test_failures_fade() -> None:
    """Half of them are forgotten in a minute, and all in a while."""
    slow = Throttle(LIMITS)
    for _ in range(5):
        slow.failed(HERE, "admin", 0)
    assert _delay(slow, THERE, "admin") == 1
    assert _delay(slow, THERE, "admin", throttle.FADE_NS // 2) == 0.25
    assert _delay(slow, THERE, "admin", throttle.FADE_NS) == 0
    assert _delay(slow, THERE, "admin", 10**6 * throttle.FADE_NS) == 0


def test_a_success_clears_the_account_and_not_the_source() -> None:
    """An attacker with an account of its own does not clear its address by logging in."""
    slow = Throttle(LIMITS)
    for _ in range(7):
        slow.failed(HERE, "victim", 0)
    slow.succeeded(HERE, "own")
    assert slow.slowed(HERE, 0)
    slow.succeeded(HERE, "victim")
    assert _delay(slow, THERE, "victim") == 0


@given(st.integers(0, 200), st.integers(0, 10**12))
def test_no_delay_is_longer_than_the_limit(failures: int, now_ns: int) -> None:
    """However many failures there were, nobody waits longer than that."""
    slow = Throttle(LIMITS)
    for _ in range(failures):
        slow.failed(HERE, "admin", now_ns)
    assert 0 <= _delay(slow, HERE, "admin", now_ns) <= LIMITS.longest_delay


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The least recently used addresses and names are dropped."""
    monkeypatch.setattr(throttle, "REMEMBERED", 8)
    slow = Throttle(LIMITS)
    for number in range(100):
        slow.failed(f"10.0.0.{number}", f"name-{number}", 0)
        slow.succeeded(f"10.0.0.{number}", f"other-{number}")
    assert len(slow._known) == 8
    assert len(slow._accounts._tallies) == len(slow._sources._tallies) == 8


@pytest.mark.parametrize(
    ("source", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("unix", "unix"),
    ],
)
def test_a_source_is_what_one_attacker_holds(source: str, network: str) -> None:
    """An IPv6 customer has a whole /64; one address of it is no source."""
    assert network_of(source) == network

"""Actions in a user's name: how their URLs hold a trust, and show none."""

import pytest

from faultwire.domain.trusts import entrusted, is_trusted, parted, shown

TRUST = "0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    ("url", "kept", "called"),
    [
        ("trust+http://h/a?b#c", f"trust+http://{TRUST}:delete@h/a?b#c", "http://h/a?b#c"),
        ("trust+https://h:1/x@y", f"trust+https://{TRUST}:delete@h:1/x@y", "https://h:1/x@y"),
        ("TRUST+HTTPS://h", f"trust+https://{TRUST}:delete@h", "https://h"),
    ],
)
def test_a_trust_goes_in_and_comes_out(url: str, kept: str, called: str) -> None:
    """It is stored as Aodh stores it, called without it, and shown without it."""
    assert is_trusted(url)
    assert entrusted(url, TRUST) == kept
    assert parted(kept) == (TRUST, called)
    assert parted(url) == ("", called)
    assert shown(kept).lower() == url.lower()


@pytest.mark.parametrize("url", ["http://a:b@h/", "log://", "trust+zaqar://a", "trust+http:x", ""])
def test_other_actions_stay_as_they_are(url: str) -> None:
    """Nothing that is no such action is touched."""
    assert parted(url) == ("", url)
    assert entrusted(url, TRUST) == url
    assert shown(url) == url

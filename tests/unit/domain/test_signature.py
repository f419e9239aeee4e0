"""Signatures by Standard Webhooks."""

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultwire.domain import signature
from faultwire.domain.errors import Invalid, Unauthenticated

SECRET = signature.new_secret(bytes(range(32)))
OTHER = signature.new_secret(bytes(32))
NOW = 1_700_000_000


def _headers(secrets: list[str], body: bytes, at: int = NOW, name: str = "d1") -> dict[str, str]:
    return {
        "webhook-id": name,
        "webhook-timestamp": str(at),
        "webhook-signature": signature.sign(secrets, name, at, body),
    }


@given(st.binary(max_size=300), st.binary(min_size=24, max_size=64), st.text(max_size=40))
def test_a_signature_is_an_hmac_of_id_time_and_body(body: bytes, key: bytes, name: str) -> None:
    """Each signature is v1 and the base64 of HMAC-SHA256 as the standard has it."""
    signed = f"{name}.{NOW}.".encode() + body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert signature.sign([signature.new_secret(key)], name, NOW, body) == f"v1,{expected}"


def test_what_the_standard_gives_as_example() -> None:
    """The example of the standard's reference libraries is signed as they sign it."""
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    made = signature.sign(
        [secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
    )
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@given(st.binary(max_size=100))
def test_every_valid_secret_verifies(body: bytes) -> None:
    """While two secrets are valid, who knows either of them can verify."""
    headers = _headers([SECRET, OTHER], body)
    assert signature.verify([SECRET], headers, body, NOW) == "d1"
    assert signature.verify([OTHER], headers, body, NOW) == "d1"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"webhook-id": "d2"}, "no signature"),
        ({"webhook-id": ""}, "webhook-id is missing"),
        ({"webhook-timestamp": str(NOW + 1)}, "no signature"),
        ({"webhook-timestamp": str(NOW + 301)}, "300 s"),
        ({"webhook-timestamp": str(NOW - 301)}, "300 s"),
        ({"webhook-timestamp": "soon"}, "no number"),
        ({"webhook-timestamp": "-5"}, "no number"),
        ({"webhook-timestamp": "9" * 400}, "no number"),
        ({"webhook-timestamp": "١٧٠٠٠٠٠٠٠٠"}, "no number"),  # noqa: RUF001
        ({"webhook-signature": ""}, "webhook-signature is missing"),
        ({"webhook-signature": "v1,AAAA"}, "no signature"),
        ({"webhook-signature": "v1,é"}, "no signature"),
        ({"webhook-signature": "v2,AAAA v3,BBBB"}, "no signature"),
    ],
)
def test_what_was_changed_is_refused_with_a_reason(change: dict[str, str], why: str) -> None:
    """A changed, old or missing header is refused, and the error says which."""
    headers = {**_headers([SECRET], b"{}"), **change}
    with pytest.raises(Unauthenticated, match=why):
        signature.verify([SECRET], headers, b"{}", NOW)


def test_another_body_or_secret_is_refused() -> None:
    """Neither another body nor another project's secret passes."""
    headers = _headers([SECRET], b"{}")
    with pytest.raises(Unauthenticated):
        signature.verify([SECRET], headers, b"{ }", NOW)
    with pytest.raises(Unauthenticated):
        signature.verify([OTHER], headers, b"{}", NOW)
    with pytest.raises(Unauthenticated):
        signature.verify([], headers, b"{}", NOW)


def test_a_good_signature_after_others_is_found() -> None:
    """The right one of several signatures is found, but not after any number of wrong ones."""
    good = signature.sign([SECRET], "d1", NOW, b"{}")
    headers = _headers([SECRET], b"{}")
    headers["webhook-signature"] = f"v1a,x v1,wrong {good}"
    assert signature.verify([SECRET], headers, b"{}", NOW) == "d1"
    headers["webhook-signature"] = " ".join(["v1,wrong"] * 100 + [good])
    with pytest.raises(Unauthenticated):
        signature.verify([SECRET], headers, b"{}", NOW)


@pytest.mark.parametrize(
    "secret",
    ["", "whsec_", "whsec_!!", "hunter2", SECRET.removeprefix("whsec_"), "whsec_" + "A" * 8],
)
def test_a_malformed_secret_is_refused_unrepeated(secret: str) -> None:
    """A secret of another form is Invalid, and the error does not repeat it."""
    with pytest.raises(Invalid) as caught:
        signature.key_of(secret)
    assert not secret or secret not in str(caught.value) or secret == "whsec_"


@pytest.mark.parametrize("length", [0, 23, 65])
def test_a_new_secret_takes_the_right_number_of_bytes(length: int) -> None:
    """Too few bytes are no secret, too many are not portable."""
    with pytest.raises(Invalid):
        signature.new_secret(bytes(length))

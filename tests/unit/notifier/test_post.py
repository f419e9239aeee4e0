"""Requests as they stand on the wire."""

import pytest
from yarl import URL

from faultwire.notifier.delivery import message
from faultwire.notifier.delivery.post import request_of, route_of


def test_a_request_is_whole() -> None:
    """The request line, the host, all headers and the body are there, in this order."""
    route = route_of(URL("https://owner.example:8443/hook?of=a%20b"))
    assert route.origin == ("https", "owner.example", 8443)

    head, _, body = request_of(route, {"webhook-id": "7"}, b"{}").partition(b"\r\n\r\n")

    assert head.decode().split("\r\n") == [
        "POST /hook?of=a%20b HTTP/1.1",
        "host: owner.example:8443",
        *(f"{name}: {value}" for name, value in message.ALWAYS.items()),
        "webhook-id: 7",
        "content-length: 2",
    ]
    assert body == b"{}"


@pytest.mark.parametrize("value", ["7\r\nx-admin: yes", "7\n", "\r", "sieben\u00e4"])
def test_no_value_breaks_out_of_its_header(value: str) -> None:
    """A value with a line break, or with more than ASCII, makes no request."""
    route = route_of(URL("http://owner.example/hook"))
    with pytest.raises(ValueError, match="a header of it") as caught:
        request_of(route, {"webhook-id": value}, b"{}")
    assert value not in str(caught.value)


def test_a_url_needs_a_host() -> None:
    """A URL without a host leads nowhere."""
    with pytest.raises(ValueError, match="no host"):
        route_of(URL("/hook"))

"""Answers that are written in the letters of their specification."""

from faultwire.app.letters import Lettered, as_specified


class Transport:
    """Keeps what is written."""

    def __init__(self) -> None:
        self.written = b""

    def write(self, data: bytes) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return False


def test_names_of_headers_are_capital_and_the_date_is_last() -> None:
    """The head comes out as its specification shows it; values and body stay (S200)."""
    small = (
        b"HTTP/1.1 400 Bad Request\r\ndate: D\r\ncontent-length: 2\r\ncontent-type: a/b\r\n\r\n{}"
    )
    assert as_specified(small) == (
        b"HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\nContent-Type: a/b\r\nDate: D\r\n\r\n{}"
    )


def test_only_heads_are_touched() -> None:
    """A body that is written by itself goes through as it is, and a transport stays one."""
    inner = Transport()
    outer = Lettered(inner)
    outer.write(b"HTTP/1.1 204 No Content\r\nx-a: 1\r\n\r\n")
    outer.write(b"date: not a header\r\n")
    assert inner.written == b"HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\ndate: not a header\r\n"
    assert outer.is_closing() is False

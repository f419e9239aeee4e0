"""Answers whose specification shows them byte for byte: the letters of their heads (S200, S201).

The server writes names of headers small, as nobody needs to care. A few answers are specified as
they were once seen on a wire; they are written so.
"""

from typing import Any

SUFFIX = "/rpc_ping"
"""Paths of such answers end so."""

_LAST = b"Date"


def as_specified(data: bytes) -> bytes:
    """Return the head of an answer with the names of its headers in capitals, its date last."""
    head, end, body = data.partition(b"\r\n\r\n")
    status, *lines = head.split(b"\r\n")
    headers = []
    for line in lines:
        name, colon, value = line.partition(b":")
        letters = b"-".join(part.capitalize() for part in name.split(b"-"))
        headers.append((letters == _LAST, letters + colon + value))
    headers.sort(key=lambda header: header[0])
    return b"\r\n".join([status, *(line for _, line in headers)]) + end + body


class Lettered:
    """A connection's transport for one answer; all but the writing is the transport's own."""

    def __init__(self, transport: Any) -> None:
        """Write to a transport."""
        self._transport = transport

    def write(self, data: bytes) -> None:
        """Write, the head of the answer in its letters."""
        self._transport.write(as_specified(data) if data.startswith(b"HTTP/") else data)

    def __getattr__(self, name: str) -> Any:
        """Return what else a transport has."""
        return getattr(self._transport, name)

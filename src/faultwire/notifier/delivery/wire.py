"""One connection to a consumer: HTTP/1.1, one request at a time, no more read than is wanted.

The parser is httptools' (llhttp, as the server has it). What stands between a thousand webhooks
and their consumers is small here for a reason: see ADR 11.
"""

import asyncio
import ssl
from typing import cast

import httptools

ANSWER_LIMIT = 4096
"""Bytes of an answer's body that are read; a longer one ends the connection."""
HEAD_LIMIT = 32_768
"""Bytes before the end of an answer's head; more is no HTTP that we know."""


class Broken(OSError):
    """The connection ended before an answer had a status."""


class NotHttp(ValueError):
    """What came is not an answer."""


class Answer:
    """What is known of an answer; `status` is 0 until its head is whole."""

    __slots__ = ("body", "retry_after", "status")

    def __init__(self) -> None:
        self.status = 0
        self.retry_after: str | None = None
        self.body = b""


class Wire(asyncio.Protocol):
    """A connection that is opened, used again and again, and closed; on one event loop."""

    __slots__ = (
        "_answer",
        "_head",
        "_keep",
        "_parser",
        "_transport",
        "_waiter",
        "closed",
        "kept_since",
    )

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._answer = Answer()
        self._head = 0
        self._keep = False
        self.closed = False
        self.kept_since = 0.0

    # ------------------------------------------------------------ what its user calls

    async def request(self, data: bytes, answer: Answer) -> bool:
        """Send a request and fill in the answer; return whether the connection may be kept.

        Returns as soon as no more is wanted: at the status where that is not 2xx, else at the end
        of the body or its limit. Raises Broken, NotHttp; when it is cancelled, nothing more comes
        through this connection.
        """
        transport = self._transport
        if transport is None or self.closed:
            raise Broken
        self._answer, self._head, self._keep = answer, 0, False
        self._parser = httptools.HttpResponseParser(self)
        waiter = self._waiter = asyncio.get_running_loop().create_future()
        transport.write(data)
        try:
            await waiter
        except BaseException:
            self.abort()
            raise
        finally:
            self._waiter = self._parser = None
        return self._keep

    def abort(self) -> None:
        """End at once."""
        self.closed, self._keep = True, False
        if self._transport is not None:
            self._transport.abort()

    def close(self) -> None:
        """End as the protocol wants it."""
        self.closed = True
        if self._transport is not None:
            self._transport.close()

    # ------------------------------------------------------------ asyncio's calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Take a part of an answer; what nobody asked for ends the connection."""
        waiter, parser = self._waiter, self._parser
        if waiter is None or waiter.done() or parser is None:
            self.abort()
            return
        if not self._answer.status:
            self._head += len(data)
        try:
            parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._fail(NotHttp())
            return
        if not self._answer.status and self._head > HEAD_LIMIT:
            self._fail(NotHttp())

    def eof_received(self) -> bool:
        """Let the transport close."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """End what waits: with the answer if its status is known."""
        self.closed, self._keep = True, False
        waiter = self._waiter
        if waiter is None or waiter.done():
            return
        if self._answer.status:
            waiter.set_result(None)
            return
        error = Broken()
        if isinstance(exc, ssl.SSLError):
            error.__cause__ = exc
        waiter.set_exception(error)

    # ------------------------------------------------------------ the parser's calls

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep the one header that means something to a sender."""
        if len(name) == 11 and name.lower() == b"retry-after":
            self._answer.retry_after = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """Know the status; an answer that says no more than that is over."""
        parser = self._parser
        status = 0 if parser is None else parser.get_status_code()
        if status < 200:
            # An interim answer: the real one follows.
            self._answer.retry_after = None
            return
        self._answer.status = status
        if not 200 <= status < 300:
            # What an error page says helps nobody here, and may be long.
            self._done(keep=False)

    def on_body(self, body: bytes) -> None:
        """Keep the beginning of the body of a 2xx."""
        answer = self._answer
        if not 200 <= answer.status < 300:
            return
        answer.body += body[: ANSWER_LIMIT - len(answer.body)]
        if len(answer.body) >= ANSWER_LIMIT:
            self._done(keep=False)

    def on_message_complete(self) -> None:
        """End the request."""
        parser = self._parser
        if self._answer.status and parser is not None:
            # Asked later, the parser would speak of the next message.
            self._keep = parser.should_keep_alive()
            self._done(keep=True)

    def _done(self, *, keep: bool) -> None:
        if not keep:
            self.abort()
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _fail(self, error: Exception) -> None:
        self.abort()
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_exception(error)

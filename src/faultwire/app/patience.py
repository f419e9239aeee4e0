"""HTTP connections with limits that the server library lacks: clients that stop half-way."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from faultwire.app import letters
from faultwire.app.crowd import LOOK_SECONDS, REFUSED_SECONDS, Crowd

HEAD_BYTES = 65_536
"""Longest request line with headers."""

LONG_HEAD_BYTES = 1_048_576
LONG_QUERY = b"/os-fping?"
"""The longest of a request that names servers in its query, by the thousand."""

QUERY_BYTES = 32_768
"""What the server library can take of a query; it counts in sixteen bits."""

READ_FACTOR = 6
"""An answer may take as many times `reader_seconds` as long as some of it is taken."""

CREDENTIAL = b"x-faultwire-credential"

ANSWERS = {
    408: "The request did not come in time.",
    431: "The head of the request is too long: more than {limit} bytes.",
    429: "Too many sessions without a valid credential.",
    503: "Too many connections.",
}
PHRASES = {
    408: "Request Timeout",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    503: "Service Unavailable",
}


def answer(status: int, limit: int = 0) -> bytes:
    """Return a whole answer that ends its connection; `limit` is what was passed, if any."""
    text = ANSWERS[status].format(limit=limit)
    again = "retry-after: 2\r\n" if status in {429, 503} else ""
    head = (
        f"HTTP/1.1 {status} {PHRASES[status]}\r\ncontent-type: text/plain; charset=utf-8\r\n"
        f"content-length: {len(text)}\r\n{again}connection: close\r\n\r\n"
    )
    return (head + text).encode()


class PatientProtocol(HttpToolsProtocol):
    """Closes a connection whose client does not go on, or sends too long a head.

    A client that is waited for costs one look a second; one that waits for us is left alone.
    Implements `crowd.Guest`.
    """

    _watch: asyncio.TimerHandle | None = None
    _refused = False
    _head = True
    _head_bytes = 0
    _body_bytes = 0
    _begun = 0.0
    _receiving = True
    _full: float | None = None
    _moved = 0.0
    _left = 0
    _busy = 0
    _running: RequestResponseCycle | None = None
    source = ""
    arrived = 0.0

    def __init__(self, crowd: Crowd, *args: Any, **named: Any) -> None:
        """Belong to a crowd."""
        super().__init__(*args, **named)
        self._crowd = crowd

    # ------------------------------------------------------------ crowd.Guest

    def idle(self) -> bool:
        """Return whether it waits for a further request, and owes nothing."""
        return self.timeout_keep_alive_task is not None and not self.held()

    def held(self) -> int:
        """Return the bytes that are written and not taken yet."""
        return self.transport.get_write_buffer_size()

    def cut(self) -> None:
        """End it at once: what is written already would keep a mere close waiting."""
        self._dismiss_caller()
        self.transport.abort()

    def dismiss(self) -> None:
        """End it as one that is idle."""
        self.transport.close()

    # ------------------------------------------------------------ the transport's calls

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request, unless there is no room."""
        super().connection_made(transport)
        self.source = self.client[0] if self.client else ""
        self.arrived = self._begun = self.loop.time()
        if self._crowd.enter(self, self.arrived):
            self._watch = self.loop.call_later(LOOK_SECONDS, self._look)
        else:
            self._turn_away(503)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._forget()
        self._dismiss_caller()
        super().connection_lost(exc)

    def eof_received(self) -> None:
        """End a connection that was turned away."""
        if self._refused:
            self.transport.close()

    def handle_websocket_upgrade(self) -> None:
        """Leave the connection to the other protocol, which has limits of its own."""
        # Nobody answers it here.
        self._busy -= 1
        given = next((value for name, value in self.headers if name == CREDENTIAL), b"")
        known = self._crowd.known(given.decode("latin-1"))
        if not known and not self._crowd.stranger(self.source, self.loop.time()):
            self._turn_away(429)
            return
        self._forget()
        super().handle_websocket_upgrade()

    def data_received(self, data: bytes) -> None:
        """Take bytes; a head that is too long by then is answered and ends the connection."""
        if self._refused:
            return
        super().data_received(data)
        if self._watch is None:
            # It is another protocol's now, or lost.
            return
        if self._head and self._receiving:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES and not self.transport.is_closing():
                limit = LONG_HEAD_BYTES if LONG_QUERY in self.url[:HEAD_BYTES] else HEAD_BYTES
                if self._head_bytes > limit:
                    self._turn_away(431, limit)
        elif self._receiving:
            self._body_bytes += len(data)
        elif self.timeout_keep_alive_task is None and self.cycle.response_complete:
            # Bytes that begin nothing, after which the library would wait for ever.
            self._wait_for_head()

    def pause_writing(self) -> None:
        """Note that the client does not take what we write."""
        self._full = self._moved = self.loop.time()
        self._left = self.held()
        super().pause_writing()
        self._crowd.filled(self)

    def resume_writing(self) -> None:
        """Note that it does again."""
        self._full = None
        self._crowd.drained(self)
        super().resume_writing()

    # ------------------------------------------------------------ the parser's calls

    def on_message_begin(self) -> None:
        """Note that a request begins."""
        self._wait_for_head()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Note that the head is over."""
        self._head = False
        self._body_bytes = 0
        self._begun = self.loop.time()
        self._busy += 1
        self._crowd.proven(self)
        query = b""
        if len(self.url) > QUERY_BYTES:
            self.url, _, query = self.url.partition(b"?")
        super().on_headers_complete()
        if query:
            # The request is begun, and does not run before we return.
            self.scope["query_string"] = query
        if self.scope.get("path", "").endswith(letters.SUFFIX) and self.cycle is not None:
            self.cycle.transport = letters.Lettered(self.transport)  # type: ignore[assignment]

    def on_message_complete(self) -> None:
        """Note that nothing is waited for."""
        self._receiving = False
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Note when it was served."""
        self._busy -= 1
        self._crowd.served(self)
        super().on_response_complete()

    # ------------------------------------------------------------ what is overdue

    def _wait_for_head(self) -> None:
        self._head = self._receiving = True
        self._head_bytes = 0
        self._begun = self.loop.time()

    def _look(self) -> None:
        self._watch = None
        now = self.loop.time()
        if self._full is not None and self._is_stuck(now, self._full):
            self._crowd.overdue("reader")
            self.cut()
        elif self._refused:
            # It was told, and is only given the time to hear it.
            pass
        elif self._receiving and self._is_overdue(now) and not self.transport.is_closing():
            self._crowd.overdue("head" if self._head else "body")
            self._give_up()
        self._watch = self.loop.call_later(LOOK_SECONDS, self._look)

    def _is_stuck(self, now: float, since: float) -> bool:
        left, most = self.held(), self._crowd.limits.reader_seconds
        if left != self._left:
            self._left, self._moved = left, now
        return now - self._moved >= most or now - since >= most * READ_FACTOR

    def _is_overdue(self, now: float) -> bool:
        limits, took = self._crowd.limits, now - self._begun
        if self._head:
            return took >= limits.head_seconds
        # While reading is paused it is we who are not ready.
        more = self._body_bytes / limits.body_rate
        return took >= limits.body_seconds + more and not self.flow.read_paused

    def _give_up(self) -> None:
        if self._head and not self._head_bytes:
            self.transport.close()
        else:
            self._turn_away(408)

    def _turn_away(self, status: int, limit: int = 0) -> None:
        """Answer and close, once the other side had time to take the answer."""
        self._refused = True
        self._unset_keepalive_if_required()
        self._forget()
        self._dismiss_caller()
        if self._busy > (not self._head) or (self._busy and self.cycle.response_started):
            # Our words would stand in the middle of another answer.
            self.transport.close()
            return
        self.transport.write(answer(status, limit))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        # Closed at once, what it still sends would make the machine take our answer back.
        self.loop.call_later(REFUSED_SECONDS, self.transport.abort)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def _dismiss_caller(self) -> None:
        """Tell who answers, or waits for the rest of a body, that nobody is there any more.

        The library tells it to the newest request alone, which need not be the one in work.
        """
        self.pipeline.clear()
        if self._running is not None:
            self._running.disconnected = True
            self._running.message_event.set()

    def _forget(self) -> None:
        self._crowd.leave(self)
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None

"""A network between a client and its database that fails exactly where a test wants it to."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress

CUT_BEFORE = "before"
"""The server never hears of the commit."""

CUT_AFTER = "after"
"""The server commits, and its answer is lost."""

SILENT = "silent"
"""The answer does not come, and nothing is closed."""

BYTES = 65536


class Proxy:
    """Listens on a port of its own and passes on what it gets, until it is told to fail."""

    def __init__(self, port: int) -> None:
        """Pass on to this port of 127.0.0.1."""
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.failure = ""
        self.failed = 0
        self._sockets: list[socket.socket] = []
        self._start(self._accept)

    def _start(self, work: Callable[..., None], *arguments: object) -> None:
        threading.Thread(target=work, args=arguments, daemon=True).start()

    def fail(self, failure: str) -> None:
        """Fail once, at the next COMMIT."""
        self.failure = failure

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                return
            self._sockets += [client, server]
            losing = threading.Event()
            self._start(self._ask, client, server, losing)
            self._start(self._answer, server, client, losing)

    def _ask(self, client: socket.socket, server: socket.socket, losing: threading.Event) -> None:
        while said := _read(client):
            if self.failure and b"COMMIT" in said.upper():
                failure, self.failure = self.failure, ""
                self.failed += 1
                if failure == CUT_BEFORE:
                    break
                if failure == SILENT:
                    return
                losing.set()
            if not _send(server, said):
                break
        _close(client, server)

    def _answer(
        self, server: socket.socket, client: socket.socket, losing: threading.Event
    ) -> None:
        while said := _read(server):
            if losing.is_set():
                # The answer to the commit: it is made, and its client will not know.
                break
            if not _send(client, said):
                break
        _close(client, server)

    def close(self) -> None:
        """End everything."""
        _close(self._listener, *self._sockets)


def _read(source: socket.socket) -> bytes:
    try:
        return source.recv(BYTES)
    except OSError:
        return b""


def _send(to: socket.socket, said: bytes) -> bool:
    try:
        to.sendall(said)
    except OSError:
        return False
    return True


def _close(*sockets: socket.socket) -> None:
    for one in sockets:
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()

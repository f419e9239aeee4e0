"""A line to a port of this machine that a test cuts and joins."""

import socket
import threading
from contextlib import suppress


class Cable:
    """Listens on a port of its own and passes on what it gets, while it is whole."""

    def __init__(self, port: int) -> None:
        """Lead to a port of 127.0.0.1."""
        self._target = port
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.whole = True
        self._start(self._accept, self._listener)

    def _start(self, work: object, *arguments: object) -> None:
        threading.Thread(target=work, args=arguments, daemon=True).start()  # type: ignore[arg-type]

    def cut(self) -> None:
        """End every connection, and every new one."""
        self.whole = False
        self._end()

    def join(self) -> None:
        """Let connections through again."""
        self.whole = True

    def close(self) -> None:
        """End everything."""
        self.whole = False
        _close(self._listener)
        self._end()

    def _end(self) -> None:
        sockets, self._sockets = self._sockets, []
        _close(*sockets)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            if not self.whole:
                client.close()
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                client.close()
                continue
            self._sockets += [client, server]
            self._start(_pass, client, server)
            self._start(_pass, server, client)
            if not self.whole:
                self._end()


def _pass(source: socket.socket, to: socket.socket) -> None:
    with suppress(OSError):
        while said := source.recv(65536):
            to.sendall(said)
    _close(source, to)


def _close(*sockets: socket.socket) -> None:
    for one in sockets:
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()

"""The agent's second way of beating: a datagram, which costs the server next to nothing."""

import contextlib
import socket

from faultwire.domain.datagrams import DatagramTerms, seal


class Datagrams:
    """Beats of one session by UDP; none of them is known to arrive.

    `heard` is whether the server says that they do: until then the agent beats on its connection
    too.
    """

    def __init__(self, address: str, terms: DatagramTerms) -> None:
        """Send to the server's address; raises OSError."""
        self.heard = False
        self._terms = terms
        self._sequence = 0
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        try:
            self._socket.setblocking(False)
            self._socket.connect((address, terms.port))
        except OSError:
            self._socket.close()
            raise

    def beat(self) -> None:
        """Send a sign of life; an error is no news: the server asks when it hears nothing."""
        self._sequence += 1
        with contextlib.suppress(OSError):
            self._socket.send(seal(self._terms, self._sequence))

    def close(self) -> None:
        """Send no more."""
        self._socket.close()


def opened(address: str, terms: DatagramTerms | None) -> Datagrams | None:
    """Return the second way, or None where the server grants none or the machine has none."""
    if terms is None:
        return None
    try:
        return Datagrams(address, terms)
    except OSError:
        return None

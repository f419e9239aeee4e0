"""A cheap source of datagrams: native batches, made beforehand, paced or as fast as it goes."""

import ctypes
import os
import socket
import struct
import sys
import time
from typing import Any

from faultwire.domain.datagrams import LENGTH, DatagramTerms, seal
from faultwire.liveness.ear import _Iovec, _Message

BATCH = 512
NICENESS = 5
"""It stands for other machines."""


class Flood:
    """Datagrams that lie one behind the other, sent by sendmmsg."""

    def __init__(self, datagrams: bytes) -> None:
        self._data = (ctypes.c_char * len(datagrams)).from_buffer_copy(datagrams)
        self.count = len(datagrams) // LENGTH
        self._call: Any = ctypes.CDLL(None, use_errno=True).sendmmsg
        self._vectors = (_Iovec * BATCH)()
        self._messages = (_Message * BATCH)()
        for number, message in enumerate(self._messages):
            message.header.iov = ctypes.pointer(self._vectors[number])
            message.header.iovlen = 1
            self._vectors[number].len = LENGTH
        self._vector_bytes = memoryview(self._vectors).cast("B")

    def send(self, sock: socket.socket, begin: int, count: int) -> None:
        """Send so many datagrams (up to a batch) from a place on."""
        base = ctypes.addressof(self._data) + begin * LENGTH
        flat = [x for number in range(count) for x in (base + number * LENGTH, LENGTH)]
        self._vector_bytes[: 16 * count] = struct.pack(f"@{2 * count}Q", *flat)
        sent = 0
        while sent < count:
            place = ctypes.byref(self._messages, sent * ctypes.sizeof(_Message))
            done = self._call(sock.fileno(), place, count - sent, 0)
            if done <= 0:
                break
            sent += done

    def run(self, port: int, rate: float) -> float:
        """Send all at a rate a second (0: as fast as it goes); return the seconds it took."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_194_304)
            sock.connect(("127.0.0.1", port))
            began = time.monotonic()
            sent = 0
            while sent < self.count:
                due = self.count
                if rate:
                    due = min(self.count, int((time.monotonic() - began) * rate))
                    if due - sent < min(100, self.count - sent):
                        time.sleep(0.001)
                        continue
                count = min(BATCH, due - sent)
                self.send(sock, sent, count)
                sent += count
            return time.monotonic() - began


def sealed(terms: list[DatagramTerms], each: int, first: int = 1) -> bytes:
    """Return beats of sessions, `each` of every one, in turns; sequences from `first` on."""
    return b"".join(seal(one, first + turn) for turn in range(each) for one in terms)


def main() -> None:
    """Read the terms, make the datagrams, and send each time a line asks for some.

    Standard input: ``PORT`` and ``SLOT KEY`` lines, an empty line, then lines ``RATE COUNT``;
    answers ``ready``, and for each line the seconds it took.
    """
    os.nice(NICENESS)
    port = int(sys.stdin.readline())
    terms = []
    while line := sys.stdin.readline().strip():
        slot, key = line.split()
        terms.append(DatagramTerms(port, int(slot), bytes.fromhex(key)))
    print("ready", flush=True)
    first = 1
    for line in sys.stdin:
        rate, count = map(float, line.split())
        each = max(1, int(count) // len(terms))
        flood = Flood(sealed(terms, each, first))
        first += each
        print("made", flush=True)
        print(flood.run(port, rate), flush=True)


if __name__ == "__main__":
    main()

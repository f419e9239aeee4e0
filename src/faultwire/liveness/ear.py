"""The ear: a process that hears datagrams, checks each, and keeps when whom it heard last.

It is started by `liveness.beats` with two files, a bound UDP socket and memory that both share,
and learns keys from its standard input, whose end is its own. So the server's loop does nothing
for a beat: it looks into the memory when a wait ripens.

The shared memory holds counters (`COUNTERS`), then for each slot the monotonic nanosecond of its
last beat (the clock is one for all processes of a machine), then for each slot the sequence of
that beat. Each is eight bytes, in the machine's order, with one writer: the ear.
"""

import contextlib
import ctypes
import gc
import hashlib
import hmac
import mmap
import os
import select
import socket
import struct
import sys
from typing import Any

from faultwire.domain.datagrams import KEY_BYTES, LENGTH, MAC_BYTES, MAGIC
from faultwire.telemetry.clock import SystemClock

SLOTS = 65_536
COUNTERS = 8
TAKEN, REFUSED = 0, 1
SHARED_BYTES = 8 * (COUNTERS + 2 * SLOTS)

RECORD = struct.Struct(f"!BI{KEY_BYTES}s")
"""What the standard input holds: whether a slot is open, the slot, its key."""

BATCH = 1024
PAUSE_MS = 1
"""Time in which datagrams may gather: so a pass over many costs one call of the system."""
NICENESS = 10
"""Deliveries go first: a beat that is lost is asked for over the agent's connection."""
STRIDE = 40

_PIECES = struct.Struct(f"!16s{MAC_BYTES}s{STRIDE - LENGTH}x")
_NUMBERS = struct.Struct(f"!4sIQ{STRIDE - 16}x")


class _Iovec(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("len", ctypes.c_size_t))


class _Header(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_void_p),
        ("namelen", ctypes.c_uint32),
        ("iov", ctypes.POINTER(_Iovec)),
        ("iovlen", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("controllen", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class _Message(ctypes.Structure):
    _fields_ = (("header", _Header), ("length", ctypes.c_uint))


_LENGTHS = struct.Struct(
    f"={_Message.length.offset}xI{ctypes.sizeof(_Message) - _Message.length.offset - 4}x"
)


def receiver() -> Any:
    """Return the system's recvmmsg, or None where there is none."""
    call = getattr(ctypes.CDLL(None, use_errno=True), "recvmmsg", None)
    if call is not None:
        call.argtypes = (
            ctypes.c_int,
            ctypes.POINTER(_Message),
            ctypes.c_uint,
            ctypes.c_int,
            ctypes.c_void_p,
        )
    return call


class Batch:
    """Room for many datagrams, taken from a socket by one call."""

    def __init__(self, sock: socket.socket) -> None:
        """Take the socket, which must be bound."""
        self._call = receiver()
        self._file = sock.fileno()
        self.data = bytearray(BATCH * STRIDE)
        room = (ctypes.c_char * len(self.data)).from_buffer(self.data)
        begin = ctypes.addressof(room)
        # One byte more than a datagram of ours has: a longer one shows.
        self._vectors = (_Iovec * BATCH)(
            *(_Iovec(begin + STRIDE * number, LENGTH + 1) for number in range(BATCH))
        )
        self._messages = (_Message * BATCH)()
        for number, message in enumerate(self._messages):
            message.header.iov = ctypes.pointer(self._vectors[number])
            message.header.iovlen = 1
        self.heads = memoryview(self._messages).cast("B")

    def take(self) -> int:
        """Return how many datagrams were waiting and are in `data` now; 0: none."""
        found: int = self._call(self._file, self._messages, BATCH, socket.MSG_DONTWAIT, None)
        return max(0, found)


class Ear:
    """Checks datagrams and keeps what is heard."""

    def __init__(self, shared: memoryview) -> None:
        """Write into the shared memory; sequences that stand there were heard before."""
        words = shared.cast("Q")
        self._counters = words[:COUNTERS]
        self._seen = words[COUNTERS : COUNTERS + SLOTS]
        self._sequences = words[COUNTERS + SLOTS :]
        self._keys: dict[int, Any] = {}

    def learn(self, records: bytes) -> None:
        """Open and close slots."""
        for opened, slot, key in RECORD.iter_unpack(records):
            if opened:
                self._keys[slot] = hashlib.blake2s(digest_size=MAC_BYTES, key=key)
            else:
                self._keys.pop(slot, None)

    def hear(self, data: memoryview, heads: memoryview, now: int) -> None:
        """Check datagrams that lie `STRIDE` apart; what is not ours is counted and no more."""
        keys, seen, sequences = self._keys, self._seen, self._sequences
        compare, taken, refused = hmac.compare_digest, 0, 0
        for (head, mac), (magic, slot, sequence), (length,) in zip(
            _PIECES.iter_unpack(data),
            _NUMBERS.iter_unpack(data),
            _LENGTHS.iter_unpack(heads),
            strict=True,
        ):
            key = keys.get(slot)
            if key is None or length != LENGTH or magic != MAGIC or sequence <= sequences[slot]:
                refused += 1
                continue
            mine = key.copy()
            mine.update(head)
            if not compare(mine.digest(), mac):
                refused += 1
                continue
            sequences[slot] = sequence
            seen[slot] = now
            taken += 1
        self._counters[TAKEN] += taken
        self._counters[REFUSED] += refused


def run(sock: socket.socket, shared: memoryview, keys: int) -> None:
    """Hear until the file of keys ends."""
    batch, ear, clock = Batch(sock), Ear(shared), SystemClock()
    data, size = memoryview(batch.data), ctypes.sizeof(_Message)
    both, news = select.poll(), select.poll()
    both.register(sock, select.POLLIN)
    for one in (both, news):
        one.register(keys, select.POLLIN)
    unread = b""
    while True:
        if any(file == keys for file, _ in both.poll()):
            some = os.read(keys, 65_536)
            if not some:
                return
            whole = (len(unread) + len(some)) // RECORD.size * RECORD.size
            unread += some
            ear.learn(unread[:whole])
            unread = unread[whole:]
        while found := batch.take():
            ear.hear(data[: found * STRIDE], batch.heads[: found * size], clock.mono_ns())
            if found < BATCH:
                break
        news.poll(PAUSE_MS)


def main(sock: str, shared: str) -> None:
    """Be the process."""
    with contextlib.suppress(OSError):
        # Whoever may not give way hears all the same.
        os.nice(NICENESS)
    with contextlib.suppress(OSError, AttributeError):
        # What gathers for a moment is taken in one go: no need to be woken before others.
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    gc.disable()
    memory = memoryview(mmap.mmap(int(shared), SHARED_BYTES))
    with socket.socket(fileno=int(sock)) as heard:
        run(heard, memory, sys.stdin.fileno())


if __name__ == "__main__":
    main(*sys.argv[1:])

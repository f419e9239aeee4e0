"""Many messages by one call of the system, where it has that call: sendmmsg and recvmmsg.

Linux on machines of 64 bits; elsewhere `available` is false. Not thread-safe: a batch has one
user. Errors are returned as the system's numbers, since most of them are no exceptions here.
"""

import ctypes
import errno
import socket
import sys
from collections.abc import Sequence
from typing import Any


class _Iovec(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("len", ctypes.c_size_t))


class _Header(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_void_p),
        ("namelen", ctypes.c_uint32),
        ("iov", ctypes.c_void_p),
        ("iovlen", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("controllen", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class _Message(ctypes.Structure):
    _fields_ = (("header", _Header), ("length", ctypes.c_uint))


TRIES = 3
FULL = frozenset({errno.EAGAIN, errno.ENOBUFS, errno.ENOMEM})
"""Errors that say that something of ours is full."""

SIZE = ctypes.sizeof(_Message)
_LENGTH = _Message.length.offset // 4
_STEP = SIZE // 4


def _calls() -> tuple[Any, Any]:
    """Return sendmmsg and recvmmsg; None for each that this system lacks."""
    if not sys.platform.startswith("linux") or sys.maxsize < 1 << 32:
        return None, None
    library = ctypes.CDLL(None, use_errno=True)
    found = []
    for name, more in (("sendmmsg", ()), ("recvmmsg", (ctypes.c_void_p,))):
        call = getattr(library, name, None)
        if call is not None:
            plain = (ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int)
            call.argtypes = (*plain, *more)
        found.append(call)
    return found[0], found[1]


_SEND, _RECEIVE = _calls()


def available() -> bool:
    """Return whether this system has both calls."""
    return _SEND is not None and _RECEIVE is not None


class Messages:
    """Messages whose bytes and names lie at equal distances in memory that the caller holds."""

    def __init__(
        self, count: int, data: bytearray, stride: int, length: int, names: bytearray
    ) -> None:
        """Point at `count` packets of `length` bytes, `stride` apart, and at their names."""
        self._held = [(ctypes.c_char * len(one)).from_buffer(one) for one in (data, names)]
        at, name_at = (ctypes.addressof(one) for one in self._held)
        name_bytes = len(names) // count
        self._vectors = (_Iovec * count)(
            *(_Iovec(at + stride * number, length) for number in range(count))
        )
        vector_at, vector = ctypes.addressof(self._vectors), ctypes.sizeof(_Iovec)
        self._messages = (_Message * count)()
        for number, message in enumerate(self._messages):
            message.header.name = name_at + name_bytes * number
            message.header.namelen = name_bytes
            message.header.iov = vector_at + vector * number
            message.header.iovlen = 1
        self._count = count
        self._at = ctypes.addressof(self._messages)
        self._words = memoryview(self._messages).cast("B").cast("I")

    def receive(self, file: int, flags: int = 0) -> int:
        """Return how many messages were waiting and are in memory now; 0: none.

        An error that is about an earlier packet does not pass for an end.
        """
        for _ in range(TRIES):
            found: int = _RECEIVE(file, self._at, self._count, socket.MSG_DONTWAIT | flags, None)
            if found >= 0:
                return found
            if ctypes.get_errno() == errno.EAGAIN:
                break
        return 0

    def lengths(self, count: int) -> memoryview:
        """Return the lengths of the first messages that were received."""
        return memoryview(self._words[_LENGTH : count * _STEP : _STEP])

    def send(self, file: int, count: int) -> Sequence[tuple[int, int]]:
        """Send the first messages; return those that the system refused, and why.

        What finds no room is passed over, never tried again here. Any other error may be about
        an earlier packet, to whomever: then the next try succeeds.
        """
        refused: list[tuple[int, int]] = []
        done = tried = 0
        while done < count:
            taken = _SEND(file, self._at + done * SIZE, count - done, socket.MSG_DONTWAIT)
            if taken > 0:
                done += taken
                tried = 0
                continue
            number = ctypes.get_errno()
            tried += 1
            if number in FULL or tried >= TRIES:
                refused.append((done, number))
                done, tried = done + 1, 0
        return refused

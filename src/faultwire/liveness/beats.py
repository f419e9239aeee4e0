"""Signs of life by datagram, as the server's loop sees them."""

import asyncio
import logging
import mmap
import os
import secrets
import socket
import sys
from collections import deque
from collections.abc import Callable
from typing import Protocol

from faultwire.domain.datagrams import KEY_BYTES, DatagramTerms
from faultwire.liveness import ear
from faultwire.ports import Clock, Meter

log = logging.getLogger(__name__)

BUFFER_BYTES = 4_194_304
AGAIN_SECONDS = 1.0
TOLD_SECONDS = 2.0
RESTING = 1024
"""Slots that were used longer ago go first: the ear must have heard that they are void."""
RESULTS = {"taken": ear.TAKEN, "refused": ear.REFUSED}


class Pulses(Protocol):
    """Where a session may beat besides its connection; on the loop, no call waits."""

    def open(self) -> DatagramTerms | None:
        """Return terms for a new session; None where there is no room or nobody listens."""

    def close(self, terms: DatagramTerms) -> None:
        """Void them."""

    def last(self, terms: DatagramTerms) -> int:
        """Return the monotonic time of the session's last verified beat; 0: none came."""


class Beats:
    """Implements `Pulses`: a UDP socket, and a child process that hears it.

    `run` must be running for anything to be heard; until then, and while the child is started
    again, agents beat on their connections.
    """

    def __init__(self, sock: socket.socket, clock: Clock, meter: Meter) -> None:
        """Take a bound socket; `stop` closes it."""
        self._sock = sock
        self._clock = clock
        self._meter = meter
        self._file = _memory_file()
        self._memory = mmap.mmap(self._file, ear.SHARED_BYTES)
        words = memoryview(self._memory).cast("Q")
        self._counters = words[: ear.COUNTERS]
        self._seen = words[ear.COUNTERS : ear.COUNTERS + ear.SLOTS]
        self._sequences = words[ear.COUNTERS + ear.SLOTS :]
        self._keys: dict[int, bytes] = {}
        self._free: deque[int] = deque()
        self._used = 0
        self._told = dict.fromkeys(RESULTS, 0)
        self._tell_child: Callable[[bytes], None] | None = None
        self.child: asyncio.subprocess.Process | None = None
        self.port: int = sock.getsockname()[1]

    def open(self) -> DatagramTerms | None:
        """Return terms for a new session; None where there is no room or nobody listens."""
        if self._tell_child is None:
            return None
        if len(self._free) > RESTING or (self._free and self._used == ear.SLOTS):
            slot = self._free.popleft()
        elif self._used < ear.SLOTS:
            slot, self._used = self._used, self._used + 1
        else:
            return None
        key = secrets.token_bytes(KEY_BYTES)
        self._keys[slot] = key
        # Written before the ear knows the key: nothing of the session before counts.
        self._seen[slot] = self._sequences[slot] = 0
        self._tell_child(ear.RECORD.pack(1, slot, key))
        return DatagramTerms(self.port, slot, key)

    def close(self, terms: DatagramTerms) -> None:
        """Void them; harmless when they are void."""
        if self._keys.get(terms.slot) != terms.key:
            return
        del self._keys[terms.slot]
        self._free.append(terms.slot)
        if self._tell_child is not None:
            self._tell_child(ear.RECORD.pack(0, terms.slot, bytes(KEY_BYTES)))

    def last(self, terms: DatagramTerms) -> int:
        """Return the monotonic time of the session's last verified beat; 0: none came."""
        return self._seen[terms.slot] if self._keys.get(terms.slot) == terms.key else 0

    async def run(self) -> None:
        """Keep the child running until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_child(), name="ear")
            group.create_task(self._keep_telling(), name="beats' figures")

    def stop(self) -> None:
        """Release the socket."""
        self._sock.close()
        os.close(self._file)

    def count(self, result: str) -> int:
        """Return how many datagrams had a result since the start: taken, refused."""
        return self._counters[RESULTS[result]]

    async def _keep_child(self) -> None:
        while True:
            try:
                await self._hear()
            except OSError as error:
                log.warning("beats by datagram cannot be heard: %s", error)
            await self._clock.sleep(AGAIN_SECONDS)

    async def _hear(self) -> None:
        files = (self._sock.fileno(), self._file)
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            ear.__name__,
            *map(str, files),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            pass_fds=files,
        )
        keys = child.stdin
        if keys is None:
            return
        try:
            keys.write(b"".join(ear.RECORD.pack(1, slot, key) for slot, key in self._keys.items()))
            self._tell_child, self.child = keys.write, child
            status = await child.wait()
            log.warning("the process that hears beats ended (%d); it is started again", status)
        finally:
            self._tell_child = self.child = None
            keys.close()
            if child.returncode is None:
                child.kill()
                await asyncio.shield(child.wait())

    async def _keep_telling(self) -> None:
        while True:
            await self._clock.sleep(TOLD_SECONDS)
            for result in RESULTS:
                now = self.count(result)
                if now > self._told[result]:
                    more = now - self._told[result]
                    self._meter.count("faultwire_datagram_beats_total", more, result=result)
                self._told[result] = now


def bound(host: str, port: int) -> socket.socket:
    """Return a UDP socket on an address, on any port if that one is taken; raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        try:
            sock.bind((host, port))
        except OSError:
            sock.bind((host, 0))
    except OSError:
        sock.close()
        raise
    return sock


def open_beats(host: str, port: int, clock: Clock, meter: Meter) -> Beats | None:
    """Return what hears datagrams on an address; None, and a line in the log, where it cannot."""
    if ear.receiver() is None:
        log.info("this system takes no datagrams in batches: agents beat on their connections")
        return None
    try:
        return Beats(bound(host, port), clock, meter)
    except OSError as error:
        log.warning("agents beat on their connections only: no datagrams on %s: %s", host, error)
        return None


def _memory_file() -> int:
    file = os.memfd_create("faultwire-beats", os.MFD_CLOEXEC)
    os.ftruncate(file, ear.SHARED_BYTES)
    return file

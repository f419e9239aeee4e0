"""ICMP sockets: the one door through which hosts are probed.

A datagram socket, which needs no privilege where ``net.ipv4.ping_group_range`` holds a group of
ours, else a raw one with a filter; many packets by one call, else one by one. What was got, and
what that costs, is said in `Access`.
"""

import contextlib
import errno
import ipaddress
import secrets
import select
import socket
import struct
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from faultwire.domain.errors import Unavailable
from faultwire.liveness import mmsg
from faultwire.liveness.packets import (
    BATCH,
    LENGTH,
    NONCE_BYTES,
    NONE_TAKEN,
    STRIDE,
    Replies,
    Requests,
    Seal,
    Taken,
)

WANTED_BYTES = 8 * 1024 * 1024
"""Receive buffer: with the usual one 256 replies fit, and all others would look dead."""
REPLY_BYTES = 832
"""What the system counts for one small packet that waits to be read."""

FORGETS = 16
"""Takes between two looks at what the system tells of earlier packets."""

_SO_RCVBUFFORCE = 33
_SO_ATTACH_FILTER = 26
_SO_MEMINFO = 55
_DROPS = 8
_IP_RECVERR = 11
_MSG_ERRQUEUE = 0x2000
_IPV4_HEADER = 20
_ANY = {socket.AF_INET: "0.0.0.0", socket.AF_INET6: "::"}  # noqa: S104 - answers come anywhere


Address = tuple[str, int] | tuple[str, int, int, int]


class Kind(IntEnum):
    """Types of ICMP messages: request and reply of each family."""

    ECHO4, REPLY4 = 8, 0
    ECHO6, REPLY6 = 128, 129


@dataclass(frozen=True, slots=True)
class Access:
    """What the system let us have: kind ``datagram`` or ``raw``, calls ``mmsg`` or ``plain``."""

    family: str
    kind: str
    calls: str
    buffer_bytes: int

    @property
    def replies(self) -> int:
        """How many replies may wait to be read; further ones are lost."""
        return self.buffer_bytes // REPLY_BYTES

    @property
    def costs(self) -> tuple[str, ...]:
        """What is missing, and what that costs."""
        found = []
        if self.kind == "raw":
            found.append("raw socket: the system copies every ICMP packet to it for its filter")
        if self.calls == "plain":
            found.append("no sendmmsg and recvmmsg: probing takes twice the processor time")
        if self.buffer_bytes < WANTED_BYTES:
            found.append(
                f"receive buffer of {self.buffer_bytes} bytes: {self.replies} replies at once,"
                " further ones are dropped (raise net.core.rmem_max)"
            )
        return tuple(found)


class Wire(Protocol):
    """Sends requests to slots and takes replies; `testing.wire` has one without a system."""

    def place(self, slot: int, address: str) -> None:
        """Let a slot stand for an address; raises ValueError for what is no address."""

    def clear(self, slot: int) -> None:
        """Let a slot stand for nothing: what still comes from there is refused."""

    def send(self, slots: Sequence[int], tick: int) -> Mapping[int, int]:
        """Send one request to each; return those that the system refused, and its error."""

    def take(self) -> Taken:
        """Return replies that wait, `BATCH` at most; fewer: there are no more."""

    def dropped(self) -> int:
        """Return how many replies the system has thrown away since the start."""


class IcmpWire:
    """Implements `Wire` for one address family."""

    def __init__(self, family: int, *, many: bool = True, raw: bool | None = None) -> None:
        """Open what may be opened; raises Unavailable saying what to do.

        `many` False: one packet by each call; `raw`: None takes a datagram socket where it may.
        """
        self._family = socket.AddressFamily(family)
        self._six = family == socket.AF_INET6
        self._sock, kind, number = _open(self._family, raw=raw)
        skip = _IPV4_HEADER if kind == "raw" and not self._six else 0
        types = (Kind.ECHO6, Kind.REPLY6) if self._six else (Kind.ECHO4, Kind.REPLY4)
        seal = Seal(int(types[0]), int(types[1]), number, secrets.token_bytes(NONCE_BYTES))
        self._names: dict[int, bytes] = {}
        self._name_bytes = 28 if self._six else 16
        self._requests = Requests(seal)
        self._replies = Replies(seal, self._name_bytes, skip)
        self._length = skip + LENGTH
        self._to = bytearray(self._name_bytes * BATCH)
        self._errors = kind == "raw" and not self._six
        self._takes = 0
        self._many = many and mmsg.available()
        if self._many:
            self._out = mmsg.Messages(BATCH, self._requests.data, LENGTH, LENGTH, self._to)
            # One byte more than a reply has: a longer one shows.
            more = self._length + 1
            self._in = mmsg.Messages(BATCH, self._replies.data, STRIDE, more, self._replies.names)
        calls = "mmsg" if self._many else "plain"
        family_name = "IPv6" if self._six else "IPv4"
        self.access = Access(family_name, kind, calls, _widen(self._sock))

    def close(self) -> None:
        """Release the socket."""
        self._sock.close()

    def place(self, slot: int, address: str) -> None:
        """Let a slot stand for an address; raises ValueError for what is no address."""
        self._names[slot] = name_of(address, self._family)

    def clear(self, slot: int) -> None:
        """Let a slot stand for nothing: what still comes from there is refused."""
        self._names.pop(slot, None)

    def send(self, slots: Sequence[int], tick: int) -> Mapping[int, int]:
        """Send one request to each; return those that the system refused, and its error."""
        refused: dict[int, int] = {}
        for begin in range(0, len(slots), BATCH):
            some = slots[begin : begin + BATCH]
            self._requests.fill(some, tick)
            names = b"".join(map(self._names.__getitem__, some))
            self._to[: len(names)] = names
            if self._many:
                failed = self._out.send(self._sock.fileno(), len(some))
            else:
                failed = self._send_each(some)
            if failed:
                refused.update((some[number], error) for number, error in failed)
        return refused

    def take(self) -> Taken:
        """Return replies that wait, `BATCH` at most; fewer: there are no more."""
        if self._many:
            count = self._in.receive(self._sock.fileno())
            lengths = self._in.lengths(count) if count else None
        else:
            count, lengths = self._take_each()
        if self._errors:
            self._takes += 1
            if self._takes % FORGETS == 0:
                self._forget_errors()
        if lengths is None:
            return NONE_TAKEN
        return self._replies.check(count, lengths, self._names)

    def fileno(self) -> int:
        """Return the socket's file, for those who wait for it."""
        return self._sock.fileno()

    def dropped(self) -> int:
        """Return how many replies the system has thrown away since the start."""
        try:
            told = self._sock.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, 36)
        except OSError:
            return 0
        return int(struct.unpack_from("=I", told, 4 * _DROPS)[0]) if len(told) == 36 else 0

    def _forget_errors(self) -> None:
        """Throw away what the system tells of earlier packets: it takes the room of replies."""
        with contextlib.suppress(OSError):
            while self._sock.recvmsg(1, 0, _MSG_ERRQUEUE | socket.MSG_DONTWAIT):
                pass

    def _send_each(self, slots: Sequence[int]) -> list[tuple[int, int]]:
        failed = []
        for number, slot in enumerate(slots):
            packet = self._requests.data[LENGTH * number : LENGTH * (number + 1)]
            error = self._send_one(packet, _address(self._names[slot]))
            if error:
                failed.append((number, error))
        return failed

    def _send_one(self, packet: bytearray, to: Address) -> int:
        """Return the error, 0 for none; one about an earlier packet is passed over."""
        found = 0
        for _ in range(mmsg.TRIES):
            try:
                self._sock.sendto(packet, socket.MSG_DONTWAIT, to)
            except OSError as error:
                found = error.errno or errno.EIO
                if found in mmsg.FULL:
                    return found
            else:
                return 0
        return found

    def _take_each(self) -> tuple[int, memoryview | None]:
        view, lengths, errors = memoryview(self._replies.data), array("I"), 0
        while len(lengths) < BATCH:
            begin = len(lengths) * STRIDE
            room = view[begin : begin + self._length + 1]
            try:
                length, source = self._sock.recvfrom_into(room, 0, socket.MSG_DONTWAIT)
            except OSError as error:
                errors += 1
                if error.errno == errno.EAGAIN or errors >= mmsg.TRIES:
                    break
                continue
            errors = 0
            name = _packed(self._family, source)
            at = len(lengths) * self._name_bytes
            self._replies.names[at : at + self._name_bytes] = name
            lengths.append(length)
        return len(lengths), memoryview(lengths) if lengths else None


def rest(wires: Sequence[IcmpWire], seconds: float) -> None:
    """Return after that long, or once something has come to one of the wires."""
    select.select(wires, (), (), seconds)


def name_of(address: str, family: int) -> bytes:
    """Return an address as the system writes it; raises ValueError for one of another kind."""
    found = ipaddress.ip_address(address)
    if found.version == 4:
        if family != socket.AF_INET:
            raise ValueError(f"{address} is no IPv6 address")
        return _packed(socket.AF_INET, (str(found), 0))
    if family != socket.AF_INET6:
        raise ValueError(f"{address} is no IPv4 address")
    scope = 0
    if found.scope_id:
        try:
            scope = socket.if_nametoindex(found.scope_id)
        except OSError:
            raise ValueError(f"{address}: no such interface") from None
    return _packed(socket.AF_INET6, (str(found).partition("%")[0], 0, 0, scope))


def family_of(address: str) -> int:
    """Return the family of an address; raises ValueError for what is none."""
    four = ipaddress.ip_address(address).version == 4
    return int(socket.AF_INET if four else socket.AF_INET6)


def _packed(family: int, source: tuple[object, ...]) -> bytes:
    host = str(source[0]).partition("%")[0]
    packed = socket.inet_pton(family, host)
    kind = struct.pack("=H", family)
    if family == socket.AF_INET:
        return kind + bytes(2) + packed + bytes(8)
    return kind + bytes(6) + packed + struct.pack("=I", source[3])


def _address(name: bytes) -> Address:
    if len(name) == 16:
        return socket.inet_ntop(socket.AF_INET, name[4:8]), 0
    scope = struct.unpack_from("=I", name, 24)[0]
    return socket.inet_ntop(socket.AF_INET6, name[8:24]), 0, 0, int(scope)


def _open(family: socket.AddressFamily, *, raw: bool | None) -> tuple[socket.socket, str, int]:
    """Return a socket, its kind, and the id that replies to it have."""
    protocol = socket.IPPROTO_ICMPV6 if family == socket.AF_INET6 else socket.IPPROTO_ICMP
    refused: list[str] = []
    if raw is not True:
        try:
            sock = socket.socket(family, socket.SOCK_DGRAM, protocol)
            with contextlib.ExitStack() as undo:
                undo.callback(sock.close)
                # Unbound, the system would choose the id at the first packet, and rewrite ours.
                sock.bind((_ANY[family], 0))
                undo.pop_all()
            return sock, "datagram", int(sock.getsockname()[1])
        except OSError as error:
            refused.append(f"datagram socket: {error.strerror}")
    if raw is not False:
        try:
            return _open_raw(family, protocol)
        except OSError as error:
            refused.append(f"raw socket: {error.strerror}")
    what = "; ".join(refused)
    raise Unavailable(
        f"no ICMP socket ({what}): let net.ipv4.ping_group_range hold the group of this process,"
        " or give it CAP_NET_RAW"
    )


def _open_raw(family: socket.AddressFamily, protocol: int) -> tuple[socket.socket, str, int]:
    number = secrets.randbelow(0xFFFF) + 1
    sock = socket.socket(family, socket.SOCK_RAW, protocol)
    try:
        _attach(sock, number, six=family == socket.AF_INET6)
        if family == socket.AF_INET:
            # Without it the system says that it sent what it had no room for.
            sock.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)
    except OSError:
        sock.close()
        raise
    return sock, "raw", number


def _attach(sock: socket.socket, number: int, *, six: bool) -> None:
    """Have the system pass on replies under our id alone; other packets never wake us."""
    load_byte, load_half, jump, give = 0x30, 0x28, 0x15, 0x06
    index_byte, index_half, index_header = 0x50, 0x48, 0xB1
    reply = int(Kind.REPLY6 if six else Kind.REPLY4)
    head = (
        [(load_byte, 0, 0, 0), (jump, 0, 3, reply), (load_half, 0, 0, 4)]
        if six
        # The IPv4 header comes first, and says how long it is.
        else [
            (index_header, 0, 0, 0),
            (index_byte, 0, 0, 0),
            (jump, 0, 3, reply),
            (index_half, 0, 0, 4),
        ]
    )
    rows = [*head, (jump, 0, 1, number), (give, 0, 0, 0xFFFF), (give, 0, 0, 0)]
    code = bytearray(b"".join(struct.pack("=HBBI", *row) for row in rows))
    at = array("B", code)
    program = struct.pack("@HP", len(rows), at.buffer_info()[0])
    sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)


def _widen(sock: socket.socket) -> int:
    """Ask for room for many replies; return the bytes that were granted."""
    for option in (_SO_RCVBUFFORCE, socket.SO_RCVBUF):
        try:
            sock.setsockopt(socket.SOL_SOCKET, option, WANTED_BYTES)
            break
        except OSError:
            continue
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)

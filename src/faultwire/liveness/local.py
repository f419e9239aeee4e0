"""What we see of our own machine: carriers, routes, and room for neighbours."""

import array
import contextlib
import errno
import fcntl
import ipaddress
import socket
import struct
from collections.abc import Iterable, Sequence
from pathlib import Path

_SIOCETHTOOL = 0x8946
_GLINK = 0x0000000A
_NAME_BYTES = 16
_REQUEST_BYTES = 40
_NEIGHBOURS = "/proc/sys/net/{}/neigh/default/gc_thresh3"
_UP = 0x1
_RTMGRP_LINK = 1


class Carriers:
    """Asks interfaces whether they have a carrier; a call takes microseconds.

    The system's own news of links come up to a second late; asking makes it look at once.
    """

    def __init__(self) -> None:
        """Watch no interface."""
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._value = array.array("I", (_GLINK, 0))
        self._requests: dict[str, bytes] = {}

    def watch(self, names: Iterable[str]) -> None:
        """Watch these interfaces besides those that are watched."""
        at = self._value.buffer_info()[0]
        for name in names:
            packed = name.encode()[: _NAME_BYTES - 1].ljust(_NAME_BYTES, b"\0")
            request = packed + struct.pack("=Q" if struct.calcsize("P") == 8 else "=I", at)
            self._requests[name] = request.ljust(_REQUEST_BYTES, b"\0")

    def down(self) -> tuple[str, ...]:
        """Return the watched interfaces that have no carrier now; one that is gone has none."""
        return tuple(name for name, request in self._requests.items() if not self._up(request))

    def close(self) -> None:
        """Release the socket."""
        self._sock.close()

    def _up(self, request: bytes) -> bool:
        self._value[0], self._value[1] = _GLINK, 0
        try:
            fcntl.ioctl(self._sock.fileno(), _SIOCETHTOOL, request)
        except PermissionError:
            return True
        except OSError as error:
            # A kind of interface that has no carrier to lose.
            return error.errno != errno.ENODEV
        return bool(self._value[1])


class LinkNews:
    """What the system tells of links: a file that is ready when there is something to look at.

    It tells late, by up to a second, and perhaps not of everything: it only says when to look
    before the next regular look.
    """

    def __init__(self) -> None:
        """Listen; `file` is None where the system has no such news."""
        self._sock: socket.socket | None = None
        with contextlib.suppress(OSError, AttributeError):
            kind = socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
            self._sock = socket.socket(socket.AF_NETLINK, kind, socket.NETLINK_ROUTE)
            self._sock.bind((0, _RTMGRP_LINK))

    @property
    def file(self) -> int | None:
        """The file to wait for."""
        return None if self._sock is None else self._sock.fileno()

    def drain(self) -> None:
        """Throw away what was told: a look follows."""
        if self._sock is not None:
            with contextlib.suppress(OSError):
                while self._sock.recv(65_536):
                    pass

    def close(self) -> None:
        """Release the socket."""
        if self._sock is not None:
            self._sock.close()


def interfaces_to(addresses: Iterable[str], proc: Path = Path("/proc/net")) -> set[str]:
    """Return the interfaces by which addresses are reached, by the main table of routes."""
    four, six = _routes4(proc / "route"), _routes6(proc / "ipv6_route")
    found = set()
    for address in addresses:
        wanted = ipaddress.ip_address(address)
        name = _longest(int(wanted), four if wanted.version == 4 else six)
        if name:
            found.add(name)
    return found - {"lo"}


def neighbours(family: int) -> int | None:
    """Return how many machines on links of our own the system can know; None: it does not say."""
    name = "ipv6" if family == socket.AF_INET6 else "ipv4"
    with contextlib.suppress(OSError, ValueError):
        return int(Path(_NEIGHBOURS.format(name)).read_text(encoding="ascii"))
    return None


Route = tuple[int, int, str]
"""Mask, network, interface."""


def _longest(address: int, routes: Sequence[Route]) -> str:
    best = max(
        (route for route in routes if address & route[0] == route[1]),
        default=(0, 0, ""),
    )
    return best[2]


def _lines(path: Path) -> list[list[str]]:
    try:
        return [line.split() for line in path.read_text(encoding="ascii").splitlines()]
    except OSError:
        return []


def _routes4(path: Path) -> list[Route]:
    found = []
    for name, network, _gateway, flags, _, _, _, mask, *_ in _lines(path)[1:]:
        if int(flags, 16) & _UP:
            bits, prefix = (socket.ntohl(int(one, 16)) for one in (mask, network))
            found.append((bits, prefix, name))
    return found


def _routes6(path: Path) -> list[Route]:
    found = []
    for network, length, _, _, _, _, _, _, flags, name in _lines(path):
        if int(flags, 16) & _UP:
            bits = int(length, 16)
            found.append((((1 << bits) - 1) << (128 - bits), int(network, 16), name))
    return found

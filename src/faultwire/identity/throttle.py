"""How long a login waits after others failed; pure, time is an argument.

Failures are counted by account and by source address and fade with time. A login waits, it is
never refused for what others did: an administrator under attack logs in, a little later. Who has
logged in to an account from an address before does not wait for that account's failures.
"""

import ipaddress
from collections import OrderedDict
from dataclasses import dataclass
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")

NS = 1_000_000_000
FADE_NS = 60 * NS
"""Time after which half of the failures are forgotten."""

FIRST_DELAY_NS = NS // 4
REMEMBERED = 10_000
"""Accounts, sources and pairs that are kept, each; the least recently used go first."""

_NETWORK_OF_ONE_V6_CUSTOMER = 64


@dataclass(frozen=True, slots=True)
class Limits:
    """Failures that are free, by account and by source; the longest wait in seconds."""

    account_failures: int
    source_failures: int
    longest_delay: float


class Throttle:
    """Counts failed logins; not thread-safe, belongs to the event loop."""

    def __init__(self, limits: Limits) -> None:
        """Start with no failures known."""
        self._limits = limits
        self._accounts = _Tallies()
        self._sources = _Tallies()
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()

    def delay_ns(self, source: str, account: str, now_ns: int) -> int:
        """Return the nanoseconds that a login has to have waited, at most `longest_delay`."""
        place = network_of(source)
        limits = self._limits
        delay = self._grown(self._sources.count(place, now_ns), limits.source_failures)
        if (place, account) in self._known:
            return delay
        failures = self._accounts.count(account, now_ns)
        return max(delay, self._grown(failures, limits.account_failures))

    def slowed(self, source: str, now_ns: int) -> bool:
        """Return whether logins from this source wait, whatever their account."""
        failures = self._sources.count(network_of(source), now_ns)
        return failures >= self._limits.source_failures

    def _grown(self, failures: float, free: int) -> int:
        over = int(failures) - free
        if over < 0:
            return 0
        # Beyond 2 ** 16 times the first delay the limit decides in any case.
        grown = FIRST_DELAY_NS << min(over, 16)
        return min(round(self._limits.longest_delay * NS), grown)

    def failed(self, source: str, account: str, now_ns: int) -> None:
        """Count a failed login."""
        self._sources.add(network_of(source), now_ns)
        self._accounts.add(account, now_ns)

    def succeeded(self, source: str, account: str) -> None:
        """Forget the account's failures; those of the source stay until they fade."""
        self._accounts.drop(account)
        _touch(self._known, (network_of(source), account), None)


class _Tallies:
    """Fading counts of failures, the least recently used dropped beyond REMEMBERED."""

    def __init__(self) -> None:
        self._tallies: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def count(self, key: str, now_ns: int) -> float:
        failures, at_ns = self._tallies.get(key, (0.0, now_ns))
        halvings = max(0, now_ns - at_ns) / FADE_NS
        return failures * 0.5**halvings if halvings < 64 else 0.0

    def add(self, key: str, now_ns: int) -> None:
        _touch(self._tallies, key, (self.count(key, now_ns) + 1, now_ns))

    def drop(self, key: str) -> None:
        self._tallies.pop(key, None)


def _touch(table: OrderedDict[K, V], key: K, value: V) -> None:
    table[key] = value
    table.move_to_end(key)
    if len(table) > REMEMBERED:
        table.popitem(last=False)


def network_of(source: str) -> str:
    """Return what one attacker holds: an IPv4 address, or the /64 that an IPv6 address is in."""
    try:
        address = ipaddress.ip_address(source.partition("%")[0])
    except ValueError:
        return source
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        network = ipaddress.ip_network((address, _NETWORK_OF_ONE_V6_CUSTOMER), strict=False)
        return str(network)
    return str(address)

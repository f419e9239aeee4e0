"""Where webhooks may go: rules on URLs and on addresses; pure (design section 7).

A URL is judged when an alarm is created, by what it says. An address is judged again at every
connection, because a name may lead anywhere: global unicast, or inside a network that the
operator listed. An IPv6 address that holds an IPv4 address is no way round the rule.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

from faultwire.domain.errors import Invalid, Refused
from faultwire.notifier.settings import Loopback, Settings

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

SCHEMES: Mapping[str, int] = {"http": 80, "https": 443}
"""Schemes that we serve, with their ports."""

LONGEST_URL = 2048

_IPV4_KINDS: Mapping[str, tuple[str, ...]] = {
    "unspecified": ("0.0.0.0/8",),
    "loopback": ("127.0.0.0/8",),
    "link-local": ("169.254.0.0/16",),
    "private": ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"),
    "shared by carriers": ("100.64.0.0/10",),
    "multicast": ("224.0.0.0/4",),
    "reserved": (
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "240.0.0.0/4",
    ),
}
_IPV6_KINDS: Mapping[str, tuple[str, ...]] = {
    "unspecified": ("::/128",),
    "loopback": ("::1/128",),
    "IPv4-compatible": ("::/96",),
    "link-local": ("fe80::/10",),
    "private": ("fc00::/7", "fec0::/10", "64:ff9b:1::/48"),
    "multicast": ("ff00::/8",),
    "Teredo": ("2001::/32",),
    "6to4": ("2002::/16",),
    "reserved": ("2001::/23", "2001:db8::/32", "3fff::/20"),
}
_GLOBAL_IPV6 = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")

# The first that holds the address names it, so narrow ones stand before wide ones.
_KINDS: Mapping[int, tuple[tuple[Network, str], ...]] = {
    version: tuple((ip_network(text), kind) for kind, texts in table.items() for text in texts)
    for version, table in ((4, _IPV4_KINDS), (6, _IPV6_KINDS))
}

_LISTABLE = frozenset({"private", "shared by carriers", "reserved"})
"""Kinds that any listed network opens, however wide it is."""
_LISTABLE_INSIDE = frozenset({"loopback", "link-local"})
"""Kinds that only a listed network of their own opens: 0.0.0.0/0 opens no metadata service."""

_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/?#]*)")
_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f-\xa0\\]")
_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")
_BRACKETED = re.compile(r"\[[0-9A-Fa-f:.]+\]")
_PORT = re.compile(r"[0-9]{1,5}")


class ForbiddenAddress(Refused):
    """A webhook leads to an address that it may not reach; the text names the address only."""

    def __init__(self, address: str, kind: str) -> None:
        """Say which address, and what is wrong with it."""
        super().__init__(f"the address {address} is {kind} and may not be reached")
        self.address = address


@dataclass(frozen=True, slots=True)
class Rules:
    """What is allowed besides global unicast addresses."""

    loopback: bool = False
    networks: tuple[Network, ...] = ()


@dataclass(frozen=True, slots=True)
class Target:
    """The parts of a URL that decide where a connection goes; `host` is lower case."""

    scheme: str
    host: str
    port: int
    address: Address | None = None


def rules_of(settings: Settings, *, on_loopback: bool) -> Rules:
    """Return the rules of the settings; `on_loopback`: we ourselves listen there only.

    Raises Invalid for a listed network that is none.
    """
    networks = []
    for text in settings.allow_networks:
        try:
            networks.append(ip_network(text))
        except ValueError:
            raise Invalid("allow_networks", f"{text!r} is no network like 10.20.0.0/16") from None
    auto = settings.loopback is Loopback.AUTO and on_loopback
    return Rules(auto or settings.loopback is Loopback.ALLOW, tuple(networks))


def check_url(url: str, rules: Rules, field: str = "url") -> None:
    """Raise Invalid, naming `field` and the reason, for a URL that is never delivered to.

    A name passes; its addresses are judged when it is connected to.
    """
    target_of(url, rules, field)


def target_of(url: str, rules: Rules, field: str = "url") -> Target:
    """Return where a URL leads; raises Invalid as `check_url` does."""
    if len(url) > LONGEST_URL:
        raise Invalid(field, f"is longer than {LONGEST_URL} characters")
    if _UNPRINTABLE.search(url):
        raise Invalid(field, "holds a space, a control character or a backslash")
    parts = _URL.match(url)
    if parts is None:
        raise Invalid(field, "is no URL like https://host/path")
    scheme = parts["scheme"].lower()
    if scheme not in SCHEMES:
        raise Invalid(field, f"has the scheme {scheme}; served are {', '.join(SCHEMES)}")
    authority = parts["authority"]
    if "@" in authority:
        raise Invalid(field, "holds a user name or password; requests are signed instead")
    host, port = _split(authority, SCHEMES[scheme], field)
    address = _address(host, field)
    if address is not None:
        kind = forbidden(address, rules)
        if kind is not None:
            raise Invalid(field, str(ForbiddenAddress(str(address), kind)))
    return Target(scheme, host.lower(), port, address)


def allowed(address: str | Address, rules: Rules) -> bool:
    """Return whether a connection to the address may be made; False for what is none."""
    try:
        return forbidden(ip_address(address), rules) is None
    except ValueError:
        return False


@lru_cache(maxsize=4096)
def forbidden(address: Address, rules: Rules) -> str | None:
    """Return what is wrong with an address, as one adjective; None where it is allowed."""
    judged = _embedded(address)
    kind = _kind(judged)
    if kind is None or (kind == "loopback" and rules.loopback):
        return None
    for network in rules.networks:
        if judged in network and (
            kind in _LISTABLE or (kind in _LISTABLE_INSIDE and _inside(network, kind))
        ):
            return None
    return kind


def _embedded(address: Address) -> Address:
    """Return the IPv4 address that a connection to this IPv6 address would end at."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


def _kind(address: Address) -> str | None:
    for network, kind in _KINDS[address.version]:
        if address in network:
            return kind
    if isinstance(address, IPv6Address) and address not in _GLOBAL_IPV6:
        return "reserved"
    return None


def _inside(network: Network, kind: str) -> bool:
    return any(
        kind == other and network.subnet_of(outer)  # type: ignore[arg-type]
        for outer, other in _KINDS[network.version]
    )


def _split(authority: str, port: int, field: str) -> tuple[str, int]:
    """Part host and port; the brackets of an IPv6 address stay on."""
    host, colon, digits = authority.rpartition(":")
    if not colon or authority.endswith("]"):
        host, digits = authority, str(port)
    if not host:
        raise Invalid(field, "names no host")
    if not _PORT.fullmatch(digits) or not 1 <= int(digits) <= 65_535:
        raise Invalid(field, "has a port that is no number from 1 to 65535")
    return host, int(digits)


@lru_cache(maxsize=4096)
def _address(host: str, field: str) -> Address | None:
    """Return the address that a host is written as, None for a name; raises Invalid."""
    if host.startswith("["):
        try:
            # A zone (fe80::1%eth0) is no character of this set.
            return IPv6Address(host[1:-1] if _BRACKETED.fullmatch(host) else "")
        except ValueError:
            raise Invalid(field, "has a host in brackets that is no IPv6 address") from None
    labels = host.removesuffix(".").split(".")
    if len(host) > 254 or not all(map(_LABEL.fullmatch, labels)):
        raise Invalid(field, "has a host that is no name of letters, digits, hyphens and dots")
    if not _NUMBER.fullmatch(labels[-1]):
        return None
    try:
        # Whatever ends in a number is an address to somebody: one notation only is taken.
        return IPv4Address(host)
    except ValueError:
        raise Invalid(
            field, "has a numeric host that is not written as four decimal numbers"
        ) from None

"""Ids that Nova's clients want of hosts: numbers below version 2.53, UUIDs from there on.

Both are derived from the host's name, so that they are the same in every process and after every
start.
"""

import hashlib
import uuid
from collections.abc import Iterable

from faultwire.domain.errors import Invalid
from faultwire.domain.ids import HostName, derived
from faultwire.domain.resources import Host

NUMBER_BYTES = 6


class Names:
    """Ids of one kind of thing that every host has, both ways round."""

    def __init__(self, kind: str) -> None:
        """Know no host yet; `kind` keeps ids of different kinds apart."""
        self._kind = kind
        self._hosts: dict[str, HostName] = {}

    def uuid(self, host: str) -> str:
        """Return the UUID of the host's thing."""
        return derived(self._kind, host)

    def number(self, host: str) -> int:
        """Return the number of the host's thing, below 2 to the 48th."""
        raw = f"{self._kind}\x1f{host}".encode(errors="surrogatepass")
        return int.from_bytes(hashlib.blake2b(raw, digest_size=NUMBER_BYTES).digest())

    def of(self, host: str, *, unique: bool) -> str | int:
        """Return the UUID (`unique`) or the number."""
        return self.uuid(host) if unique else self.number(host)

    def host(self, name: str, hosts: Iterable[Host]) -> HostName | None:
        """Return which of the hosts has that UUID or number, None if none has."""
        found = self._hosts.get(name)
        if found is None:
            for host in hosts:
                self._hosts[self.uuid(host.name)] = host.name
                self._hosts[str(self.number(host.name))] = host.name
            found = self._hosts.get(name)
        return found


def checked_uuid(text: str) -> str:
    """Return a UUID in its plain form; raises Invalid in Nova's words."""
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise Invalid("", f"Invalid uuid {text[:100]}") from None


def checked_number(text: str) -> str:
    """Return a whole number in its plain form; raises Invalid in Nova's words."""
    if not (text.isascii() and text.isdigit()) or len(text) > 18:
        raise Invalid("", f"Invalid input received: id must be an integer, not {text[:100]}")
    return str(int(text))

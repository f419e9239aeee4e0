"""Caps: the highest version at which a client may send, per API and peer."""

from collections.abc import Mapping

from faultwire.domain.errors import Invalid
from faultwire.messaging.table import TABLE
from faultwire.messaging.versions import Table, Version, parse
from faultwire.ports.rpc import PeerVersions

AUTO = "auto"


class NobodyKnown:
    """Implements `ports.rpc.PeerVersions`: no peer is known."""

    def lowest(self, api: str, to: str | None) -> None:
        """Return None."""
        del api, to


class Caps:
    """`[upgrade_levels]`, read once, and what the live peers speak; on the loop.

    A cap that is pinned holds whatever the peers say. With `auto` it is the lowest version among
    the live peers, for guests that of the guest itself; none is known: our own.
    """

    def __init__(
        self,
        levels: Mapping[str, str] | None = None,
        peers: PeerVersions | None = None,
        table: Table = TABLE,
    ) -> None:
        """Read the options; raises Invalid, naming the option and the known aliases (D16)."""
        self.table = table
        self._peers: PeerVersions = peers or NobodyKnown()
        self._pinned = {
            api: read(table, api, level) for api, level in (levels or {}).items() if level != AUTO
        }

    def of(self, api: str, to: str | None) -> Version:
        """Return the cap for a call to this peer."""
        newest = self.table.api(api).newest
        if api in self._pinned:
            return self._pinned[api]
        told = self._peers.lowest(api, to)
        return newest if told is None else min(newest, parse(told))


def read(table: Table, api: str, level: str) -> Version:
    """Return the version that an option's value means; raises Invalid (D16)."""
    version = table.alias(api, level)
    if version is not None:
        return version
    option = f"[upgrade_levels] {api}"
    newest = table.api(api).newest
    try:
        version = parse(level, option)
    except Invalid:
        names = ", ".join((AUTO, *table.releases))
        raise Invalid(option, f"{level!r} is none of {names}, and no MAJOR.MINOR") from None
    if not newest.does(version):
        raise Invalid(option, f"{version} is not spoken here: up to {newest}")
    return version

"""What the live peers speak, as they told: by surveys, by refusals, by guests' own reports."""

from collections.abc import Iterable, Mapping

from faultwire.domain.errors import Invalid
from faultwire.messaging.table import TABLE
from faultwire.messaging.versions import Table, Version, parse
from faultwire.ports import Clock
from faultwire.ports.rpc import PeerVersions

NS = 1_000_000_000
TOLD_SECONDS = 60.0
"""How long a refusal counts: the older peer may be gone by then."""
MOST_TOLD = 10_000


class Peers:
    """Implements `ports.rpc.PeerVersions`; on the loop.

    `surveyed` replaces what is known of an API's peers; `refused` notes that one of them is
    older than that; `guests` knows what each guest last reported of itself.
    """

    def __init__(
        self, clock: Clock, guests: PeerVersions | None = None, table: Table = TABLE
    ) -> None:
        """Start with nobody known."""
        self._clock = clock
        self._guests = guests
        self._table = table
        self._surveyed: dict[str, Version] = {}
        self._told: dict[tuple[str, str | None], tuple[Version, int]] = {}

    def lowest(self, api: str, to: str | None) -> str | None:
        """Return the lowest version among the live peers, None if none is known."""
        known = [self._surveyed[api]] if api in self._surveyed else []
        if self._guests is not None and (reported := self._guests.lowest(api, to)) is not None:
            known.append(parse(reported))
        told = self._told.get((api, to))
        if told is not None:
            if told[1] > self._clock.mono_ns():
                known.append(told[0])
            else:
                del self._told[api, to]
        return str(min(known)) if known else None

    def surveyed(self, api: str, versions: Iterable[Version]) -> None:
        """Take the versions of all peers that answered just now; none: forget the API's."""
        lowest = min(versions, default=None)
        self._told.pop((api, None), None)
        if lowest is None:
            self._surveyed.pop(api, None)
        else:
            self._surveyed[api] = lowest

    def refused(self, api: str, to: str | None, speaks: Version) -> None:
        """Note that a peer refused a call and speaks no more than this."""
        if len(self._told) >= MOST_TOLD:
            self._told.clear()
        self._told[api, to] = (speaks, self._clock.mono_ns() + round(TOLD_SECONDS * NS))

    def oldest(self, api: str) -> Version:
        """Return the first version of an API: what a peer speaks that cannot say."""
        return self._table.api(api).history[0].version

    def read(self, api: str, told: object) -> Version:
        """Return what a peer's answer to get_versions says of an API."""
        text = told.get(api) if isinstance(told, Mapping) else None
        try:
            return parse(text)
        except Invalid:
            return self.oldest(api)

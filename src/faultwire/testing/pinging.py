"""What sweeps servers, held by a test."""

from array import array
from collections.abc import Sequence

from faultwire.domain.errors import FaultwireError, Unavailable
from faultwire.domain.ids import ProjectId, ServerId
from faultwire.domain.pings import UNKNOWN, Ping
from faultwire.domain.resources import Server
from faultwire.liveness.icmp import family_of
from faultwire.liveness.parse import SILENT, UNSENT


class FakeEngine:
    """Implements `liveness.engines.SweepEngine`; the test decides who answers.

    `answers` maps addresses to microseconds; an address that is not there is silent. `refuses`
    are addresses to which the system sends nothing. `trouble`: no sweep can be made.
    """

    name = "fake"

    def __init__(self) -> None:
        """Answer for nobody."""
        self.answers: dict[str, int] = {}
        self.refuses: set[str] = set()
        self.trouble = ""
        self.swept: list[list[str]] = []
        self._places: dict[int, str] = {}

    def place(self, slot: int, address: str) -> None:
        """Let a slot stand for an address; raises ValueError for what is no address."""
        self._places.pop(slot, None)
        family_of(address)
        self._places[slot] = address

    def clear(self, slot: int) -> None:
        """Let a slot stand for nothing."""
        self._places.pop(slot, None)

    def sweep(self, slots: Sequence[int]) -> "array[int]":
        """Return for each slot what the test decided; raises Unavailable."""
        if self.trouble:
            raise Unavailable(self.trouble)
        self.swept.append([self._places[slot] for slot in slots if slot in self._places])
        return array("I", [self._of(self._places.get(slot)) for slot in slots])

    def _of(self, address: str | None) -> int:
        if address is None or address in self.refuses:
            return UNSENT
        return self.answers.get(address, SILENT)


class FakeSweeps:
    """Implements `liveness.pings.Sweeps` over a `FakeEngine`, within the test's process."""

    def __init__(self, engine: FakeEngine | None = None) -> None:
        """Take an engine, or make one."""
        self.fake = engine or FakeEngine()
        self.engine = self.fake.name

    def place(self, slot: int, address: str) -> None:
        """Let a slot stand for an address."""
        try:
            self.fake.place(slot, address)
        except ValueError:
            self.fake.clear(slot)

    def clear(self, slot: int) -> None:
        """Let a slot stand for nothing."""
        self.fake.clear(slot)

    async def sweep(self, slots: Sequence[int]) -> "array[int]":
        """Return for each slot what the test decided; raises Unavailable."""
        return self.fake.sweep(slots)

    async def stop(self) -> None:
        """Release nothing."""


class FakePinger:
    """Implements `ports.Pinger`; the test says what is known.

    `asked` are the refreshes: how many servers, how fresh, for which project. `refuses` is raised
    in the place of one.
    """

    def __init__(self) -> None:
        """Know nothing."""
        self.known: dict[str, Ping] = {}
        self.asked: list[tuple[int, int | None, str]] = []
        self.refuses: FaultwireError | None = None

    def seen(self, server: ServerId) -> Ping:
        """Return what the test said."""
        return self.known.get(server, UNKNOWN)

    async def refresh(
        self, servers: Sequence[Server], fresh_ms: int | None, project: ProjectId
    ) -> None:
        """Note the call."""
        self.asked.append((len(servers), fresh_ms, project))
        if self.refuses is not None:
            raise self.refuses

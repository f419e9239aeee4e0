"""Ports of database guests: their sessions, pings, and the tasks that are done for operators."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from faultwire.domain.agents import CloseCode
from faultwire.domain.guests import GuestStatus, Heard, Ping
from faultwire.domain.ids import GuestId
from faultwire.domain.tasks import Task

Message = Mapping[str, object]
"""A call (`api`, `method`, `version`, `arguments`) or an answer (`value` or `error`)."""


class GuestWire(Protocol):
    """The server's end of one guest agent's connection."""

    def hang_up(self, code: CloseCode, reason: str) -> None:
        """Close the connection with a reason; harmless once it is closed; never waits."""

    async def call(self, call: Message) -> Message:
        """Return what the guest answers to a call; raises Unavailable once the connection ends.

        Cancelled, it forgets the call: an answer that comes later is passed over.
        """


class GuestSession(Protocol):
    """One guest agent's session, as the face sees it; on the loop."""

    @property
    def id(self) -> str:
        """Return the name of this session, unlike any other's."""

    async def take(self, call: Message) -> Message:
        """Return the answer to a call of the guest; raises TooOften for who calls all the time."""

    def end(self, *, goodbye: bool) -> None:
        """Note that the connection is over; only the first call counts."""


class GuestSessions(Protocol):
    """The register of guest agents' sessions: one for each guest; on the loop."""

    def open(self, heard: Heard, credential: str, wire: GuestWire) -> GuestSession:
        """Admit a guest agent that authenticated with a credential (its id).

        Raises NotFound for a guest that the map lacks, Conflict where a session under the same
        credential lives, Unavailable while we stop. One under another credential is hung up.
        """

    def status(self, guest: GuestId) -> GuestStatus | None:
        """Return what is known of a guest's agent; None if nothing ever was."""


class GuestsElsewhere(Protocol):
    """Guests that other servers on the same database hear; on the loop, no call waits."""

    def held(self, guest: GuestId, agent: str) -> bool:
        """Return whether another server hears another agent of the guest."""

    def entered(self, guest: GuestId, agent: str) -> None:
        """Tell the others that the guest is heard here."""

    def left(self, guest: GuestId, agent: str) -> None:
        """Tell the others that the guest is not heard here any more."""


class HeardGuests(Protocol):
    """When guests were last heard, whoever heard them."""

    async def heard(self, guest: GuestId) -> int | None:
        """Return the wall ns of a guest's last sign of life; None: it was never heard."""

    async def all_heard(self) -> Mapping[GuestId, int]:
        """Return that of every guest that was ever heard."""


class Pinger(Protocol):
    """Finds out whether guests answer calls, directly, over the bus (D15)."""

    async def ping(self, guest: GuestId) -> Ping:
        """Return the verdict on a guest within the deadline; never raises."""

    async def ping_all(self, guests: Iterable[str], deadline_s: float) -> tuple[Ping, ...]:
        """Return the verdicts on all of these, under one deadline; never raises."""


class TaskStore(Protocol):
    """Tasks as stored, for reading; synchronous, any reader thread."""

    def task(self, task: str) -> Task:
        """Return one task; raises NotFound."""

    def tasks(self, limit: int, marker: str | None = None) -> tuple[Task, ...]:
        """Return tasks, newest first, at most `limit`, after `marker`; raises NotFound for it."""


class Wakes(Protocol):
    """Sees to it that tasks are done."""

    def wake(self) -> None:
        """Look for tasks now; never waits."""

"""One agent's session, on our side of the wire."""

import uuid
from collections.abc import Callable, Mapping
from typing import Protocol

from faultwire.domain.agents import CloseCode
from faultwire.domain.datagrams import DatagramTerms
from faultwire.domain.ids import HostName
from faultwire.ports import AgentWire

BEAT_COSTS_NS = 20_000_000
"""An agent may send fifty beats a second ..."""

LIST_COSTS_NS = 400_000_000
"""... or five lists of servers in two ..."""

SAVED_NS = 40_000_000_000
"""... and at once what it may send in this time, as when a stall of ours lets beats pile up.

Without a limit one agent could hold up the loop for everybody.
"""


class Register(Protocol):
    """What a session tells the register that admitted it."""

    def beaten(self, session: "Session", now: int) -> bool:
        """Note a sign of life; False for a session that is over."""

    def granted(self, session: "Session", now: int) -> DatagramTerms | None:
        """Return the terms under which a session may beat by datagrams; None: it may not."""

    def reported(self, session: "Session", now: int) -> None:
        """Note that the session's running servers changed."""

    def carriers(self, session: "Session", states: Mapping[str, bool]) -> None:
        """Take whether interfaces of the session's host have a carrier."""

    def ended(self, session: "Session", now: int, *, goodbye: bool) -> None:
        """Note the end of a session; harmless when it is over."""


class Session:
    """Implements `ports.AgentSession`."""

    def __init__(
        self,
        register: Register,
        mono_ns: Callable[[], int],
        host: HostName,
        credential: str,
        running: frozenset[str] | None,
        wire: AgentWire,
    ) -> None:
        """Be admitted; the register holds it from now on."""
        self.id = uuid.uuid4().hex
        self.host = host
        self.credential = credential
        self.running = running
        self.wire = wire
        self.told_ns = mono_ns()
        self.terms: DatagramTerms | None = None
        self._register = register
        self._mono_ns = mono_ns
        self._spent_until = 0

    def beat(self) -> None:
        """Note a sign of life."""
        now = self._mono_ns()
        if self._register.beaten(self, now):
            self._spend(now, BEAT_COSTS_NS)

    def datagrams(self) -> DatagramTerms | None:
        """Return the terms under which it may beat by datagrams too; None: it may not."""
        if self.terms is None:
            self.terms = self._register.granted(self, self._mono_ns())
        return self.terms

    def report(self, running: frozenset[str]) -> None:
        """Take the running servers; the same set again is a sign of life and no more."""
        now = self._mono_ns()
        if not self._register.beaten(self, now) or not self._spend(now, LIST_COSTS_NS):
            return
        if running != self.running:
            self.running = running
            self._register.reported(self, now)

    def carriers(self, states: Mapping[str, bool]) -> None:
        """Take whether interfaces of the host have a carrier; a sign of life too."""
        now = self._mono_ns()
        if self._register.beaten(self, now) and self._spend(now, BEAT_COSTS_NS):
            self._register.carriers(self, states)

    def end(self, *, goodbye: bool) -> None:
        """Note that the connection is over."""
        self._register.ended(self, self._mono_ns(), goodbye=goodbye)

    def _spend(self, now: int, cost: int) -> bool:
        self._spent_until = max(self._spent_until, now) + cost
        if self._spent_until - now <= SAVED_NS:
            return True
        self._register.ended(self, now, goodbye=False)
        self.wire.hang_up(CloseCode.TOO_FAST, "too many messages")
        return False

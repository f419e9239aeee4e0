"""Ports of agents' sessions: the wire, the session, the register, and other servers."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from faultwire.domain.agents import AgentStatus, CloseCode
from faultwire.domain.datagrams import DatagramTerms
from faultwire.domain.ids import HostName


class AgentWire(Protocol):
    """The server's end of one agent's connection, as the monitor sees it; no call waits."""

    def hang_up(self, code: CloseCode, reason: str) -> None:
        """Close the connection with a reason; harmless once it is closed."""

    def poke(self) -> None:
        """Send something, so that a connection that is dead at the other end is found out."""

    def acknowledge(self) -> None:
        """Tell the agent that its datagrams arrive, so that it need not beat here."""


class AgentSession(Protocol):
    """One agent's session, as the face sees it; on the loop, no call waits or fails."""

    @property
    def id(self) -> str:
        """Return the name of this session, unlike any other's."""

    def beat(self) -> None:
        """Note a sign of life; costs about a microsecond."""

    def datagrams(self) -> DatagramTerms | None:
        """Return the terms under which it may beat by datagrams too; None: it may not."""

    def report(self, running: frozenset[str]) -> None:
        """Take the servers that run on the host now; the same set again is no news."""

    def carriers(self, states: Mapping[str, bool]) -> None:
        """Take whether interfaces of the host have a carrier."""

    def end(self, *, goodbye: bool) -> None:
        """Note that the connection is over; only the first call counts."""


class AgentSessions(Protocol):
    """The register of agents' sessions: one for each host; on the loop."""

    def open(
        self, host: HostName, credential: str, running: frozenset[str] | None, wire: AgentWire
    ) -> AgentSession:
        """Admit an agent that authenticated with a credential (its id).

        Raises Conflict where a session under the same credential lives, Unavailable while we
        stop. A session under another credential of the host is hung up: that was replaced.
        """

    def status(self, host: HostName) -> AgentStatus | None:
        """Return what is known of a host's agent; None if nothing ever was."""

    def statuses(self) -> Iterable[AgentStatus]:
        """Return what is known of every agent, in order of host."""


class Elsewhere(Protocol):
    """Agents' sessions at other servers on the same database; on the loop, no call waits."""

    def held(self, host: HostName) -> bool:
        """Return whether another server has the session of a host's agent, as far as we know."""

    def entered(self, host: HostName, session: str) -> None:
        """Tell the others that the agent has a session here."""

    def left(self, host: HostName, session: str) -> None:
        """Tell the others that this session is over."""

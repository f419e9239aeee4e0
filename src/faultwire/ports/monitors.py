"""Ports of monitors' sessions: the wire, the session, the register, and other servers."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from faultwire.domain.agents import CloseCode
from faultwire.domain.ids import HostName
from faultwire.domain.vantage import Ballot, MonitorStatus


class MonitorWire(Protocol):
    """The server's end of one monitor's connection, as the register sees it; no call waits."""

    def hang_up(self, code: CloseCode, reason: str) -> None:
        """Close the connection with a reason; harmless once it is closed."""

    def poke(self) -> None:
        """Send something, so that a connection that is dead at the other end is found out."""

    def tell(
        self,
        hosts: Mapping[HostName, tuple[str, ...]],
        gone: Iterable[HostName] = (),
        *,
        whole: bool = False,
    ) -> None:
        """Have hosts probed at these addresses, and others no longer; `whole`: all there are."""

    def doubt(self, host: HostName) -> None:
        """Have a host judged anew."""


class MonitorSession(Protocol):
    """One monitor's session, as the face sees it; on the loop, no call waits or fails."""

    @property
    def id(self) -> str:
        """Return the name of this session, unlike any other's."""

    def begin(self) -> None:
        """Have the targets sent: the welcome is on its way."""

    def beat(self) -> None:
        """Note a sign of life."""

    def survey(self, ballot: Ballot, presence: str) -> None:
        """Take its opinion on every host, and how it stands."""

    def vote(self, ballot: Ballot) -> None:
        """Take votes that are others than before."""

    def stand(self, presence: str, reasons: tuple[str, ...]) -> None:
        """Take how it stands."""

    def end(self, *, goodbye: bool) -> None:
        """Note that the connection is over; only the first call counts."""


class MonitorSessions(Protocol):
    """The register of monitors' sessions: one for each name; on the loop."""

    def open(self, name: str, credential: str, wire: MonitorWire) -> MonitorSession:
        """Admit a monitor that authenticated with a credential (its id).

        Raises Conflict where a session under the same credential lives, here or at another
        server, Unavailable while we stop. A session under another credential of that name is
        hung up: that was replaced.
        """

    def statuses(self) -> Iterable[MonitorStatus]:
        """Return what is known of every monitor, in order of name."""

"""Which process of several has the session of which host's agent, or of which guest's."""

from collections.abc import Callable, Iterable
from typing import Any

from faultwire.domain.changes import Change, HostsRemoved, SessionMoved
from faultwire.domain.guest_changes import GuestsRemoved
from faultwire.domain.guests import session_key
from faultwire.domain.ids import HostName

NOWHERE = ("", "")


class SessionMap:
    """Follows `SessionMoved`, and what is removed; empty where one process is alone.

    Guests stand beside hosts, by their `session_key`. Written on the event loop alone.
    """

    def __init__(self) -> None:
        """Know of no session."""
        self._at: dict[HostName, tuple[str, str]] = {}
        self._appliers: dict[type, Callable[[Any], None]] = {
            SessionMoved: self._moved,
            HostsRemoved: lambda c: self._removed(c.hosts),
            GuestsRemoved: lambda c: self._removed(map(session_key, c.guests)),
        }

    def apply(self, change: Change) -> None:
        """Take one committed change; other types are passed over."""
        applier = self._appliers.get(type(change))
        if applier is not None:
            applier(change)

    def _moved(self, change: SessionMoved) -> None:
        self._at[change.host] = change.member, change.session

    def _removed(self, names: Iterable[HostName]) -> None:
        for host in names:
            self._at.pop(host, None)

    def at(self, host: HostName) -> tuple[str, str]:
        """Return (member, session) that a host's agent was last at; both empty for nowhere.

        The session is empty once it is over; the member answers for the host all the same, until
        another one does.
        """
        return self._at.get(host, NOWHERE)

    def of(self, member: str) -> tuple[HostName, ...]:
        """Return the hosts that a member answers for, in order."""
        return tuple(sorted(host for host, (one, _) in self._at.items() if one == member))

"""Decisions on where agents have their sessions, where several processes take them."""

from collections.abc import Callable
from typing import Any

from faultwire.domain.changes import SessionMoved
from faultwire.domain.commands import MoveSession
from faultwire.domain.decided import Decided, Deciding
from faultwire.domain.guests import guest_of_key
from faultwire.domain.ids import HostName
from faultwire.domain.instants import Instant
from faultwire.domain.vantage_changes import SeatsTold, TellSeats
from faultwire.ports import Decider, View


def session_deciders(at: Callable[[HostName], tuple[str, str]]) -> dict[type, Decider[Any]]:
    """Return who decides on what servers on one database tell each other."""
    return {MoveSession: SessionDecider(at), TellSeats: SeatsDecider()}


class SeatsDecider:
    """Passes on what a server tells the others of vantage points; nothing follows from it here."""

    def decide(self, command: TellSeats, view: View, now: Instant) -> Deciding:
        """Tell it."""
        del view, now
        yield None
        return Decided(changes=(SeatsTold(command.seats),))


class SessionDecider:
    """Keeps one session for each host: who comes first has it until it ends or is gone."""

    def __init__(self, at: Callable[[HostName], tuple[str, str]]) -> None:
        """Take the look-up of (member, session), which is only read."""
        self._at = at

    def decide(self, command: MoveSession, view: View, now: Instant) -> Deciding:
        """Answer whether it is so now: another process may have been faster."""
        del now
        yield None
        held = self._at(command.host)
        if not _known(command.host, view) or held not in command.instead_of:
            return Decided(answer=False)
        moved = SessionMoved(command.host, command.member, command.session)
        return Decided(answer=True, changes=(moved,))


def _known(name: HostName, view: View) -> bool:
    """Return whether the map has the host, or the guest, that a session is of."""
    guest = guest_of_key(name)
    return view.host(name) is not None if guest is None else view.guest(guest) is not None

"""A cloud tells of our own resets, and late: such an echo is no news of a server; pure (S1-S3)."""

from collections.abc import Callable, Mapping

from faultwire.controllers.openstack.naming import About
from faultwire.domain.changes import Change
from faultwire.domain.remote_acts import (
    ABOUT,
    STOPPED,
    RemoteAct,
    RemoteActsSaved,
    RemoteKind,
    RemoteState,
)
from faultwire.domain.states import VmState

LATE_NS = 5_000_000_000
"""How long after a reset an echo of what came before it may be heard; a look mends the rest."""

ECHOES: Mapping[str, frozenset[VmState]] = {
    "active": frozenset({VmState.ERROR}),
    STOPPED: frozenset({VmState.ERROR, VmState.ACTIVE}),
}
"""What a server was in on the way to what it was given back to."""


class Echoes:
    """Knows what was asked of late; on the event loop."""

    def __init__(self, owed: Callable[[About], RemoteAct | None]) -> None:
        """Take who knows what is owed on a thing."""
        self._owed = owed
        self._given_back: dict[str, tuple[str, int]] = {}

    def follow(self, change: Change) -> None:
        """Take a committed change."""
        if not isinstance(change, RemoteActsSaved):
            return
        for act in change.acts:
            if act.kind is not RemoteKind.RESET_STATE:
                continue
            # The youngest is the last one, so that the oldest are forgotten first.
            self._given_back.pop(act.target, None)
            if act.state is RemoteState.DONE and act.wanted in ECHOES:
                self._given_back[act.target] = act.wanted, act.settled_ns
                self._forget(act.settled_ns)

    def _forget(self, now_ns: int) -> None:
        for name, (_, settled_ns) in tuple(self._given_back.items()):
            if now_ns - settled_ns < LATE_NS:
                return
            del self._given_back[name]

    def is_echo(self, server: str, state: VmState, now_ns: int) -> bool:
        """Whether the state that a cloud tells of is one that we made, and that is over."""
        owed = self._owed((ABOUT[RemoteKind.RESET_STATE], server))
        if owed is not None:
            # One that is to leave its host is not reset: what the cloud tells of it is news.
            return owed.kind is RemoteKind.RESET_STATE and state in ECHOES.get(owed.wanted, ())
        wanted, settled_ns = self._given_back.get(server, ("", 0))
        return state in ECHOES.get(wanted, ()) and now_ns - settled_ns < LATE_NS

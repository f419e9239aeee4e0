"""Decisions on what guests' agents say of themselves (D15)."""

from dataclasses import replace

from faultwire.domain.decided import Decided, Deciding, Steps
from faultwire.domain.faults import GUEST_DOWN, identity_of
from faultwire.domain.guest_changes import GuestsSaved
from faultwire.domain.guest_commands import GuestChanged
from faultwire.domain.guests import SOURCE
from faultwire.domain.ids import GuestId
from faultwire.domain.instants import Instant
from faultwire.domain.states import AgentState
from faultwire.inspector import clearing
from faultwire.inspector.settings import Recover, Settings
from faultwire.ports import View


class GuestDecider:
    """Keeps what we know of guests' agents; a guest that is heard again is not down any more."""

    def __init__(self, settings: Settings) -> None:
        """Take the settings; there is no other state."""
        self._settings = settings

    def decide(self, command: GuestChanged, view: View, now: Instant) -> Deciding:
        """Record the change; what came before a guest was in the map, or after, changes nothing.

        The fault that stands on our own ears alone is closed by what they hear, whatever
        `recover` says: D20 speaks of hosts, whose answer proves little of what runs on them. One
        for which somebody else spoke too is closed with ``recover = auto`` only.
        """
        guest = view.guest(command.guest)
        if guest is None:
            return Decided()
        connected = command.agent is AgentState.CONNECTED
        known = replace(
            guest,
            agent=command.agent,
            version=command.version if connected else guest.version,
            service_status=command.service_status if connected else guest.service_status,
        )
        if known != guest:
            yield Decided(changes=(GuestsSaved((known,)),))
        if connected:
            yield from self._heard(command.guest, view, now)
        return Decided()

    def _heard(self, guest: GuestId, view: View, now: Instant) -> Steps[None]:
        fault = view.open_fault(identity_of(GUEST_DOWN, {"guest_id": guest}))
        if fault is None:
            return
        ours = all(one.source == SOURCE for one in fault.evidence)
        if ours or self._settings.recover is Recover.AUTO:
            yield from clearing.close(fault, f"guest {guest}", view, now, self._settings)

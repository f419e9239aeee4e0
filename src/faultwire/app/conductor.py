"""The conductor: takes what guests say of themselves, each only of itself (D15).

It is served to each guest's session with that guest's name, and on the bus to whoever proves a
name with the key of its credential.
"""

import uuid
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from faultwire.domain.accounts import Actor
from faultwire.domain.commands import ReportFaults
from faultwire.domain.errors import Forbidden, Invalid
from faultwire.domain.faults import CLEARING_TYPES, FAULT_TYPES, GUEST_DOWN, Evidence, Report
from faultwire.domain.guests import Heard, heard_of
from faultwire.domain.ids import FaultId, GuestId
from faultwire.monitors.guests import GuestMonitor
from faultwire.ports import Clock, Intake
from faultwire.ports.rpc import Incoming

FIRST_VERSION = "1.0"
"""What a guest speaks whose heartbeats do not say."""
UNNAMED = "unnamed"
"""The agent of guests too old to name their process."""

Arguments = Mapping[str, object]
Prove = Callable[[Incoming, Arguments], str]
"""Returns the guest that a call comes from; raises Unauthenticated."""


def from_session(guest: GuestId) -> Prove:
    """Return who calls in a session: the guest whose credential opened it."""

    def prove(incoming: Incoming, arguments: Arguments) -> str:
        del incoming, arguments
        return guest

    return prove


class Beats(Protocol):
    """Other servers on the same database, which hear guests too."""

    async def beat(self, heard: Heard, *, goodbye: bool) -> bool:
        """Hand a heartbeat to the server that hears the guest; False where that is none."""


class Conductor:
    """Handles the calls of the API `conductor`."""

    def __init__(self, monitor: GuestMonitor, intake: Intake, clock: Clock, prove: Prove) -> None:
        """Take who hears guests, the lane, and what proves who calls."""
        self._monitor = monitor
        self._intake = intake
        self._clock = clock
        self._prove = prove
        self._afar: Beats | None = None

    def neighbours(self, afar: Beats) -> None:
        """Have heartbeats of guests that another server hears handed to that one."""
        self._afar = afar

    async def heartbeat(self, incoming: Incoming, **arguments: Any) -> object:
        """Take a sign of life; answers how often it is wanted, and when silence counts.

        `sent`, the guest's clock, is asked for nothing. ``goodbye`` in the payload says that the
        agent is stopped on purpose.
        """
        guest, payload = arguments["instance_id"], arguments["payload"]
        self._is_own(incoming, guest, arguments)
        heard = heard_of(
            guest,
            {
                "agent": arguments["boot_id"] or UNNAMED,
                "sequence": arguments["sequence"],
                "version": arguments["rpc_version"] or FIRST_VERSION,
                "service_status": payload.get("service_status", ""),
            },
        )
        goodbye = payload.get("goodbye") is True
        if self._afar is not None and await self._afar.beat(heard, goodbye=goodbye):
            pass
        elif goodbye:
            self._monitor.left(heard.guest, heard.agent, goodbye=True)
        else:
            self._monitor.beat(heard)
        settings = self._monitor.settings
        return {"heartbeat_ms": settings.heartbeat_ms, "silence_ms": settings.silence_ms}

    async def report_fault(
        self, incoming: Incoming, instance_id: str, fault_type: str, details: Arguments | None
    ) -> object:
        """Report that the guest's database is down, or up again; answers the fault."""
        arguments = {"instance_id": instance_id, "fault_type": fault_type, "details": details}
        self._is_own(incoming, instance_id, arguments)
        raised = fault_type == GUEST_DOWN
        kind = FAULT_TYPES[GUEST_DOWN]
        if not raised and CLEARING_TYPES.get(fault_type) is not kind:
            raise Invalid("fault_type", f"a guest reports {kind.name} or {kind.clear}")
        now = self._clock.instant()
        reporter = f"guest {instance_id}"
        vote = "down" if raised else "up"
        report = Report(
            FaultId(str(uuid.uuid4())),
            kind,
            raised=raised,
            resource={"guest_id": instance_id},
            evidence=Evidence("guest", reporter, vote, now.wall_ns, details=dict(details or {})),
            detected=now,
        )
        answers = await self._intake.submit(ReportFaults((report,), Actor(reporter)))
        answer = answers[0] if isinstance(answers, tuple) else None
        return {"id": answer.id, "state": answer.state.value} if answer is not None else None

    def _is_own(self, incoming: Incoming, instance_id: str, arguments: Arguments) -> None:
        sender = self._prove(incoming, arguments)
        if sender != instance_id:
            raise Forbidden(f"guest {sender} does not speak for guest {instance_id}")

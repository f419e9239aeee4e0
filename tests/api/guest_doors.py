"""The guests' parts over a store in memory, and guest agents that live in the test."""

from collections.abc import Mapping, Sequence
from typing import Any

from faultwire.app.core import Indexes
from faultwire.app.guests import Ground, GuestParts, build
from faultwire.domain.agents import CloseCode
from faultwire.domain.errors import RpcError, Unavailable
from faultwire.domain.guests import Heard
from faultwire.domain.ids import GuestId
from faultwire.faces.database.ports import DatabasePorts
from faultwire.faces.fault.guests import GuestPorts
from faultwire.faces.fault.guestsessions import GuestSessionPorts
from faultwire.faces.fault.ports import error_body
from faultwire.liveness.guest_settings import Settings
from faultwire.messaging.dispatch import Dispatcher, Envelope
from faultwire.messaging.table import TABLE
from faultwire.messaging.versions import Table
from faultwire.monitors.agents import LoopGuard
from faultwire.ports import Authenticator, Clock, Enforcer, Intake, Reader
from faultwire.ports.guests import Message, TaskStore
from faultwire.ports.rpc import Incoming
from faultwire.telemetry.metrics import Metrics

PING_SECONDS = 3.0


class Handler:
    """Implements the API `guestagent`, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Mapping[str, Any]]] = []
        self.failure: Exception | None = None

    async def rpc_ping(self, incoming: Incoming) -> object:
        return self._told("rpc_ping", {})

    async def restart(self, incoming: Incoming, reason: str | None = None) -> object:
        self._told("restart", {"reason": reason})
        return {"restarted": "database", "said": "done"}

    async def get_diagnostics(
        self, incoming: Incoming, sections: Sequence[str] | None = None
    ) -> object:
        self._told("get_diagnostics", {"sections": sections})
        return {"agent": {"version": "1"}}

    def _told(self, method: str, arguments: Mapping[str, Any]) -> bool:
        self.asked.append((method, arguments))
        if self.failure is not None:
            raise self.failure
        return True


class FakeGuest:
    """Implements `ports.guests.GuestWire`: a guest agent of some release, in the test's hands.

    `gone`: its connection has ended without anybody noticing yet. `frozen`: it never answers.
    """

    def __init__(self, name: str, table: Table = TABLE, boot_id: str = "boot-1") -> None:
        self.name = name
        self.boot_id = boot_id
        self.handler = Handler()
        self.version = str(table.api("guestagent").newest)
        self.hung_up: list[tuple[CloseCode, str]] = []
        self.frozen = False
        self.gone = False
        self._dispatcher = Dispatcher(table, f"guestagent.{name}")
        self._dispatcher.add(table.api("guestagent"), self.handler)

    def heard(self, sequence: int = 1) -> Heard:
        return Heard(GuestId(self.name), self.boot_id, sequence, self.version, "HEALTHY")

    def hang_up(self, code: CloseCode, reason: str) -> None:
        self.hung_up.append((code, reason))

    async def call(self, call: Message) -> Message:
        if self.gone:
            raise Unavailable("the connection ended")
        if self.frozen:
            import asyncio

            await asyncio.Event().wait()
        envelope = Envelope(call["api"], call["method"], call["version"], call["arguments"], {})
        try:
            return {"value": await self._dispatcher.dispatch(envelope)}
        except RpcError as error:
            return {"error": {"verdict": error.verdict, "reason": error.reason}}


async def _noted(rows: Sequence[tuple[GuestId, int]]) -> None:
    del rows


def _always() -> bool:
    return True


def parts_of(
    indexes: Indexes, intake: Intake, clock: Clock, settings: Settings | None = None
) -> GuestParts:
    """Return the parts over these indexes; the monitor knows the map."""
    ground = Ground(
        clock,
        Metrics(),
        indexes.inventory,
        indexes.tasks,
        intake,
        intake,
        LoopGuard(lambda: 0.0, 500),
        _noted,
        _always,
    )
    parts = build(ground, settings or Settings())
    parts.monitor.begin(indexes.inventory.guest, (), indexes.guests_heard)
    return parts


class GuestDoors:
    """Ports of the faces over the parts."""

    def __init__(
        self, parts: GuestParts, authenticator: Authenticator, enforcer: Enforcer, intake: Intake
    ) -> None:
        self.parts = parts
        self.authenticator = authenticator
        self.enforcer = enforcer
        self.intake = intake
        self.refused: list[tuple[str, str, str]] = []

    def fault(self, indexes: Indexes, clock: Clock, tasks: TaskStore, read: Reader) -> GuestPorts:
        settings = self.parts.monitor.settings
        sessions = GuestSessionPorts(
            self.authenticator,
            self.enforcer,
            self.intake,
            clock,
            self.parts.sessions,
            error_body,
            settings.heartbeat_ms,
            settings.silence_ms,
            settings.message_bytes,
            None,
            None,
            lambda *row: self.refused.append(row),
        )
        return GuestPorts(
            sessions,
            self.enforcer,
            self.intake,
            clock,
            indexes.inventory,
            self.parts.heard,
            self.parts.calls,
            tasks,
            self.parts.keeper,
            read,
            settings.call_ms / 1000,
        )

    def database(self, indexes: Indexes, clock: Clock) -> DatabasePorts:
        return DatabasePorts(
            self.authenticator,
            self.enforcer,
            self.intake,
            clock,
            indexes.inventory,
            self.parts.heard,
            self.parts.pinger,
            self.parts.keeper,
            PING_SECONDS,
            1000,
        )

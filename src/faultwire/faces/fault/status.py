"""One look at the installation for the operator: ``GET /v1/status``."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import Response

from faultwire.domain.errors import Broken, Unavailable
from faultwire.domain.faults import Fault, FaultState
from faultwire.domain.guarding import Guarded
from faultwire.domain.instants import rfc3339
from faultwire.domain.standing import (
    CloudLook,
    Database,
    Line,
    Loop,
    Owed,
    Process,
    Standing,
    troubles,
)
from faultwire.domain.states import AgentState
from faultwire.domain.vantage import MonitorStatus
from faultwire.faces.fault.guard_shape import hold_row
from faultwire.faces.fault.monitors import row_of
from faultwire.faces.http import caller_of, json_response
from faultwire.ports import Authenticator, Clock, Enforcer, Inventory, Reader

PATIENCE_SECONDS = 3.0
"""How long the database may take: who asks this wants an answer above all."""
SLICE = 1000
"""Hosts counted between two moments in which others are served."""

_MS = 1_000_000


class OutboxLook(Protocol):
    """The database, as the status reads it on a reader thread."""

    @property
    def kind(self) -> str:
        """Name of the database's kind."""

    def owed(self, now_ns: int) -> Owed:
        """Return what is owed; raises Unavailable."""


@dataclass(frozen=True, slots=True)
class StatusPorts:
    """What the status is made of; everything but `database` is read on the loop and costs little.

    `members` are the processes of the installation, this one among them; one that is silent for
    `silence_ns` is not well. `late` gives p99 and worst lateness of the loop in the last minute,
    in ms. `sessions` and `held` count agents' sessions and deliveries in this process.
    `certificate_ns` is when the listener's certificate ends, None without one. `rounds` gives
    when the last round over periodic alarms ended, by what they look at; None where none has, or
    where evaluators do it. `bus` is the line to the message broker, None without one. `monitors`
    gives those that vote besides the servers; `guarded` is how the guards on acts stand. `clouds`
    tells how the map follows clouds that are not ours.
    """

    authenticator: Authenticator
    enforcer: Enforcer
    clock: Clock
    inventory: Inventory
    read: Reader
    version: str
    database: OutboxLook
    members: Callable[[], Sequence[Process]]
    silence_ns: int
    unhealthy: Callable[[], str | None]
    live: Callable[[], Iterable[Fault]]
    late: Callable[[], tuple[float, float]]
    queue: Callable[[], int]
    suspended: Callable[[], bool]
    sessions: Callable[[], int]
    held: Callable[[], int]
    certificate_ns: int | None
    rounds: Callable[[], Mapping[str, int | None]] = dict
    monitors: Callable[[], Iterable[MonitorStatus]] = tuple
    bus: Callable[[], Line | None] = lambda: None
    guarded: Callable[[], Guarded] = Guarded
    clouds: Callable[[], Iterable[CloudLook]] = tuple


class Status:
    """``GET /v1/status``; administrators only."""

    def __init__(self, ports: StatusPorts) -> None:
        """Take what it is made of."""
        self._ports = ports

    async def show(self, request: Request) -> Response:
        """Show how the installation is. 200 also where it is not well: `troubles` say why."""
        ports = self._ports
        ports.enforcer.enforce("status:get", caller_of(request))
        late_p99_ms, late_worst_ms = ports.late()
        guarded = ports.guarded()
        standing = Standing(
            ports.unhealthy(),
            tuple(ports.members()),
            ports.silence_ns,
            await self._database(),
            Loop(late_p99_ms, late_worst_ms, ports.queue(), ports.suspended()),
            tuple(ports.monitors()),
            ports.certificate_ns,
            ports.bus(),
            guarded.hold,
            tuple(ports.clouds()),
        )
        states = Counter(fault.state for fault in ports.live())
        now = ports.clock.wall_ns()
        found = troubles(standing, now)
        shown = {
            "version": ports.version,
            "at": rfc3339(now),
            "well": not found,
            "troubles": list(found),
            "certificate_ends_at": None
            if standing.certificate_ns is None
            else rfc3339(standing.certificate_ns),
            "processes": [_process(one) for one in standing.processes],
            "database": _database(standing.database),
            "faults": {
                "open": states[FaultState.OPEN],
                "unmatched": states[FaultState.UNMATCHED],
            },
            "agents": {**await self._agents(), "sessions_here": ports.sessions()},
            "monitors": [row_of(one) for one in standing.monitors],
            "deliveries": {**_owed(standing.database.owed), "held_here": ports.held()},
            "loop": {
                "late_p99_ms": round(late_p99_ms, 1),
                "late_worst_ms": round(late_worst_ms, 1),
                "queue": standing.loop.queue,
                "verdicts_suspended": standing.loop.suspended,
            },
            "bus": _line(standing.bus),
            "clouds": [_cloud(one) for one in standing.clouds],
            "acts": {
                **hold_row(guarded.hold),
                "windows_open": sum(one.covers(now) for one in guarded.windows),
            },
            "periodic": {
                f"{kind}_at": None if at is None else rfc3339(at)
                for kind, at in ports.rounds().items()
            },
        }
        return json_response({"status": shown})

    async def _database(self) -> Database:
        ports = self._ports
        began = ports.clock.mono_ns()
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                owed = await ports.read(ports.database.owed, ports.clock.wall_ns())
        except TimeoutError:
            return Database(ports.database.kind, None, f"not within {PATIENCE_SECONDS:.0f} s")
        except Unavailable as error:
            return Database(ports.database.kind, None, str(error))
        if not isinstance(owed, Owed):
            raise Broken("reading the outbox answered something else")
        return Database(ports.database.kind, ports.clock.mono_ns() - began, owed=owed)

    async def _agents(self) -> dict[str, int]:
        """Count the agents of the map by state; what is no state of theirs is zero."""
        counts = dict.fromkeys(AgentState, 0)
        for number, host in enumerate(list(self._ports.inventory.hosts()), 1):
            counts[host.agent] += 1
            if number % SLICE == 0:
                await asyncio.sleep(0)
        return {state.value: count for state, count in counts.items()}


def _line(line: Line | None) -> dict[str, Any] | None:
    if line is None:
        return None
    up = None if line.trouble is None else not line.trouble
    return {"up": up, "trouble": line.trouble or None}


def _cloud(look: CloudLook) -> dict[str, Any]:
    return {
        "name": look.name,
        "followed": look.words,
        "polling": look.polling,
        "reconcile_seconds": look.seconds,
        "read_at": None if look.looked_ns is None else rfc3339(look.looked_ns),
        "heard_at": None if look.heard_ns is None else rfc3339(look.heard_ns),
        "listening_since": rfc3339(look.since_ns),
        "trouble": look.trouble or look.line or None,
        "untold": dict(look.untold),
        "not_told_of": [{"what": what, "lines": list(lines)} for what, lines in look.advice],
    }


def _process(process: Process) -> dict[str, Any]:
    return {
        "role": process.role,
        "name": process.name,
        "address": process.address,
        "started_at": rfc3339(process.started_ns),
        "silent_ms": process.silent_ns // _MS,
    }


def _database(database: Database) -> dict[str, Any]:
    answer = database.answer_ns
    return {
        "kind": database.kind,
        "answer_ms": None if answer is None else round(answer / _MS, 1),
        "trouble": database.trouble,
    }


def _owed(owed: Owed | None) -> dict[str, Any]:
    if owed is None:
        return {"pending": None, "oldest_at": None, "dead_last_hour": None}
    return {
        "pending": owed.pending,
        "oldest_at": None if owed.oldest_ns is None else rfc3339(owed.oldest_ns),
        "dead_last_hour": owed.dead_lately,
    }

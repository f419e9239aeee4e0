"""Guests for operators: what is known of each, what they are asked to do, and tasks."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from faultwire.domain.accounts import Caller
from faultwire.domain.errors import (
    Broken,
    BusDown,
    Conflict,
    NoAnswer,
    NoConsumer,
    NotFound,
    RpcError,
    Unavailable,
)
from faultwire.domain.guest_commands import StartTask
from faultwire.domain.ids import GuestId
from faultwire.domain.instants import rfc3339
from faultwire.domain.resources import Guest
from faultwire.domain.tasks import Task, TaskKind
from faultwire.faces.fault import params
from faultwire.faces.fault.guestsessions import GuestSessionPorts
from faultwire.faces.http import (
    actor_of,
    caller_of,
    json_response,
    parse_json,
    read_body,
    schema_of,
    validated,
)
from faultwire.ports import Clock, Enforcer, Intake, Inventory, Reader
from faultwire.ports.guests import HeardGuests, TaskStore, Wakes
from faultwire.ports.rpc import RpcClient

BODY_BYTES = 65_536
_NS = 1_000_000_000

TASKS = {
    "limit": f"Rows of a page, 1 to {params.LARGEST_PAGE}; {params.PAGE} where it is left out.",
    "marker": "The id of the last task of the page before.",
}


@dataclass(frozen=True, slots=True)
class GuestPorts:
    """What the routes of guests and tasks need."""

    sessions: GuestSessionPorts
    enforcer: Enforcer
    intake: Intake
    clock: Clock
    inventory: Inventory
    heard: HeardGuests
    rpc: RpcClient
    tasks: TaskStore
    keeper: Wakes
    read: Reader
    call_seconds: float


Name = Annotated[str, Field(min_length=1, max_length=255)]


class EvacuateModel(BaseModel):
    """Where servers may go; to any host where none is named.

    With `no_fence` whoever asks vouches that the host has no power, where a proof is required.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    targets: list[Name] = Field(default=[], max_length=1000)
    no_fence: bool = False


EVACUATE: dict[str, Any] = schema_of(EvacuateModel)


class Guests:
    """The routes of guests and tasks; administrators only."""

    def __init__(self, ports: GuestPorts) -> None:
        """Take what they need."""
        self._ports = ports

    async def list(self, request: Request) -> Response:
        """List guests with their state and when their agents were last heard."""
        self._ports.enforcer.enforce("guests:list", caller_of(request))
        params.only(request)
        heard = await self._ports.heard.all_heard()
        shown = [self._shown(guest, heard.get(guest.id)) for guest in self._guests()]
        return json_response({"guests": shown})

    async def show(self, request: Request) -> Response:
        """Show a guest and what its agent last said of itself."""
        self._ports.enforcer.enforce("guests:list", caller_of(request))
        params.only(request)
        guest = self._guest(request)
        heard = await self._ports.heard.heard(guest.id)
        return json_response({"guest": self._shown(guest, heard)})

    async def restart(self, request: Request) -> Response:
        """Restart a guest's database by its agent, as a task."""
        caller = caller_of(request)
        self._ports.enforcer.enforce("guests:restart", caller)
        params.only(request)
        guest = self._guest(request)
        return await self._start(request, caller, TaskKind.GUEST_RESTART, guest.id)

    async def diagnostics(self, request: Request) -> Response:
        """Ask a guest's agent for figures of itself and its machine."""
        self._ports.enforcer.enforce("guests:diagnostics", caller_of(request))
        params.only(request)
        guest = self._guest(request)
        try:
            value = await self._ports.rpc.call(
                "guestagent",
                "get_diagnostics",
                {},
                to=guest.id,
                deadline_s=self._ports.call_seconds,
            )
        except (NoAnswer, NoConsumer, BusDown) as error:
            raise Unavailable(f"{error.verdict}: {error}") from None
        except RpcError as error:
            raise Conflict(f"{error.verdict}: {error}") from None
        return json_response({"diagnostics": value})

    async def evacuate(self, request: Request) -> Response:
        """Bring the servers of a dead host up elsewhere, one after the other, as a task."""
        caller = caller_of(request)
        self._ports.enforcer.enforce("hosts:evacuate", caller)
        params.only(request)
        raw = await read_body(request, BODY_BYTES)
        model = validated(EvacuateModel, parse_json(raw)) if raw else EvacuateModel()
        host = request.path_params["name"]
        found = self._ports.inventory.match_host(host)
        if len(found) != 1:
            raise NotFound(f"no host {host[:255]}")
        targets = tuple(model.targets)
        for number, name in enumerate(targets):
            if name not in self._ports.inventory.match_host(name):
                raise NotFound(f"targets[{number}]: no host {name}")
        kind, vouched = TaskKind.HOST_EVACUATE, model.no_fence
        return await self._start(request, caller, kind, found[0], targets, no_fence=vouched)

    async def task(self, request: Request) -> Response:
        """Show how far a task is."""
        self._ports.enforcer.enforce("tasks:get", caller_of(request))
        params.only(request)
        name = request.path_params["task_id"][:64]
        found = await self._ports.read(self._ports.tasks.task, name)
        if not isinstance(found, Task):
            raise Broken("reading a task gave something else")
        return json_response({"task": task_row(found)})

    async def tasks(self, request: Request) -> Response:
        """List tasks, newest first."""
        self._ports.enforcer.enforce("tasks:get", caller_of(request))
        query = params.only(request, TASKS)
        limit = params.limit_of(query.get("limit"))
        found: Any = await self._ports.read(self._ports.tasks.tasks, limit, query.get("marker"))
        return json_response({"tasks": [task_row(one) for one in found]})

    async def _start(
        self,
        request: Request,
        caller: Caller,
        kind: TaskKind,
        target: str,
        targets: tuple[str, ...] = (),
        *,
        no_fence: bool = False,
    ) -> Response:
        now = self._ports.clock.wall_ns()
        name = str(uuid.uuid4())
        actor = actor_of(request, caller)
        task = Task(name, kind, target, actor, now, now, targets=targets, no_fence=no_fence)
        await self._ports.intake.submit(StartTask(task))
        self._ports.keeper.wake()
        return json_response({"task": task_row(task)}, 202)

    def _guests(self) -> tuple[Guest, ...]:
        return tuple(sorted(self._ports.inventory.guests(), key=lambda guest: guest.id))

    def _guest(self, request: Request) -> Guest:
        name = request.path_params["guest_id"]
        guest = self._ports.inventory.guest(GuestId(name))
        if guest is None:
            raise NotFound(f"no guest {name[:255]}")
        return guest

    def _shown(self, guest: Guest, heard_ns: int | None) -> dict[str, object]:
        server = self._ports.inventory.server(guest.server) if guest.server else None
        status = self._ports.sessions.sessions.status(guest.id)
        agent: dict[str, object] = {
            "state": guest.agent.value,
            "rpc_version": guest.version or None,
            "service_status": guest.service_status or None,
            **heard_fields(heard_ns, self._ports.clock),
            "sequence": status.sequence if status else None,
            "second_agents": status.second_sessions if status else 0,
        }
        return {
            "id": guest.id,
            "name": guest.name,
            "project": guest.project,
            "server": guest.server,
            "host": server.host if server is not None else None,
            "state": guest.state,
            "agent": agent,
        }


def heard_fields(heard_ns: int | None, clock: Clock) -> Mapping[str, object]:
    """Return when a guest was last heard, and how long ago that is in seconds (D15)."""
    if heard_ns is None:
        return {"heard_at": None, "heard_age_seconds": None}
    age = max(0, clock.wall_ns() - heard_ns) / _NS
    return {"heard_at": rfc3339(heard_ns), "heard_age_seconds": round(age, 3)}


def task_row(task: Task) -> dict[str, object]:
    """Return a task as it is shown."""
    return {
        "id": task.id,
        "kind": task.kind.value,
        "target": task.target,
        "state": task.state.value,
        "total": task.total,
        "done": task.done,
        "failed": task.failed,
        "failures": list(task.failures),
        "percent": task.percent,
        "detail": task.detail,
        "targets": list(task.targets),
        "no_fence": task.no_fence,
        "user": task.actor.user,
        "created_at": rfc3339(task.created_ns),
        "updated_at": rfc3339(task.updated_ns),
    }

"""The hold, maintenance and silences, and what operators want done although it was refused."""

import uuid
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from faultwire.domain.accounts import Caller
from faultwire.domain.errors import Broken, Invalid, NotFound
from faultwire.domain.explaining import explain
from faultwire.domain.faults import Fault
from faultwire.domain.guard_commands import ActOnFault, RemoveWindow, SaveWindow, SetHold
from faultwire.domain.guarding import Hold, Window, WindowKind
from faultwire.faces.fault import params
from faultwire.faces.fault.faults import Faults, id_of
from faultwire.faces.fault.guard_shape import acted_row, explained, hold_row, window_row
from faultwire.faces.fault.ports import FaultPorts
from faultwire.faces.fault.shape import fault_row
from faultwire.faces.http import (
    actor_of,
    caller_of,
    json_response,
    parse_json,
    read_body,
    schema_of,
    validated,
)

BODY_BYTES = 65_536
ID_LIMIT = 64
NAME_LENGTH = 12
"""Of a window's id: people type it."""
ACTS_SHOWN = 100
"""The newest acts that are listed."""

Text = Annotated[str, Field(max_length=255, pattern=r"^[^\x00-\x1f\x7f]*$")]
Name = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f]+$")]
Time = Annotated[str, Field(min_length=1, max_length=64)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, populate_by_name=True)


class HoldModel(_Strict):
    """Whether all acts are held, and why."""

    held: bool
    reason: Text = ""


class MatchesModel(_Strict):
    """What a window is about; with several names, what all of them fit."""

    host: Name | None = None
    zone: Name | None = None
    rack: Name | None = None
    aggregate: Name | None = None
    switch: Name | None = None
    type: Name | None = None


class WindowModel(_Strict):
    """A time in which nothing is done; from now where no beginning is named."""

    kind: Annotated[str, Field(pattern="^(maintenance|silence)$")]
    begins: Time | None = Field(default=None, alias="from")
    ends: Time = Field(alias="to")
    matches: MatchesModel
    reason: Text = ""


HOLD: dict[str, Any] = schema_of(HoldModel)
WINDOW: dict[str, Any] = schema_of(WindowModel)


class Guarding:
    """The routes of ``/v1/acts`` and ``/v1/windows``; administrators only."""

    def __init__(self, ports: FaultPorts) -> None:
        """Take the face's ports."""
        self._ports = ports
        self._faults = Faults(ports)

    async def show(self, request: Request) -> Response:
        """Show whether acts are held, the windows, and the newest acts that were done."""
        self._enforce(request, "acts:get")
        params.only(request)
        guarded, now = self._ports.guarded(), self._ports.clock.wall_ns()
        acts = [acted_row(one) for one in reversed(guarded.acts[-ACTS_SHOWN:])]
        windows = [window_row(one, now) for one in guarded.windows]
        return json_response({"hold": hold_row(guarded.hold), "windows": windows, "acts": acts})

    async def hold(self, request: Request) -> Response:
        """Hold all acts at once, or let them go on. Owners are told of faults all the while."""
        caller = self._enforce(request, "acts:hold")
        params.only(request)
        given = validated(HoldModel, parse_json(await read_body(request, BODY_BYTES)))
        command = SetHold(given.held, given.reason, actor_of(request, caller))
        hold = await self._ports.intake.submit(command)
        if not isinstance(hold, Hold):
            raise Broken("holding acts answered something else")
        return json_response({"hold": hold_row(hold)})

    async def windows(self, request: Request) -> Response:
        """List maintenance and silences, earliest first; those that are over for a week."""
        self._enforce(request, "windows:list")
        params.only(request)
        now = self._ports.clock.wall_ns()
        shown = [window_row(one, now) for one in self._ports.guarded().windows]
        return json_response({"windows": shown})

    async def create(self, request: Request) -> Response:
        """Plan a maintenance of a host, or silence what a few words match."""
        caller = self._enforce(request, "windows:create")
        params.only(request)
        given = validated(WindowModel, parse_json(await read_body(request, BODY_BYTES)))
        now = self._ports.clock.wall_ns()
        window = Window(
            uuid.uuid4().hex[:NAME_LENGTH],
            WindowKind(given.kind),
            now if given.begins is None else params.wall_ns(given.begins, "from"),
            params.wall_ns(given.ends, "to"),
            {key: value for key, value in given.matches.model_dump().items() if value},
            given.reason,
        )
        try:
            kept = await self._ports.intake.submit(SaveWindow(window, actor_of(request, caller)))
        except Invalid as error:
            if error.field in given.matches.model_fields_set:
                raise Invalid(f"matches.{error.field}", error.reason) from None
            raise
        if not isinstance(kept, Window):
            raise Broken("keeping a window answered something else")
        return json_response({"window": window_row(kept, now)}, 201)

    async def delete(self, request: Request) -> Response:
        """End a maintenance or a silence before its time."""
        caller = self._enforce(request, "windows:delete")
        params.only(request)
        name = request.path_params["window_id"]
        if len(name) > ID_LIMIT or not name.isprintable():
            raise NotFound(f"no window {name[:ID_LIMIT]!r}")
        await self._ports.intake.submit(RemoveWindow(name, actor_of(request, caller)))
        return Response(status_code=204)

    async def act(self, request: Request) -> Response:
        """Do what guards refused for an open fault. Limits do not bind an operator's own word."""
        caller = self._enforce(request, "faults:act")
        params.only(request)
        fault_id = id_of(request)
        fault = await self._ports.intake.submit(ActOnFault(fault_id, actor_of(request, caller)))
        if not isinstance(fault, Fault):
            raise Broken("acting on a fault answered something else")
        return json_response({"fault": fault_row(fault), "explanation": explained(explain(fault))})

    async def explanation(self, request: Request) -> Response:
        """Explain a fault. Votes, vetoes, rules, guards, proof, acts done and not done."""
        self._enforce(request, "faults:get")
        params.only(request)
        fault = await self._faults.get(request)
        return json_response({"explanation": {"fault": fault.id, **explained(explain(fault))}})

    def _enforce(self, request: Request, rule: str) -> Caller:
        caller = caller_of(request)
        self._ports.enforcer.enforce(rule, caller)
        return caller

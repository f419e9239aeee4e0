"""Faults to read and to close."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from faultwire.domain.commands import CloseFault, FaultAnswer
from faultwire.domain.errors import Broken, Conflict, NotFound
from faultwire.domain.faults import Fault
from faultwire.domain.ids import FaultId
from faultwire.faces.fault import params
from faultwire.faces.fault.ports import FaultPorts
from faultwire.faces.fault.shape import fault_record, fault_row, fault_whole
from faultwire.faces.http import actor_of, caller_of, give_way, json_response

ID_LIMIT = 64
SLICE = 200
"""Rows written between two moments in which others are served."""


class Faults:
    """The routes below ``/v1/faults``; administrators only."""

    def __init__(self, ports: FaultPorts) -> None:
        """Take the face's ports."""
        self._ports = ports

    async def list(self, request: Request) -> Response:
        """List faults, newest first. Filters: host, state, since; pages by limit and marker."""
        self._ports.enforcer.enforce("faults:list", caller_of(request))
        query = params.only(request, params.FAULTS)
        row = fault_record if params.flag(query.get("whole"), "whole") else fault_row
        await give_way(request)
        found: Any = await self._ports.read(
            self._ports.faults.faults,
            host=self._host(query.get("host")),
            state=params.state_of(query.get("state")),
            since_ns=params.since_ns(query.get("since")),
            limit=params.limit_of(query.get("limit")),
            marker=query.get("marker"),
        )
        rows = []
        for fault in found:
            rows.append(row(fault))
            if len(rows) % SLICE == 0:
                await give_way(request)
        return json_response({"faults": rows})

    def _host(self, name: str | None) -> str | None:
        """Return the host that a name means (D21); one that is gone is meant as it is written."""
        if not name:
            return None
        found = self._ports.inventory.match_host(name)
        return found[0] if len(found) == 1 else name

    async def show(self, request: Request) -> Response:
        """Show a fault with evidence, plan, decision record and timeline."""
        self._ports.enforcer.enforce("faults:get", caller_of(request))
        params.only(request)
        fault = await self.get(request)
        timeline = await self._ports.timeline(fault.id)
        remote: Any = await self._ports.read(self._ports.faults.remote, fault.id)
        return json_response({"fault": fault_whole(fault, timeline, remote)})

    async def timeline(self, request: Request) -> Response:
        """Show the timeline of a fault. T00 to T10, spans, components."""
        self._ports.enforcer.enforce("faults:get", caller_of(request))
        params.only(request)
        fault = await self.get(request)
        return json_response({"timeline": await self._ports.timeline(fault.id)})

    async def latency(self, request: Request) -> Response:
        """Show how long each span took. Of the newest faults, by what this process marked."""
        self._ports.enforcer.enforce("latency:get", caller_of(request))
        params.only(request)
        return json_response({"latency": self._ports.latency()})

    async def close(self, request: Request) -> Response:
        """Close a fault. What it holds is let go as by a posted clear."""
        caller = caller_of(request)
        self._ports.enforcer.enforce("faults:close", caller)
        params.only(request)
        fault_id = id_of(request)
        try:
            answer = await self._ports.intake.submit(
                CloseFault(fault_id, actor_of(request, caller))
            )
        except NotFound:
            fault = await self.get(request)
            raise Conflict(f"fault {fault_id} is {fault.state.value} already") from None
        if not isinstance(answer, FaultAnswer):
            raise Broken("closing a fault answered something else")
        return json_response({"fault": {"id": answer.id, "state": answer.state.value}})

    async def get(self, request: Request) -> Fault:
        """Return the fault of a request's path as stored; raises NotFound."""
        fault_id = id_of(request)
        fault = await self._ports.read(self._ports.faults.fault, fault_id)
        if not isinstance(fault, Fault):
            raise Broken("reading a fault answered something else")
        return fault


def id_of(request: Request) -> FaultId:
    """Return the fault that a request's path names; NotFound for what no fault is called."""
    text = request.path_params["fault_id"]
    if len(text) > ID_LIMIT or not text.isprintable():
        raise NotFound(f"no fault {text[:ID_LIMIT]!r}")
    return FaultId(text)

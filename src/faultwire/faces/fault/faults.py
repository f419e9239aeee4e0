"""Faults to read and to close."""

from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response

from faultwire.domain.commands import CloseFault, FaultAnswer
from faultwire.domain.errors import Broken, Conflict, Invalid, NotFound
from faultwire.domain.faults import Fault, FaultState
from faultwire.domain.ids import FaultId
from faultwire.faces.fault.ports import FaultPorts
from faultwire.faces.fault.shape import fault_row, fault_whole
from faultwire.faces.http import actor_of, caller_of, json_response

PAGE, LARGEST_PAGE = 100, 1000
FILTERS = frozenset({"host", "state", "since", "limit", "marker"})
_NS = 1_000_000_000


class Faults:
    """The routes below ``/v1/faults``; administrators only."""

    def __init__(self, ports: FaultPorts) -> None:
        """Take the face's ports."""
        self._ports = ports

    async def list(self, request: Request) -> Response:
        """List faults, newest first. Filters: host, state, since; pages by limit and marker."""
        self._ports.enforcer.enforce("faults:list", caller_of(request))
        query = request.query_params
        for key in query:
            if key not in FILTERS:
                raise Invalid(key, f"is no parameter here: {', '.join(sorted(FILTERS))}")
        found = await self._ports.read(
            self._ports.faults.faults,
            host=query.get("host"),
            state=_state(query.get("state")),
            since_ns=since_ns(query.get("since")),
            limit=limit_of(query.get("limit")),
            marker=query.get("marker"),
        )
        shown = [fault_row(fault) for fault in found if isinstance(fault, Fault)]  # type: ignore[attr-defined]
        return json_response({"faults": shown})

    async def show(self, request: Request) -> Response:
        """Show a fault with evidence, plan, decision record and timeline."""
        self._ports.enforcer.enforce("faults:get", caller_of(request))
        fault = await self.get(FaultId(request.path_params["fault_id"]))
        timeline = await self._ports.timeline(fault.id)
        return json_response({"fault": fault_whole(fault, timeline)})

    async def timeline(self, request: Request) -> Response:
        """Show the timeline of a fault: T00 to T10, spans, components."""
        self._ports.enforcer.enforce("faults:get", caller_of(request))
        fault = await self.get(FaultId(request.path_params["fault_id"]))
        return json_response({"timeline": await self._ports.timeline(fault.id)})

    async def close(self, request: Request) -> Response:
        """Close a fault. What it holds is let go as by a posted clear."""
        caller = caller_of(request)
        self._ports.enforcer.enforce("faults:close", caller)
        fault_id = FaultId(request.path_params["fault_id"])
        try:
            answer = await self._ports.intake.submit(
                CloseFault(fault_id, actor_of(request, caller))
            )
        except NotFound:
            fault = await self.get(fault_id)
            raise Conflict(f"fault {fault_id} is {fault.state.value} already") from None
        if not isinstance(answer, FaultAnswer):
            raise Broken("closing a fault answered something else")
        return json_response({"fault": {"id": answer.id, "state": answer.state.value}})

    async def get(self, fault_id: FaultId) -> Fault:
        """Return a fault as stored; raises NotFound."""
        fault = await self._ports.read(self._ports.faults.fault, fault_id)
        if not isinstance(fault, Fault):
            raise NotFound(f"no fault {fault_id}")
        return fault


def _state(text: str | None) -> FaultState | None:
    if text is None:
        return None
    try:
        return FaultState(text)
    except ValueError:
        known = ", ".join(state.value for state in FaultState)
        raise Invalid("state", f"must be one of {known}") from None


def since_ns(text: str | None, field: str = "since") -> int | None:
    """Return an ISO 8601 time (without a zone: UTC) as wall ns; raises Invalid."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Invalid(field, "must be an ISO 8601 time") from None
    zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    try:
        return int(zoned.timestamp()) * _NS + zoned.microsecond * 1000
    except (OverflowError, ValueError):
        raise Invalid(field, "is out of range") from None


def limit_of(text: str | None) -> int:
    """Return the size of a page; raises Invalid."""
    if text is None:
        return PAGE
    if not text.isdecimal() or len(text) > 9 or not 1 <= int(text) <= LARGEST_PAGE:
        raise Invalid("limit", f"must be a number from 1 to {LARGEST_PAGE}")
    return int(text)

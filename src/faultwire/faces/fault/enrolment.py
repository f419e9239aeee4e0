"""The end of an enrolment: of agents, guests, monitors and sources of alerts."""

from starlette.requests import Request
from starlette.responses import Response

from faultwire.domain.accounts import CredentialKind
from faultwire.domain.enrolment import Disenrol
from faultwire.faces.fault import params
from faultwire.faces.fault.ports import FaultPorts
from faultwire.faces.http import actor_of, caller_of


class Enrolment:
    """``DELETE`` of what ``POST …/enrol`` made; by who may enrol."""

    def __init__(self, ports: FaultPorts) -> None:
        """Take the face's ports."""
        self._ports = ports

    async def agent(self, request: Request) -> Response:
        """Make an agent's credential void; its session ends, and no fault comes of it."""
        return await self._end(request, CredentialKind.AGENT, "agents:enrol", "host")

    async def guest(self, request: Request) -> Response:
        """Make a guest's credential void; its session ends, and no fault comes of it."""
        return await self._end(request, CredentialKind.GUEST, "guests:enrol", "guest")

    async def monitor(self, request: Request) -> Response:
        """Make a monitor's credential void; its session ends, and its votes and seat are gone."""
        return await self._end(request, CredentialKind.MONITOR, "monitors:enrol", "name")

    async def source(self, request: Request) -> Response:
        """Make the credential of a source of alerts void."""
        return await self._end(request, CredentialKind.SOURCE, "sources:enrol", "name")

    async def _end(
        self, request: Request, kind: CredentialKind, rule: str, where: str
    ) -> Response:
        caller = caller_of(request)
        self._ports.enforcer.enforce(rule, caller)
        params.only(request)
        name = request.path_params[where]
        await self._ports.intake.submit(Disenrol(kind, name, actor_of(request, caller)))
        return Response(status_code=204)

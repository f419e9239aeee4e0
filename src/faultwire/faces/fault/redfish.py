"""Events of management controllers in: each at an address that it alone was told."""

import hmac
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from faultwire.domain.errors import Forbidden
from faultwire.domain.ids import HostName
from faultwire.domain.redfish import context_of, events_of, secret_of
from faultwire.faces.fault import params
from faultwire.faces.fault.ports import FaultPorts
from faultwire.faces.http import parse_json, read_body

BODY_BYTES = 262_144

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["Events"],
    "properties": {"Events": {"type": "array", "items": {"type": "object"}}},
}


class BmcEvents:
    """``/v1/redfish/events/{host}/{secret}``."""

    def __init__(self, ports: FaultPorts) -> None:
        """Take the face's ports."""
        self._ports = ports

    async def take(self, request: Request) -> Response:
        """Take events of a host's management controller. The address is its credential."""
        detected = self._ports.clock.instant()
        name, given = request.path_params["name"], request.path_params["secret"]
        key = self._ports.bmc_key
        wanted = secret_of(key, name)
        # Compared whatever the host: a name cannot be found out here.
        same = hmac.compare_digest(wanted.encode(), given.encode(errors="surrogateescape"))
        heard = self._ports.bmc_heard
        if not same or heard is None or self._ports.inventory.host(HostName(name)) is None:
            raise Forbidden("no controller was given this address")
        params.only(request)
        body = parse_json(await read_body(request, BODY_BYTES))
        await heard(HostName(name), list(events_of(body, context_of(key, name))), detected)
        return Response(status_code=204)

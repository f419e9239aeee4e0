"""os-hosts, through version 2.42: list, show, and the report of a fault (S127-S135)."""

from collections.abc import Iterable, Mapping
from typing import Any

from starlette.responses import Response

from faultwire.domain.errors import Broken, NotFound
from faultwire.domain.ids import HostName
from faultwire.domain.resources import Host
from faultwire.domain.services import UpdateHost
from faultwire.faces.compute.asking import Ask
from faultwire.faces.compute.errors import not_supported
from faultwire.faces.compute.ports import ComputePorts
from faultwire.faces.compute.routing import Route
from faultwire.faces.compute.schema import BOOLEAN, Schema, check_body, truth
from faultwire.faces.compute.services import DEFAULT_ZONE, found
from faultwire.faces.http import json_response

LAST = 42
SERVICE = "compute"
LISTED = {
    "zone": "Only hosts of this availability zone.",
    "service": "Only hosts with this service; all have `compute`.",
}
_SWITCH: Schema = {
    "type": "string",
    "enum": ["enable", "disable", "Enable", "Disable", "ENABLE", "DISABLE"],
}
PLAIN: dict[str, Any] = {
    "type": "object",
    "properties": {
        "status": _SWITCH,
        "maintenance_mode": _SWITCH,
        "host_down_reported": BOOLEAN,
    },
    "minProperties": 1,
    "additionalProperties": False,
}
WRAPPED: dict[str, Any] = {
    "type": "object",
    "properties": {"host": PLAIN},
    "required": ["host"],
    "additionalProperties": False,
}
UPDATE: dict[str, Any] = {"anyOf": [PLAIN, WRAPPED]}

_MAINTENANCE = {
    # To the body without a wrapper upstream's words, to the draft's its own (D13).
    False: {True: "on_maintenance", False: "off_maintenance"},
    True: {True: "enabled", False: "disabled"},
}


def routes(ports: ComputePorts) -> Iterable[Route]:
    """Return the rows of os-hosts."""
    hosts = Hosts(ports)
    one = "/os-hosts/{host_name}"
    return (
        Route("GET", "/os-hosts", hosts.list, until=LAST, query=LISTED),
        Route("GET", one, hosts.show, until=LAST),
        Route("PUT", one, hosts.update, until=LAST, body=UPDATE),
        Route("GET", f"{one}/startup", hosts.startup, until=LAST),
        Route("GET", f"{one}/shutdown", hosts.shutdown, until=LAST),
        Route("GET", f"{one}/reboot", hosts.reboot, until=LAST),
    )


class Hosts:
    """The routes below ``/os-hosts``."""

    def __init__(self, ports: ComputePorts) -> None:
        """Take the face's ports."""
        self._ports = ports

    async def list(self, ask: Ask) -> Response:
        """List hosts; through version 2.42."""
        query = ask.query(*LISTED)
        ask.enforce("os_compute_api:os-hosts:list")
        zone, service = query.get("zone"), query.get("service")
        hosts = [] if service not in {None, "", SERVICE} else list(self._ports.inventory.hosts())
        said = [
            {"host_name": host.name, "service": SERVICE, "zone": host.zone or DEFAULT_ZONE}
            for host in hosts
            if not zone or zone == (host.zone or DEFAULT_ZONE)
        ]
        return json_response({"hosts": said})

    async def show(self, ask: Ask) -> Response:
        """Show a host with the projects that have servers on it; through version 2.42."""
        ask.enforce("os_compute_api:os-hosts:show")
        name = ask.path("host_name")
        entry = self._ports.inventory.entry(HostName(name))
        if entry is None:
            raise NotFound(_missing(name))
        projects = sorted({server.project for server in entry.servers})
        rows = ["(total)", "(used_now)", "(used_max)", *projects]
        return json_response({"host": [{"resource": _resource(name, row)} for row in rows]})

    async def update(self, ask: Ask) -> Response:
        """Enable or disable a host, set its maintenance, report it down; through version 2.42.

        host_down_reported forces the service down and stops the servers of the host, in one
        commit (S116-S119); false takes the force-down back.
        """
        body = await ask.body({"type": "object"})
        wrapped = "host" in body
        check_body(body, WRAPPED if wrapped else PLAIN)
        asked = body["host"] if wrapped else body
        ask.enforce("os_compute_api:os-hosts:update")
        name = ask.path("host_name")
        command = UpdateHost(
            found(self._ports, name, _missing(name)),
            ask.actor,
            disabled=None if "status" not in asked else not _on(asked["status"]),
            maintenance=_on(asked["maintenance_mode"]) if "maintenance_mode" in asked else None,
            down=truth(asked["host_down_reported"]) if "host_down_reported" in asked else None,
        )
        host = await self._ports.intake.submit(command)
        if not isinstance(host, Host):
            raise Broken("changing a host answered something else")
        said = _answered(host, asked, wrapped=wrapped)
        return json_response({"host": said} if wrapped else said)

    async def startup(self, ask: Ask) -> Response:
        """Refuse to start a host: 501, the power of hosts is not ours; through version 2.42."""
        return self._power(ask, "start")

    async def shutdown(self, ask: Ask) -> Response:
        """Refuse to shut a host down: 501, as above; through version 2.42."""
        return self._power(ask, "shutdown")

    async def reboot(self, ask: Ask) -> Response:
        """Refuse to reboot a host: 501, as above; through version 2.42."""
        return self._power(ask, "reboot")

    def _power(self, ask: Ask, action: str) -> Response:
        ask.enforce(f"os_compute_api:os-hosts:{action}")
        name = ask.path("host_name")
        found(self._ports, name, _missing(name))
        return not_supported()


def _on(word: str) -> bool:
    return word.lower() == "enable"


def _answered(host: Host, asked: Mapping[str, Any], *, wrapped: bool) -> dict[str, object]:
    said: dict[str, object] = {"host": host.name}
    if "status" in asked:
        said["status"] = "disabled" if host.disabled else "enabled"
    if "maintenance_mode" in asked:
        said["maintenance_mode"] = _MAINTENANCE[wrapped][host.maintenance]
    if "host_down_reported" in asked:
        said["host_down_reported"] = asked["host_down_reported"]
    return said


def _missing(name: str) -> str:
    return f"Compute host {name[:255]} could not be found."


def _resource(host: str, project: str) -> dict[str, object]:
    # What a machine has and uses is not known here.
    return {"host": host, "project": project, "cpu": 0, "memory_mb": 0, "disk_gb": 0}

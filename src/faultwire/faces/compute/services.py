"""Services of hosts: list, force down, disable, enable, delete (S166-S183)."""

from collections.abc import Iterable
from functools import partial
from typing import Any

from starlette.responses import Response

from faultwire.domain.errors import Broken, Invalid, NotFound, Unavailable
from faultwire.domain.ids import HostName
from faultwire.domain.instants import rfc3339
from faultwire.domain.resources import Host
from faultwire.domain.services import BINARY, ChangeService, RemoveService
from faultwire.faces.compute.asking import Ask
from faultwire.faces.compute.named import Names, checked_number, checked_uuid
from faultwire.faces.compute.ports import ComputePorts
from faultwire.faces.compute.routing import Handler, Route
from faultwire.faces.compute.schema import BOOLEAN, Schema, truth
from faultwire.faces.compute.versions import MAX
from faultwire.faces.http import json_response

DEFAULT_ZONE = "nova"
FORCED_DOWN = 11
"""The version from which on services show forced_down and can be forced down."""
UUIDS = 53
"""The version from which on services are known by UUID and change by a PUT of their own."""

LISTED = {
    "host": "Only the services of this host.",
    "binary": "Only services of this name; there are those of nova-compute.",
}
_TEXT: Schema = {"type": "string", "minLength": 1, "maxLength": 255}
NAMED: dict[str, Any] = {
    "type": "object",
    "properties": {
        "host": {**_TEXT, "pattern": "^[a-zA-Z0-9-._]*$"},
        "binary": _TEXT,
        "disabled_reason": _TEXT,
    },
    "required": ["host", "binary"],
    "additionalProperties": False,
}
FORCE_DOWN: dict[str, Any] = {
    **NAMED,
    "properties": {**NAMED["properties"], "forced_down": BOOLEAN},
}
OF_ITS_OWN: dict[str, Any] = {
    "type": "object",
    "properties": {
        "status": {"type": "string", "enum": ["enabled", "disabled"]},
        "disabled_reason": _TEXT,
        "forced_down": BOOLEAN,
    },
    "additionalProperties": False,
}
ACTIONS = ("enable", "disable", "disable-log-reason", "force-down")

SERVICE_IDS = Names("nova-compute")
"""Ids of services."""


def routes(ports: ComputePorts) -> Iterable[Route]:
    """Return the rows of os-services."""
    services, path = Services(ports), "/os-services"
    yield Route("GET", path, services.list, query=LISTED)
    handlers: dict[str, Handler] = {
        "enable": services.enable,
        "disable": services.disable,
        "disable-log-reason": services.disable_log_reason,
        "force-down": services.force_down,
    }
    for action, handler in handlers.items():
        schema = FORCE_DOWN if action == "force-down" else NAMED
        if action == "force-down":
            yield Route("PUT", f"{path}/{action}", services.unknown, until=FORCED_DOWN - 1)
        since = FORCED_DOWN if action == "force-down" else 1
        yield Route(
            "PUT", f"{path}/{action}", services.named(action), since=UUIDS, body=OF_ITS_OWN
        )
        yield Route("PUT", f"{path}/{action}", handler, since=since, until=UUIDS - 1, body=schema)
    one = f"{path}/{{service_id}}"
    yield Route("PUT", one, services.unknown, until=UUIDS - 1)
    yield Route("PUT", one, services.update, since=UUIDS, until=MAX, body=OF_ITS_OWN)
    yield Route("DELETE", one, services.delete, 204)


class Services:
    """The routes below ``/os-services``."""

    def __init__(self, ports: ComputePorts) -> None:
        """Take the face's ports."""
        self._ports = ports

    async def list(self, ask: Ask) -> Response:
        """List the services of hosts: every host has its nova-compute."""
        query = ask.query(*LISTED)
        ask.enforce("os_compute_api:os-services:list")
        hosts: Iterable[Host] = ()
        if query.get("binary") in {None, "", BINARY}:
            only = query.get("host")
            if only:
                host = self._ports.inventory.host(HostName(only))
                hosts = (host,) if host else ()
            else:
                hosts = self._ports.inventory.hosts()
        seen = await self._seen()
        return json_response({"services": [shown(host, seen, ask) for host in hosts]})

    async def force_down(self, ask: Ask) -> Response:
        """Force a service down, or take that back; it is down whatever the host reports (S175)."""
        body = await ask.body(FORCE_DOWN)
        ask.enforce("os_compute_api:os-services:update")
        if "forced_down" not in body:
            raise Invalid("", "Missing forced_down field")
        down = truth(body["forced_down"])
        host = await self._changed(ask, body, forced_down=down)
        said = {"host": host.name, "binary": BINARY, "forced_down": host.forced_down}
        return json_response({"service": said})

    async def enable(self, ask: Ask) -> Response:
        """Enable a service; servers may be placed on the host again."""
        body = await ask.body(NAMED)
        ask.enforce("os_compute_api:os-services:update")
        host = await self._changed(ask, body, disabled=False)
        said = {"host": host.name, "binary": BINARY, "status": "enabled"}
        return json_response({"service": said})

    async def disable(self, ask: Ask) -> Response:
        """Disable a service; no server is placed on the host, and owners see MAINTENANCE."""
        body = await ask.body(NAMED)
        ask.enforce("os_compute_api:os-services:update")
        host = await self._changed(ask, body, disabled=True)
        said = {"host": host.name, "binary": BINARY, "status": "disabled"}
        return json_response({"service": said})

    async def disable_log_reason(self, ask: Ask) -> Response:
        """Disable a service and keep the reason, which lists of services show."""
        body = await ask.body(NAMED)
        ask.enforce("os_compute_api:os-services:update")
        if "disabled_reason" not in body:
            raise Invalid("", "Missing disabled reason field")
        reason = body["disabled_reason"]
        host = await self._changed(ask, body, disabled=True, reason=reason)
        said = {
            "host": host.name,
            "binary": BINARY,
            "status": "disabled",
            "disabled_reason": reason,
        }
        return json_response({"service": said})

    async def unknown(self, ask: Ask) -> Response:
        """Refuse what was no action at that version."""
        await ask.body(NAMED)
        ask.enforce("os_compute_api:os-services:update")
        raise NotFound("Unknown action")

    def named(self, name: str) -> Handler:
        """Return the handler of a service's own PUT where the path has a word for its id."""
        return partial(self._update, name)

    async def update(self, ask: Ask) -> Response:
        """Change a service: its status, the reason, and whether it is forced down, all at once."""
        return await self._update(ask.path("service_id"), ask)

    async def _update(self, name: str, ask: Ask) -> Response:
        body = await ask.body(OF_ITS_OWN)
        name = checked_uuid(name)
        ask.enforce("os_compute_api:os-services:update")
        host = self._by_id(name)
        status, reason = body.get("status"), body.get("disabled_reason")
        if status == "enabled" and reason:
            raise Invalid("", "Specifying 'disabled_reason' when status is 'enabled' is invalid.")
        if status is None and "forced_down" not in body:
            raise Invalid(
                "",
                "No updates were requested. Fields 'status' or 'forced_down' should be specified.",
            )
        command = ChangeService(
            host,
            ask.actor,
            truth(body["forced_down"]) if "forced_down" in body else None,
            None if status is None else status == "disabled",
            # Disabling without a reason takes an earlier one away.
            (reason or "") if status == "disabled" else None,
        )
        after = await self._submit(command)
        return json_response({"service": shown(after, await self._seen(), ask)})

    async def delete(self, ask: Ask) -> Response:
        """Delete a service and its host, where no server stands any more."""
        ask.enforce("os_compute_api:os-services:delete")
        name = ask.path("service_id")
        name = checked_uuid(name) if ask.since(UUIDS) else checked_number(name)
        await self._ports.intake.submit(RemoveService(self._by_id(name), ask.actor))
        return Response(status_code=204)

    def _by_id(self, name: str) -> HostName:
        inventory = self._ports.inventory
        host = SERVICE_IDS.host(name, inventory.hosts())
        if host is None or inventory.host(host) is None:
            raise NotFound(f"Service {name} could not be found.")
        return host

    async def _changed(
        self,
        ask: Ask,
        body: dict[str, Any],
        *,
        forced_down: bool | None = None,
        disabled: bool | None = None,
        reason: str | None = None,
    ) -> Host:
        binary, name = body["binary"], body["host"]
        if binary != BINARY:
            raise Invalid(
                "",
                f"Updating a {binary} service is not supported. "
                "Only nova-compute services can be updated.",
            )
        host = found(self._ports, name, f"Host '{name}' is not mapped to any cell")
        command = ChangeService(host, ask.actor, forced_down, disabled, reason)
        return await self._submit(command)

    async def _submit(self, command: ChangeService) -> Host:
        after = await self._ports.intake.submit(command)
        if not isinstance(after, Host):
            raise Broken("changing a service answered something else")
        return after

    async def _seen(self) -> dict[HostName, int]:
        try:
            return dict(await self._ports.last_seen())
        except Unavailable:
            # States are in memory; only the time of the last report is not known now.
            return {}


def found(ports: ComputePorts, name: str, missing: str) -> HostName:
    """Return the host of that name, or the one whose short name it is (D21).

    Raises NotFound with the text, Invalid where two hosts have that short name.
    """
    hosts = ports.inventory.match_host(name)
    if len(hosts) > 1:
        raise Invalid("", f"Host '{name}' may be any of {', '.join(sorted(hosts)[:20])}")
    if not hosts:
        raise NotFound(missing)
    return hosts[0]


def shown(host: Host, seen: dict[HostName, int], ask: Ask) -> dict[str, object]:
    """Return a service as lists show it; `updated_at` is when the host was last heard."""
    heard = seen.get(host.name)
    said: dict[str, object] = {
        "binary": BINARY,
        "host": host.name,
        "id": SERVICE_IDS.of(host.name, unique=ask.since(UUIDS)),
        "zone": host.zone or DEFAULT_ZONE,
        "status": "disabled" if host.disabled else "enabled",
        "state": "up" if host.up else "down",
        "updated_at": None if heard is None else rfc3339(heard)[:-1],
        "disabled_reason": host.disabled_reason,
    }
    if ask.since(FORCED_DOWN):
        said["forced_down"] = host.forced_down
    return said

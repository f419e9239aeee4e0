"""Quotas of projects, in Aodh's shape."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from faultwire.domain.alarms import Quota
from faultwire.domain.commands import SetQuota
from faultwire.domain.errors import NotFound
from faultwire.domain.ids import ProjectId
from faultwire.faces.alarming import requests
from faultwire.faces.alarming.fields import choice, items, needed, table, unknown, whole, wrong
from faultwire.faces.alarming.ports import AlarmingPorts
from faultwire.faces.http import actor_of, caller_of, json_response

RESOURCE = "alarms"
MOST, LONGEST = 2**31 - 1, 255
BODY_BYTES = 65_536
QUERY = {"project_id": "Of this project instead of one's own; administrators only."}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["project_id"],
    "properties": {
        "project_id": {"type": "string", "minLength": 1, "maxLength": LONGEST},
        "quotas": {
            "type": "array",
            "maxItems": 1,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["resource", "limit"],
                "properties": {
                    "resource": {"type": "string", "enum": [RESOURCE]},
                    "limit": {
                        "type": "integer",
                        "minimum": -1,
                        "maximum": MOST,
                        "description": "-1: no limit.",
                    },
                },
            },
        },
    },
}


class Quotas:
    """The routes below ``/v2/quotas``; what is read is in memory."""

    def __init__(self, ports: AlarmingPorts) -> None:
        """Take the face's ports."""
        self._ports = ports

    async def show(self, request: Request) -> Response:
        """Show the quotas of a project: its own, or the default ones. Changes nothing."""
        caller = caller_of(request)
        query = requests.only(request, QUERY)
        project = ProjectId(query.get("project_id") or caller.project)
        self._ports.enforcer.enforce("telemetry:get_quotas", caller, project)
        return json_response(self._document(project))

    async def set(self, request: Request) -> Response:
        """Set the quotas of a project."""
        caller = caller_of(request)
        self._ports.enforcer.enforce("telemetry:update_quotas", caller, caller.project)
        requests.only(request)
        body = await requests.body_of(request, BODY_BYTES, "body")
        project, limits = _read(body)
        for limit in limits:
            quota = Quota(project, RESOURCE, limit)
            command = SetQuota(project, quota, actor_of(request, caller))
            await self._ports.intake.submit(command)
        return json_response(self._document(project), 201)

    async def delete(self, request: Request) -> Response:
        """Give a project the default quotas again."""
        caller = caller_of(request)
        self._ports.enforcer.enforce("telemetry:delete_quotas", caller, caller.project)
        requests.only(request)
        name = request.path_params["project_id"]
        if len(name) > LONGEST or not name.isprintable():
            raise NotFound("no such project")
        command = SetQuota(ProjectId(name), None, actor_of(request, caller))
        await self._ports.intake.submit(command)
        return Response(status_code=204)

    def _document(self, project: ProjectId) -> dict[str, object]:
        limit = self._ports.alarm_quota(project)
        return {"project_id": project, "quotas": [{"resource": RESOURCE, "limit": limit}]}


def _read(body: object) -> tuple[ProjectId, list[int]]:
    """Return the project and its limits, of which the last counts; raises Invalid."""
    told = table(body, "body")
    for key in told:
        if key not in {"project_id", "quotas"}:
            raise unknown("body", key)
    project = ProjectId(needed(told.get("project_id"), "project_id", LONGEST))
    limits: dict[str, int] = {}
    for place, value in enumerate(items(told.get("quotas"), "quotas", 1)):
        path = f"quotas[{place}]"
        item = table(value, path)
        for key in item:
            if key not in {"resource", "limit"}:
                raise unknown(f"body.{path}", key)
        if item.get("resource") is None:
            raise wrong("resource", None, "Mandatory field missing.")
        resource = choice(item["resource"], "resource", (RESOURCE,), RESOURCE)
        limits[resource] = whole(item.get("limit"), "limit", MOST, least=-1, default=None)
    return project, list(limits.values())

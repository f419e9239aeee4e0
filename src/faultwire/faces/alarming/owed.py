"""What a project needs to trust its webhooks: signing secrets, and deliveries with their fate."""

import asyncio
import re
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from faultwire.domain.alarms import Delivery, DeliveryState
from faultwire.domain.commands import RotateSecret
from faultwire.domain.ids import ProjectId
from faultwire.domain.instants import rfc3339
from faultwire.faces.alarming import requests
from faultwire.faces.alarming.ports import AlarmingPorts
from faultwire.faces.http import actor_of, caller_of, json_response

SLICE = 100
_URL = re.compile(r"(?P<scheme>[^:/?#]*)://(?:[^/?#]*@)?(?P<rest>[^?#]*)(?P<query>\?)?")


class Owed:
    """``/v2/webhook-secret`` and ``/v2/deliveries``."""

    def __init__(self, ports: AlarmingPorts) -> None:
        """Take the face's ports."""
        self._ports = ports

    async def secrets(self, request: Request) -> Response:
        """Show the secrets that sign a project's webhooks, newest first."""
        caller = caller_of(request)
        project = requests.project_of(requests.only(request, requests.SECRETS), caller)
        self._ports.enforcer.enforce("telemetry:get_webhook_secret", caller, project)
        return self._shown(project)

    async def rotate(self, request: Request) -> Response:
        """Add a signing secret. The one before stays valid, older ones do not."""
        caller = caller_of(request)
        project = requests.project_of(requests.only(request, requests.SECRETS), caller)
        self._ports.enforcer.enforce("telemetry:rotate_webhook_secret", caller, project)
        secret = self._ports.new_secret(project)
        await self._ports.intake.submit(RotateSecret(secret, actor_of(request, caller)))
        return self._shown(project, 201)

    def _shown(self, project: ProjectId, status: int = 200) -> Response:
        shown = [
            {"secret": one.secret, "created_at": rfc3339(one.created_ns)}
            for one in self._ports.directory.secrets(project)
        ]
        headers = {"Cache-Control": "no-store"}
        return json_response({"project_id": project, "secrets": shown}, status, headers)

    async def deliveries(self, request: Request) -> Response:
        """List deliveries, newest first, with state, tries and the last outcome."""
        caller = caller_of(request)
        query = requests.only(request, requests.DELIVERIES)
        project: ProjectId | None = requests.project_of(query, caller)
        if requests.all_projects(query):
            self._ports.enforcer.enforce("telemetry:get_deliveries:all_projects", caller)
            project = None
        else:
            self._ports.enforcer.enforce("telemetry:get_deliveries", caller, project)
        found: Any = await self._ports.read(
            self._ports.alarms.deliveries,
            project=project,
            state=requests.delivery_state(query.get("state")),
            limit=requests.page_of(query.get("limit")),
            marker=query.get("marker"),
        )
        rows = []
        for row in found:
            rows.append(_row(*row))
            if len(rows) % SLICE == 0:
                await asyncio.sleep(0)
        return json_response({"deliveries": rows})


def _row(
    delivery: Delivery, state: DeliveryState, outcome: str, status: int | None
) -> dict[str, Any]:
    return {
        "id": delivery.id,
        "alarm_id": delivery.ordering,
        "project_id": delivery.project,
        "fault_id": delivery.fault_id,
        "url": scrubbed(delivery.url),
        "state": state.value,
        "attempt": delivery.attempt,
        "outcome": outcome,
        "status": status,
        "created_at": rfc3339(delivery.created_ns),
        "next_at": rfc3339(delivery.next_ns) if state is DeliveryState.PENDING else None,
    }


def scrubbed(url: str) -> str:
    """Return a URL without user, password and query, which may be secrets."""
    parts = _URL.match(url)
    if parts is None:
        return "..."
    return f"{parts['scheme']}://{parts['rest']}" + ("?..." if parts["query"] else "")

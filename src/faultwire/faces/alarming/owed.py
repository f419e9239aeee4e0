"""What a project needs to trust its webhooks: signing secrets, and deliveries with their fate."""

import re
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from faultwire.domain.alarms import Delivery, DeliveryState
from faultwire.domain.commands import ReplayDelivery, RotateSecret
from faultwire.domain.errors import Broken, NotFound
from faultwire.domain.ids import DeliveryId, ProjectId
from faultwire.domain.instants import rfc3339
from faultwire.faces.alarming import requests
from faultwire.faces.alarming.ports import AlarmingPorts
from faultwire.faces.http import actor_of, caller_of, give_way, json_response

SLICE = 100
ID_LIMIT = 64

Found = tuple[Delivery, DeliveryState, str, int | None]
"""A delivery with state, last outcome and last HTTP status."""

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

    async def delivery(self, request: Request) -> Response:
        """Show one delivery."""
        found = await self._get(request, "telemetry:get_deliveries")
        requests.only(request)
        return json_response({"delivery": _row(*found)})

    async def replay(self, request: Request) -> Response:
        """Owe a delivery again that is over, under its id. One that is pending is 409."""
        delivery, state, *_ = await self._get(request, "telemetry:replay_delivery")
        requests.only(request)
        actor = actor_of(request, caller_of(request))
        again = await self._ports.intake.submit(ReplayDelivery(delivery, state, actor))
        if not isinstance(again, Delivery):
            raise Broken("replaying a delivery answered something else")
        return json_response({"delivery": _row(again, DeliveryState.PENDING, "", None)}, 202)

    async def _get(self, request: Request, rule: str) -> Found:
        """Return a delivery that the caller may know of; another project's is NotFound."""
        caller = caller_of(request)
        name = request.path_params["delivery_id"]
        missing = NotFound(f"Delivery {name[:ID_LIMIT]} not found")
        if len(name) > ID_LIMIT or not name.isprintable():
            raise missing
        try:
            found: Any = await self._ports.read(self._ports.alarms.delivery, DeliveryId(name))
        except NotFound:
            raise missing from None
        project = found[0].project
        if not caller.admin and not (caller.project and project == caller.project):
            raise missing
        self._ports.enforcer.enforce(rule, caller, project)
        one: Found = found
        return one

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
        await give_way(request)
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
                await give_way(request)
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

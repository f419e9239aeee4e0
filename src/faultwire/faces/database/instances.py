"""Instances: listed and shown to owners and to administrators, and restarted."""

import uuid
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from faultwire.domain.errors import Invalid
from faultwire.domain.guest_commands import StartTask
from faultwire.domain.ids import ProjectId
from faultwire.domain.resources import Guest
from faultwire.domain.tasks import Task, TaskKind
from faultwire.faces.database import views
from faultwire.faces.database.asking import Ask, not_found
from faultwire.faces.database.ports import DatabasePorts
from faultwire.faces.http import json_response, parse_json, read_body

BODY_BYTES = 65_536
QUERY = {
    "limit": "Rows of a page.",
    "marker": "The id of the last instance of the page before.",
}
MANAGED_QUERY = {**QUERY, "project_id": "Of this project alone."}


class Instances:
    """The routes of instances."""

    def __init__(self, ports: DatabasePorts) -> None:
        """Take the face's ports."""
        self._ports = ports

    async def list(self, request: Request) -> Response:
        """List the project's instances."""
        ask = Ask.of(request, self._ports)
        ask.enforce("instance:index", ask.tenant)
        page = ask.query(QUERY)
        mine = self._of(ask.tenant)
        return _page(ask, page, mine, "instances", lambda guest: views.instance(guest, ask))

    async def show(self, request: Request) -> Response:
        """Show an instance of the project; another project's is not found."""
        ask = Ask.of(request, self._ports)
        guest = ask.guest()
        if guest.project != ask.tenant and not ask.caller.admin:
            raise not_found(guest.id)
        ask.enforce("instance:show", guest.project)
        return json_response({"instance": views.instance(guest, ask)})

    async def act(self, request: Request) -> Response:
        """Restart an instance's database; answered before it is done."""
        ask = Ask.of(request, self._ports)
        guest = ask.guest()
        if guest.project != ask.tenant and not ask.caller.admin:
            raise not_found(guest.id)
        ask.enforce("instance:restart", guest.project)
        return await self._restart(ask, guest)

    async def manage_list(self, request: Request) -> Response:
        """List the instances of every project, with what is known of their agents."""
        ask = Ask.of(request, self._ports)
        ask.enforce("mgmt:index")
        query = ask.query(MANAGED_QUERY)
        heard = await self._ports.heard.all_heard()
        wanted = query.get("project_id")
        return _page(
            ask,
            query,
            self._of(None if wanted is None else ProjectId(wanted)),
            "mgmt/instances",
            lambda guest: views.managed(guest, heard.get(guest.id), ask),
        )

    async def manage_show(self, request: Request) -> Response:
        """Show any project's instance, with what is known of its agent."""
        ask = Ask.of(request, self._ports)
        ask.enforce("mgmt:show")
        guest = ask.guest()
        heard = await self._ports.heard.heard(guest.id)
        return json_response({"instance": views.managed(guest, heard, ask)})

    async def manage_act(self, request: Request) -> Response:
        """Restart any project's instance; answered before it is done."""
        ask = Ask.of(request, self._ports)
        ask.enforce("mgmt:restart")
        return await self._restart(ask, ask.guest())

    async def _restart(self, ask: Ask, guest: Guest) -> Response:
        body = parse_json(await read_body(ask.request, BODY_BYTES))
        if not isinstance(body, dict) or len(body) != 1:
            raise Invalid("", "an action is an object with one member, its name")
        if "restart" not in body:
            raise Invalid(str(next(iter(body)))[:40], "is no action of this API; restart is")
        now = self._ports.clock.wall_ns()
        task = Task(str(uuid.uuid4()), TaskKind.GUEST_RESTART, guest.id, ask.actor, now, now)
        await self._ports.intake.submit(StartTask(task))
        self._ports.keeper.wake()
        return Response(status_code=202, headers={"X-Faultwire-Task": task.id})

    def _of(self, project: ProjectId | None) -> Sequence[Guest]:
        every: Iterable[Guest] = self._ports.inventory.guests()
        mine = (guest for guest in every if project is None or guest.project == project)
        return sorted(mine, key=lambda guest: guest.id)


def _page(
    ask: Ask,
    query: Any,
    guests: Sequence[Guest],
    path: str,
    shown: Callable[[Guest], dict[str, Any]],
) -> Response:
    limit, marker = ask.page(query)
    after = [guest for guest in guests if guest.id > marker]
    body: dict[str, Any] = {"instances": [shown(guest) for guest in after[:limit]]}
    if len(after) > limit:
        following = f"{ask.root}/{path}?marker={after[limit - 1].id}&limit={limit}"
        body["links"] = [{"rel": "next", "href": following}]
    return json_response(body)

"""Alarms: create, list, show, replace, delete, and their state."""

import uuid

from starlette.requests import Request
from starlette.responses import Response

from faultwire.domain.accounts import Caller
from faultwire.domain.alarms import Alarm, AlarmState
from faultwire.domain.commands import RemoveAlarm, SaveAlarm, SetAlarmState
from faultwire.domain.errors import Broken, Invalid, NotFound, Unauthenticated
from faultwire.domain.ids import AlarmId, ProjectId
from faultwire.faces.alarming.ports import AlarmingPorts
from faultwire.faces.alarming.shape import ACTIONS, from_json, to_json
from faultwire.faces.http import (
    actor_of,
    base_url,
    caller_of,
    json_response,
    parse_json,
    read_body,
)

STATE_BYTES = 1024
PAGE, LARGEST_PAGE = 1000, 1000
_LISTED = frozenset({"limit", "marker", "all_projects", "project_id"})


class Alarms:
    """The routes below ``/v2/alarms``."""

    def __init__(self, ports: AlarmingPorts) -> None:
        """Take the face's ports."""
        self._ports = ports

    async def create(self, request: Request) -> Response:
        """Create an alarm. It is effective for the very next event."""
        caller = caller_of(request)
        alarm = await self._described(request, caller, AlarmId(str(uuid.uuid4())))
        saved = await self._save(request, caller, alarm[0], new=True, set_state=alarm[1])
        location = f"{base_url(request)}{request.scope.get('root_path', '')}/v2/alarms/{saved.id}"
        return json_response(to_json(saved), 201, {"Location": location})

    async def replace(self, request: Request) -> Response:
        """Replace an alarm whole. Attributes that are left out return to their defaults."""
        caller = caller_of(request)
        held = await self._get(request, caller, "telemetry:change_alarm")
        alarm, set_state = await self._described(request, caller, held.id, held)
        saved = await self._save(request, caller, alarm, new=False, set_state=set_state)
        return json_response(to_json(saved))

    async def list(self, request: Request) -> Response:
        """List alarms, newest first. Pages by limit and marker."""
        caller = caller_of(request)
        query = request.query_params
        for key in query:
            if key not in _LISTED:
                raise Invalid(key, f"is no parameter here: {', '.join(sorted(_LISTED))}")
        project: ProjectId | None = caller.project
        if query.get("all_projects", "false").lower() in {"true", "1", ""}:
            self._ports.enforcer.enforce("telemetry:get_alarms:all_projects", caller)
            project = None
        elif "project_id" in query:
            project = self._own(caller, query["project_id"])
        self._ports.enforcer.enforce("telemetry:get_alarms", caller, project or caller.project)
        found = await self._ports.read(
            self._ports.alarms.alarms,
            project=project,
            limit=limit_of(query.get("limit")),
            marker=query.get("marker"),
        )
        return json_response([to_json(alarm) for alarm in _alarms(found)])

    async def show(self, request: Request) -> Response:
        """Show an alarm."""
        held = await self._get(request, caller_of(request), "telemetry:get_alarm")
        return json_response(to_json(held))

    async def delete(self, request: Request) -> Response:
        """Delete an alarm with its history. Deliveries that are owed still go out."""
        caller = caller_of(request)
        held = await self._get(request, caller, "telemetry:delete_alarm")
        await self._ports.intake.submit(RemoveAlarm(held.id, actor_of(request, caller)))
        return Response(status_code=204)

    async def state(self, request: Request) -> Response:
        """Show the state of an alarm."""
        held = await self._get(request, caller_of(request), "telemetry:get_alarm_state")
        return json_response(held.state.value)

    async def set_state(self, request: Request) -> Response:
        """Set the state of an alarm by hand. No action runs."""
        caller = caller_of(request)
        held = await self._get(request, caller, "telemetry:change_alarm_state")
        value = parse_json(await read_body(request, STATE_BYTES))
        if value not in tuple(AlarmState):
            raise Invalid("", "state invalid")
        command = SetAlarmState(held.id, AlarmState(str(value)), actor_of(request, caller))
        await self._ports.intake.submit(command)
        return json_response(value)

    async def _get(self, request: Request, caller: Caller, rule: str) -> Alarm:
        """Return an alarm that the caller may know of; another project's is NotFound."""
        name = AlarmId(request.path_params["alarm_id"])
        missing = NotFound(f"Alarm {name} not found")
        try:
            alarm = await self._ports.read(self._ports.alarms.alarm, name)
        except NotFound:
            raise missing from None
        if not isinstance(alarm, Alarm):
            raise missing
        if alarm.project != caller.project and not caller.admin:
            raise missing
        self._ports.enforcer.enforce(rule, caller, alarm.project)
        return alarm

    async def _described(
        self, request: Request, caller: Caller, name: AlarmId, held: Alarm | None = None
    ) -> tuple[Alarm, bool]:
        if held is None:
            self._ports.enforcer.enforce("telemetry:create_alarm", caller, caller.project)
        body = parse_json(await read_body(request, self._ports.settings.alarm_bytes))
        project = held.project if held else caller.project
        user = held.user if held else caller.user
        limit = self._ports.settings.actions_limit
        alarm, set_state = from_json(body, name, project, user, limit)
        self._own(caller, alarm.project)
        if alarm.resource_id is None and self._ports.settings.require_resource_id:
            raise Invalid("resource_id", "is mandatory here ([alarming] require_resource_id)")
        for kind in ACTIONS:
            for number, url in enumerate(getattr(alarm, kind)):
                self._check(url, f"{kind}[{number}]")
        return alarm, set_state

    def _check(self, url: str, path: str) -> None:
        try:
            self._ports.check_action(url)
        except Invalid as error:
            raise Invalid(path, f"Unsupported action {url[:200]}: {error.reason}") from None

    def _own(self, caller: Caller, project: str) -> ProjectId:
        """Return the project; as in Aodh, a foreign one is 401 for who is no administrator."""
        if project != caller.project and not caller.admin:
            raise Unauthenticated(f"Not Authorized to access project {project}")
        return ProjectId(project)

    async def _save(
        self, request: Request, caller: Caller, alarm: Alarm, *, new: bool, set_state: bool
    ) -> Alarm:
        secret = self._ports.new_secret(alarm.project)
        command = SaveAlarm(alarm, new, actor_of(request, caller), secret, set_state)
        saved = await self._ports.intake.submit(command)
        if not isinstance(saved, Alarm):
            raise Broken("saving an alarm answered something else")
        return saved


def _alarms(found: object) -> tuple[Alarm, ...]:
    return found if isinstance(found, tuple) else ()


def limit_of(text: str | None) -> int:
    """Return the size of a page; 0 means the largest. Raises Invalid."""
    if text is None:
        return PAGE
    if not text.isdecimal() or len(text) > 9:
        raise Invalid("limit", "it should be a positive integer.")
    return min(int(text) or LARGEST_PAGE, LARGEST_PAGE)

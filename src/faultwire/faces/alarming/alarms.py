"""Alarms: create, list, show, replace, delete, and their state."""

import re
import uuid
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response

from faultwire.domain.accounts import Caller
from faultwire.domain.alarms import Alarm, AlarmState
from faultwire.domain.commands import RemoveAlarm, SaveAlarm, SetAlarmState
from faultwire.domain.errors import Broken, Invalid, NotFound, Unauthenticated
from faultwire.domain.ids import AlarmId, ProjectId
from faultwire.faces.alarming import requests
from faultwire.faces.alarming.listing import Listing
from faultwire.faces.alarming.ports import AlarmingPorts
from faultwire.faces.alarming.shape import (
    ACTIONS,
    STATES,
    TYPES,
    Described,
    from_json,
    naive,
    to_json,
)
from faultwire.faces.http import actor_of, base_url, caller_of, json_response

STATE_BYTES = 1024
ID_LIMIT = 64
BY_API = "Manually set via API"
_LOGIN_IN_URL = re.compile(r"//[^/@]*@")


class Alarms:
    """The routes below ``/v2/alarms``."""

    def __init__(self, ports: AlarmingPorts) -> None:
        """Take the face's ports."""
        self._ports = ports

    async def create(self, request: Request) -> Response:
        """Create an alarm. It is effective for the very next event."""
        caller = caller_of(request)
        self._ports.enforcer.enforce("telemetry:create_alarm", caller, caller.project)
        requests.only(request)
        body = await self._body(request)
        said = from_json(
            body,
            AlarmId(str(uuid.uuid4())),
            caller.project,
            caller.user,
            self._ports.settings.actions_limit,
        )
        self._check(caller, said.alarm)
        if said.alarm.user != caller.user and not caller.admin:
            raise Unauthenticated(f"Not Authorized to access user {said.alarm.user}")
        saved = await self._save(request, caller, said.alarm, new=True, set_state=said.names_state)
        location = f"{base_url(request)}{request.scope.get('root_path', '')}/v2/alarms/{saved.id}"
        return json_response(to_json(saved), 201, {"Location": location})

    async def replace(self, request: Request) -> Response:
        """Replace an alarm whole. Attributes that are left out return to their defaults."""
        caller = caller_of(request)
        held = await self._get(request, caller, "telemetry:change_alarm")
        requests.only(request)
        body = await self._body(request)
        limit = self._ports.settings.actions_limit
        said = from_json(body, held.id, held.project, held.user, limit)
        self._check(caller, said.alarm)
        if said.alarm.user not in {held.user, caller.user} and not caller.admin:
            raise Unauthenticated(f"Not Authorized to access user {said.alarm.user}")
        moves = _moves(said, held)
        alarm = replace(said.alarm, state_reason=BY_API) if moves else said.alarm
        saved = await self._save(request, caller, alarm, new=False, set_state=moves)
        return json_response(to_json(saved))

    async def list(self, request: Request) -> Response:
        """List alarms, newest first. Pages by limit and marker."""
        caller = caller_of(request)
        query = requests.only(request, requests.ALARMS)
        limit = requests.limit_of(query.get("limit"))
        project: ProjectId | None = requests.project_of(query, caller)
        if requests.all_projects(query):
            self._ports.enforcer.enforce("telemetry:get_alarms:all_projects", caller)
            project = None
        else:
            self._ports.enforcer.enforce("telemetry:get_alarms", caller, project)
        return await Listing(self._ports, project, limit).answer(query.get("marker"))

    async def show(self, request: Request) -> Response:
        """Show an alarm."""
        held = await self._get(request, caller_of(request), "telemetry:get_alarm")
        requests.only(request)
        return json_response(to_json(held))

    async def delete(self, request: Request) -> Response:
        """Delete an alarm with its history. Deliveries that are owed still go out."""
        caller = caller_of(request)
        held = await self._get(request, caller, "telemetry:delete_alarm")
        requests.only(request)
        await self._ports.intake.submit(RemoveAlarm(held.id, actor_of(request, caller)))
        return Response(status_code=204)

    async def state(self, request: Request) -> Response:
        """Show the state of an alarm."""
        held = await self._get(request, caller_of(request), "telemetry:get_alarm_state")
        requests.only(request)
        return json_response(held.state.value)

    async def set_state(self, request: Request) -> Response:
        """Set the state of an alarm by hand. No action runs."""
        caller = caller_of(request)
        held = await self._get(request, caller, "telemetry:change_alarm_state")
        requests.only(request)
        value = await requests.body_of(request, STATE_BYTES)
        if not isinstance(value, str) or value not in STATES:
            raise Invalid("", "state invalid")
        command = SetAlarmState(held.id, AlarmState(value), actor_of(request, caller))
        await self._ports.intake.submit(command)
        return json_response(value)

    async def _body(self, request: Request) -> object:
        return await requests.body_of(request, self._ports.settings.alarm_bytes)

    async def _get(self, request: Request, caller: Caller, rule: str) -> Alarm:
        """Return an alarm that the caller may know of; another project's is NotFound."""
        name = request.path_params["alarm_id"]
        missing = NotFound(f"Alarm {name[:ID_LIMIT]} not found")
        if len(name) > ID_LIMIT or not name.isprintable():
            raise missing
        try:
            alarm = await self._ports.read(self._ports.alarms.alarm, AlarmId(name))
        except NotFound:
            raise missing from None
        if not isinstance(alarm, Alarm):
            raise Broken("reading an alarm answered something else")
        own = bool(caller.project) and alarm.project == caller.project
        if not own and not caller.admin:
            raise missing
        self._ports.enforcer.enforce(rule, caller, alarm.project)
        return alarm

    def _check(self, caller: Caller, alarm: Alarm) -> None:
        """Raise for a foreign project, and for what the settings or the guard refuse."""
        requests.own_project(caller, alarm.project)
        if alarm.resource_id is None and self._ports.settings.require_resource_id:
            raise Invalid("", "resource_id is mandatory: [alarming] require_resource_id is set")
        for kind in ACTIONS:
            for number, url in enumerate(getattr(alarm, kind)):
                try:
                    self._ports.check_action(url)
                except Invalid as error:
                    shown = _LOGIN_IN_URL.sub("//...@", url[:200])
                    reason = f"{kind}[{number}] {error.reason}"
                    raise Invalid("", f"Unsupported action {shown}: {reason}") from None

    async def _save(
        self, request: Request, caller: Caller, alarm: Alarm, *, new: bool, set_state: bool
    ) -> Alarm:
        secret = self._ports.new_secret(alarm.project)
        command = SaveAlarm(alarm, new, actor_of(request, caller), secret, set_state)
        try:
            saved = await self._ports.intake.submit(command)
        except Invalid as error:
            # Who decides knows one spelling of the rule's key only.
            field = error.field.replace(TYPES["event"], TYPES[alarm.type], 1)
            sentence = f"Invalid input for field/attribute {field}. {error.reason}"
            raise Invalid("", sentence) from None
        if not isinstance(saved, Alarm):
            raise Broken("saving an alarm answered something else")
        return saved


def _moves(said: Described, held: Alarm) -> bool:
    """Return whether a replacement sets another state.

    Aodh's clients read an alarm and send all of it back. A state that they merely repeat, with
    its own older time, must not undo a transition that came between.
    """
    if not said.names_state or said.alarm.state is held.state:
        return False
    return said.state_timestamp in {None, naive(held.state_ns)}

"""Alarms: create, list, show, replace, delete, and their state."""

import uuid

from starlette.requests import Request
from starlette.responses import Response

from faultwire.domain.accounts import Caller
from faultwire.domain.alarms import Alarm, AlarmState
from faultwire.domain.commands import RemoveAlarm, SaveAlarm, SetAlarmState
from faultwire.domain.errors import Broken, Invalid, NotFound, Unauthenticated
from faultwire.domain.ids import AlarmId
from faultwire.domain.rules import EventRule
from faultwire.faces.alarming import requests
from faultwire.faces.alarming.actions import ACTIONS, check_action
from faultwire.faces.alarming.ports import AlarmingPorts
from faultwire.faces.alarming.shape import (
    STATES,
    Described,
    Terms,
    from_json,
    to_json,
)
from faultwire.faces.alarming.trusts import Entrusting, trusts_of
from faultwire.faces.http import actor_of, base_url, caller_of, json_response

STATE_BYTES = 1024
ID_LIMIT = 64


class Alarms:
    """The routes below ``/v2/alarms``."""

    def __init__(self, ports: AlarmingPorts) -> None:
        """Take the face's ports."""
        self._ports = ports
        settings = ports.settings
        self._trusts = Entrusting(ports)
        self._terms = Terms(settings.actions_limit, settings.accept_unsupported_types)

    async def create(self, request: Request) -> Response:
        """Create an alarm. It is effective for the very next event."""
        caller = caller_of(request)
        self._ports.enforcer.enforce("telemetry:create_alarm", caller, caller.project)
        requests.only(request)
        body = await self._body(request)
        said = from_json(
            body, AlarmId(str(uuid.uuid4())), caller.project, caller.user, self._terms
        )
        self._check(caller, said.alarm)
        if said.alarm.user != caller.user and not caller.admin:
            raise Unauthenticated(f"Not Authorized to access user {said.alarm.user}")
        said, trust = await self._trusts.entrust(request, caller, said)
        try:
            saved = await self._save(request, caller, said, new=True)
        except BaseException:
            await self._trusts.end(request, trust)
            raise
        location = f"{base_url(request)}{request.scope.get('root_path', '')}/v2/alarms/{saved.id}"
        return json_response(to_json(saved), 201, {"Location": location})

    async def replace(self, request: Request) -> Response:
        """Replace an alarm whole. Attributes that are left out return to their defaults."""
        caller = caller_of(request)
        held = await self.held(request, caller, "telemetry:change_alarm")
        requests.only(request)
        body = await self._body(request)
        said = from_json(body, held.id, held.project, held.user, self._terms)
        self._check(caller, said.alarm)
        if said.alarm.user not in {held.user, caller.user} and not caller.admin:
            raise Unauthenticated(f"Not Authorized to access user {said.alarm.user}")
        said, trust = await self._trusts.entrust(request, caller, said)
        try:
            saved = await self._save(request, caller, said, new=False)
        except BaseException:
            await self._trusts.end(request, trust)
            raise
        await self._trusts.end(request, *trusts_of(held))
        return json_response(to_json(saved))

    async def show(self, request: Request) -> Response:
        """Show an alarm."""
        held = await self.held(request, caller_of(request), "telemetry:get_alarm")
        requests.only(request)
        return json_response(to_json(held))

    async def delete(self, request: Request) -> Response:
        """Delete an alarm with its history. Deliveries that are owed still go out."""
        caller = caller_of(request)
        held = await self.held(request, caller, "telemetry:delete_alarm")
        requests.only(request)
        await self._ports.intake.submit(RemoveAlarm(held.id, actor_of(request, caller)))
        await self._trusts.end(request, *trusts_of(held))
        return Response(status_code=204)

    async def state(self, request: Request) -> Response:
        """Show the state of an alarm."""
        held = await self.held(request, caller_of(request), "telemetry:get_alarm_state")
        requests.only(request)
        return json_response(held.state.value)

    async def set_state(self, request: Request) -> Response:
        """Set the state of an alarm by hand. No action runs."""
        caller = caller_of(request)
        held = await self.held(request, caller, "telemetry:change_alarm_state")
        requests.only(request)
        value = await requests.body_of(request, STATE_BYTES)
        if not isinstance(value, str) or value not in STATES:
            raise Invalid("", "state invalid")
        command = SetAlarmState(held.id, AlarmState(value), actor_of(request, caller))
        await self._ports.intake.submit(command)
        return json_response(value)

    async def _body(self, request: Request) -> object:
        return await requests.body_of(request, self._ports.settings.alarm_bytes)

    async def held(self, request: Request, caller: Caller, rule: str) -> Alarm:
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
        required = self._ports.settings.require_resource_id and isinstance(alarm.rule, EventRule)
        if alarm.resource_id is None and required:
            raise Invalid("", "resource_id is mandatory: [alarming] require_resource_id is set")
        check_url = self._ports.check_action
        for kind in ACTIONS:
            for number, url in enumerate(getattr(alarm, kind) or ()):
                check_action(
                    url,
                    f"{kind}[{number}]",
                    admin=caller.admin,
                    check_url=check_url,
                    trusts=self._ports.keystone is not None,
                )

    async def _save(
        self, request: Request, caller: Caller, said: Described, *, new: bool
    ) -> Alarm:
        alarm = said.alarm
        secret = self._ports.new_secret(alarm.project)
        actor = actor_of(request, caller)
        command = SaveAlarm(alarm, new, actor, secret, said.names_state, said.state_timestamp)
        try:
            saved = await self._ports.intake.submit(command)
        except Invalid as error:
            sentence = f"Invalid input for field/attribute {error.field}. {error.reason}"
            raise Invalid("", sentence) from None
        if not isinstance(saved, Alarm):
            raise Broken("saving an alarm answered something else")
        return saved

"""Calls that ask and change nothing: lists of alarms and of history, and searches."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from faultwire.domain.accounts import Caller
from faultwire.domain.alarms import Alarm
from faultwire.domain.errors import Invalid, NotFound
from faultwire.domain.ids import AlarmId, ProjectId
from faultwire.domain.queries import (
    ALARM_FIELDS,
    HISTORY_FIELDS,
    By,
    Compare,
    HistoryLine,
    Kind,
    Op,
    Query,
    alarm_place,
    history_place,
    moment_of,
)
from faultwire.faces.alarming import requests, simple
from faultwire.faces.alarming.fields import shortened
from faultwire.faces.alarming.history import line_document
from faultwire.faces.alarming.listing import Listing, Source
from faultwire.faces.alarming.ports import AlarmingPorts
from faultwire.faces.alarming.searches import check_project, wanted_of
from faultwire.faces.alarming.shape import to_json
from faultwire.faces.http import breathe_of, caller_of, json_response

PAGES = {
    "limit": "At most so many; 0 or left out: all.",
    "marker": "The id of the last row of the page before.",
}
ALARMS = {**requests.PROJECT, **simple.QUERY, **PAGES}
HISTORY = {**simple.QUERY, **PAGES}

Held = Callable[[Request, Caller, str], Awaitable[Alarm]]
"""Gives the alarm of a path to a caller who may know of it; by the name of a rule."""


class Asking:
    """The routes that list and search."""

    def __init__(self, ports: AlarmingPorts, held: Held) -> None:
        """Take the face's ports, and what finds one alarm."""
        self._ports = ports
        self._held = held

    async def alarms(self, request: Request) -> Response:
        """List alarms, newest first unless sorted otherwise. Pages by limit and marker."""
        caller = caller_of(request)
        query = requests.only(request, ALARMS)
        asked = simple.conditions(request.query_params.multi_items())
        where, everywhere, named = simple.alarm_filter(asked, caller)
        project: ProjectId | None = requests.project_of(query, caller)
        if everywhere or requests.all_projects(query):
            self._ports.enforcer.enforce("telemetry:get_alarms:all_projects", caller)
            project = None
        else:
            self._ports.enforcer.enforce("telemetry:get_alarms", caller, project)
            # The project that a condition names stands in for one's own.
            project = project if named is None else named
        order = simple.order_of(request.query_params.getlist("sort"), simple.ALARM_SORTS)
        limit = requests.limit_of(query.get("limit"))
        wanted = Query(project, where=where, order=order, limit=limit)
        marker = query.get("marker")
        if marker:
            wanted = replace(wanted, after=await self._alarm_place(marker, wanted, caller))
        return await Listing(self._alarm_source(order), wanted, breathe_of(request)).answer()

    async def history(self, request: Request) -> Response:
        """List the history of an alarm, newest first. Pages by limit and marker."""
        caller = caller_of(request)
        alarm = await self._held(request, caller, "telemetry:alarm_history")
        query = requests.only(request, HISTORY)
        asked = simple.conditions(request.query_params.multi_items())
        where = simple.history_filter(asked, caller)
        order = simple.order_of(request.query_params.getlist("sort"), simple.HISTORY_SORTS)
        limit = requests.limit_of(query.get("limit"))
        wanted = Query(alarm=alarm.id, where=where, order=order, limit=limit)
        marker = query.get("marker")
        if marker:
            wanted = replace(wanted, after=await self._history_place(marker, wanted))
        return await Listing(self._history_source(order), wanted, breathe_of(request)).answer()

    async def search_alarms(self, request: Request) -> Response:
        """Search alarms by a filter; administrators those of all projects."""
        wanted = await self._wanted(request, "telemetry:query_alarm", ALARM_FIELDS, "project_id")
        source = self._alarm_source(wanted.order)
        return await Listing(source, wanted, breathe_of(request)).answer()

    async def search_history(self, request: Request) -> Response:
        """Search the history of alarms by a filter; administrators that of all projects."""
        wanted = await self._wanted(
            request, "telemetry:query_alarm_history", HISTORY_FIELDS, "on_behalf_of"
        )
        indexed = wanted.project is None
        source = self._history_source(wanted.order, indexed=indexed)
        return await Listing(source, wanted, breathe_of(request)).answer()

    async def _wanted(
        self, request: Request, rule: str, fields: Mapping[str, Kind], owner: str
    ) -> Query:
        caller = caller_of(request)
        self._ports.enforcer.enforce(rule, caller, caller.project)
        requests.only(request)
        body = await requests.body_of(request, self._ports.settings.alarm_bytes, "body")
        said = wanted_of(body, fields)
        if not caller.admin:
            check_project(said.where, owner, caller.project)
        project = None if caller.admin else caller.project
        return Query(project, where=said.where, order=said.order, limit=said.limit)

    async def _alarm_place(
        self, marker: str, wanted: Query, caller: Caller
    ) -> tuple[str | bool | int, ...]:
        missing = _missing(marker)
        try:
            found: Any = await self._ports.read(self._ports.alarms.alarm, AlarmId(marker))
        except NotFound:
            raise missing from None
        alarm: Alarm = found
        if wanted.project not in {None, alarm.project}:
            raise missing
        if not caller.admin and alarm.project != caller.project:
            raise missing
        return alarm_place(alarm, wanted.order)

    async def _history_place(self, marker: str, wanted: Query) -> tuple[str | bool | int, ...]:
        missing = _missing(marker)
        if moment_of(marker) is None:
            raise missing
        one = Compare("event_id", Op.EQ, marker)
        found = await self._lines(replace(wanted, where=one, limit=1))
        if not found:
            raise missing
        return history_place(found[0], wanted.order)

    def _alarm_source(self, order: tuple[By, ...]) -> Source[Alarm]:
        return Source(self._alarms, lambda alarm: alarm_place(alarm, order), to_json)

    def _history_source(
        self, order: tuple[By, ...], *, indexed: bool = True
    ) -> Source[HistoryLine]:
        return Source(self._lines, lambda line: history_place(line, order), line_document, indexed)

    async def _alarms(self, query: Query) -> tuple[Alarm, ...]:
        found: Any = await self._ports.read(self._ports.alarms.search_alarms, query)
        alarms: tuple[Alarm, ...] = found
        return alarms

    async def _lines(self, query: Query) -> tuple[HistoryLine, ...]:
        found: Any = await self._ports.read(self._ports.alarms.search_history, query)
        lines: tuple[HistoryLine, ...] = found
        return lines


def _missing(marker: str) -> Invalid:
    return Invalid("", f"Marker {shortened(marker)} not found.")


CAPABILITIES = {
    "api": {
        "alarms:history:query:complex": True,
        "alarms:history:query:simple": True,
        "alarms:query:complex": True,
        "alarms:query:simple": True,
    },
    "alarm_storage": {"storage:production_ready": True},
}


async def capabilities(request: Request) -> Response:
    """List what of Aodh's API there is."""
    caller_of(request)
    requests.only(request)
    return json_response(CAPABILITIES)


async def metrics(request: Request) -> Response:
    """Refuse: results of single evaluations are not kept, as in Aodh unless it is told to."""
    caller_of(request)
    raise HTTPException(403, "metrics endpoint is disabled")

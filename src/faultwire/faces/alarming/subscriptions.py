"""Subscriptions: one for everything that a project has and will have, present troubles at once."""

import uuid
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from faultwire.domain.accounts import Caller
from faultwire.domain.commands import RemoveSubscription, SaveSubscription
from faultwire.domain.errors import Broken, Invalid, NotFound, OverQuota
from faultwire.domain.events import EVENT_KINDS, LATENCY_BUDGET
from faultwire.domain.faults import Severity
from faultwire.domain.ids import ADMINISTRATORS, ProjectId, SubscriptionId, UserId, derived
from faultwire.domain.instants import rfc3339
from faultwire.domain.subscriptions import Filter, Subscription
from faultwire.faces.alarming import fields, requests
from faultwire.faces.alarming.fields import Body, wrong
from faultwire.faces.alarming.owed import scrubbed
from faultwire.faces.alarming.ports import AlarmingPorts
from faultwire.faces.http import actor_of, base_url, caller_of, give_way, json_response

ID_LIMIT = 64
PAIRS_LIMIT, TEXT_LIMIT = 128, 255
SLICE = 100
HOST = "host"
KINDS = ("server", "port", "guest", HOST)
SEVERITIES = tuple(one.value for one in Severity if one is not Severity.CLEARED)
EVENT_TYPES = (
    *(kind for kind in EVENT_KINDS if kind != LATENCY_BUDGET),
    "port.update.end",
    "database.guest.update",
)
"""Types of the events that say something of a resource's condition."""

LISTED = {
    **requests.PROJECT,
    "limit": f"Rows of a page, 1 to {requests.LARGEST_PAGE}; {requests.PAGE} where it is left"
    " out.",
    "marker": "The id of the last subscription of the page before.",
}

_NULLABLE = ["string", "null"]


def _words(known: tuple[str, ...]) -> dict[str, Any]:
    return {"type": ["array", "null"], "items": {"type": "string", "enum": list(known)}}


SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["callback"],
    "additionalProperties": False,
    "properties": {
        "name": {"type": _NULLABLE, "maxLength": TEXT_LIMIT},
        "callback": {
            "type": "string",
            "format": "uri",
            "description": "It is asked first: it must answer a signed POST with 2xx.",
        },
        "project_id": {"type": _NULLABLE, "description": "One's own; administrators name any."},
        "filter": {
            "type": ["object", "null"],
            "additionalProperties": False,
            "properties": {
                "resource_kinds": _words(KINDS),
                "severities": _words(SEVERITIES),
                "event_types": _words(EVENT_TYPES),
                "metadata": {
                    "type": ["object", "null"],
                    "maxProperties": PAIRS_LIMIT,
                    "additionalProperties": {"type": "string", "maxLength": TEXT_LIMIT},
                },
            },
        },
    },
}
"""A subscription as it is created."""


class Subscriptions:
    """The routes below ``/v2/subscriptions``."""

    def __init__(self, ports: AlarmingPorts) -> None:
        """Take the face's ports."""
        self._ports = ports

    async def create(self, request: Request) -> Response:
        """Subscribe a callback. It is tested first, and told at once of what is wrong already."""
        ports, caller = self._ports, caller_of(request)
        ports.enforcer.enforce("telemetry:create_subscription", caller, caller.project)
        requests.only(request)
        body = await requests.body_of(request, ports.settings.alarm_bytes)
        said = _read(body, caller)
        try:
            ports.check_action(said.callback)
        except Invalid as error:
            shown = scrubbed(said.callback)[:TEXT_LIMIT]
            sentence = f"Unsupported callback {shown}: {error.reason}"
            raise Invalid("", sentence) from None
        limit = ports.settings.subscriptions_limit
        if ports.subscribed(said.project) >= limit:
            raise OverQuota(f"The project has its {limit} subscriptions already")
        secret = ports.new_secret(said.project)
        test = {"type": "subscription.test", "subscription_id": said.id, "name": said.name}
        name = derived("subscription.test", said.id)
        came = await ports.test_callback(said.project, said.callback, name, test, secret.secret)
        if came:
            raise Invalid("", f"The test of the callback failed: {came}")
        command = SaveSubscription(said, actor_of(request, caller), secret, limit)
        saved, told = _found(await ports.intake.submit(command))
        root = f"{base_url(request)}{request.scope.get('root_path', '')}"
        headers = {"Location": f"{root}/v2/subscriptions/{saved.id}"}
        return json_response(_shown(saved, told), 201, headers)

    async def list(self, request: Request) -> Response:
        """List subscriptions, newest first, each with how many troubles it knows of now."""
        caller = caller_of(request)
        query = requests.only(request, LISTED)
        project: ProjectId | None = requests.project_of(query, caller)
        if requests.all_projects(query):
            self._ports.enforcer.enforce("telemetry:get_subscriptions:all_projects", caller)
            project = None
        else:
            self._ports.enforcer.enforce("telemetry:get_subscriptions", caller, project)
        await give_way(request)
        found: Any = await self._ports.read(
            self._ports.subscriptions.subscriptions,
            project=project,
            limit=requests.page_of(query.get("limit")),
            marker=query.get("marker"),
        )
        rows = []
        for row in found:
            rows.append(_shown(*row))
            if len(rows) % SLICE == 0:
                await give_way(request)
        return json_response({"subscriptions": rows})

    async def show(self, request: Request) -> Response:
        """Show a subscription."""
        found = await self._get(request, caller_of(request), "telemetry:get_subscription")
        return json_response(_shown(*found))

    async def delete(self, request: Request) -> Response:
        """Delete a subscription. Deliveries that are owed still go out."""
        caller = caller_of(request)
        held, _ = await self._get(request, caller, "telemetry:delete_subscription")
        await self._ports.intake.submit(RemoveSubscription(held.id, actor_of(request, caller)))
        return Response(status_code=204)

    async def _get(self, request: Request, caller: Caller, rule: str) -> tuple[Subscription, int]:
        """Return a subscription that the caller may know of; another project's is NotFound."""
        requests.only(request)
        name = request.path_params["subscription_id"]
        missing = NotFound(f"Subscription {name[:ID_LIMIT]} not found")
        if len(name) > ID_LIMIT or not name.isprintable():
            raise missing
        reader = self._ports.subscriptions.subscription
        try:
            found = _found(await self._ports.read(reader, SubscriptionId(name)))
        except NotFound:
            raise missing from None
        own = bool(caller.project) and found[0].project == caller.project
        if not own and not caller.admin:
            raise missing
        self._ports.enforcer.enforce(rule, caller, found[0].project)
        return found


def _found(answer: Any) -> tuple[Subscription, int]:
    subscription, told = answer
    if not isinstance(subscription, Subscription):
        raise Broken("something else than a subscription was answered")
    return subscription, told


def _read(value: object, caller: Caller) -> Subscription:
    """Return what a body describes; raises Invalid, and Unauthenticated for a foreign project."""
    if not isinstance(value, dict):
        raise wrong("data", value, "It must be an object.")
    for key in value:
        if key not in SCHEMA["properties"]:
            raise fields.unknown("data", key)
    given = fields.text(value.get("project_id"), "project_id", caller.project)
    project = requests.own_project(caller, given or "")
    name = fields.text(value.get("name"), "name", "") or ""
    if len(name) > TEXT_LIMIT:
        raise wrong("name", name, f"It must be text of at most {TEXT_LIMIT} characters.")
    callback = fields.needed(value.get("callback"), "callback", 1 << 16)
    wanted = value.get("filter")
    wanted = Filter() if wanted is None else _filter(fields.table(wanted, "filter"), project)
    drawn = SubscriptionId(str(uuid.uuid4()))
    return Subscription(drawn, project, UserId(caller.user), name, callback, wanted)


def _filter(body: Body, project: ProjectId) -> Filter:
    fields.only(body, SCHEMA["properties"]["filter"]["properties"], "filter")
    found = Filter(
        _chosen(body, "resource_kinds", KINDS),
        _chosen(body, "severities", SEVERITIES),
        _chosen(body, "event_types", EVENT_TYPES),
    )
    if HOST in found.kinds and project != ADMINISTRATORS:
        reason = "Hosts are told of to administrators alone, in subscriptions of project ''."
        raise wrong("filter.resource_kinds", HOST, reason)
    pairs = body.get("metadata")
    if pairs is None:
        return found
    name = "filter.metadata"
    table = fields.table(pairs, name)
    if len(table) > PAIRS_LIMIT:
        raise wrong(name, f"{len(table)} pairs", f"At most {PAIRS_LIMIT}.")
    for key, value in table.items():
        fields.needed(key, name)
        shown = fields.shortened(f"{name}.{key}")
        if not isinstance(value, str) or len(value) > TEXT_LIMIT:
            reason = f"It must be text of at most {TEXT_LIMIT} characters."
            raise wrong(shown, value, reason)
        fields.clean(value, shown)
    return replace(found, metadata=table)


def _chosen(body: Body, key: str, known: tuple[str, ...]) -> tuple[str, ...]:
    """Return a list of known words, each once."""
    name = f"filter.{key}"
    given = fields.items(body.get(key), name, len(known))
    chosen = [fields.choice(_word(one), name, known, "") for one in given]
    return tuple(dict.fromkeys(chosen))


def _word(value: object) -> object:
    # A null is no word.
    return "" if value is None else value


def _shown(item: Subscription, told: int) -> dict[str, Any]:
    wanted = item.filter
    return {
        "subscription_id": item.id,
        "project_id": item.project,
        "user_id": item.user,
        "name": item.name,
        "callback": item.callback,
        "filter": {
            "resource_kinds": list(wanted.kinds),
            "severities": list(wanted.severities),
            "metadata": dict(wanted.metadata),
            "event_types": list(wanted.event_types),
        },
        "created_at": rfc3339(item.created_ns),
        "told": told,
    }

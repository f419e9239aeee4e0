"""Routes of the alarming face: versions, alarms, webhook secrets, deliveries."""

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from faultwire.faces.alarming import (
    asking,
    incoming,
    quotas,
    requests,
    samples,
    schema,
    searches,
    subscriptions,
)
from faultwire.faces.alarming.alarms import Alarms
from faultwire.faces.alarming.asking import Asking
from faultwire.faces.alarming.incoming import Incoming
from faultwire.faces.alarming.owed import Owed
from faultwire.faces.alarming.ports import ERROR, AlarmingPorts, error_body
from faultwire.faces.alarming.quotas import Quotas
from faultwire.faces.alarming.samples import Samples
from faultwire.faces.alarming.subscriptions import Subscriptions
from faultwire.faces.alarming.xml import XmlErrors
from faultwire.faces.calls import Call, add_calls
from faultwire.faces.http import base_url, install_errors, json_response


def create(ports: AlarmingPorts) -> FastAPI:
    """Return the application; it is mounted at ``/alarming``."""
    app = FastAPI(title="Faultwire alarming API", version="2", docs_url="/v2/docs", redoc_url=None)
    app.state.authenticator = ports.authenticator
    install_errors(app, error_body)
    app.add_middleware(XmlErrors)
    add_calls(app, _calls(ports), ERROR)
    return app


def _calls(ports: AlarmingPorts) -> list[Call]:
    alarms, owed = Alarms(ports), Owed(ports)
    asked, limits = Asking(ports, alarms.held), Quotas(ports)
    path = "/v2/alarms"
    one = f"{path}/{{alarm_id}}"
    return [
        Call("GET", "/", _versions, token=False),
        Call("POST", path, alarms.create, 201, body=schema.ALARM),
        Call("GET", path, asked.alarms, query=asking.ALARMS),
        Call("GET", one, alarms.show),
        Call("PUT", one, alarms.replace, body=schema.ALARM),
        Call("DELETE", one, alarms.delete, 204),
        Call("GET", f"{one}/state", alarms.state),
        Call("PUT", f"{one}/state", alarms.set_state, body=schema.STATE),
        Call("GET", f"{one}/history", asked.history, query=asking.HISTORY),
        Call("POST", "/v2/query/alarms", asked.search_alarms, body=searches.SCHEMA),
        Call("POST", "/v2/query/alarms/history", asked.search_history, body=searches.SCHEMA),
        Call("GET", "/v2/quotas", limits.show, query=quotas.QUERY),
        Call("POST", "/v2/quotas", limits.set, 201, body=quotas.SCHEMA),
        Call("DELETE", "/v2/quotas/{project_id}", limits.delete, 204),
        Call("GET", "/v2/capabilities", asking.capabilities),
        Call("GET", "/v2/capabilities/", asking.capabilities),
        Call("GET", "/v2/metrics", asking.metrics),
        Call("POST", "/v2/samples", Samples(ports).create, 201, body=samples.SCHEMA),
        Call("POST", "/v2/events", Incoming(ports).take, 202, body=incoming.SCHEMA),
        *_subscriptions(Subscriptions(ports)),
        Call("GET", "/v2/webhook-secret", owed.secrets, query=requests.SECRETS),
        Call("POST", "/v2/webhook-secret", owed.rotate, 201, query=requests.SECRETS),
        Call("GET", "/v2/deliveries", owed.deliveries, query=requests.DELIVERIES),
        Call("GET", "/v2/deliveries/{delivery_id}", owed.delivery),
        Call("POST", "/v2/deliveries/{delivery_id}/replay", owed.replay, 202),
    ]


def _subscriptions(held: Subscriptions) -> list[Call]:
    path = "/v2/subscriptions"
    one = f"{path}/{{subscription_id}}"
    return [
        Call("POST", path, held.create, 201, body=subscriptions.SCHEMA),
        Call("GET", path, held.list, query=subscriptions.LISTED),
        Call("GET", one, held.show),
        Call("DELETE", one, held.delete, 204),
    ]


async def _versions(request: Request) -> Response:
    """List versions, as Aodh does."""
    href = f"{base_url(request)}{request.scope.get('root_path', '')}/v2"
    version = {
        "id": "v2",
        "status": "stable",
        "updated": "2013-02-13T00:00:00Z",
        "links": [{"rel": "self", "href": href}],
        "media-types": [
            {"base": "application/json", "type": "application/vnd.openstack.telemetry-v2+json"}
        ],
    }
    return json_response({"versions": {"values": [version]}})

"""Routes of the alarming face: versions, alarms, webhook secrets, deliveries."""

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from faultwire.faces.alarming import requests, schema
from faultwire.faces.alarming.alarms import Alarms
from faultwire.faces.alarming.owed import Owed
from faultwire.faces.alarming.ports import ERROR, AlarmingPorts, error_body
from faultwire.faces.calls import Call, add_calls
from faultwire.faces.http import base_url, install_errors, json_response


def create(ports: AlarmingPorts) -> FastAPI:
    """Return the application; it is mounted at ``/alarming``."""
    app = FastAPI(title="Faultwire alarming API", version="2", docs_url="/v2/docs", redoc_url=None)
    app.state.authenticator = ports.authenticator
    install_errors(app, error_body)
    add_calls(app, _calls(ports), ERROR)
    return app


def _calls(ports: AlarmingPorts) -> list[Call]:
    alarms, owed = Alarms(ports), Owed(ports)
    path = "/v2/alarms"
    one = f"{path}/{{alarm_id}}"
    return [
        Call("GET", "/", _versions, token=False),
        Call("POST", path, alarms.create, 201, body=schema.ALARM),
        Call("GET", path, alarms.list, query=requests.ALARMS),
        Call("GET", one, alarms.show),
        Call("PUT", one, alarms.replace, body=schema.ALARM),
        Call("DELETE", one, alarms.delete, 204),
        Call("GET", f"{one}/state", alarms.state),
        Call("PUT", f"{one}/state", alarms.set_state, body=schema.STATE),
        Call("GET", "/v2/webhook-secret", owed.secrets, query=requests.SECRETS),
        Call("POST", "/v2/webhook-secret", owed.rotate, 201, query=requests.SECRETS),
        Call("GET", "/v2/deliveries", owed.deliveries, query=requests.DELIVERIES),
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

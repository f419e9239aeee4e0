"""Routes of the alarming face: versions, alarms, webhook secrets, deliveries."""

from collections.abc import Awaitable, Callable

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from faultwire.faces.alarming.alarms import Alarms
from faultwire.faces.alarming.owed import Owed
from faultwire.faces.alarming.ports import AlarmingPorts, error_body
from faultwire.faces.http import base_url, install_errors, json_response

Handler = Callable[[Request], Awaitable[Response]]


def create(ports: AlarmingPorts) -> FastAPI:
    """Return the application; it is mounted at ``/alarming``."""
    app = FastAPI(title="Faultwire alarming API", version="2", docs_url="/v2/docs", redoc_url=None)
    app.state.authenticator = ports.authenticator
    install_errors(app, error_body)
    for method, path, handler in _routes(ports):
        app.add_api_route(
            path,
            handler,
            methods=[method],
            response_model=None,
            summary=(handler.__doc__ or path).partition(".")[0],
            name=f"{method} {path}",
        )
    return app


def _routes(ports: AlarmingPorts) -> list[tuple[str, str, Handler]]:
    alarms, owed = Alarms(ports), Owed(ports)
    return [
        ("GET", "/", _versions),
        ("POST", "/v2/alarms", alarms.create),
        ("GET", "/v2/alarms", alarms.list),
        ("GET", "/v2/alarms/{alarm_id}", alarms.show),
        ("PUT", "/v2/alarms/{alarm_id}", alarms.replace),
        ("DELETE", "/v2/alarms/{alarm_id}", alarms.delete),
        ("GET", "/v2/alarms/{alarm_id}/state", alarms.state),
        ("PUT", "/v2/alarms/{alarm_id}/state", alarms.set_state),
        ("GET", "/v2/webhook-secret", owed.secrets),
        ("POST", "/v2/webhook-secret", owed.rotate),
        ("GET", "/v2/deliveries", owed.deliveries),
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

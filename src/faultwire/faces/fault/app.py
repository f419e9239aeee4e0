"""The fault face, version 1: events in, faults, timelines, inventory, hosts and agents."""

from functools import cache
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount

from faultwire.faces.calls import Call, add_calls
from faultwire.faces.fault import (
    alertmanager,
    audit,
    catalogue,
    documents,
    enrolment,
    evacuated,
    faults,
    guarding,
    guests,
    marks,
    notified,
    params,
    posting,
    power,
    redfish,
    status,
)
from faultwire.faces.fault.agents import agent_routes
from faultwire.faces.fault.guestsessions import session_routes
from faultwire.faces.fault.model import DocumentModel
from faultwire.faces.fault.monitors import monitor_routes, monitors_call
from faultwire.faces.fault.ports import ERROR, FaultPorts, error_body
from faultwire.faces.http import base_url, install_errors, json_response, schema_of

_BMC_EVENTS = "/v1/redfish/events/{name}/{secret}"


def create(ports: FaultPorts) -> FastAPI:
    """Return the application; it is mounted at ``/fault``."""
    app = FastAPI(title="Faultwire fault API", version="1", docs_url="/v1/docs", redoc_url=None)
    app.state.authenticator = ports.authenticator
    install_errors(app, error_body)
    add_calls(app, [*_calls(ports), *_heard(ports), *_ended(ports)], ERROR)
    sessions = [*session_routes(ports.guests.sessions), *agent_routes(ports.agents)]
    app.router.routes.append(Mount("/v1/agents", routes=sessions))
    app.router.routes.append(Mount("/v1/monitors", routes=monitor_routes(ports.monitors)))
    return app


def _calls(ports: FaultPorts) -> list[Call]:
    post, read = posting.Posting(ports), faults.Faults(ports)
    document, mark = documents.Documents(ports), marks.Marks(ports)
    left, fencings = evacuated.Evacuated(ports), power.Fencings(ports)
    guest = guests.Guests(ports.guests)
    guards = guarding.Guarding(ports)
    alerts, bmcs = alertmanager.Alertmanager(ports), redfish.BmcEvents(ports)
    schema = _document_schema()
    fault = "/v1/faults/{fault_id}"
    return [
        # First, because routes are tried in this order.
        Call("POST", "/v1/events", post.take, 202, body=posting.SCHEMA),
        Call("PUT", "/v1/events", post.take, 202, body=posting.SCHEMA),
        Call("PUT", "/v1/event", post.take, 202, body=posting.SCHEMA),
        Call("POST", "/v1/event", post.take, 202, body=posting.SCHEMA),
        Call("POST", "/v1/alertmanager", alerts.take, body=alertmanager.SCHEMA),
        Call("POST", _BMC_EVENTS, bmcs.take, 204, body=redfish.SCHEMA, token=False),
        Call("GET", "/", _versions, token=False),
        Call("GET", "/v1", _version, token=False),
        Call("GET", "/v1/", _version, token=False),
        Call("GET", "/v1/faults", read.list, query=params.FAULTS),
        Call("GET", fault, read.show),
        Call("GET", f"{fault}/timeline", read.timeline),
        Call("POST", f"{fault}/close", read.close),
        Call("POST", f"{fault}/act", guards.act),
        Call("GET", f"{fault}/explanation", guards.explanation),
        Call("POST", f"{fault}/marks", mark.take, 202, body=marks.SCHEMA),
        Call("GET", "/v1/inventory", document.show),
        Call("GET", "/v1/inventory/schema", document.schema, token=False),
        Call("PUT", "/v1/inventory", document.replace, query=params.IMPORT, body=schema),
        Call("PATCH", "/v1/inventory", document.extend, query=params.IMPORT, body=schema),
        Call("GET", "/v1/hosts", document.hosts),
        Call("GET", "/v1/hosts/{name:path}/evacuated", left.list),
        Call("GET", "/v1/hosts/{name:path}", document.host),
        Call("POST", "/v1/hosts/{name:path}/confirm", left.confirm, body=evacuated.SCHEMA),
        Call("POST", "/v1/sources/{name}/enrol", alerts.enrol, 201),
        Call("GET", "/v1/alerts/unmapped", alerts.unmapped),
        Call("DELETE", "/v1/alerts/unmapped", alerts.forget),
        Call("GET", "/v1/alerts/mapping", alerts.mapping),
        Call("GET", "/v1/fencings", fencings.list),
        Call("POST", "/v1/hosts/{name:path}/fence", fencings.fence, 202),
        Call("POST", "/v1/hosts/{name:path}/unfence", fencings.unfence, 202, body=power.SCHEMA),
        Call("POST", "/v1/hosts/{name:path}/evacuate", guest.evacuate, 202, body=guests.EVACUATE),
        Call("GET", "/v1/guests", guest.list),
        Call("GET", "/v1/guests/{guest_id}", guest.show),
        Call("POST", "/v1/guests/{guest_id}/restart", guest.restart, 202),
        Call("GET", "/v1/guests/{guest_id}/diagnostics", guest.diagnostics),
        Call("GET", "/v1/tasks", guest.tasks, query=guests.TASKS),
        Call("GET", "/v1/tasks/{task_id}", guest.task),
        Call("GET", "/v1/monitors", monitors_call(ports.monitors)),
        Call("GET", "/v1/acts", guards.show),
        Call("PUT", "/v1/acts/hold", guards.hold, body=guarding.HOLD),
        Call("GET", "/v1/windows", guards.windows),
        Call("POST", "/v1/windows", guards.create, 201, body=guarding.WINDOW),
        Call("DELETE", "/v1/windows/{window_id}", guards.delete, 204),
        Call("GET", "/v1/latency", read.latency),
        Call("GET", "/v1/status", status.Status(ports.status).show),
        Call("GET", "/v1/catalogue", catalogue.Catalogue(ports).list),
        Call("GET", "/v1/audit", audit.Audit(ports).list, query=params.AUDIT),
    ]


def _ended(ports: FaultPorts) -> list[Call]:
    ended = enrolment.Enrolment(ports)
    return [
        Call("DELETE", "/v1/sources/{name}/enrol", ended.source, 204),
        Call("DELETE", "/v1/monitors/{name}/enrol", ended.monitor, 204),
        Call("DELETE", "/v1/agents/guests/{guest}/enrol", ended.guest, 204),
        Call("DELETE", "/v1/agents/{host:path}/enrol", ended.agent, 204),
    ]


def _heard(ports: FaultPorts) -> list[Call]:
    take = notified.Notifications(ports).take
    return [Call("POST", "/v1/notifications", take, 202, body=notified.SCHEMA)]


@cache
def _document_schema() -> dict[str, Any]:
    return schema_of(DocumentModel)


def _described(request: Request) -> dict[str, Any]:
    face = f"{base_url(request)}{request.scope.get('root_path', '')}"
    return {
        "id": "v1",
        "status": "CURRENT",
        "links": [{"rel": "self", "href": f"{face}/v1/"}],
        "paths": {"openapi": f"{face}/openapi.json", "docs": f"{face}/v1/docs"},
    }


async def _versions(request: Request) -> Response:
    """List versions."""
    return json_response({"versions": [_described(request)]})


async def _version(request: Request) -> Response:
    """Show this version."""
    return json_response({"version": _described(request)})

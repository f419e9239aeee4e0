"""Routes of the compute face: versions, services, hosts, hypervisors, servers."""

from collections.abc import Callable, Iterable

from fastapi import FastAPI

from faultwire.faces.compute import (
    actions,
    discovery,
    flavors,
    fping,
    hosts,
    hypervisors,
    metadata,
    servers,
    services,
    zones,
)
from faultwire.faces.compute.errors import install
from faultwire.faces.compute.ports import ComputePorts
from faultwire.faces.compute.routing import Route, VersionHeaders, add_routes

Part = Callable[[ComputePorts], Iterable[Route]]

PARTS: tuple[Part, ...] = (
    services.routes,
    hosts.routes,
    hypervisors.routes,
    servers.routes,
    actions.routes,
    metadata.routes,
    flavors.routes,
    zones.routes,
    fping.routes,
)
"""The rows of the table of routes, part by part: the first that fits a path has it."""


def create(ports: ComputePorts, parts: Iterable[Part] = PARTS, elsewhere: str = "") -> FastAPI:
    """Return the application; it is mounted at ``/compute``.

    It may serve some parts only; `elsewhere` is then what a 404 says of the others.
    """
    app = FastAPI(title="Faultwire compute API", version="2.1", docs_url="/docs", redoc_url=None)
    app.state.authenticator = ports.authenticator
    app.state.elsewhere = elsewhere
    install(app)
    app.add_middleware(VersionHeaders)
    discovery.add(app)
    add_routes(app, ports, [route for part in parts for route in part(ports)])
    discovery.add_elsewhere(app)
    return app

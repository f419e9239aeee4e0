"""Routes of the network face: versions, extensions, ports, networks, subnets."""

from fastapi import FastAPI

from faultwire.faces.calls import Call, add_calls
from faultwire.faces.http import install_errors
from faultwire.faces.network import described, extensions, listing
from faultwire.faces.network.network_calls import FILTERS, Networks
from faultwire.faces.network.port_calls import Ports
from faultwire.faces.network.ports import ERROR, NetworkPorts, error_body
from faultwire.faces.network.requests import LISTED


def create(ports: NetworkPorts) -> FastAPI:
    """Return the application; it is mounted at ``/network``."""
    app = FastAPI(title="Faultwire network API", version="2.0", docs_url=None, redoc_url=None)
    app.state.authenticator = ports.authenticator
    install_errors(app, error_body)
    add_calls(app, _calls(ports), ERROR)
    return app


def _calls(ports: NetworkPorts) -> list[Call]:
    calls, base = Ports(ports), "/v2.0/ports"
    one = f"{base}/{{port_id}}"
    filters = {name: f"Only ports of this {name}; may be repeated." for name in listing.FILTERS}
    return [
        Call("GET", "/", extensions.versions, token=False),
        Call("GET", "/v2.0", extensions.resources, token=False),
        Call("GET", "/v2.0/", extensions.resources, token=False),
        Call("GET", "/v2.0/extensions", extensions.listed),
        Call("GET", "/v2.0/extensions/{alias}", extensions.shown),
        Call("GET", base, calls.list, query={**filters, **LISTED}),
        Call("POST", base, calls.create, 201, body=described.NEW["port"]),
        # Before the route of one port, whose name it would be.
        Call("PUT", f"{base}/data-plane-status", calls.report, body=described.REPORT),
        Call("GET", one, calls.show, query={"fields": LISTED["fields"]}),
        Call("PUT", one, calls.update, body=described.CHANGED["port"]),
        Call("DELETE", one, calls.delete, 204),
        *_networks(Networks(ports)),
    ]


def _networks(calls: Networks) -> list[Call]:
    found: list[Call] = []
    rows = (
        ("network", calls.networks, calls.network, calls.create_network),
        ("subnet", calls.subnets, calls.subnet, calls.create_subnet),
    )
    changes = {
        "network": (calls.update_network, calls.delete_network),
        "subnet": (calls.update_subnet, calls.delete_subnet),
    }
    for kind, many, show, create_one in rows:
        base, one = f"/v2.0/{kind}s", f"/v2.0/{kind}s/{{{kind}_id}}"
        filters = {
            name: f"Only {kind}s of this {name}; may be repeated." for name in FILTERS[kind]
        }
        update, delete = changes[kind]
        found += [
            Call("GET", base, many, query={**filters, **LISTED}),
            Call("POST", base, create_one, 201, body=described.NEW[kind]),
            Call("GET", one, show, query={"fields": LISTED["fields"]}),
            Call("PUT", one, update, body=described.CHANGED[kind]),
            Call("DELETE", one, delete, 204),
        ]
    return found

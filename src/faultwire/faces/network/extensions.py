"""Version documents and extensions: what clients ask before anything else."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from faultwire.domain.errors import NotFound
from faultwire.faces.http import base_url, caller_of, json_response


def _row(alias: str, name: str, about: str, updated: str) -> dict[str, Any]:
    return {"alias": alias, "name": name, "description": about, "updated": updated, "links": []}


EXTENSIONS = {
    row["alias"]: row
    for row in (
        _row(
            "data-plane-status",
            "Port data plane status extension",
            "Status of the underlying data plane of ports.",
            "2017-01-24T10:00:00-00:00",
        ),
        _row(
            "dp-down",
            "Port data plane down",
            "Whether the data plane of a port is down, as a boolean; the same value as "
            "data_plane_status.",
            "2026-01-01T00:00:00-00:00",
        ),
        _row(
            "data-plane-status-bulk",
            "Data plane status of many ports",
            "PUT /v2.0/ports/data-plane-status for a list of ports or a whole host.",
            "2026-01-01T00:00:00-00:00",
        ),
        _row("binding", "Port Binding", "The host of a port.", "2014-02-03T10:00:00-00:00"),
        _row("filter-validation", "Filter parameters validation", "Unknown filters are refused.",
             "2018-03-21T10:00:00-00:00"),
        _row("pagination", "Pagination support", "limit, marker and page_reverse.",
             "2016-06-12T00:00:00-00:00"),
        _row("project-id", "project_id field enabled", "project_id beside tenant_id.",
             "2016-09-09T09:09:09-09:09"),
        _row("provider", "Provider Network", "Which physical network a network is.",
             "2012-09-07T10:00:00-00:00"),
        _row("external-net", "Neutron external network", "router:external of networks.",
             "2013-01-14T10:00:00-00:00"),
        _row("revision-if-match", "If-Match constraints based on revision_number",
             "Changes only where the revision is the one in If-Match.",
             "2016-12-11T00:00:00-00:00"),
        _row("sorting", "Sorting support", "sort_key and sort_dir.", "2016-06-12T00:00:00-00:00"),
        _row("standard-attr-description", "standard-attr-description", "Descriptions.",
             "2016-02-10T10:00:00-00:00"),
        _row("standard-attr-revisions", "Resource revision numbers", "revision_number.",
             "2016-04-11T10:00:00-00:00"),
        _row("standard-attr-timestamp", "Resource timestamps", "created_at and updated_at.",
             "2016-09-12T10:00:00-00:00"),
    )
}  # fmt: skip
"""What this face does beyond the core, by alias."""

_COLLECTIONS = ("extensions", "networks", "ports", "subnets")


async def versions(request: Request) -> Response:
    """List versions, to everybody."""
    return json_response({"versions": [_version(request)]})


async def resources(request: Request) -> Response:
    """List what version 2.0 has."""
    root = f"{_root(request)}/v2.0"
    rows = [
        {
            "name": name.removesuffix("s"),
            "collection": name,
            "links": [{"rel": "self", "href": f"{root}/{name}"}],
        }
        for name in _COLLECTIONS
    ]
    return json_response({"resources": rows})


def _version(request: Request) -> dict[str, Any]:
    links = [{"rel": "self", "href": f"{_root(request)}/v2.0/"}]
    return {"id": "v2.0", "status": "CURRENT", "links": links}


def _root(request: Request) -> str:
    return f"{base_url(request)}{request.scope.get('root_path', '')}"


async def listed(request: Request) -> Response:
    """List the extensions that this face has."""
    caller_of(request)
    return json_response({"extensions": list(EXTENSIONS.values())})


async def shown(request: Request) -> Response:
    """Show an extension."""
    caller_of(request)
    alias = request.path_params["alias"]
    found = EXTENSIONS.get(alias)
    if found is None:
        raise NotFound(f"Extension with alias {alias[:100]} does not exist")
    return json_response({"extension": found})

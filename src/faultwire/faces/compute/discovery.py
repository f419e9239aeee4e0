"""Version documents: what clients ask before anything else, without a token."""

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from faultwire.faces.compute.errors import unrouted
from faultwire.faces.compute.routing import PREFIX, negotiate
from faultwire.faces.compute.versions import MAX, MIN
from faultwire.faces.http import base_url, json_response
from faultwire.faces.openapi import operation

UPDATED = "2013-07-23T11:33:21Z"
MEDIA_TYPE = {
    "base": "application/json",
    "type": "application/vnd.openstack.compute+json;version=2.1",
}


def add(app: FastAPI) -> None:
    """Serve the list of versions and the document of the only one, with a slash and without."""
    for path, handler, shown in (
        ("/", _versions, True),
        (PREFIX, _version, True),
        (f"{PREFIX}/", _version, False),
    ):
        about = handler.__doc__ or path
        app.add_api_route(
            path,
            handler,
            methods=["GET"],
            summary=about.partition(".")[0],
            description=about,
            openapi_extra=operation(path, token=False),
            response_model=None,
            include_in_schema=shown,
        )


def add_elsewhere(app: FastAPI) -> None:
    """Answer paths outside every version with a choice of versions; after all other routes."""
    methods = ["GET", "POST", "PUT", "DELETE", "PATCH"]
    app.add_api_route(
        "/{path:path}",
        _elsewhere,
        methods=methods,
        response_model=None,
        include_in_schema=False,
    )


async def _versions(request: Request) -> Response:
    """List versions. Takes no token."""
    return json_response({"versions": [_document(request)]})


async def _version(request: Request) -> Response:
    """Show the one version, with the range of its microversions. Takes no token."""
    negotiate(request)
    return json_response({"version": _document(request) | {"media-types": [MEDIA_TYPE]}})


async def _elsewhere(request: Request) -> Response:
    """Offer the version where a path names none."""
    path = request.path_params["path"]
    if path == PREFIX[1:] or path.startswith(f"{PREFIX[1:]}/"):
        return unrouted(request)
    choice = {
        "id": "v2.1",
        "status": "CURRENT",
        "links": [{"rel": "self", "href": f"{_root(request)}{PREFIX}/{path}"}],
        "media-types": [MEDIA_TYPE],
    }
    return json_response({"choices": [choice]}, 300)


def _root(request: Request) -> str:
    return f"{base_url(request)}{request.scope.get('root_path', '')}"


def _document(request: Request) -> dict[str, object]:
    return {
        "id": "v2.1",
        "status": "CURRENT",
        "version": f"2.{MAX}",
        "min_version": f"2.{MIN}",
        "updated": UPDATED,
        "links": [
            {"rel": "self", "href": f"{_root(request)}{PREFIX}/"},
            {
                "rel": "describedby",
                "type": "text/html",
                "href": "http://docs.openstack.org/",
            },
        ],
    }

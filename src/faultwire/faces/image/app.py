"""Routes of the image face: version document, images (interfaces.md, addresses)."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from faultwire.domain import offers
from faultwire.domain.errors import FaultwireError, Forbidden, Invalid, NotFound
from faultwire.domain.offers import Image
from faultwire.faces.calls import Call, add_calls
from faultwire.faces.http import base_url, caller_of, install_errors, json_response
from faultwire.ports import Authenticator, Enforcer

MADE_AT = "2018-01-01T00:00:00Z"
MINORS = range(10)
"""Minor versions of Glance's v2 whose images look as ours do."""

ERROR: dict[str, Any] = {"type": "string", "description": "A page of HTML that says why."}

QUERY: Mapping[str, str] = {
    "id": "An id, or in:ID,ID...",
    "name": "A name, or in:NAME,NAME...",
    "limit": "How many at most.",
    "marker": "Id of the last image of the page before.",
    "status": "Status; all are active.",
    "visibility": "Visibility; all are public.",
    "owner": "Project; nobody owns one.",
    "sort": "Not looked at.",
    "sort_key": "Not looked at.",
    "sort_dir": "Not looked at.",
    "member_status": "Not looked at.",
    "os_hidden": "True: hidden ones, of which there are none.",
}


@dataclass(frozen=True, slots=True)
class ImagePorts:
    """What the image face needs of the rest."""

    authenticator: Authenticator
    enforcer: Enforcer


def create(ports: ImagePorts) -> FastAPI:
    """Return the application; it is mounted at ``/image``."""
    app = FastAPI(title="Faultwire image API", version="2", docs_url="/v2/docs", redoc_url=None)
    app.state.authenticator = ports.authenticator
    install_errors(app, error_body)
    images = Images(ports)
    calls = [
        Call("GET", "/", versions, 300, token=False),
        Call("GET", "/versions", versions, token=False),
        Call("GET", "/v2/images", images.index, query=QUERY),
        Call("GET", "/v2/images/{image_id}", images.show),
    ]
    add_calls(app, calls, ERROR)
    return app


def error_body(status: int, error: FaultwireError) -> object:
    """Return Glance's page of an error, as a text."""
    title = f"{status} {HTTPStatus(status).phrase}"
    text = str(error).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return (
        f"<html><head><title>{title}</title></head>"
        f"<body><h1>{title}</h1>{text}<br /><br /></body></html>"
    )


async def versions(request: Request) -> Response:
    """List versions, as Glance does: with 300 where no version was asked for."""
    href = f"{base_url(request)}{request.scope.get('root_path', '')}/v2/"
    newest = MINORS[-1]
    found = [
        {
            "id": f"v2.{minor}",
            "status": "CURRENT" if minor == newest else "SUPPORTED",
            "links": [{"rel": "self", "href": href}],
        }
        for minor in reversed(MINORS)
    ]
    bare = not request.scope["path"].endswith("/versions")
    return json_response({"versions": found}, 300 if bare else 200)


class Images:
    """Shows the images that servers may be created from."""

    def __init__(self, ports: ImagePorts) -> None:
        """Take what is needed."""
        self._ports = ports

    async def index(self, request: Request) -> Response:
        """List images."""
        self._allowed(request, "get_images")
        query = request.query_params
        found = [image for image in offers.IMAGES.values() if _wanted(image, query)]
        marker = query.get("marker")
        if marker:
            if marker not in offers.IMAGES:
                raise Invalid("", f"Image {marker[:100]} could not be found.")
            names = list(offers.IMAGES)
            found = [one for one in found if names.index(one.id) > names.index(marker)]
        limit = query.get("limit", "")
        if limit and not (limit.isascii() and limit.isdecimal()):
            raise Invalid("", "limit param must be an integer")
        shown = found[: int(limit[:18])] if limit else found
        body = {
            "images": [_shown(image) for image in shown],
            "schema": "/v2/schemas/images",
            "first": "/v2/images",
        }
        return json_response(body)

    async def show(self, request: Request) -> Response:
        """Show an image."""
        self._allowed(request, "get_image")
        name: str = request.path_params["image_id"]
        if name not in offers.IMAGES:
            raise NotFound(f"No image found with ID {name[:100]}")
        return json_response(_shown(offers.IMAGES[name]))

    def _allowed(self, request: Request, rule: str) -> None:
        if not self._ports.enforcer.allowed(rule, caller_of(request)):
            raise Forbidden("You are not authorized to complete this action.")


def _wanted(image: Image, query: Mapping[str, str]) -> bool:
    """Return whether an image passes the filters; unknown ones are properties that none has."""
    of = {"status": "active", "visibility": "public", "id": image.id, "name": image.name}
    for key, value in query.items():
        if key in of:
            several = value.startswith("in:")
            wanted = value.removeprefix("in:").split(",") if several else [value]
            if of[key] not in [text.strip('"') for text in wanted] and value != "all":
                return False
        elif key == "os_hidden":
            if value.lower() == "true":
                return False
        elif key not in QUERY or key == "owner":
            return False
    return True


def _shown(image: Image) -> dict[str, Any]:
    return {
        "id": image.id,
        "name": image.name,
        "status": "active",
        "visibility": "public",
        "protected": True,
        "os_hidden": False,
        "checksum": None,
        "os_hash_algo": None,
        "os_hash_value": None,
        "container_format": "bare",
        "disk_format": "raw",
        "min_disk": 0,
        "min_ram": 0,
        "size": 0,
        "virtual_size": None,
        "owner": None,
        "tags": [],
        "created_at": MADE_AT,
        "updated_at": MADE_AT,
        "self": f"/v2/images/{image.id}",
        "file": f"/v2/images/{image.id}/file",
        "schema": "/v2/schemas/image",
    }

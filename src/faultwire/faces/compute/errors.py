"""Nova's error bodies: a named fault, the router's own 404, and the 401 of the middleware."""

from typing import Any

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from faultwire.domain.errors import FaultwireError
from faultwire.faces.compute.versions import Unsupported
from faultwire.faces.http import caller_of, install_errors, json_response

NAMES = {
    400: "badRequest",
    401: "unauthorized",
    403: "forbidden",
    404: "itemNotFound",
    405: "badMethod",
    409: "conflictingRequest",
    413: "overLimit",
    415: "badMediaType",
    429: "overLimit",
    501: "notImplemented",
    503: "serviceUnavailable",
}
"""The name of the fault of each status; all others are a computeFault."""

NOT_FOUND = "The resource could not be found."
NOT_SUPPORTED = "The requested functionality is not supported."
NO_TOKEN = "The request you have made requires authentication."  # noqa: S105  (a sentence)

ERROR: dict[str, Any] = {
    "type": "object",
    "description": "One key, the name of the fault.",
    "additionalProperties": {
        "type": "object",
        "properties": {"code": {"type": "integer"}, "message": {"type": "string"}},
    },
}
"""JSON schema of this face's error body."""


def error_body(status: int, error: FaultwireError) -> object:
    """Return Nova's body of a fault; that of its middleware for who has no valid token."""
    if status == 401:
        return {"error": {"code": 401, "title": "Unauthorized", "message": NO_TOKEN}}
    return {NAMES.get(status, "computeFault"): {"code": status, "message": str(error)}}


def not_supported() -> Response:
    """Return what Nova answers where a host's driver cannot do what is asked: a 501."""
    return json_response(error_body(501, FaultwireError(NOT_SUPPORTED)), 501)


def install(app: FastAPI) -> None:
    """Have every error answered as Nova does; nobody learns of routes without a token."""
    install_errors(app, error_body)

    def unsupported(request: Request, error: Exception) -> Response:
        del request
        if not isinstance(error, Unsupported):
            raise error
        return json_response(error_body(406, error), 406)

    def routed(request: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):
            raise error
        if error.status_code not in {404, 405}:
            body = error_body(error.status_code, FaultwireError(str(error.detail)))
            return json_response(body, error.status_code, error.headers)
        return unrouted(request)

    app.add_exception_handler(Unsupported, unsupported)
    app.add_exception_handler(HTTPException, routed)


def unrouted(request: Request) -> Response:
    """Return the router's answer to a path, or method of it, that there is none of.

    Raises Unauthenticated first, as the middleware before the router does.
    """
    caller_of(request)
    text = request.app.state.elsewhere or f"{NOT_FOUND}<br /><br />\n\n\n"
    return json_response({"message": text, "code": "404 Not Found", "title": "Not Found"}, 404)

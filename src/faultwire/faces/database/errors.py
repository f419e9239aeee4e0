"""Trove's error bodies: one key, the name of the fault, with code and message."""

from typing import Any

from fastapi import FastAPI

from faultwire.domain.errors import FaultwireError
from faultwire.faces.http import install_errors

NAMES = {
    400: "badRequest",
    401: "unauthorized",
    403: "forbidden",
    404: "itemNotFound",
    405: "badMethod",
    409: "conflict",
    413: "overLimit",
    429: "overLimit",
    501: "notImplemented",
    503: "serviceUnavailable",
}
"""The name of the fault of each status; all others are an instanceFault."""

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
    """Return Trove's body of a fault; that of its middleware for who has no valid token."""
    if status == 401:
        return {"error": {"code": 401, "title": "Unauthorized", "message": NO_TOKEN}}
    return {NAMES.get(status, "instanceFault"): {"code": status, "message": str(error)}}


def install(app: FastAPI) -> None:
    """Have every error answered as Trove does."""
    install_errors(app, error_body)

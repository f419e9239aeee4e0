"""What the OpenAPI page of a face says of calls whose handlers read the request themselves."""

import re
from collections.abc import Mapping
from typing import Any

_IN_PATH = re.compile(r"{(\w+)(?::path)?}")
_TOKEN = {
    "name": "X-Auth-Token",
    "in": "header",
    "description": "A token of the identity face, scoped to a project.",
    "required": False,
    "schema": {"type": "string"},
}


def operation(
    path: str,
    *,
    query: Mapping[str, str] | None = None,
    body: Mapping[str, Any] | None = None,
    failure: Mapping[str, Any] | None = None,
    token: bool = True,
) -> dict[str, Any]:
    """Return `openapi_extra` for a route.

    The parameters of the path are found in it; `query` maps the other parameters to what they
    are for. `body` and `failure` are JSON schemas: of the request, of an error's answer.
    `token` false: the call takes none.
    """
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _IN_PATH.findall(path)
    ]
    parameters.extend(
        {
            "name": name,
            "in": "query",
            "required": False,
            "description": text,
            "schema": {"type": "string"},
        }
        for name, text in (query or {}).items()
    )
    if token:
        parameters.append(_TOKEN)
    described: dict[str, Any] = {"parameters": parameters}
    if body is not None:
        described["requestBody"] = {"required": True, "content": _json(body)}
    if failure is not None:
        described["responses"] = {
            "default": {"description": "Refused.", "content": _json(failure)}
        }
    return described


def _json(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": dict(schema)}}

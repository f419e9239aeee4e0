"""A face's table of calls: routes and their OpenAPI page from one list."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from faultwire.faces.openapi import operation

Schema = Mapping[str, Any]
"""A JSON schema."""


@dataclass(frozen=True, slots=True)
class Call:
    """One row; the handler's docstring describes it.

    `query` maps its parameters to what they are for; `body` is the schema of the request;
    `token` false: it asks for none.
    """

    method: str
    path: str
    handler: Callable[[Request], Awaitable[Response]]
    status: int = 200
    query: Mapping[str, str] = field(default_factory=dict)
    body: Schema | None = None
    token: bool = True


def add_calls(app: FastAPI, calls: Iterable[Call], failure: Schema) -> None:
    """Route the calls; `failure` is the schema of the face's error body."""
    for call in calls:
        about = call.handler.__doc__ or call.path
        app.add_api_route(
            call.path,
            call.handler,
            methods=[call.method],
            status_code=call.status,
            summary=about.partition(".")[0],
            description=about,
            openapi_extra=operation(
                call.path, query=call.query, body=call.body, failure=failure, token=call.token
            ),
            response_model=None,
        )

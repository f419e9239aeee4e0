"""What every face does alike with HTTP: bodies, callers, answers, errors."""

import asyncio
import logging
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import orjson
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from faultwire.domain.accounts import Actor, Caller
from faultwire.domain.errors import (
    Broken,
    Conflict,
    FaultwireError,
    Forbidden,
    Invalid,
    NotFound,
    Refused,
    Stale,
    TooLarge,
    TooOften,
    Unauthenticated,
    Unavailable,
)
from faultwire.faces.addresses import MAIN
from faultwire.ports import Breathe

log = logging.getLogger(__name__)

M = TypeVar("M", bound=BaseModel)

ErrorBody = Callable[[int, FaultwireError], object]
"""A face's own error body: from the status and the error to what is written as JSON."""

STATUS_OF_ERROR: dict[type[FaultwireError], int] = {
    Invalid: 400,
    Unauthenticated: 401,
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    Stale: 412,
    TooLarge: 413,
    TooOften: 429,
    Refused: 400,
    Unavailable: 503,
    Broken: 500,
    FaultwireError: 500,
}
"""The status of each error; a class that is not named has that of its nearest ancestor."""

TOKEN_HEADER = "x-auth-token"  # noqa: S105  (the header's name, no secret)
CREDENTIAL_HEADER = "x-faultwire-credential"
SIGNED_IN = "signed_in"
"""Key of a request's state: who shows its token, or the error instead, where asked."""
KEYSTONE = "keystone"
"""Key of a request's state: the address of the Keystone that is asked."""
RETRY_AFTER_SECONDS = "1"
MESSAGES = {
    404: "The resource could not be found.",
    405: "The method is not allowed for this resource.",
}
_HOST = re.compile(r"(?:[A-Za-z0-9._-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?\Z")


BREATHE = "breathe"
"""Where the state of a request has its `ports.Breathe`; the listener's stack puts it there."""


def breathe_of(request: Request) -> Breathe:
    """Return what serves everybody else once, and lets faults that are on their way pass.

    For work that may wait, as lists do: before it begins, and between two slices of it.
    """
    breathe: Breathe = request.scope.get("state", {}).get(BREATHE, _breathe)
    return breathe


async def give_way(request: Request) -> None:
    """Call `breathe_of` once."""
    await breathe_of(request)()


async def _breathe() -> None:
    await asyncio.sleep(0)


async def read_pieces(request: Request, limit: int) -> list[bytes]:
    """Return the body of at most `limit` bytes as it came: joining a large one takes long.

    Raises TooLarge as `read_body` does.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared[:20]) > limit:
        raise _too_large(limit)
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise _too_large(limit)
        parts.append(part)
    return parts


async def read_body(request: Request, limit: int) -> bytes:
    """Return the body of at most `limit` bytes.

    Raises TooLarge as soon as the limit is passed, before reading when Content-Length says so.
    """
    parts = await read_pieces(request, limit)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"the body is over its limit of {limit} bytes")


def parse_json(raw: bytes) -> object:
    """Return the value of a JSON text; raises Invalid, without a field, for anything else."""
    try:
        value: object = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise Invalid("", f"malformed JSON: {error}") from None
    return value


def validated(model: type[M], value: object, at: str = "") -> M:
    """Return the value as the model; raises Invalid naming the first wrong field below `at`."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        raise Invalid(field_path(first["loc"], at), _reason(first["msg"])) from None


def field_path(location: tuple[int | str, ...], at: str = "") -> str:
    """Return a location as a caller writes it: ``events[3].details.hostname``."""
    path = at
    for part in location:
        if isinstance(part, int):
            path += f"[{part}]"
        else:
            path += f".{part}" if path else part
    return path


def _reason(message: str) -> str:
    text = message.removeprefix("Value error, ").removeprefix("Assertion failed, ")
    return text[:1].lower() + text[1:]


def request_body(model: type[BaseModel]) -> dict[str, Any]:
    """Return `openapi_extra` for a route that reads its JSON body itself."""
    content = {"application/json": {"schema": schema_of(model)}}
    return {"requestBody": {"required": True, "content": content}}


def schema_of(model: type[BaseModel]) -> dict[str, Any]:
    """Return the JSON schema of a model, which refers to nothing outside itself."""
    schema = model.model_json_schema(mode="validation")
    inlined: dict[str, Any] = _inlined(schema, schema.pop("$defs", {}))
    return inlined


def _inlined(schema: Any, parts: Mapping[str, Any]) -> Any:
    """Put the parts of a schema where it refers to them: OpenAPI looks for them elsewhere."""
    if isinstance(schema, list):
        return [_inlined(item, parts) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inlined(parts[schema["$ref"].rpartition("/")[2]], parts)
    return {key: _inlined(value, parts) for key, value in schema.items()}


def json_response(
    payload: object, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Return the payload as encoded JSON; dictionaries have text keys."""
    body = orjson.dumps(payload)
    return Response(body, status, dict(headers) if headers else None, "application/json")


EXACT = "exact_headers"
"""Key of a request's state: its answer has the headers of its specification and no others."""


def exactly(request: Request, answer: Response) -> Response:
    """Return an answer that goes out as it is: nothing is added for safety or for tracing."""
    setattr(request.state, EXACT, True)
    return answer


def caller_of(request: Request) -> Caller:
    """Return who speaks, by X-Auth-Token or else X-Faultwire-Credential.

    Asks ``request.app.state.authenticator`` (ports.Authenticator) unless a Keystone was asked
    before. Raises Unauthenticated; Unavailable where that Keystone does not answer.
    """
    authenticator = request.app.state.authenticator
    token = request.headers.get(TOKEN_HEADER)
    if token:
        known = getattr(request.state, SIGNED_IN, None)
        if isinstance(known, FaultwireError):
            raise known
        caller: Caller = known or authenticator.token(token)
        return caller
    credential = request.headers.get(CREDENTIAL_HEADER)
    if credential:
        caller = authenticator.bound(credential)
        return caller
    raise Unauthenticated("The request you have made requires authentication.")


def source_of(request: Request) -> str:
    """Return the address of the peer; empty where the transport has none."""
    return request.client.host if request.client else ""


def actor_of(request: Request, caller: Caller) -> Actor:
    """Return the caller as the audit record names it, with the address it spoke from."""
    return Actor(caller.user, caller.project, source_of(request))


def base_url(request: Request) -> str:
    """Return ``scheme://host:port`` as the caller addressed us, for links that it will follow.

    A Host header that is no host is not repeated: the address that was accepted on stands in.
    """
    scheme = request.scope.get("scheme", "http")
    host = request.headers.get("host", "")
    if _HOST.match(host):
        return f"{scheme}://{host}"
    name, port = request.scope.get("server") or ("127.0.0.1", None)
    name = f"[{name}]" if ":" in name else name
    return f"{scheme}://{name}:{port}" if port else f"{scheme}://{name}"


def status_of(error: FaultwireError) -> int:
    """Return the status of an error by its nearest named class."""
    for kind in type(error).__mro__:
        if kind in STATUS_OF_ERROR:
            return STATUS_OF_ERROR[kind]
    return 500


def install_errors(app: FastAPI, body: ErrorBody) -> None:
    """Have every error of a face answered in the face's own shape.

    Ours by STATUS_OF_ERROR, Starlette's 404 and 405, a path or query value that cannot be read
    (400), and anything else as a logged 500 that tells the caller nothing of our inside. A
    face's links come from its routes alone: no redirect adds or takes a slash.
    """
    app.router.redirect_slashes = False

    def refused(request: Request, error: Exception) -> Response:
        if not isinstance(error, FaultwireError):
            raise error
        status = status_of(error)
        if status >= 500 and not isinstance(error, Unavailable):
            log.error("%s %r: %s", request.method, request.scope["path"], error, exc_info=error)
            error = Broken("internal error")
        headers = _headers(request, status)
        if isinstance(error, TooOften):
            headers = {"Retry-After": str(error.seconds)}
        return json_response(body(status, error), status, headers)

    def unreadable(request: Request, error: Exception) -> Response:
        if not isinstance(error, RequestValidationError):
            raise error
        first = error.errors()[0]
        invalid = Invalid(field_path(tuple(first["loc"][1:])), _reason(first["msg"]))
        return refused(request, invalid)

    def routed(request: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):
            raise error
        status = error.status_code
        elsewhere = getattr(request.app.state, "elsewhere", "") if status == 404 else ""
        text = str(elsewhere) or MESSAGES.get(status, str(error.detail))
        ours: FaultwireError = NotFound(text) if status == 404 else Refused(text)
        headers = {"Allow": _methods(request)} if status == 405 else error.headers
        return json_response(body(status, ours), status, headers)

    app.add_exception_handler(FaultwireError, refused)
    app.add_exception_handler(RequestValidationError, unreadable)
    app.add_exception_handler(HTTPException, routed)
    app.add_exception_handler(ClientDisconnect, _gone)
    app.add_middleware(_LastResort, body=body)


def _methods(request: Request) -> str:
    """Return all methods that the routes of a path know; one route alone tells its own."""
    known: set[str] = set()
    for route in request.app.routes:
        if route.matches(request.scope)[0] is not Match.NONE:
            known.update(getattr(route, "methods", None) or ())
    return ", ".join(sorted(known))


def _gone(request: Request, error: Exception) -> Response:
    """Answer nobody: the caller left while it was still sending."""
    del request, error
    return Response(status_code=499)


def _headers(request: Request, status: int) -> dict[str, str] | None:
    if status == 401:
        uri = getattr(request.state, KEYSTONE, "") or f"{_main_address(request)}/identity"
        return {"WWW-Authenticate": f'Keystone uri="{uri}"'}
    if status == 503:
        return {"Retry-After": RETRY_AFTER_SECONDS}
    return None


def _main_address(request: Request) -> str:
    """Return where the identity face is, also to who came in by the port of another face."""
    base, main = base_url(request), getattr(request.state, MAIN, None)
    return main(base) if main else base


class _LastResort:
    """Answers what nobody foresaw with a 500 and writes it to the log, once."""

    def __init__(self, app: ASGIApp, body: ErrorBody) -> None:
        self._app = app
        self._body = body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception:
            log.exception("%s %r", scope["method"], scope["path"])
            if started:
                raise
            answer = json_response(self._body(500, Broken("internal error")), 500)
            await answer(scope, receive, send)

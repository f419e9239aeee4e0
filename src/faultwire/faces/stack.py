"""The one application that a listener serves: faces by prefix, and what stands before them all."""

import logging
import re
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial

import orjson
from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from faultwire.faces.http import BREATHE, EXACT
from faultwire.ports import Breathe, Clock

log = logging.getLogger(__name__)
access_log = logging.getLogger("faultwire.access")

Layer = Callable[[ASGIApp], ASGIApp]

REQUEST_ID = "x-openstack-request-id"
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_REQUEST_ID = re.compile(rb"req-[0-9A-Fa-f-]{8,64}\Z")
_READING = ("GET", "HEAD")


@dataclass(frozen=True, slots=True)
class StackPorts:
    """What the root serves besides the faces.

    `unhealthy` gives the reason why we are not well, None when we are. `metrics` gives the text
    of the exposition format. `clock` times requests where `access_log` is true. `breathe` is
    called by what may wait, between two slices of it. `details` are lines that
    ``/healthcheck?details`` says besides.
    """

    unhealthy: Callable[[], str | None]
    metrics: Callable[[], bytes]
    clock: Clock
    access_log: bool = False
    breathe: Breathe | None = None
    details: Callable[[], Iterable[str]] = tuple


def create(faces: Mapping[str, ASGIApp], ports: StackPorts) -> ASGIApp:
    """Return the root application; `faces` are by prefix, as ``/identity``."""
    pages = {"/metrics": _Page(lambda _: Response(ports.metrics(), media_type=METRICS_TYPE))}
    return _layered({**pages, **faces}, ports)


def alone(face: ASGIApp, ports: StackPorts) -> ASGIApp:
    """Return the application of a listener that serves one face, without a prefix."""
    return _layered({"": face}, ports)


def _layered(apps: Mapping[str, ASGIApp], ports: StackPorts) -> ASGIApp:
    layers: list[Layer] = [
        # First, so that even an answer to what nobody foresaw carries the id that is in the log.
        request_id,
        # Around everything that answers: no answer leaves without them.
        security_headers,
    ]
    if ports.breathe is not None:
        layers.append(lambda app: _breathing(app, ports.breathe))
    if ports.access_log:
        # Inside the id, which it writes; outside the faces, whose time it takes.
        layers.append(lambda app: _AccessLog(app, ports.clock))
    # Last before the faces: what they let through ends here, as a 500 and a line in the log.
    layers.append(last_resort)
    app: ASGIApp = Dispatcher({"/healthcheck": _Page(partial(_health, ports)), **apps})
    for layer in reversed(layers):
        app = layer(app)
    return app


class Dispatcher:
    """Gives a request to the application of the longest prefix of its path.

    A prefix ends where a segment ends. The application sees the prefix as its `root_path`, and
    ``/`` where nothing follows. Elsewhere: 404 in JSON; a WebSocket is refused.
    """

    def __init__(self, apps: Mapping[str, ASGIApp]) -> None:
        """Take the applications by prefix, without a slash at the end."""
        self._apps = tuple(sorted(apps.items(), key=lambda item: len(item[0]), reverse=True))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        root: str = scope.get("root_path", "")
        path: str = scope["path"]
        rest = path.removeprefix(root)
        for prefix, app in self._apps:
            if rest == prefix or rest.startswith(f"{prefix}/"):
                inner = dict(scope)
                inner["root_path"] = root + prefix
                if rest == prefix:
                    inner["path"] = f"{path}/"
                await app(inner, receive, send)
                return
        await _nothing_here(scope, receive, send)


async def _lifespan(receive: Receive, send: Send) -> None:
    """Acknowledge start and stop; what lives with the process is started by its owner."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        else:
            await send({"type": "lifespan.shutdown.complete"})
            return


async def _nothing_here(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    await _error(404, "Not Found", "The resource could not be found.")(scope, receive, send)


def _error(status: int, title: str, message: str) -> Response:
    body = {"error": {"code": status, "title": title, "message": message}}
    return Response(orjson.dumps(body), status, media_type="application/json")


def _health(ports: StackPorts, scope: Scope) -> Response:
    reason = ports.unhealthy()
    lines = ["OK" if reason is None else reason]
    if scope["query_string"].partition(b"=")[0] == b"details":
        lines += ports.details()
    return PlainTextResponse("\n".join(lines), 200 if reason is None else 503)


def off(why: str) -> ASGIApp:
    """Return the application of a face that is not served here: 404, and why."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await _error(404, "Not Found", why)(scope, receive, send)
        else:
            await _nothing_here(scope, receive, send)

    return app


class _Page:
    """A page of one path that is only read."""

    def __init__(self, make: Callable[[Scope], Response]) -> None:
        self._make = make

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].rstrip("/") != scope["root_path"]:
            await _nothing_here(scope, receive, send)
            return
        if scope["method"] in _READING:
            answer = self._make(scope)
        else:
            answer = _error(405, "Method Not Allowed", "This page can only be read.")
            answer.headers["Allow"] = ", ".join(_READING)
        await answer(scope, receive, send)


# ---------------------------------------------------------------- layers


def _exact(scope: Scope) -> bool:
    """Whether an answer has the headers of its specification and no others."""
    return bool(scope.get("state", {}).get(EXACT))


def request_id(app: ASGIApp) -> ASGIApp:
    """Give every request an id: the caller's own if it has the right form, else a fresh one.

    It is in ``scope["state"]["request_id"]`` and in the header of the answer.
    """

    async def layer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await app(scope, receive, send)
            return
        given = next((v for k, v in scope["headers"] if k == REQUEST_ID.encode()), b"")
        name = given.decode() if _REQUEST_ID.match(given) else f"req-{uuid.uuid4()}"
        scope.setdefault("state", {})["request_id"] = name

        async def named(message: Message) -> None:
            if message["type"] in {"http.response.start", "websocket.accept"} and not _exact(
                scope
            ):
                MutableHeaders(scope=message)[REQUEST_ID] = name
            await send(message)

        await app(scope, receive, named)

    return layer


def _breathing(app: ASGIApp, breathe: Breathe | None) -> ASGIApp:
    """Tell requests how they give way."""

    async def layer(scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("state", {})[BREATHE] = breathe
        await app(scope, receive, send)

    return layer


def security_headers(app: ASGIApp) -> ASGIApp:
    """Forbid browsers to guess types, and everybody to keep answers that hold tokens."""

    async def layer(scope: Scope, receive: Receive, send: Send) -> None:
        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start" and not _exact(scope):
                headers = MutableHeaders(scope=message)
                headers["x-content-type-options"] = "nosniff"
                headers.setdefault("cache-control", "no-store")
            await send(message)

        await app(scope, receive, guarded)

    return layer


def last_resort(app: ASGIApp) -> ASGIApp:
    """Answer what no face caught with a 500, and log it with the request's id."""

    async def layer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await app(scope, receive, watched)
        except Exception:
            log.exception("%s %s %r", scope["state"]["request_id"], scope["method"], scope["path"])
            if started:
                # Half an answer cannot be mended; the server cuts the connection.
                raise
            answer = _error(500, "Internal Server Error", "internal error")
            await answer(scope, receive, send)

    return layer


class _AccessLog:
    """A line for every request: id, peer, method, path, status, seconds. Never a query."""

    def __init__(self, app: ASGIApp, clock: Clock) -> None:
        self._app = app
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = self._clock.mono_ns()
        status = 0

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            access_log.info(
                "%s %s %s %r %s %.4f",
                scope["state"]["request_id"],
                (scope.get("client") or ("-",))[0],
                scope["method"],
                scope["path"],
                status,
                (self._clock.mono_ns() - began) / 1e9,
            )

"""The root application: prefixes, layers, health and metrics."""

import logging
import re

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from faultwire.faces import stack
from faultwire.faces.http import give_way
from faultwire.testing.clock import ManualClock


class Health:
    """What the server would say of itself."""

    def __init__(self) -> None:
        self.reason: str | None = None

    def __call__(self) -> str | None:
        """Return the reason why it is not well."""
        return self.reason


async def _where(request: Request) -> Response:
    return PlainTextResponse(f"{request.scope['root_path']} {request.url.path}")


async def _fail(request: Request) -> Response:
    message = "inside"
    raise RuntimeError(message)


async def _half(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    message = "half"
    raise RuntimeError(message)


def _face(*paths: str) -> ASGIApp:
    return Starlette(routes=[Route(path, _where) for path in paths])


def _root(*, access_log: bool = False, health: Health | None = None) -> ASGIApp:
    faces: dict[str, ASGIApp] = {
        "/one": _face("/", "/a"),
        "/one/more": _face("/", "/a"),
        "/half": _half,
        "/bad": Starlette(routes=[Route("/", _fail)]),
    }
    ports = stack.StackPorts(
        health or Health(), lambda: b"metric 1\n", ManualClock(), access_log=access_log
    )
    return stack.create(faces, ports)


def _client(root: ASGIApp) -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(root, raise_app_exceptions=False)
    return httpx2.AsyncClient(transport=transport, base_url="http://here")


@pytest.mark.parametrize(
    ("path", "seen"),
    [
        ("/one", "/one /one/"),
        ("/one/", "/one /one/"),
        ("/one/a", "/one /one/a"),
        ("/one/more", "/one/more /one/more/"),
        ("/one/more/a", "/one/more /one/more/a"),
        ("/one/mores", None),
        ("/ones", None),
        ("/onea", None),
        ("/", None),
        ("//one", None),
        ("/healthcheck/x", None),
    ],
)
async def test_the_longest_prefix_wins_and_ends_with_a_segment(
    path: str, seen: str | None
) -> None:
    """A face sees its prefix as root path; elsewhere is 404."""
    async with _client(_root()) as client:
        answer = await client.get(path)
        if seen is None:
            assert answer.status_code == 404
        else:
            assert answer.text == seen


async def test_faces_give_way_as_the_stack_is_told() -> None:
    """What may wait calls what the listener was given; without it others are served once."""
    waited: list[str] = []

    async def breathe() -> None:
        waited.append("waited")

    async def page(request: Request) -> Response:
        await give_way(request)
        return PlainTextResponse("page")

    face = Starlette(routes=[Route("/", page)])
    for given in (None, breathe):
        ports = stack.StackPorts(Health(), lambda: b"", ManualClock(), breathe=given)
        async with _client(stack.create({"/one": face}, ports)) as client:
            assert (await client.get("/one")).text == "page"
    assert waited == ["waited"]


async def test_elsewhere_is_404_in_json() -> None:
    """The root's own errors have a body that a client can read."""
    async with _client(_root()) as client:
        answer = await client.get("/nowhere")
        assert answer.json()["error"]["code"] == 404


@pytest.mark.parametrize("root_path", ["", "/outer"])
async def test_the_stack_may_stand_below_a_prefix_itself(root_path: str) -> None:
    """A server that sets a root path is heard."""
    transport = httpx2.ASGITransport(_root(), root_path=root_path)
    async with httpx2.AsyncClient(transport=transport, base_url="http://here") as client:
        answer = await client.get(f"{root_path}/one/a")
        assert answer.text == f"{root_path}/one {root_path}/one/a"


async def test_health_is_ok_or_503_with_the_reason() -> None:
    """Who balances load reads the status, who repairs reads the text."""
    health = Health()
    async with _client(_root(health=health)) as client:
        answer = await client.get("/healthcheck")
        assert (answer.status_code, answer.text) == (200, "OK")
        health.reason = "the writer stands"
        answer = await client.get("/healthcheck")
        assert (answer.status_code, answer.text) == (503, "the writer stands")
        refused = await client.post("/healthcheck")
        assert refused.status_code == 405
        assert refused.headers["Allow"] == "GET, HEAD"


async def test_metrics_are_text_in_prometheus_form() -> None:
    """The content type names the version of the format."""
    async with _client(_root()) as client:
        answer = await client.get("/metrics")
        assert answer.text == "metric 1\n"
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"


async def test_every_answer_has_a_request_id_and_is_not_kept() -> None:
    """A fresh id each time; types are not guessed and answers not stored."""
    async with _client(_root()) as client:
        answers = [await client.get(path) for path in ("/one", "/nowhere", "/bad", "/metrics")]
    ids = {answer.headers["x-openstack-request-id"] for answer in answers}
    assert len(ids) == 4
    assert all(re.fullmatch(r"req-[0-9a-f-]{36}", one) for one in ids)
    for answer in answers:
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("req-3f1e2d4c-0000-4000-8000-1234567890ab", True),
        ("req-", False),
        ("3f1e2d4c", False),
        ("req-" + "a" * 65, False),
        ("req-<script>", False),
    ],
)
async def test_a_request_id_of_the_right_form_is_kept(given: str, kept: bool) -> None:
    """A caller's own id goes through log and answer; anything else is replaced."""
    async with _client(_root()) as client:
        answer = await client.get("/one", headers={"X-Openstack-Request-Id": given})
        assert (answer.headers["x-openstack-request-id"] == given) is kept


async def test_what_nobody_foresaw_is_a_500_with_an_id_that_is_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The answer tells the id, the log tells the rest."""
    async with _client(_root()) as client:
        answer = await client.get("/bad")
    assert answer.status_code == 500
    assert "inside" not in answer.text
    assert answer.headers["x-openstack-request-id"] in caplog.text


async def test_half_an_answer_is_cut(caplog: pytest.LogCaptureFixture) -> None:
    """Once an answer has begun the error goes to the server, which closes the connection."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    scope = {"type": "http", "method": "GET", "path": "/half", "headers": [], "query_string": b""}
    with pytest.raises(RuntimeError, match="half"):
        await _root()(scope, receive, send)
    assert [message["type"] for message in sent] == ["http.response.start"]


async def test_requests_are_written_down_only_when_asked(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The access log is off by default, and never holds a query."""
    caplog.set_level(logging.INFO, "faultwire.access")
    async with _client(_root()) as client:
        await client.get("/one?secret=1")
    assert not caplog.records
    async with _client(_root(access_log=True)) as client:
        answer = await client.get("/one?secret=1")
    (record,) = caplog.records
    assert answer.headers["x-openstack-request-id"] in record.getMessage()
    assert "'/one' 200" in record.getMessage()
    assert "secret" not in record.getMessage()


async def test_start_and_stop_are_acknowledged() -> None:
    """A server that speaks lifespan is answered."""
    messages = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    sent: list[str] = []

    async def receive() -> Message:
        return messages.pop(0)

    async def send(message: Message) -> None:
        sent.append(message["type"])

    await _root()({"type": "lifespan"}, receive, send)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


async def test_a_websocket_to_nowhere_is_refused() -> None:
    """It is closed before it is accepted."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    scope = {"type": "websocket", "path": "/nowhere", "headers": []}
    await _root()(scope, receive, send)
    assert sent == [{"type": "websocket.close", "code": 1008}]

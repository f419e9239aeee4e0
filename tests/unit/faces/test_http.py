"""What every face does alike with HTTP."""

from collections.abc import AsyncIterator, Awaitable, Callable

import httpx2
import pytest
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, field_validator
from starlette.requests import Request
from starlette.responses import Response

from faultwire.domain.accounts import Actor, Caller
from faultwire.domain.errors import (
    Broken,
    Conflict,
    FaultwireError,
    Forbidden,
    IllegalMove,
    Invalid,
    NotFound,
    Refused,
    TooLarge,
    TooOften,
    Unauthenticated,
    Unavailable,
)
from faultwire.domain.ids import ProjectId, UserId
from faultwire.faces import http

LIMIT = 16
CALLER = Caller(UserId("u"), "ann", ProjectId("p"))


class Doorman:
    """Knows one token and one credential."""

    def token(self, token: str) -> Caller:
        """Return the caller of ``good``."""
        if token != "good":
            raise Unauthenticated("no")
        return CALLER

    def bound(self, credential: str) -> Caller:
        """Return the caller of ``agent/h:s``."""
        if credential != "agent/h:s":
            raise Unauthenticated("no")
        return CALLER


def _body(status: int, error: FaultwireError) -> object:
    return {"status": status, "text": str(error)}


def _client(handler: Callable[[Request], Awaitable[Response]]) -> httpx2.AsyncClient:
    app = FastAPI()
    app.state.authenticator = Doorman()
    app.add_api_route("/thing", handler, methods=["POST"])
    app.add_api_route("/thing", handler, methods=["GET"])

    async def numbered(number: int) -> Response:
        return http.json_response(number)

    app.add_api_route("/numbered/{number}", numbered)
    http.install_errors(app, _body)
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    return httpx2.AsyncClient(transport=transport, base_url="http://here:8779")


async def _echo(request: Request) -> Response:
    return http.json_response(http.parse_json(await http.read_body(request, LIMIT)))


async def test_a_body_is_read_up_to_its_limit() -> None:
    """The limit itself is allowed, a byte more is not, declared or streamed."""
    async with _client(_echo) as client:
        assert (await client.post("/thing", content=b" " * 15 + b"1")).json() == 1
        assert (await client.post("/thing", content=b" " * 16 + b"1")).status_code == 413

        async def parts() -> AsyncIterator[bytes]:
            for _ in range(17):
                yield b" "

        assert (await client.post("/thing", content=parts())).status_code == 413
        lying = await client.post("/thing", content=b"1", headers={"Content-Length": "9" * 30})
        assert lying.status_code == 413


@pytest.mark.parametrize("raw", [b"", b"{", b"nan", b"\xff", b"[" * 16, b'"\\ud800"'])
async def test_what_is_no_json_is_said_to_be_malformed(raw: bytes) -> None:
    """The error has no field and begins as all of its kind do."""
    with pytest.raises(Invalid, match=r"^malformed JSON: ") as refused:
        http.parse_json(raw)
    assert refused.value.field == ""


class Detail(BaseModel):
    """A part of a body."""

    model_config = ConfigDict(strict=True)
    hostname: str

    @field_validator("hostname")
    @classmethod
    def visible(cls, value: str) -> str:
        """Refuse the empty name."""
        if not value:
            raise ValueError("Must not be empty")
        return value


class Body(BaseModel):
    """A body with a list."""

    events: list[Detail]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([], "here: input should be a valid dictionary or instance of Body"),
        ({}, "here.events: field required"),
        ({"events": [{"hostname": "h"}, {}]}, "here.events[1].hostname: field required"),
        ({"events": [{"hostname": 1}]}, "here.events[0].hostname: input should be a valid string"),
        ({"events": [{"hostname": ""}]}, "here.events[0].hostname: must not be empty"),
    ],
)
def test_a_wrong_value_is_named_by_its_path(value: object, message: str) -> None:
    """A path is written as the caller would write it."""
    with pytest.raises(Invalid) as refused:
        http.validated(Body, value, "here")
    assert str(refused.value) == message


def test_a_right_value_becomes_the_model() -> None:
    """What is valid comes back typed."""
    assert http.validated(Body, {"events": [{"hostname": "h"}]}).events[0].hostname == "h"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Invalid("f", "bad"), 400),
        (Refused("no"), 400),
        (Unauthenticated("who"), 401),
        (Forbidden("no"), 403),
        (NotFound("none"), 404),
        (Conflict("not now"), 409),
        (TooLarge("big"), 413),
        (TooOften("slower", 7), 429),
        (Unavailable("later"), 503),
    ],
)
async def test_each_error_has_its_status(error: FaultwireError, status: int) -> None:
    """The face's own body carries the text of the error."""

    async def fail(request: Request) -> Response:
        raise error

    async with _client(fail) as client:
        answer = await client.get("/thing")
        assert answer.status_code == status
        assert answer.json() == {"status": status, "text": str(error)}
        assert ("Retry-After" in answer.headers) is (status in {429, 503})
        assert ("WWW-Authenticate" in answer.headers) is (status == 401)


@pytest.mark.parametrize("error", [Broken("inside"), IllegalMove("inside"), KeyError("inside")])
async def test_a_defect_is_logged_and_told_to_nobody(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    """A 500 has no word of ours in it; the log has the whole error, once."""

    async def fail(request: Request) -> Response:
        raise error

    async with _client(fail) as client:
        answer = await client.get("/thing")
    assert answer.status_code == 500
    assert answer.json() == {"status": 500, "text": "internal error"}
    assert len(caplog.records) == 1
    assert caplog.records[0].exc_info is not None


async def test_paths_and_methods_that_are_none_have_the_faces_body() -> None:
    """404 and 405 are the face's; 405 names every method of the path."""
    async with _client(_echo) as client:
        missing = await client.get("/nothing")
        assert (missing.status_code, missing.json()["status"]) == (404, 404)
        wrong = await client.put("/thing")
        assert (wrong.status_code, wrong.json()["status"]) == (405, 405)
        assert wrong.headers["Allow"] == "GET, POST"
        assert (await client.get("/thing/")).status_code == 404
        unread = await client.get("/numbered/x")
        assert unread.status_code == 400
        assert unread.json()["text"].startswith("number: ")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"X-Auth-Token": ""}, 401),
        ({"X-Auth-Token": "bad"}, 401),
        ({"X-Auth-Token": "good"}, 200),
        ({"X-Faultwire-Credential": "agent/h:s"}, 200),
        ({"X-Faultwire-Credential": "agent/h:x"}, 401),
        ({"X-Auth-Token": "bad", "X-Faultwire-Credential": "agent/h:s"}, 401),
    ],
)
async def test_a_caller_is_known_by_token_or_credential(
    headers: dict[str, str], status: int
) -> None:
    """A token that is given decides; a credential counts where there is none."""

    async def who(request: Request) -> Response:
        caller = http.caller_of(request)
        actor = http.actor_of(request, caller)
        assert actor == Actor("u", "p", "127.0.0.1")
        return http.json_response(caller.user_name)

    async with _client(who) as client:
        assert (await client.get("/thing", headers=headers)).status_code == status


@pytest.mark.parametrize(
    ("host", "base"),
    [
        ("cloud.example", "http://cloud.example"),
        ("cloud.example:8779", "http://cloud.example:8779"),
        ("[2001:db8::1]:80", "http://[2001:db8::1]:80"),
        ("", "http://here:8779"),
        ("[::1", "http://here:8779"),
        ("a b", "http://here:8779"),
        ("a/b", "http://here:8779"),
        ("u@h", "http://here:8779"),
        ("h:x", "http://here:8779"),
    ],
)
async def test_links_are_built_on_a_host_header_that_is_one(host: str, base: str) -> None:
    """Anything else falls back to the address that was accepted on."""

    async def where(request: Request) -> Response:
        return http.json_response(http.base_url(request))

    async with _client(where) as client:
        answer = await client.get("/thing", headers={"Host": host})
        assert answer.json() == base


def test_the_schema_of_a_body_stands_by_itself() -> None:
    """A described body refers to nothing outside."""
    extra = http.request_body(Body)
    schema = extra["requestBody"]["content"]["application/json"]["schema"]
    assert schema["properties"]["events"]["items"]["required"] == ["hostname"]
    assert "$ref" not in str(schema)

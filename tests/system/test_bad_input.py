"""Bad input on the fault and alarming faces: the right 4xx, the field named, the server well."""

import json
import time
from typing import Any

import pytest

from tests.system.cloud import TIME, down, event
from tests.system.conftest import Serve
from tests.system.served import Reply, Server, call

pytestmark = pytest.mark.system

EVENTS = "/fault/v1/events"
ALARMS = "/alarming/v2/alarms"
GOOD = event("compute.host.down", hostname="nowhere")


@pytest.fixture(autouse=True)
def goes_on(standing: Server) -> Any:
    """After each test the server is well and takes an event."""
    yield
    assert standing.call("GET", "/healthcheck", who="").text == "OK"
    assert standing.call("POST", EVENTS, [GOOD]).status == 202


def sentence(answer: Reply) -> str:
    """Return the message of an error, whichever face's shape it has."""
    body = answer.json
    if "error" in body:
        assert body["error"]["code"] == answer.status
        return str(body["error"]["message"])
    message = body["error_message"]
    return str(message["faultstring"] if isinstance(message, dict) else message)


EVENT_FAULTS: list[tuple[object, str]] = [
    ([{"time": TIME, "details": {"hostname": "h"}}], "events[0].type"),
    ([{"type": "compute.host.down", "details": {"hostname": "h"}}], "events[0].time"),
    ([GOOD, {**GOOD, "type": 5}], "events[1].type"),
    ([GOOD, {**GOOD, "type": "compute.host.gone"}], "events[1].type"),
    ([{**GOOD, "type": "compute.host.down\x00"}], "events[0].type"),
    ([{**GOOD, "time": 1700000000}], "events[0].time"),
    ([{**GOOD, "time": "yesterday"}], "events[0].time"),
    ([{**GOOD, "details": ["hostname"]}], "events[0].details"),
    ([{**GOOD, "details": {}}], "events[0].details.hostname"),
    ([{**GOOD, "details": {"hostname": 7}}], "events[0].details.hostname"),
    ([{**GOOD, "details": {"hostname": ""}}], "events[0].details.hostname"),
    ([{**GOOD, "details": {"hostname": "h" * 256}}], "events[0].details.hostname"),
    ([{**GOOD, "details": {"hostname": "h", "status": "dead"}}], "events[0].details.status"),
    ({"event": {**GOOD, "type": None}}, "event.type"),
    ({"events": [GOOD, 3]}, "events[1]"),
    ({"events": {}}, "events"),
    ([], "events"),
]


@pytest.mark.parametrize(("body", "field"), EVENT_FAULTS, ids=[one for _, one in EVENT_FAULTS])
@pytest.mark.parametrize("path", [EVENTS, "/fault/v1/event"])
def test_a_wrong_event_is_400_and_names_its_field(
    standing: Server, path: str, body: object, field: str
) -> None:
    """Missing or unknown type, wrong types, missing details: index and key are named."""
    answer = standing.call("PUT", path, body)
    assert answer.status == 400, answer.text
    assert answer.json["error"]["field"] == field
    assert sentence(answer).startswith(field)


def test_a_list_is_all_or_nothing(standing: Server) -> None:
    """One bad event among good ones: none of them is taken (D4)."""
    bad = [down("all-or-nothing"), {**GOOD, "type": "no"}]
    assert standing.call("POST", EVENTS, bad).status == 400
    assert standing.get("/fault/v1/faults?host=all-or-nothing") == {"faults": []}


MALFORMED = [
    b"",
    b"{",
    b'[{"time": "x",}]',
    b"\xff\xfe\x00",
    b'"\xed\xa0\x80"',
    b"[" * 100_000,
    b'{"a":' * 50_000,
    b"NaN",
    b"[1e999]",
    b"\x00",
    b"time=1&type=2",
]


@pytest.mark.parametrize("raw", MALFORMED, ids=[str(raw[:12]) for raw in MALFORMED])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", EVENTS),
        ("POST", ALARMS),
        ("PUT", "/fault/v1/inventory"),
        ("POST", "/identity/v3/users"),
    ],
    ids=["events", "alarms", "inventory", "users"],
)
def test_malformed_json_is_400(standing: Server, method: str, path: str, raw: bytes) -> None:
    """What is no JSON, or nests without end, is 400 in the face's own shape."""
    header = {"Content-Type": "application/json"}
    answer = standing.call(method, path, headers=header, data=raw)
    assert answer.status in {400, 413}, answer.text
    if raw[:1] in {b"{", b"\x00"} and path == EVENTS:
        assert "JSON" in sentence(answer) or answer.status == 413


def test_a_hundred_thousand_events_are_refused_at_once(standing: Server) -> None:
    """A list far over its limit is 413, says so, and does not hold the server up."""
    small = json.dumps([{"a": 1}] * 100_000).encode()
    large = json.dumps([GOOD] * 100_000).encode()
    for raw in (small, large):
        began = time.monotonic()
        answer = standing.call("POST", EVENTS, data=raw)
        assert answer.status == 413, answer.text
        assert time.monotonic() - began < 5
        assert "limit" in sentence(answer) or "at most" in sentence(answer)


def test_a_thousand_and_one_events_are_refused(standing: Server) -> None:
    """The limit of a list is 1,000 events: that many are taken, one more is not."""
    tiny = {"time": "2026-01-01", "type": "compute.host.up", "details": {"hostname": "h"}}
    assert standing.call("POST", EVENTS, [tiny] * 1000).status == 202
    answer = standing.call("POST", EVENTS, [tiny] * 1001)
    assert answer.status == 413
    assert "events" in sentence(answer)


LIMITS = [
    ("POST", EVENTS, 524_288),
    ("PUT", "/fault/v1/event", 524_288),
    ("POST", ALARMS, 65_536),
    ("POST", "/fault/v1/faults/x/marks", 4096),
    ("POST", "/identity/v3/auth/tokens", None),
    ("POST", "/identity/v3/users", None),
]


@pytest.mark.parametrize(("method", "path", "limit"), LIMITS, ids=[row[1] for row in LIMITS])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_over_its_limit_is_413(
    standing: Server, method: str, path: str, limit: int | None, chunked: bool
) -> None:
    """A body over its route's limit is refused whether or not its length was announced."""
    raw = b'"' + b"x" * (limit or 2_000_000) + b'"'
    header = {"Content-Type": "application/json"}
    data: Any = iter([raw[:9], raw[9:]]) if chunked else raw
    answer = standing.call(method, path, headers=header, data=data)
    assert answer.status == 413, answer.text
    assert "limit" in sentence(answer)


CALLS = [
    ("POST", EVENTS, [GOOD]),
    ("PUT", EVENTS, [GOOD]),
    ("POST", "/fault/v1/event", {"event": GOOD}),
    ("GET", "/fault/v1/faults", None),
    ("GET", "/fault/v1/faults/x", None),
    ("GET", "/fault/v1/faults/x/timeline", None),
    ("POST", "/fault/v1/faults/x/close", None),
    ("POST", "/fault/v1/faults/x/marks", {"point": "T00", "at_ns": 1}),
    ("GET", "/fault/v1/inventory", None),
    ("PUT", "/fault/v1/inventory", {}),
    ("PATCH", "/fault/v1/inventory", {}),
    ("GET", "/fault/v1/hosts", None),
    ("GET", "/fault/v1/hosts/x", None),
    ("GET", "/fault/v1/audit", None),
    ("GET", "/fault/v1/status", None),
    ("POST", "/fault/v1/agents/x/enrol", None),
    ("GET", "/fault/v1/agents/x", None),
    ("GET", "/identity/v3/users", None),
    ("POST", "/identity/v3/projects", {"project": {"name": "p"}}),
]
IDS = [f"{method} {path}" for method, path, _ in CALLS]


@pytest.mark.parametrize(("method", "path", "body"), CALLS, ids=IDS)
def test_without_a_token_it_is_401_and_for_a_member_403(
    standing: Server, method: str, path: str, body: object
) -> None:
    """No token, a wrong one and a broken one are 401; a member's is 403 where admin is needed."""
    assert standing.call(method, path, body, who="").status == 401
    for wrong in ("x", "a.b.c", standing.token()[:-2], standing.token() + "x", "token of mine"):
        header = {"X-Auth-Token": wrong}
        assert standing.call(method, path, body, who="", headers=header).status == 401
    answer = standing.call(method, path, body, who="faultwire-demo")
    assert answer.status == 403, answer.text
    assert sentence(answer)


@pytest.mark.parametrize(
    "path", [ALARMS, "/alarming/v2/deliveries", "/alarming/v2/webhook-secret"]
)
def test_the_alarming_face_needs_a_token(standing: Server, path: str) -> None:
    """Members may use the alarming face; nobody may without a token."""
    assert standing.call("GET", path, who="").status == 401
    assert standing.call("GET", path, who="faultwire-demo").status == 200


def test_an_expired_token_is_401(serve: Serve) -> None:
    """A token is void when its time is over, on every face, and a fresh one works."""
    server = serve({"identity": {"token_expiration": 1}})
    server.token()
    time.sleep(1.2)
    for path in ("/fault/v1/faults", ALARMS, "/identity/v3/users"):
        assert server.call("GET", path).status == 401, path
    assert server.call("POST", EVENTS, [GOOD]).status == 401
    server.forget_tokens()
    assert server.call("GET", "/fault/v1/faults").json == {"faults": []}


def test_a_token_of_a_changed_password_is_void(server: Server) -> None:
    """Changing a password revokes the tokens that were issued before, also after a restart."""
    server.member("ann", "p")
    token = server.token("ann")
    user = next(u for u in server.get("/identity/v3/users")["users"] if u["name"] == "ann")
    change = {"user": {"password": "another one"}}
    assert server.call("PATCH", f"/identity/v3/users/{user['id']}", change).status == 200
    header = {"X-Auth-Token": token}
    assert call(f"{server.url}{ALARMS}", headers=header).status == 401
    server.kill9()
    server.start()
    assert call(f"{server.url}{ALARMS}", headers=header).status == 401


NOWHERE = ["compute-1", "00000000-0000-0000-0000-000000000000", "%00", "..%2f..", "a" * 3000, "é"]


@pytest.mark.parametrize("name", NOWHERE)
@pytest.mark.parametrize(
    "path",
    [
        "/fault/v1/faults/{}",
        "/fault/v1/faults/{}/timeline",
        "/fault/v1/hosts/{}",
        "/alarming/v2/alarms/{}",
        "/alarming/v2/alarms/{}/state",
        "/identity/v3/users/{}",
    ],
)
def test_what_is_not_there_is_404(standing: Server, path: str, name: str) -> None:
    """Unknown and impossible ids are 404 in the face's own shape, and never a redirect."""
    answer = standing.call("GET", path.format(name))
    assert answer.status == 404, answer.text
    assert sentence(answer)


@pytest.mark.parametrize(
    "query",
    ["state=dead", "since=soon", "limit=0", "limit=x", "limit=9999999999", "colour=red", "since="],
)
def test_wrong_filters_are_400(standing: Server, query: str) -> None:
    """A filter that is unknown or cannot be read is named, never passed over."""
    answer = standing.call("GET", f"/fault/v1/faults?{query}")
    assert answer.status == 400
    assert answer.json["error"]["field"] == query.partition("=")[0]

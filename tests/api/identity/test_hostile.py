"""Hostile input to the identity face: the right 4xx, the field named, and the server goes on."""

import pytest

from tests.api.identity.world import PASSWORDS, World

USER = {"name": "demo", "domain": {"id": "default"}, "password": "x"}


def _password(user: object) -> dict[str, object]:
    return {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}}}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (None, ""),
        ([], ""),
        ("text", ""),
        ({}, "auth"),
        ({"auth": []}, "auth"),
        ({"auth": {}}, "auth.identity"),
        ({"auth": {"identity": {}}}, "auth.identity.methods"),
        ({"auth": {"identity": {"methods": []}}}, "auth.identity.methods"),
        ({"auth": {"identity": {"methods": "password"}}}, "auth.identity.methods"),
        ({"auth": {"identity": {"methods": [1]}}}, "auth.identity.methods[0]"),
        ({"auth": {"identity": {"methods": ["password"] * 9}}}, "auth.identity.methods"),
        ({"auth": {"identity": {"methods": ["password"]}}}, "auth.identity.password"),
        ({"auth": {"identity": {"methods": ["token"]}}}, "auth.identity.token"),
        (_password([]), "auth.identity.password.user"),
        (_password({"name": "demo"}), "auth.identity.password.user.password"),
        (_password({"password": "x"}), "auth.identity.password.user"),
        (_password({"name": "demo", "password": "x"}), "auth.identity.password.user.domain"),
        (_password({**USER, "name": 7}), "auth.identity.password.user.name"),
        (_password({**USER, "name": "n" * 256}), "auth.identity.password.user.name"),
        (_password({**USER, "password": None}), "auth.identity.password.user.password"),
        (_password({**USER, "password": ""}), "auth.identity.password.user.password"),
        (_password({**USER, "password": "p" * 73}), "auth.identity.password.user.password"),
        (_password({**USER, "password": "é" * 37}), "auth.identity.password.user.password"),
        (_password({**USER, "password": "a\0b"}), "auth.identity.password.user.password"),
        ({"auth": {**_password(USER)["auth"], "scope": 1}}, "auth.scope"),
        ({"auth": {**_password(USER)["auth"], "scope": "all"}}, "auth.scope"),
        ({"auth": {**_password(USER)["auth"], "scope": {"project": 1}}}, "auth.scope.project"),
        ({"auth": {**_password(USER)["auth"], "scope": {"project": {}}}}, "auth.scope.project"),
        (
            {"auth": {**_password(USER)["auth"], "scope": {"project": {"name": "x"}}}},
            "auth.scope.project.domain",
        ),
    ],
)
async def test_a_wrong_login_names_its_field(world: World, body: object, field: str) -> None:
    """Every missing or mistyped field of a login is 400 and named by its path."""
    answer = await world.login(body)
    error = answer.json()["error"]
    assert answer.status_code == 400, answer.text
    assert (error["code"], error["title"]) == (400, "Bad Request")
    assert error["message"].startswith(f"{field}: " if field else "")
    assert (await world.post_login("demo", PASSWORDS["demo"])).status_code == 201


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b'{"auth": {},}',
        b"\xff\xfe",
        b'{"auth": NaN}',
        b'"\\ud800"',
        b"[" * 2000,
        b'{"a":' * 1200 + b"1" + b"}" * 1200,
    ],
)
async def test_malformed_json_is_400(world: World, raw: bytes) -> None:
    """What is no JSON is refused as such, however it is broken."""
    answer = await world.client.post("/identity/v3/auth/tokens", content=raw)
    assert answer.status_code == 400
    assert "malformed JSON" in answer.json()["error"]["message"]


async def test_a_body_over_its_limit_is_413(world: World) -> None:
    """A body is refused by its declared length, or as soon as the limit is passed."""
    declared = await world.client.post("/identity/v3/auth/tokens", content=b" " * 65_537)
    assert declared.status_code == 413
    read = 0

    async def endless():  # noqa: ANN202
        nonlocal read
        while True:
            read += 1
            yield b" " * 8192

    streamed = await world.client.post("/identity/v3/auth/tokens", content=endless())
    assert streamed.status_code == 413
    assert read < 20


@pytest.mark.parametrize("methods", [["totp"], ["password", "external"], ["x" * 255]])
async def test_an_unknown_method_is_401(world: World, methods: list[str]) -> None:
    """Only `password` and `token` are served."""
    identity = {"methods": methods, "password": {"user": USER}}
    answer = await world.login({"auth": {"identity": identity}})
    assert answer.status_code == 401


async def test_two_methods_have_to_agree(world: World) -> None:
    """A token of one user and the password of another give nothing."""
    token = await world.log_in("admin")
    user = {**USER, "password": PASSWORDS["demo"]}
    identity = {
        "methods": ["password", "token"],
        "password": {"user": user},
        "token": {"id": token},
    }
    assert (await world.login({"auth": {"identity": identity}})).status_code == 401
    identity["token"] = {"id": await world.log_in("demo")}
    assert (await world.login({"auth": {"identity": identity}})).status_code == 201


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/auth/tokens"),
        ("GET", "/users"),
        ("POST", "/users"),
        ("DELETE", "/users/x"),
        ("GET", "/projects"),
        ("POST", "/projects"),
        ("GET", "/roles"),
        ("GET", "/role_assignments"),
        ("PUT", "/projects/p/users/u/roles/admin"),
        ("GET", "/domains"),
    ],
)
async def test_nothing_is_said_without_a_token(world: World, method: str, path: str) -> None:
    """No token, a token that is none, and a credential that is none are 401."""
    for headers in ({}, {"X_Auth_Token": "x"}, {"X_Faultwire_Credential": "agent/h:s"}):
        answer = await world.call(method, path, **headers)
        assert answer.status_code == 401
        assert answer.json()["error"]["title"] == "Unauthorized"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/users", None),
        ("POST", "/users", {"user": {"name": "x"}}),
        ("PATCH", "/users/{admin}", {"user": {"password": "mine"}}),
        ("DELETE", "/users/{admin}", None),
        ("GET", "/users/{admin}", None),
        ("GET", "/users/{admin}/projects", None),
        ("GET", "/projects", None),
        ("POST", "/projects", {"project": {"name": "x"}}),
        ("GET", "/projects/{admin_project}", None),
        ("DELETE", "/projects/{admin_project}", None),
        ("GET", "/roles", None),
        ("GET", "/role_assignments", None),
        ("PUT", "/projects/{admin_project}/users/{demo}/roles/admin", None),
        ("DELETE", "/projects/{admin_project}/users/{admin}/roles/admin", None),
    ],
)
async def test_a_member_is_no_administrator(
    world: World, method: str, path: str, body: object
) -> None:
    """What needs an administrator is 403 for a member, whether or not the thing is there."""
    names = {
        "admin": world.ids["admin"].user,
        "demo": world.ids["demo"].user,
        "admin_project": world.ids["admin"].project,
    }
    before = len(world.lane.audit)
    answer = await world.call(method, path.format(**names), await world.log_in("demo"), body)
    assert answer.status_code == 403
    assert answer.json()["error"]["title"] == "Forbidden"
    assert len(world.lane.audit) == before


@pytest.mark.parametrize("path", ["/nothing", "/auth", "/users/x/y/z", "/v2.0/tokens", "//"])
async def test_an_unknown_path_is_404_in_keystones_form(world: World, path: str) -> None:
    """Paths that are none answer as everything else does."""
    answer = await world.call("GET", path, await world.log_in())
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == 404


async def test_a_wrong_method_is_405_and_tells_the_right_ones(world: World) -> None:
    """A path that is known names its methods."""
    answer = await world.call("PUT", "/auth/tokens", await world.log_in())
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "DELETE, GET, HEAD, POST"
    assert answer.json()["error"]["title"] == "Method Not Allowed"


async def test_a_defect_is_a_500_that_tells_nothing(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """What nobody foresaw is in the log, not in the answer."""

    def break_down(token: str) -> None:
        message = "secret inside"
        raise RuntimeError(message)

    token = await world.log_in()
    world.app.state.authenticator.token = break_down
    answer = await world.call("GET", "/users", token)
    assert answer.status_code == 500
    assert answer.json()["error"]["message"] == "internal error"
    assert "secret inside" in caplog.text

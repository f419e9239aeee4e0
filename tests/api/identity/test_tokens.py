"""Logging in, checking and revoking tokens, as keystoneauth and services do."""

import asyncio

import pytest

from faultwire.identity.settings import Settings
from tests.api.identity import world as worlds
from tests.api.identity.world import BASE, PASSWORDS, World

UNAUTHORIZED = {
    "error": {
        "code": 401,
        "title": "Unauthorized",
        "message": "The request you have made requires authentication.",
    }
}
ADMIN_PROJECT = {"project": {"name": "admin", "domain": {"name": "Default"}}}


async def test_a_password_gives_a_token_in_keystones_form(world: World) -> None:
    """A login by name answers 201 with the token in its header and all that a client reads."""
    answer = await world.post_login("admin", PASSWORDS["admin"], ADMIN_PROJECT)
    assert answer.status_code == 201
    assert answer.headers["Vary"] == "X-Auth-Token"
    token = answer.json()["token"]
    own = world.ids["admin"]
    assert token["user"] == {
        "id": own.user,
        "name": "admin",
        "domain": {"id": "default", "name": "Default"},
        "password_expires_at": None,
    }
    assert token["project"]["id"] == own.project
    assert token["methods"] == ["password"]
    assert [role["name"] for role in token["roles"]] == ["admin", "member", "reader"]
    assert token["issued_at"] == "2023-11-14T22:13:21.000000Z"
    assert token["expires_at"] == "2023-11-14T23:13:21.000000Z"
    assert len(token["audit_ids"]) == 1


async def test_the_catalog_leads_to_every_face(world: World) -> None:
    """Every service is there for three interfaces of RegionOne, below the address we are at."""
    answer = await world.post_login("demo", PASSWORDS["demo"])
    catalog = answer.json()["token"]["catalog"]
    urls = {
        entry["type"]: {(e["interface"], e["region"]): e["url"] for e in entry["endpoints"]}
        for entry in catalog
    }
    faces = {"identity", "fault", "rca", "compute", "network", "image", "alarming", "database"}
    assert set(urls) == faces
    assert set(urls["fault"]) == {(i, "RegionOne") for i in ("public", "internal", "admin")}
    public = {kind: found["public", "RegionOne"] for kind, found in urls.items()}
    assert public["identity"] == f"{BASE}/identity/v3"
    assert public["alarming"] == f"{BASE}/alarming"
    assert public["compute"] == f"{BASE}/compute/v2.1"
    # Trove's clients expect the project in the address.
    project = answer.json()["token"]["project"]["id"]
    assert public["database"] == f"{BASE}/database/v1.0/{project}"
    # Doctor's monitor posts to {rca}/v1/event (D4).
    assert public["rca"] + "/v1/event" == f"{BASE}/fault/v1/event"


async def test_a_configured_address_goes_before_the_requests() -> None:
    """Links and catalog use the public URL where there is one."""
    async with worlds.running(public_url="https://cloud.example/") as world:
        answer = await world.post_login("demo", PASSWORDS["demo"])
        urls = [e["url"] for s in answer.json()["token"]["catalog"] for e in s["endpoints"]]
        assert all(url.startswith("https://cloud.example/") for url in urls)


@pytest.mark.parametrize("host", ["a b", "x/../y", "[::1", "evil<script>", "a@b", "h:99999999"])
async def test_a_host_header_that_is_no_host_is_not_repeated(world: World, host: str) -> None:
    """Links fall back to the address that was accepted on."""
    answer = await world.client.get("/identity/v3", headers={"Host": host})
    assert answer.status_code == 200
    assert host not in answer.text


async def test_nocatalog_leaves_the_catalog_out(world: World) -> None:
    """``?nocatalog`` gives the token without its longest part."""
    user = {"id": world.ids["demo"].user, "password": PASSWORDS["demo"]}
    body = {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}}}
    answer = await world.login(body, "?nocatalog")
    assert answer.status_code == 201
    assert "catalog" not in answer.json()["token"]


async def test_an_explicit_unscoped_token_has_no_project(world: World) -> None:
    """Scope ``unscoped`` gives a token that names a user and nothing else."""
    token = await world.log_in("demo", scope="unscoped")
    shown = (await world.call("GET", "/auth/tokens", token, X_Subject_Token=token)).json()
    assert not {"project", "roles", "catalog"} & set(shown["token"])
    assert (await world.call("GET", "/auth/catalog", token)).status_code == 403
    listed = await world.call("GET", "/auth/projects", token)
    assert [project["name"] for project in listed.json()["projects"]] == ["demo"]


async def test_a_token_can_be_exchanged_for_another_scope(world: World) -> None:
    """The method `token` gives a token that remembers its first and ends when that one does."""
    first = await world.log_in("demo", scope="unscoped")
    shown = (await world.call("GET", "/auth/tokens", first, X_Subject_Token=first)).json()
    world.clock.advance(600)
    scope = {"project": {"id": world.ids["demo"].project}}
    identity = {"methods": ["token"], "token": {"id": first}}
    answer = await world.login({"auth": {"identity": identity, "scope": scope}})
    assert answer.status_code == 201
    second = answer.json()["token"]
    assert second["expires_at"] == shown["token"]["expires_at"]
    assert second["methods"] == ["token", "password"]
    assert second["audit_ids"][1] == shown["token"]["audit_ids"][0]
    assert second["project"]["name"] == "demo"


@pytest.mark.parametrize(
    "scope",
    [
        {"project": {"name": "admin", "domain": {"id": "default"}}},
        {"project": {"name": "nowhere", "domain": {"id": "default"}}},
        {"project": {"name": "demo", "domain": {"id": "another"}}},
        {"project": {"id": "no-such-id"}},
        {"domain": {"id": "default"}},
        {"system": {"all": True}},
    ],
)
async def test_a_scope_without_a_role_is_401(world: World, scope: object) -> None:
    """Projects without a role, unknown projects and other scopes cannot be told apart."""
    answer = await world.post_login("demo", PASSWORDS["demo"], scope)
    assert answer.status_code == 401
    assert answer.json() == UNAUTHORIZED


async def test_an_unknown_user_is_answered_as_a_wrong_password_is(world: World) -> None:
    """A login cannot find out which users there are, by body or header."""
    wrong = await world.post_login("admin", "wrong")
    unknown = await world.post_login("nobody", "wrong")
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.json() == unknown.json() == UNAUTHORIZED
    assert set(wrong.headers) == set(unknown.headers)
    assert wrong.headers["WWW-Authenticate"].startswith('Keystone uri="')


async def test_an_account_made_at_another_server_a_moment_ago_signs_in() -> None:
    """Who is not known is refused after what others stored was learnt; the others never wait."""
    fresh, learnt = World(), 0

    async def learn() -> None:
        nonlocal learnt
        learnt += 1
        if learnt == 2:
            await fresh.start()

    fresh.signin.on_unknown(learn)
    assert (await fresh.post_login("admin", PASSWORDS["admin"])).status_code == 401
    assert (await fresh.post_login("admin", PASSWORDS["admin"])).status_code == 201
    assert (await fresh.post_login("admin", PASSWORDS["admin"])).status_code == 201
    assert learnt == 2
    assert (await fresh.post_login("demo", PASSWORDS["demo"], ADMIN_PROJECT)).status_code == 401
    assert learnt == 3


async def test_a_disabled_user_cannot_log_in(world: World) -> None:
    """Disabling ends logins and tokens; enabling again gives old tokens no force."""
    admin, token = await world.log_in(), await world.log_in("demo")
    path = f"/users/{world.ids['demo'].user}"
    await world.call("PATCH", path, admin, {"user": {"enabled": False}})
    assert (await world.post_login("demo", PASSWORDS["demo"])).status_code == 401
    assert (await world.call("GET", "/auth/projects", token)).status_code == 401
    await world.call("PATCH", path, admin, {"user": {"enabled": True}})
    assert (await world.call("GET", "/auth/projects", token)).status_code == 401
    assert (await world.post_login("demo", PASSWORDS["demo"])).status_code == 201


async def test_a_new_password_voids_tokens_of_the_same_second(world: World) -> None:
    """A token issued just before a change of password is void, one issued after it is not."""
    admin, token = await world.log_in(), await world.log_in("demo")
    path = f"/users/{world.ids['demo'].user}"
    answer = await world.call("PATCH", path, admin, {"user": {"password": "another"}})
    assert answer.status_code == 200
    # The clock stood still in between.
    assert (await world.call("GET", "/auth/projects", token)).status_code == 401
    fresh = await world.log_in("demo", "another")
    assert (await world.call("GET", "/auth/projects", fresh)).status_code == 200
    assert (await world.post_login("demo", PASSWORDS["demo"])).status_code == 401


async def test_a_token_expires(world: World) -> None:
    """A token is refused from the instant at which it ends, cached or not."""
    token = await world.log_in("demo")
    world.clock.advance(3599)
    assert (await world.call("GET", "/auth/projects", token)).status_code == 200
    world.clock.advance(1)
    answer = await world.call("GET", "/auth/projects", token)
    assert answer.status_code == 401
    assert answer.json() == UNAUTHORIZED


async def test_a_revoked_token_is_void_at_once(world: World) -> None:
    """DELETE answers 204, the token then is 401 as a token and 404 as a subject."""
    admin, token = await world.log_in(), await world.log_in("demo")
    answer = await world.call("DELETE", "/auth/tokens", token, X_Subject_Token=token)
    assert answer.status_code == 204
    assert not answer.content
    assert (await world.call("GET", "/auth/projects", token)).status_code == 401
    checked = await world.call("GET", "/auth/tokens", admin, X_Subject_Token=token)
    assert checked.status_code == 404
    assert world.lane.audit[-1].action == "token.revoke"


async def test_an_administrator_checks_any_token(world: World) -> None:
    """GET answers the token, HEAD the status alone."""
    admin, token = await world.log_in(), await world.log_in("demo")
    shown = await world.call("GET", "/auth/tokens", admin, X_Subject_Token=token)
    assert shown.status_code == 200
    assert shown.json()["token"]["user"]["name"] == "demo"
    assert shown.headers["X-Subject-Token"] == token
    head = await world.call("HEAD", "/auth/tokens", admin, X_Subject_Token=token)
    assert head.status_code == 200


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
async def test_a_member_may_not_speak_of_another_users_token(world: World, method: str) -> None:
    """A member checks and revokes its own tokens only."""
    admin, token = await world.log_in(), await world.log_in("demo")
    answer = await world.call(method, "/auth/tokens", token, X_Subject_Token=admin)
    assert answer.status_code == 403
    assert (await world.call("GET", "/users", admin)).status_code == 200


async def test_a_subject_that_is_no_token_is_404(world: World) -> None:
    """What was never a token and what was signed by somebody else is not found."""
    admin = await world.log_in()
    head, _, signature = admin.rpartition(".")
    forged = f"{head}.{signature[::-1]}"
    for subject in ("x", "a.b.c", forged, "\u00ff" * 10, "x" * 5000):
        answer = await world.call(
            "GET", "/auth/tokens", admin, X_Subject_Token=subject.encode("latin-1")
        )
        assert answer.status_code == 404, subject
    missing = await world.call("GET", "/auth/tokens", admin)
    assert missing.status_code == 400
    assert "X-Subject-Token" in missing.json()["error"]["message"]


async def test_a_role_that_was_taken_away_is_gone_at_once(world: World) -> None:
    """A cached token of a project loses its force with the last role there."""
    admin, token = await world.log_in(), await world.log_in("demo")
    own = world.ids["demo"]
    assert (await world.call("GET", "/auth/projects", token)).status_code == 200
    path = f"/projects/{own.project}/users/{own.user}/roles/member"
    assert (await world.call("DELETE", path, admin)).status_code == 204
    assert (await world.call("GET", "/auth/projects", token)).status_code == 401


async def test_failed_logins_are_slowed_and_the_right_password_gets_in() -> None:
    """After five failures a login waits by the clock, but it is answered by its own merit."""
    settings = Settings(bcrypt_rounds=4, longest_delay=8.0)
    async with worlds.running(settings) as world:
        for _ in range(5):
            assert (await world.post_login("admin", "wrong")).status_code == 401
        login = asyncio.create_task(world.post_login("admin", PASSWORDS["admin"]))
        await world.clock.asleep()
        assert not login.done()
        world.clock.advance(8.0)
        assert (await login).status_code == 201


async def test_too_many_waiting_logins_are_told_to_come_back() -> None:
    """A source under suspicion holds a few places, and the rest is 503 with a time to return."""
    settings = Settings(bcrypt_rounds=4, longest_delay=8.0, waiting_logins=4, source_failures=1)
    async with worlds.running(settings) as world:
        assert (await world.post_login("nobody", "wrong")).status_code == 401
        waiting = asyncio.create_task(world.post_login("nobody", "wrong"))
        await world.clock.asleep()
        refused = await world.post_login("admin", "wrong")
        assert refused.status_code == 503
        assert refused.headers["Retry-After"] == "1"
        world.clock.advance(8.0)
        assert (await waiting).status_code == 401

"""How we sign in and ask: options in the place of clouds.yaml, microversions, Keystone by HTTP."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
from aiohttp import web

from faultwire.controllers.openstack.api import OpenStackApi
from faultwire.controllers.openstack.keystone import KeystoneDoor
from faultwire.controllers.openstack.session import CloudSession
from faultwire.controllers.openstack.settings import Settings
from faultwire.domain.errors import Forbidden, Invalid, NotFound, Unavailable
from faultwire.testing.clock import ManualClock

PASSWORD = {"username": "fw", "password": "s3cret", "user_domain_name": "Default"}


class Session:
    """Stands for a session that is signed in."""

    name, verify = "east", True

    def __init__(self, base: str, auth: Mapping[str, str]) -> None:
        self._base = base
        self.auth = auth
        self.refusals = 0

    async def token(self) -> str:
        return "ours"

    def refused(self, token: str) -> None:
        assert token == "ours"
        self.refusals += 1

    async def endpoint(self, service: str) -> str:
        return self._base if service == "identity" else f"{self._base}/{service}"

    async def user(self) -> str:
        return "u-fw"


class Asked:
    """What was asked, and what is answered: status and body by method and path."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, Mapping[str, str], Any]] = []
        self.answers: dict[tuple[str, str], tuple[int, Any]] = {}

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.json() if request.can_read_body else None
        self.seen.append((request.method, request.path, request.headers, body))
        status, said = self.answers.get((request.method, request.path), (404, {"error": {}}))
        if status == 204:
            return web.Response(status=204)
        return web.json_response(said, status=status, headers={"X-Subject-Token": "theirs"})


@asynccontextmanager
async def served(auth: Mapping[str, str] | None = None) -> AsyncIterator[tuple[Asked, Session]]:
    """Run services that answer as told."""
    asked = Asked()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", asked.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        yield asked, Session(f"http://127.0.0.1:{port}", PASSWORD if auth is None else auth)
    finally:
        await runner.cleanup()


@asynccontextmanager
async def door(session: Session) -> AsyncIterator[KeystoneDoor]:
    """Give a door and close it."""
    made = KeystoneDoor(cast("CloudSession", session), 5.0)
    try:
        yield made
    finally:
        await made.close()


def test_options_describe_a_cloud_without_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Account, region, endpoints' interface and CA are theirs; the environment has no say."""
    monkeypatch.setenv("OS_USERNAME", "somebody")
    settings = Settings(
        auth_url="https://keystone/v3",
        username="fw",
        password="s3cret",
        project_name="service",
        region_name="east",
        interface="internal",
    )
    assert settings.names == ("east",)
    session = CloudSession("east", ManualClock(), settings)
    assert dict(session.auth) == {
        "auth_url": "https://keystone/v3",
        "username": "fw",
        "password": "s3cret",
        "project_name": "service",
        "user_domain_name": "Default",
        "project_domain_name": "Default",
    }
    assert session.region.get_interface("compute") == "internal"
    assert session.region.get_region_name("compute") == "east"
    session.close()


def test_an_application_credential_stands_for_a_password() -> None:
    """The plugin is its own; clouds.yaml wins where clouds are named; nothing is no cloud."""
    known = {"application_credential_id": "i", "application_credential_secret": "s"}
    settings = Settings(auth_url="https://keystone/v3", **known)
    assert settings.names == ("openstack",)
    session = CloudSession("openstack", ManualClock(), settings)
    assert dict(session.auth) == {"auth_url": "https://keystone/v3", **known}
    session.close()
    assert Settings(clouds=("a", "b"), auth_url="https://keystone/v3").names == ("a", "b")
    assert Settings().names == ()


async def test_an_older_nova_is_asked_in_its_own_version() -> None:
    """Which one is its newest is found out once."""
    async with served() as (asked, session):
        asked.answers = {
            ("GET", "/compute/"): (200, {"version": {"version": "2.93", "min_version": "2.1"}}),
            ("POST", "/compute/servers/vm-1/action"): (200, {}),
        }
        api = OpenStackApi(cast("CloudSession", session), 5.0)
        for _ in range(2):
            await api.evacuate("vm-1", "")
        await api.close()
    assert [one[1] for one in asked.seen].count("/compute/") == 1
    assert asked.seen[-1][2]["OpenStack-API-Version"] == "compute 2.93"


async def test_keystone_is_asked_without_the_catalogue() -> None:
    """By our token; what it does not know is not found, what it cannot say is unavailable."""
    async with served() as (asked, session), door(session) as api:
        path = "/v3/auth/tokens"
        asked.answers[("GET", path)] = (200, {"token": {"user": {}}})
        assert await api.token("abc") == {"token": {"user": {}}}
        _, _, headers, _ = asked.seen[-1]
        assert (headers["X-Auth-Token"], headers["X-Subject-Token"]) == ("ours", "abc")
        for status, error in ((404, NotFound), (503, Unavailable), (403, Forbidden)):
            asked.answers[("GET", path)] = (status, {})
            with pytest.raises(error):
                await api.token("abc")
        asked.answers[("GET", path)] = (200, [])
        with pytest.raises(Unavailable):
            await api.token("abc")
        asked.answers[("GET", path)] = (401, {})
        with pytest.raises(Forbidden):
            await api.token("abc")
        assert session.refusals == 1


async def test_a_trust_is_made_by_the_users_token_and_used_by_our_password() -> None:
    """Its token comes in a header; who cannot make or use one is told why."""
    async with served() as (asked, session), door(session) as api:
        asked.answers[("POST", "/v3/OS-TRUST/trusts")] = (201, {"trust": {"id": "t1"}})
        trust = await api.create_trust("theirs", user="u", project="p", roles={"b", "a"})
        assert trust == "t1"
        _, _, headers, body = asked.seen[-1]
        assert headers["X-Auth-Token"] == "theirs"
        assert body["trust"]["trustee_user_id"] == "u-fw"
        assert body["trust"]["roles"] == [{"name": "a"}, {"name": "b"}]
        said = {"token": {"expires_at": "2026-01-01T00:00:00.000000Z"}}
        asked.answers[("POST", "/v3/auth/tokens")] = (201, said)
        assert await api.trust_token("t1") == ("theirs", 1_767_225_600_000_000_000)
        body = asked.seen[-1][3]["auth"]
        assert body["scope"] == {"OS-TRUST:trust": {"id": "t1"}}
        assert body["identity"]["password"]["user"]["domain"] == {"name": "Default"}
        for status in (401, 403, 404):
            asked.answers[("POST", "/v3/auth/tokens")] = (status, {})
            with pytest.raises(NotFound):
                await api.trust_token("t1")
    async with served({"application_credential_id": "i"}) as (_, session), door(session) as api:
        with pytest.raises(Invalid, match="password"):
            await api.create_trust("theirs", user="u", project="p", roles={"a"})


async def test_a_trust_ends_by_the_users_token_or_else_by_ours() -> None:
    """One that is gone already is no error."""
    async with served() as (asked, session), door(session) as api:
        path = "/v3/OS-TRUST/trusts/t1"
        await api.delete_trust("t1", "theirs")
        asked.answers[("DELETE", path)] = (204, None)
        await api.delete_trust("t1", "theirs")
        asked.answers[("DELETE", path)] = (403, {})
        with pytest.raises(Forbidden):
            await api.delete_trust("t1", "theirs")
        assert [one[2]["X-Auth-Token"] for one in asked.seen] == ["theirs"] * 3 + ["ours"]

"""Users, projects, roles and grants over HTTP, as `openstack` asks for them."""

import pytest

from faultwire.domain.changes import HostsSaved, ServersSaved
from faultwire.domain.ids import HostName, ServerId
from faultwire.domain.resources import Host, Server
from faultwire.identity.settings import Settings
from tests.api.identity import world as worlds
from tests.api.identity.world import PASSWORDS, World


async def _created(world: World, kind: str, **fields: object) -> dict[str, object]:
    answer = await world.call("POST", f"/{kind}s", await world.log_in(), {kind: fields})
    assert answer.status_code == 201, answer.text
    return answer.json()[kind]


async def test_the_versions_are_told_without_a_token(world: World) -> None:
    """GET / is 300 with a list, GET /v3 is 200, with and without a slash."""
    for path in ("/identity", "/identity/"):
        answer = await world.client.get(path)
        assert answer.status_code == 300
        (version,) = answer.json()["versions"]["values"]
        assert version["id"].startswith("v3.")
    for path in ("/identity/v3", "/identity/v3/"):
        answer = await world.client.get(path)
        assert answer.status_code == 200
        href = answer.json()["version"]["links"][0]["href"]
        assert href == f"{worlds.BASE}/identity/v3/"


async def test_a_user_lives_from_creation_to_deletion(world: World) -> None:
    """Create, show, find by name, change, and delete; none of it shows a password."""
    admin = await world.log_in()
    demo = world.ids["demo"].project
    made = await _created(world, "user", name="ann", password="first", default_project_id=demo)
    assert made["default_project_id"] == demo
    assert "password" not in made
    path = f"/users/{made['id']}"
    assert (await world.call("GET", path, admin)).json()["user"] == made
    assert (await world.post_login("ann", "first")).status_code == 201
    listed = await world.call("GET", "/users?name=ann&domain_id=default", admin)
    assert [user["id"] for user in listed.json()["users"]] == [made["id"]]
    renamed = await world.call("PATCH", path, admin, {"user": {"name": "anna"}})
    assert renamed.json()["user"]["name"] == "anna"
    assert (await world.post_login("anna", "first")).status_code == 201
    assert (await world.call("DELETE", path, admin)).status_code == 204
    assert (await world.call("GET", path, admin)).status_code == 404
    assert [line.action for line in world.lane.audit[-3:]] == [
        "user.create",
        "user.update",
        "user.delete",
    ]
    assert world.lane.audit[-1].actor.user == world.ids["admin"].user


async def test_a_user_without_a_password_cannot_log_in(world: World) -> None:
    """No password fits a user that has none."""
    await _created(world, "user", name="service")
    assert (await world.post_login("service", "x")).status_code == 401


@pytest.mark.parametrize(
    ("kind", "fields", "field"),
    [
        ("user", {}, "user.name"),
        ("user", {"name": ""}, "user.name"),
        ("user", {"name": "   "}, "user.name"),
        ("user", {"name": "a\x1b[2J"}, "user.name"),
        ("user", {"name": "n" * 256}, "user.name"),
        ("user", {"name": 1}, "user.name"),
        ("user", {"name": "a", "enabled": "yes"}, "user.enabled"),
        ("user", {"name": "a", "password": "p" * 73}, "user.password"),
        ("user", {"name": "a", "domain_id": "other"}, "user.domain_id"),
        ("user", {"name": "a", "default_project_id": "none"}, "user.default_project_id"),
        ("user", {"name": "a", "email": "a@b"}, "user.email"),
        ("project", {}, "project.name"),
        ("project", {"name": []}, "project.name"),
        ("project", {"name": "a", "enabled": False}, "project.enabled"),
        ("project", {"name": "a", "is_domain": True}, "project.is_domain"),
        ("project", {"name": "a", "parent_id": "b"}, "project.parent_id"),
        ("project", {"name": "a", "description": "x"}, "project.description"),
    ],
)
async def test_what_cannot_be_kept_is_refused_by_name(
    world: World, kind: str, fields: object, field: str
) -> None:
    """A wrong field, and one whose value would be lost, is 400 naming it."""
    answer = await world.call("POST", f"/{kind}s", await world.log_in(), {kind: fields})
    assert answer.status_code == 400
    assert answer.json()["error"]["message"].startswith(f"{field}: ")


async def test_names_are_unique(world: World) -> None:
    """A second user or project of a name is 409, and so is taking one's name."""
    admin = await world.log_in()
    for kind in ("user", "project"):
        made = await _created(world, kind, name="ann")
        again = await world.call("POST", f"/{kind}s", admin, {kind: {"name": "ann"}})
        assert again.status_code == 409
        path = f"/{kind}s/{made['id']}"
        taken = await world.call("PATCH", path, admin, {kind: {"name": "demo"}})
        assert taken.status_code == 409
        same = await world.call("PATCH", path, admin, {kind: {"name": "ann"}})
        assert same.status_code == 200


async def test_a_user_changes_its_own_password(world: World) -> None:
    """The old password is asked, no token; a wrong one is 401 as a login's is."""
    path = f"/users/{world.ids['demo'].user}/password"

    async def change(old: str, new: str) -> int:
        body = {"user": {"original_password": old, "password": new}}
        return (await world.call("POST", path, "", body)).status_code

    token = await world.log_in("demo")
    assert await change("wrong", "new") == 401
    assert await change(PASSWORDS["demo"], "n" * 73) == 400
    assert await change(PASSWORDS["demo"], "new") == 204
    assert (await world.call("GET", "/auth/projects", token)).status_code == 401
    assert (await world.post_login("demo", "new")).status_code == 201
    unknown = {"user": {"original_password": "a", "password": "b"}}
    assert (await world.call("POST", "/users/x/password", "", unknown)).status_code == 401


async def test_everybody_may_see_itself(world: World) -> None:
    """A member sees its user, its projects and its project, not others'."""
    token, own = await world.log_in("demo"), world.ids["demo"]
    assert (await world.call("GET", f"/users/{own.user}", token)).status_code == 200
    listed = await world.call("GET", f"/users/{own.user}/projects", token)
    assert [project["name"] for project in listed.json()["projects"]] == ["demo"]
    assert (await world.call("GET", f"/projects/{own.project}", token)).status_code == 200


async def test_the_last_administrator_stays(world: World) -> None:
    """No call leaves the cloud without an enabled administrator; with a second one it may."""
    admin, own = await world.log_in(), world.ids["admin"]
    user = f"/users/{own.user}"
    grant = f"/projects/{own.project}/users/{own.user}/roles/admin"
    for method, path, body in (
        ("DELETE", user, None),
        ("PATCH", user, {"user": {"enabled": False}}),
        ("DELETE", grant, None),
        ("DELETE", f"/projects/{own.project}", None),
    ):
        answer = await world.call(method, path, admin, body)
        assert answer.status_code == 409, path
    demo = world.ids["demo"]
    second = f"/projects/{demo.project}/users/{demo.user}/roles/admin"
    assert (await world.call("PUT", second, admin)).status_code == 204
    assert (await world.call("DELETE", user, admin)).status_code == 204


async def test_a_project_that_owns_something_stays(world: World) -> None:
    """A project with servers or alarms is 409, an empty one goes with its grants."""
    admin = await world.log_in()
    owner = world.ids["demo"].project
    host = HostName("h1")
    world.lane.take(HostsSaved((Host(host),)))
    world.lane.take(ServersSaved((Server(ServerId("s"), "s", owner, host),)))
    assert (await world.call("DELETE", f"/projects/{owner}", admin)).status_code == 409
    empty = await _created(world, "project", name="empty")
    world.lane.with_alarms.add(empty["id"])
    assert (await world.call("DELETE", f"/projects/{empty['id']}", admin)).status_code == 409
    world.lane.with_alarms.clear()
    assert (await world.call("DELETE", f"/projects/{empty['id']}", admin)).status_code == 204
    assert (await world.call("GET", f"/projects/{empty['id']}", admin)).status_code == 404


async def test_roles_are_granted_checked_listed_and_taken(world: World) -> None:
    """A grant is 204 and effective at once; an unknown role, user or project is 404."""
    admin, own = await world.log_in(), world.ids["demo"]
    roles = f"/projects/{own.project}/users/{own.user}/roles"
    assert (await world.call("GET", f"{roles}/service", admin)).status_code == 404
    for _ in range(2):
        assert (await world.call("PUT", f"{roles}/service", admin)).status_code == 204
    for method in ("GET", "HEAD"):
        assert (await world.call(method, f"{roles}/service", admin)).status_code == 204
    listed = (await world.call("GET", roles, admin)).json()["roles"]
    assert [role["id"] for role in listed] == ["member", "service"]
    token = (await world.post_login("demo", PASSWORDS["demo"])).json()["token"]
    assert [role["name"] for role in token["roles"]] == ["member", "reader", "service"]
    assert (await world.call("DELETE", f"{roles}/service", admin)).status_code == 204
    assert (await world.call("DELETE", f"{roles}/service", admin)).status_code == 404
    for path in (
        f"{roles}/nothing",
        f"/projects/none/users/{own.user}/roles/member",
        f"/projects/{own.project}/users/none/roles/member",
    ):
        assert (await world.call("PUT", path, admin)).status_code == 404


async def test_grants_are_listed_by_user_project_and_role(world: World) -> None:
    """Role assignments can be filtered, named, and shown with what they imply."""
    admin, own = await world.log_in(), world.ids["demo"]

    async def grants(query: str) -> list[tuple[str, str]]:
        answer = await world.call("GET", f"/role_assignments?{query}", admin)
        found = answer.json()["role_assignments"]
        return [(one["user"]["id"], one["role"]["id"]) for one in found]

    assert await grants(f"user.id={own.user}") == [(own.user, "member")]
    assert await grants(f"scope.project.id={own.project}&effective") == [
        (own.user, "member"),
        (own.user, "reader"),
    ]
    assert await grants("role.id=admin") == [(world.ids["admin"].user, "admin")]
    assert await grants("group.id=g") == []
    named = await world.call("GET", "/role_assignments?include_names=True", admin)
    first = named.json()["role_assignments"][0]
    assert first["user"]["name"] == first["scope"]["project"]["name"] == "admin"
    assert first["user"]["domain"] == {"id": "default", "name": "Default"}


async def test_roles_and_the_domain_are_found_by_id_and_name(world: World) -> None:
    """What clients look up before they act is there, and nothing else."""
    admin = await world.log_in()
    roles = (await world.call("GET", "/roles", admin)).json()["roles"]
    assert {role["name"] for role in roles} == {
        "admin",
        "member",
        "reader",
        "service",
        "data_plane_integrator",
    }
    by_name = (await world.call("GET", "/roles?name=member", admin)).json()["roles"]
    assert [role["id"] for role in by_name] == ["member"]
    assert (await world.call("GET", "/roles/member", admin)).status_code == 200
    assert (await world.call("GET", "/roles/other", admin)).status_code == 404
    domains = (await world.call("GET", "/domains?name=Default", admin)).json()["domains"]
    assert [domain["id"] for domain in domains] == ["default"]
    assert (await world.call("GET", "/domains/default", admin)).status_code == 200
    assert (await world.call("GET", "/domains/Default", admin)).status_code == 404
    assert (await world.call("GET", "/domains?name=x", admin)).json()["domains"] == []


@pytest.mark.parametrize(
    "query",
    ["name=none", "domain_id=other", "enabled=false", "enabled=0"],
)
async def test_filters_that_match_nothing_give_an_empty_list(world: World, query: str) -> None:
    """Users and projects are filtered by name, domain and whether they are enabled."""
    admin = await world.log_in()
    for kind in ("users", "projects"):
        answer = await world.call("GET", f"/{kind}?{query}", admin)
        assert answer.json()[kind] == []


async def test_lists_come_in_pages() -> None:
    """Limit and marker walk through a list in order of name, and the last page says so."""
    async with worlds.running(Settings(bcrypt_rounds=4, page_limit=2)) as world:
        for name in ("c", "b", "a"):
            await _created(world, "project", name=name)
        admin, path, names = await world.log_in(), "/identity/v3/projects", []
        pages = 0
        while path:
            answer = await world.client.get(path, headers={"X-Auth-Token": admin})
            names += [project["name"] for project in answer.json()["projects"]]
            path = answer.json()["links"]["next"]
            assert ("Link" in answer.headers) is bool(path)
            pages += 1
        assert names == ["a", "admin", "b", "c", "demo"]
        assert pages == 3


@pytest.mark.parametrize(
    ("query", "field"),
    [("limit=0", "limit"), ("limit=-1", "limit"), ("limit=x", "limit"), ("marker=x", "marker")],
)
async def test_a_wrong_page_is_400(world: World, query: str, field: str) -> None:
    """A limit that is no number above zero and a marker that is not there are named."""
    answer = await world.call("GET", f"/projects?{query}", await world.log_in())
    assert answer.status_code == 400
    assert answer.json()["error"]["message"].startswith(f"{field}: ")


async def test_the_api_is_described(world: World) -> None:
    """OpenAPI names every path and the bodies that are sent."""
    answer = await world.client.get("/identity/openapi.json")
    paths = answer.json()["paths"]
    body = paths["/v3/auth/tokens"]["post"]["requestBody"]["content"]["application/json"]
    assert "auth" in body["schema"]["properties"]
    assert {"get", "patch", "delete"} <= set(paths["/v3/users/{user_id}"])
    assert "$ref" not in answer.text

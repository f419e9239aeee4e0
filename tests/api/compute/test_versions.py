"""Version discovery and microversions, as Nova's clients find them."""

from collections.abc import Mapping

import pytest

from faultwire.faces.compute.versions import CHANGES, MAX, MIN
from tests.api.cloud import BASE, DEMO, Cloud
from tests.api.compute.calling import ROOT, SERVICES, VERSION, call, fault

NEW = "OpenStack-API-Version"
BAD_TOKENS = ("", "nonsense")


@pytest.mark.parametrize("who", BAD_TOKENS)
@pytest.mark.parametrize("path", ["/compute", "/compute/"])
async def test_versions_are_listed_without_a_token(cloud: Cloud, path: str, who: str) -> None:
    """Clients ask for versions before they have a token, and with a stale one."""
    answer = await cloud.call("GET", path, who)
    assert answer.status_code == 200
    (version,) = answer.json()["versions"]
    assert (version["id"], version["status"]) == ("v2.1", "CURRENT")
    assert (version["min_version"], version["version"]) == (f"2.{MIN}", f"2.{MAX}")
    assert version["links"][0] == {"rel": "self", "href": f"{BASE}/compute/v2.1/"}
    assert VERSION not in answer.headers


@pytest.mark.parametrize("who", BAD_TOKENS)
@pytest.mark.parametrize("path", [ROOT, f"{ROOT}/"])
async def test_the_version_is_shown_with_and_without_a_slash(
    cloud: Cloud, path: str, who: str
) -> None:
    """Clients ask without the slash first and follow no redirect."""
    answer = await cloud.call("GET", path, who)
    assert answer.status_code == 200
    assert answer.json()["version"]["version"] == f"2.{MAX}"
    assert answer.headers[VERSION] == "2.1"


async def test_another_path_offers_the_version(cloud: Cloud) -> None:
    """A path outside every version has a choice of versions."""
    answer = await cloud.call("GET", "/compute/foo", "")
    assert answer.status_code == 300
    (choice,) = answer.json()["choices"]
    assert choice["links"] == [{"rel": "self", "href": f"{BASE}/compute/v2.1/foo"}]


@pytest.mark.parametrize(
    ("headers", "wanted"),
    [
        ({}, "2.1"),
        ({VERSION: "2.11"}, "2.11"),
        ({NEW: "compute 2.53"}, "2.53"),
        ({NEW: "compute 2.53", VERSION: "2.11"}, "2.53"),
        ({NEW: "volume 3.1"}, "2.1"),
        ({NEW: "volume 3.1", VERSION: "2.11"}, "2.11"),
        ({NEW: "volume 3.1, compute 2.16"}, "2.16"),
        ({VERSION: "latest"}, f"2.{MAX}"),
        ({NEW: "compute latest"}, f"2.{MAX}"),
    ],
)
async def test_the_version_is_asked_by_either_header(
    cloud: Cloud, headers: Mapping[str, str], wanted: str
) -> None:
    """The new header wins over the old one; another service's version is none of ours."""
    answer = await cloud.call("GET", SERVICES, headers=headers)
    assert answer.headers[VERSION] == wanted
    assert answer.headers[NEW] == f"compute {wanted}"
    assert answer.headers["Vary"] == f"{NEW}, {VERSION}"


@pytest.mark.parametrize("asked", [f"2.{MAX + 1}", "2.0", "2.999", "3.1", "1.1"])
async def test_a_version_outside_the_range_is_refused(cloud: Cloud, asked: str) -> None:
    """406 names the range, and the headers echo what was asked."""
    answer = await call(cloud, "GET", SERVICES, at=asked)
    assert fault(answer, 406, "computeFault") == (
        f"Version {asked} is not supported by the API. Minimum is 2.1 and maximum is 2.{MAX}."
    )
    assert answer.headers[VERSION] == asked


@pytest.mark.parametrize("asked", ["abc", "2", "2.01", "2.1.1", "-2.1", "02.1", "2.1 x"])
async def test_what_is_no_version_is_refused(cloud: Cloud, asked: str) -> None:
    """400 says what a version looks like; such an answer is in no version."""
    answer = await call(cloud, "GET", SERVICES, at=asked)
    assert fault(answer, 400, "badRequest") == (
        f"API Version String {asked} is of invalid format. Must be of format MajorNum.MinorNum."
    )
    assert VERSION not in answer.headers


async def test_errors_tell_their_version_too(cloud: Cloud) -> None:
    """A refusal carries the version it was decided in."""
    answer = await call(cloud, "GET", SERVICES, at="2.11", who="member")
    assert fault(answer, 403, "forbidden") == (
        "Policy doesn't allow os_compute_api:os-services:list to be performed."
    )
    assert answer.headers[VERSION] == "2.11"


async def test_a_method_outside_its_versions_is_not_there(cloud: Cloud) -> None:
    """The second shape of 404: the path is known, the version has no such method."""
    answer = await call(cloud, "GET", f"{ROOT}/os-hosts", at="2.43")
    assert fault(answer, 404, "itemNotFound") == "The resource could not be found."
    assert answer.headers[VERSION] == "2.43"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/nothing"),
        ("POST", "/os-services"),
        ("PATCH", "/os-hosts/compute-1"),
        ("GET", f"/{DEMO}/nothing"),
    ],
)
async def test_no_route_is_the_routers_own_404(cloud: Cloud, method: str, path: str) -> None:
    """The third shape of 404: an unknown path, and an unknown method of a known one."""
    answer = await call(cloud, method, f"{ROOT}{path}")
    assert answer.status_code == 404
    assert answer.json() == {
        "message": "The resource could not be found.<br /><br />\n\n\n",
        "code": "404 Not Found",
        "title": "Not Found",
    }


@pytest.mark.parametrize("path", ["/os-services", "/nothing"])
async def test_without_a_token_nothing_is_told(cloud: Cloud, path: str) -> None:
    """401 has the shape of the middleware, whether there is such a path or not."""
    answer = await call(cloud, "GET", f"{ROOT}{path}", who="")
    assert answer.status_code == 401
    assert answer.json() == {
        "error": {
            "code": 401,
            "title": "Unauthorized",
            "message": "The request you have made requires authentication.",
        }
    }
    assert answer.headers["WWW-Authenticate"] == f'Keystone uri="{BASE}/identity"'


async def test_the_project_may_stand_in_the_url(cloud: Cloud) -> None:
    """Both forms of URL answer the same; a foreign project in it is refused (S166)."""
    plain = await call(cloud, "GET", SERVICES)
    project = await call(cloud, "GET", f"{ROOT}/p-admin/os-services")
    assert plain.json() == project.json()
    answer = await call(cloud, "GET", f"{ROOT}/{DEMO}/os-services")
    assert fault(answer, 400, "badRequest") == (
        "Malformed request URL: URL's project_id 'p-demo' doesn't match "
        "Context's project_id 'p-admin'"
    )


async def test_answers_name_their_request_as_novas_do(cloud: Cloud) -> None:
    """The request's id has both its names, in errors too: the clients log the older one."""
    for path in (SERVICES, f"{ROOT}/nothing"):
        answer = await call(cloud, "GET", path)
        name = answer.headers["x-compute-request-id"]
        assert name.startswith("req-")
        assert name == answer.headers["x-openstack-request-id"]


async def test_errors_tell_their_charset_and_answers_do_not(cloud: Cloud) -> None:
    """The Content-Type of an error is Nova's, which differs from that of an answer."""
    found = [
        (await call(cloud, "GET", path)).headers["content-type"]
        for path in (SERVICES, f"{ROOT}/nothing", f"{ROOT}/servers/nope")
    ]
    assert found == ["application/json", *["application/json; charset=UTF-8"] * 2]


def test_every_version_of_the_table_is_in_the_range() -> None:
    """The table of versions says what the range offers, from its first to its last."""
    assert min(CHANGES) == MIN
    assert max(CHANGES) == MAX

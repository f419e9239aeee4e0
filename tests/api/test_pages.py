"""What every face has: versions, an OpenAPI page, its own error body for what is not there."""

from typing import Any

import jsonschema
import pytest

from tests.api.cloud import BASE, Cloud

FACES = ("/fault", "/alarming")
SECURED = {"/fault": "/fault/v1/hosts", "/alarming": "/alarming/v2/alarms"}


async def test_the_fault_face_names_its_version(cloud: Cloud) -> None:
    """The version document needs no token; its links lead where we were asked."""
    listed = (await cloud.call("GET", "/fault/", "")).json()["versions"]
    (version,) = listed
    assert (version["id"], version["links"][0]["href"]) == ("v1", f"{BASE}/fault/v1/")
    for path in ("/fault/v1/", "/fault/v1"):
        assert (await cloud.call("GET", path, "")).json() == {"version": version}
    for page in version["paths"].values():
        assert (await cloud.call("GET", page, "")).status_code == 200


async def test_the_alarming_face_names_its_version_as_aodh_does(cloud: Cloud) -> None:
    """GET / lists versions below values; /v2 is none of Aodh's paths."""
    (version,) = (await cloud.call("GET", "/alarming/", "")).json()["versions"]["values"]
    assert (version["id"], version["status"]) == ("v2", "stable")
    assert version["links"] == [{"rel": "self", "href": f"{BASE}/alarming/v2"}]
    assert (await cloud.call("GET", "/alarming/v2", "")).status_code == 404


def operations(page: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method, operation)
        for path, methods in page["paths"].items()
        for method, operation in methods.items()
    ]


@pytest.mark.parametrize("face", FACES)
async def test_the_openapi_page_describes_every_call(cloud: Cloud, face: str) -> None:
    """Each call has a summary, its parameters, an error body, and a body where it takes one."""
    page = (await cloud.call("GET", f"{face}/openapi.json", "")).json()
    assert page["openapi"].startswith("3.")
    assert page["servers"] == [{"url": face}]
    assert len(operations(page)) >= 11
    names = set()
    for path, method, operation in operations(page):
        assert operation["summary"], path
        names.add(operation["operationId"])
        inside = {one["name"] for one in operation["parameters"] if one["in"] == "path"}
        assert inside == {part[1:-1] for part in path.split("/") if part.startswith("{")}
        assert "default" in operation["responses"], path
        if method in {"put", "patch"}:
            assert "requestBody" in operation, path
    assert len(names) == len(operations(page))


@pytest.mark.parametrize("face", FACES)
async def test_the_schemas_of_the_page_are_schemas(cloud: Cloud, face: str) -> None:
    """Bodies of requests and of errors can be checked by what the page says of them."""
    page = (await cloud.call("GET", f"{face}/openapi.json", "")).json()
    refused = await cloud.call(
        "GET", f"{face}/v1/hosts" if face == "/fault" else f"{face}/v2/alarms", ""
    )
    assert refused.status_code == 401
    for path, _, operation in operations(page):
        failure = operation["responses"]["default"]["content"]["application/json"]["schema"]
        jsonschema.validate(refused.json(), failure)
        body = operation.get("requestBody")
        if body:
            schema = body["content"]["application/json"]["schema"]
            jsonschema.Draft202012Validator.check_schema(schema)
            assert "$ref" not in str(schema), path


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("DELETE", "/fault/v1/events", "POST, PUT"),
        ("POST", "/fault/v1/inventory", "GET, PATCH, PUT"),
        ("PUT", "/alarming/v2/alarms", "GET, POST"),
        ("PATCH", "/alarming/v2/alarms", "GET, POST"),
        ("PATCH", "/alarming/v2/alarms/x", "DELETE, GET, PUT"),
    ],
)
async def test_a_wrong_method_is_405_and_tells_the_right_ones(
    cloud: Cloud, method: str, path: str, allow: str
) -> None:
    """A path that is known names its methods, in the face's own error body."""
    answer = await cloud.call(method, path)
    assert (answer.status_code, answer.headers["Allow"]) == (405, allow)
    body = answer.json()
    if path.startswith("/fault"):
        assert (body["error"]["code"], body["error"]["title"]) == (405, "Method Not Allowed")
    else:
        assert body["error_message"].startswith("405 Method Not Allowed\n\n")


async def test_an_unknown_path_is_404_in_the_faces_own_form(cloud: Cloud) -> None:
    """Ours is an object; pecan's, under Aodh, is a text."""
    ours = await cloud.call("GET", "/fault/v1/nothing")
    assert (ours.status_code, ours.json()["error"]["code"]) == (404, 404)
    aodhs = await cloud.call("GET", "/alarming/v2/nothing")
    assert aodhs.json() == {
        "error_message": "404 Not Found\n\nThe resource could not be found.\n\n   "
    }


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/fault/v1/faults", {"error": {"code": 500, "title": "Internal Server Error"}}),
        ("/alarming/v2/alarms", {"error_message": {"faultcode": "Server", "debuginfo": None}}),
    ],
)
async def test_a_defect_is_a_500_that_tells_nothing(
    cloud: Cloud, path: str, found: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """What nobody foresaw is in the log, not in the answer."""

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("inside knowledge")

    for reads in ("faults", "search_alarms"):
        setattr(cloud.ledger, reads, broken)
    answer = await cloud.call("GET", path)
    assert answer.status_code == 500
    assert "inside knowledge" not in answer.text
    assert "inside knowledge" in caplog.text
    (key,) = found
    assert found[key].items() <= answer.json()[key].items()

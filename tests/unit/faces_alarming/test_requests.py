"""Parameters and bodies of the alarming face, and whose project is meant."""

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request

from faultwire.domain.accounts import Caller, Role
from faultwire.domain.alarms import DeliveryState
from faultwire.domain.errors import Invalid, TooLarge, Unauthenticated
from faultwire.domain.ids import ProjectId, UserId
from faultwire.faces.alarming import requests

ADMIN = Caller(UserId("u"), "admin", ProjectId("p1"), roles=frozenset({Role.ADMIN}))
MEMBER = Caller(UserId("u"), "member", ProjectId("p1"), roles=frozenset({Role.MEMBER}))


def request(query: str = "", body: bytes = b"", kind: str = "application/json") -> Request:
    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": body, "more_body": False}

    headers = [(b"content-type", kind.encode())] if kind else []
    scope = {"type": "http", "query_string": query.encode(), "headers": headers}
    return Request(scope, receive)


@pytest.mark.parametrize(
    ("text", "limit"), [(None, None), ("0", None), ("1", 1), ("1001", 1001), ("007", 7)]
)
def test_no_limit_and_zero_are_all(text: str | None, limit: int | None) -> None:
    """Aodh takes 0 as no limit."""
    assert requests.limit_of(text) == limit


@pytest.mark.parametrize("text", ["-1", "", "x", "1.5", "٣", "9" * 10])
def test_a_bad_limit_is_refused_in_aodhs_words(text: str) -> None:
    """A limit is a positive integer."""
    with pytest.raises(Invalid) as refused:
        requests.limit_of(text)
    sentence = f"Value: '{text}'. it should be a positive integer."
    assert str(refused.value) == f"Invalid input for field/attribute limit. {sentence}"


def test_a_page_of_deliveries_is_bounded() -> None:
    """A list that is ours alone has pages of at most 1,000."""
    assert requests.page_of(None) == requests.PAGE
    assert requests.page_of("1000") == 1000
    for text in ("0", "1001"):
        with pytest.raises(Invalid, match="from 1 to 1000"):
            requests.page_of(text)


def test_a_foreign_project_is_401_for_who_is_no_administrator() -> None:
    """Aodh's own answer to naming another project."""
    assert requests.project_of({}, MEMBER) == "p1"
    assert requests.project_of({"project_id": "p1"}, MEMBER) == "p1"
    assert requests.project_of({"project_id": ""}, ADMIN) == ""
    with pytest.raises(Unauthenticated, match="Not Authorized to access project p2"):
        requests.project_of({"project_id": "p2"}, MEMBER)


def test_parameters_are_known_or_named() -> None:
    """What is no parameter here is refused, and so is a value that is none."""
    assert requests.only(request("limit=1"), requests.DELIVERIES)["limit"] == "1"
    with pytest.raises(Invalid, match="Unknown argument: limits"):
        requests.only(request("limits=1"), requests.DELIVERIES)
    with pytest.raises(Invalid, match="marker"):
        requests.only(request("marker=%00"), requests.DELIVERIES)
    assert requests.all_projects({"all_projects": "True"})
    assert not requests.all_projects({})
    with pytest.raises(Invalid, match="all_projects"):
        requests.all_projects({"all_projects": "maybe"})
    assert requests.delivery_state("dead") is DeliveryState.DEAD
    assert requests.delivery_state(None) is None
    with pytest.raises(Invalid, match="pending, delivered, dead, refused"):
        requests.delivery_state("lost")


@pytest.mark.parametrize("kind", ["", "application/json", "application/json; charset=utf-8"])
async def test_json_is_read(kind: str) -> None:
    """A body is JSON, also where it does not say so."""
    assert await requests.body_of(request(body=b"[1]", kind=kind), 10) == [1]


@pytest.mark.parametrize(
    ("body", "kind", "sentence"),
    [
        (b"", "application/json", 'Missing argument: "data"'),
        (b"a=1", "application/x-www-form-urlencoded", 'Missing argument: "data"'),
        (b"{", "application/json", "Request is not in valid JSON format"),
        (b"\xff", "", "Request is not in valid JSON format"),
    ],
)
async def test_what_is_no_json_is_refused_in_aodhs_words(
    body: bytes, kind: str, sentence: str
) -> None:
    """Nothing at all, a form, and malformed JSON each have their sentence."""
    with pytest.raises(Invalid) as refused:
        await requests.body_of(request(body=body, kind=kind), 10)
    assert str(refused.value) == sentence


async def test_another_type_is_415() -> None:
    """A body that says it is text is not read as JSON."""
    with pytest.raises(HTTPException) as refused:
        await requests.body_of(request(body=b"{}", kind="text/plain"), 10)
    assert (refused.value.status_code, refused.value.detail) == (
        415,
        "Unknown mimetype: text/plain",
    )


async def test_a_body_has_its_limit() -> None:
    """One byte more is too much."""
    with pytest.raises(TooLarge):
        await requests.body_of(request(body=b" " * 11), 10)

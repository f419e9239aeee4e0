"""The form of errors: JSON or XML as the client asks, and methods that a path does not have."""

from xml.dom.minidom import Document, parseString

import pytest

from tests.api.cloud import Cloud, alarm_body

ALARMS = "/alarming/v2/alarms"
XML = {"Accept": "application/xml"}


def read(answer: bytes) -> Document:
    return parseString(answer)  # noqa: S318  our own


def texts(document: Document, tag: str) -> list[str]:
    """Return the text of each element of a name."""
    found = document.getElementsByTagName(tag)
    return ["".join(child.data for child in one.childNodes) for one in found]  # type: ignore[attr-defined]


async def test_errors_are_xml_for_who_asks(cloud: Cloud) -> None:
    """As Aodh's: error_message, error, and within it code, sentence and debuginfo."""
    body = alarm_body(severity="<&high>")
    answer = await cloud.call("POST", ALARMS, "member", body, headers=XML)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/xml; charset=UTF-8"
    document = read(answer.content)
    assert document.documentElement.tagName == "error_message"
    assert texts(document, "faultcode") == ["Client"]
    assert texts(document, "debuginfo") == [""]
    (sentence,) = texts(document, "faultstring")
    assert sentence.startswith("Invalid input for field/attribute severity. Value: '<&high>'. ")


@pytest.mark.parametrize(
    ("path", "who", "status", "text"),
    [
        (f"{ALARMS}/nope", "member", 404, "Alarm nope not found"),
        (f"{ALARMS}/%1B[31m", "member", 404, "Alarm ?[31m not found"),
        ("/alarming/v3", "member", 404, "404 Not Found"),
        (ALARMS, "", 401, "authentication"),
    ],
)
async def test_every_error_may_be_xml(
    cloud: Cloud, path: str, who: str, status: int, text: str
) -> None:
    """Whatever a name holds, it is a document that reads."""
    answer = await cloud.call("GET", path, who, headers={"Accept": "application/xml;q=0.9"})
    assert answer.status_code == status
    document = read(answer.content)
    said = texts(document, "faultstring") or texts(document, "error_message")
    assert text in said[0]


@pytest.mark.parametrize(
    "accept",
    [
        "*/*",
        "application/json",
        "application/*",
        "application/xml;q=0.5, application/json",
        "application/xml;q=0, */*",
        "application/xml;q=x",
        "text/html",
        "",
    ],
)
async def test_errors_are_json_for_all_others(cloud: Cloud, accept: str) -> None:
    """JSON is ours: XML must be wanted more."""
    answer = await cloud.call("GET", f"{ALARMS}/nope", "member", headers={"Accept": accept})
    assert answer.json()["error_message"]["faultstring"] == "Alarm nope not found"


async def test_what_is_no_error_stays_json(cloud: Cloud) -> None:
    """Answers that succeed have one form."""
    answer = await cloud.call("GET", ALARMS, "member", headers={"Accept": "application/xml"})
    assert (answer.status_code, answer.json()) == (200, [])


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
async def test_the_list_is_read_and_added_to(cloud: Cloud, method: str) -> None:
    """Any other method is 405 in pecan's words and says which there are."""
    answer = await cloud.call(method, ALARMS, "member", alarm_body())
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, POST")
    assert answer.json()["error_message"].startswith("405 Method Not Allowed")


async def test_an_alarm_is_not_patched(cloud: Cloud) -> None:
    """PUT replaces it whole; there is no PATCH."""
    mine = await cloud.alarm()
    answer = await cloud.call("PATCH", f"{ALARMS}/{mine['alarm_id']}", "member", {"name": "b"})
    assert (answer.status_code, answer.headers["Allow"]) == (405, "DELETE, GET, PUT")


@pytest.mark.parametrize("path", ["/alarming/v2", "/alarming/v2/", "/alarming/v2/alarm"])
async def test_what_is_no_resource_is_404(cloud: Cloud, path: str) -> None:
    """In pecan's words: the version itself is none, as in Aodh."""
    answer = await cloud.call("GET", path, "member")
    assert answer.status_code == 404
    assert answer.json()["error_message"] == (
        "404 Not Found\n\nThe resource could not be found.\n\n   "
    )

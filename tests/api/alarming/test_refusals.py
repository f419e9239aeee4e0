"""Every row of Aodh's table of errors that concerns us, and what Aodh took and went silent on."""

from typing import Any

import pytest

from tests.api.cloud import DEMO, EVENT, SINK, Cloud, alarm_body

ALARMS = "/alarming/v2/alarms"


def with_condition(**item: object) -> dict[str, Any]:
    query = [{"field": "traits.state", "type": "", "op": "eq", "value": "error", **item}]
    return alarm_body(event_rule={"event_type": "compute.instance.update", "query": query})


async def refused(cloud: Cloud, body: object, who: str = "member", status: int = 400) -> str:
    """Return the sentence of the refusal, whose body is WSME's."""
    answer = await cloud.call("POST", ALARMS, who, body)
    assert answer.status_code == status, answer.text
    message = answer.json()["error_message"]
    assert (message["faultcode"], message["debuginfo"]) == ("Client", None)
    assert not cloud.indexes.alarms.owned(DEMO)
    sentence: str = message["faultstring"]
    return sentence


@pytest.mark.parametrize(
    ("raw", "kind", "status", "sentence"),
    [
        (b"", "application/json", 400, 'Missing argument: "data"'),
        (b"{", "application/json", 400, "Request is not in valid JSON format"),
        (b'{"name": "a",}', "application/json", 400, "Request is not in valid JSON format"),
        (b"null", "application/json", 400, 'Missing argument: "data"'),
        (b"[]", "application/json", 400, 'Missing argument: "data"'),
        (b"{}", "text/plain", 415, "Unknown mimetype: text/plain"),
        (b"<a/>", "application/xml", 415, "Unknown mimetype: application/xml"),
        (b"[" * 30_000, "application/json", 400, "Request is not in valid JSON format"),
    ],
)
async def test_bodies_that_are_none(
    cloud: Cloud, raw: bytes, kind: str, status: int, sentence: str
) -> None:
    """Empty, malformed (the seed's trailing commas, S27-S41) and foreign bodies have Aodh's."""
    answer = await cloud.call(
        "POST", ALARMS, "member", content=raw, headers={"Content-Type": kind}
    )
    assert answer.status_code == status
    assert answer.json()["error_message"]["faultstring"] == sentence


async def test_a_body_over_the_limit_is_413(cloud: Cloud) -> None:
    """An alarm has at most 64 kB."""
    sentence = await refused(cloud, alarm_body(description="x" * 66_000), status=413)
    assert "65536 bytes" in sentence


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"name": None},
            "Invalid input for field/attribute name. Value: 'None'. Mandatory field missing.",
        ),
        ({"event_rule": None}, "event_rule must be set for event type alarm"),
        (
            {"prometheus_rule": {"query": "up"}},
            "event_rule and prometheus_rule cannot be set at the same time",
        ),
        ({"foo": "bar"}, "Unknown attribute for argument data: foo"),
        (
            {"severity": "high"},
            (
                "Invalid input for field/attribute severity. Value: 'high'. "
                "Value should be one of: moderate, low, critical"
            ),
        ),
    ],
)
async def test_alarms_that_aodh_refuses(
    cloud: Cloud, changes: dict[str, Any], sentence: str
) -> None:
    """Missing and unknown attributes and bad choices are refused in Aodh's words."""
    assert await refused(cloud, alarm_body(**changes)) == sentence


@pytest.mark.parametrize(
    "kind",
    [
        "gnocchi_resources_threshold",
        "gnocchi_aggregation_by_metrics_threshold",
        "gnocchi_aggregation_by_resources_threshold",
        "loadbalancer_member_health",
        "combination",
        "x",
    ],
)
async def test_types_that_are_not_evaluated(cloud: Cloud, kind: str) -> None:
    """What we would never evaluate is refused, naming what we do."""
    body = {"name": "a", "type": kind, f"{kind}_rule": {}}
    sentence = await refused(cloud, body)
    assert "field/attribute type" in sentence
    assert "event, notification, threshold, prometheus, composite" in sentence


@pytest.mark.parametrize(
    ("item", "name"),
    [
        ({"field": "event_type"}, "event_rule.query[0].field"),
        ({"field": "message_id"}, "event_rule.query[0].field"),
        ({"field": "raw.x"}, "event_rule.query[0].field"),
        ({"field": "traits."}, "event_rule.query[0].field"),
        ({"type": "text"}, "event_rule.query[0].type"),
        ({"op": "like"}, "event_rule.query[0].op"),
        ({"type": "integer", "value": "many"}, "event_rule.query[0].value"),
        ({"type": "float", "value": "x"}, "event_rule.query[0].value"),
        ({"type": "boolean", "value": "maybe"}, "event_rule.query[0].value"),
        ({"type": "datetime", "value": "noon"}, "event_rule.query[0].value"),
        ({"field": "traits.a b"}, "event_rule.query[0].field"),
    ],
)
async def test_conditions_that_could_never_hold(
    cloud: Cloud, item: dict[str, str], name: str
) -> None:
    """What Aodh takes with 201 and never fires is 400 here, naming the field."""
    assert f"field/attribute {name}" in await refused(cloud, with_condition(**item))


@pytest.mark.parametrize(
    "item",
    [
        {"type": "string"},
        {"type": "integer", "op": "ge", "value": "3"},
        {"type": "float", "op": "lt", "value": "0.5"},
        {"type": "boolean", "value": "true"},
        {"type": "datetime", "op": "gt", "value": "2024-01-01T00:00:00"},
        {"type": "", "op": "ne"},
    ],
)
async def test_every_type_and_operator_is_taken(cloud: Cloud, item: dict[str, str]) -> None:
    """Types on which Aodh fails, boolean and datetime, are as good as others (S20, S51)."""
    created = await cloud.alarm(event_rule=with_condition(**item)["event_rule"])
    assert created["event_rule"]["query"][0].items() >= item.items()


async def test_the_field_is_named_in_the_alarms_own_spelling(cloud: Cloud) -> None:
    """A notification's condition is below notification_rule, as its author wrote it."""
    rule = with_condition(field="raw.x")["event_rule"]
    body = alarm_body(type="notification", notification_rule=rule, event_rule=None)
    sentence = await refused(cloud, body)
    assert "field/attribute notification_rule.query[0].field" in sentence


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("trust+http://127.0.0.1/", "Keystone"),
        ("trust+https://a.example/", "Keystone"),
        ("http://169.254.169.254/latest/meta-data", "169.254.169.254"),
        ("http://[::ffff:169.254.169.254]/", "link-local"),
        ("http://2852039166/", "numeric"),
        ("http://0xa9fea9fe/", "numeric"),
        ("http://10.0.0.1/", "private"),
        ("http://", "host"),
        ("/failure", "URL"),
        ("", "URL"),
    ],
)
@pytest.mark.parametrize("kind", ["alarm_actions", "ok_actions", "insufficient_data_actions"])
async def test_actions_that_are_never_called(cloud: Cloud, kind: str, url: str, why: str) -> None:
    """A scheme we do not serve, or a forbidden address in any notation, is 400 at create."""
    sentence = await refused(cloud, alarm_body(**{kind: [SINK, url]}))
    assert sentence.startswith(f"Unsupported action {url}: {kind}[1]")
    assert why in sentence


@pytest.mark.parametrize(
    "url", ["ftp://x", "zaqar://?topic=a", "trust+zaqar://a", "trust+heat://"]
)
async def test_a_scheme_that_is_not_served(cloud: Cloud, url: str) -> None:
    """Aodh's sentence, which is the action and no more."""
    assert await refused(cloud, alarm_body(ok_actions=[url])) == f"Unsupported action {url}"


@pytest.mark.parametrize("url", ["log://", "test://"])
async def test_the_log_is_for_administrators(cloud: Cloud, url: str) -> None:
    """Anybody else is 401 in Aodh's words, on create and replace; an administrator is served."""
    sentence = f"You are not authorized to create action: {url}"
    assert await refused(cloud, alarm_body(alarm_actions=[url]), status=401) == sentence
    mine = await cloud.alarm("admin", project_id=DEMO, alarm_actions=[url])
    assert mine["alarm_actions"] == [url]
    path = f"{ALARMS}/{mine['alarm_id']}"
    answer = await cloud.call("PUT", path, "member", mine)
    assert answer.status_code == 401
    assert answer.json()["error_message"]["faultstring"] == sentence
    await cloud.report(EVENT)
    assert [(one.kind, one.url) for one in cloud.outbox.owed] == [(url.partition(":")[0], url)]


async def test_credentials_of_a_refused_action_are_not_repeated(cloud: Cloud) -> None:
    """A password in a URL is not thrown back into logs of clients."""
    sentence = await refused(cloud, alarm_body(alarm_actions=["http://me:s3cret@a.example/"]))
    assert "s3cret" not in sentence


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_a_foreign_project_is_401(cloud: Cloud, method: str) -> None:
    """Aodh's own status and sentence, on create and on replace."""
    mine = await cloud.alarm()
    path = ALARMS if method == "POST" else f"{ALARMS}/{mine['alarm_id']}"
    for changes, what in (
        ({"project_id": "p-other"}, "project p-other"),
        ({"project_id": ""}, "project "),
        ({"user_id": "u-other"}, "user u-other"),
    ):
        answer = await cloud.call(method, path, "member", alarm_body(**changes))
        assert answer.status_code == 401
        sentence = f"Not Authorized to access {what}"
        assert answer.json()["error_message"]["faultstring"] == sentence
    listing = await cloud.call("GET", f"{ALARMS}?project_id=p-other", "member")
    assert listing.status_code == 401


async def test_another_projects_alarm_is_404(cloud: Cloud) -> None:
    """Not 403: that it exists is not told; and nothing happens to it."""
    theirs = await cloud.alarm("stranger")
    path = f"{ALARMS}/{theirs['alarm_id']}"
    for method, more, body in (
        ("GET", "", None),
        ("PUT", "", alarm_body()),
        ("DELETE", "", None),
        ("GET", "/state", None),
        ("PUT", "/state", "ok"),
    ):
        answer = await cloud.call(method, path + more, "member", body)
        assert answer.status_code == 404
        sentence = f"Alarm {theirs['alarm_id']} not found"
        assert answer.json()["error_message"]["faultstring"] == sentence
    assert (await cloud.call("GET", path, "stranger")).json() == theirs
    assert (await cloud.call("GET", path, "admin")).json() == theirs


async def test_administrators_alarms_are_nobodys_else(cloud: Cloud) -> None:
    """An alarm without a project is not of who has none."""
    ours = await cloud.alarm("admin", project_id="")
    for token in ("member", "nobody"):
        answer = await cloud.call("GET", f"{ALARMS}/{ours['alarm_id']}", token)
        assert answer.status_code == 404
    listing = await cloud.call("GET", ALARMS, "nobody")
    assert listing.status_code == 403


@pytest.mark.parametrize(
    ("method", "more", "body"),
    [
        ("POST", None, alarm_body()),
        ("PUT", "", alarm_body()),
        ("DELETE", "", None),
        ("PUT", "/state", "ok"),
    ],
)
async def test_a_reader_only_reads(
    cloud: Cloud, method: str, more: str | None, body: object
) -> None:
    """Writing needs the role member: 403 in Aodh's words."""
    mine = await cloud.alarm()
    path = ALARMS if more is None else f"{ALARMS}/{mine['alarm_id']}{more}"
    answer = await cloud.call(method, path, "reader", body)
    assert answer.status_code == 403
    assert answer.json()["error_message"]["faultstring"] == "RBAC Authorization Failed"
    assert (await cloud.call("GET", f"{ALARMS}/{mine['alarm_id']}", "reader")).json() == mine


async def test_all_projects_are_the_administrators(cloud: Cloud) -> None:
    """A member that asks for every project is 403."""
    answer = await cloud.call("GET", f"{ALARMS}?all_projects=true", "member")
    assert answer.status_code == 403
    assert answer.json()["error_message"]["faultstring"] == "RBAC Authorization Failed"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("POST", ""),
        ("GET", "/x"),
        ("PUT", "/x"),
        ("DELETE", "/x"),
        ("GET", "/x/state"),
        ("PUT", "/x/state"),
    ],
)
@pytest.mark.parametrize("token", ["", "expired"])
async def test_without_a_valid_token_nothing_is_said(
    cloud: Cloud, method: str, path: str, token: str
) -> None:
    """No token and an expired one are 401 before anything is read."""
    answer = await cloud.call(method, ALARMS + path, token, content=b"{not json")
    assert answer.status_code == 401
    assert answer.json()["error_message"]["faultcode"] == "Client"
    assert cloud.read_calls == 0


@pytest.mark.parametrize(
    ("query", "status", "text"),
    [
        ("?limit=-1", 400, "it should be a positive integer."),
        ("?limit=many", 400, "it should be a positive integer."),
        ("?limits=1", 400, "Unknown argument: limits"),
        ("?all_projects=perhaps", 400, "all_projects"),
        ("?marker=nope", 400, "Marker nope not found."),
        ("?marker=%00", 400, "marker"),
    ],
)
async def test_bad_lists(cloud: Cloud, query: str, status: int, text: str) -> None:
    """A bad parameter is the client's error, an unknown marker too (500 in Aodh)."""
    answer = await cloud.call("GET", ALARMS + query, "member")
    assert answer.status_code == status
    assert text in answer.json()["error_message"]["faultstring"]


@pytest.mark.parametrize("name", ["nope", "%00", "x" * 65, "é"])
async def test_an_unknown_alarm_is_404(cloud: Cloud, name: str) -> None:
    """What no alarm is called is not there, however odd the name."""
    answer = await cloud.call("GET", f"{ALARMS}/{name}", "member")
    assert answer.status_code == 404
    assert answer.json()["error_message"]["faultstring"].endswith(" not found")

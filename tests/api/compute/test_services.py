"""Services of hosts: listed, forced down, disabled, deleted, refused (S166-S183)."""

import pytest

from faultwire.domain.events import SERVICE_UPDATE
from faultwire.domain.ids import HostName
from faultwire.faces.compute.settings import Settings
from tests.api.cloud import Cloud, running
from tests.api.compute.calling import (
    HOST,
    NOVA,
    ROOT,
    SERVICES,
    alarm,
    call,
    fault,
    force_down,
    service,
)

BODY = {"host": HOST, "binary": NOVA}
NOBODY = "11111111-2222-4333-8444-555555555555"


async def test_every_host_has_a_service(cloud: Cloud) -> None:
    """Hosts on which nobody ever reported are up and enabled (D24)."""
    answer = await call(cloud, "GET", SERVICES, at="2.1")
    shown = answer.json()["services"]
    assert [one["host"] for one in shown] == ["compute-1", "compute-2.example.org"]
    one = shown[0]
    assert isinstance(one.pop("id"), int)
    assert one == {
        "binary": NOVA,
        "host": HOST,
        "zone": "nova",
        "status": "enabled",
        "state": "up",
        "updated_at": None,
        "disabled_reason": None,
    }


@pytest.mark.parametrize(("at", "there"), [("2.10", False), ("2.11", True), ("2.96", True)])
async def test_forced_down_shows_from_its_version_on(cloud: Cloud, at: str, there: bool) -> None:
    """forced_down is in lists from 2.11 on (S180)."""
    assert ("forced_down" in await service(cloud, at=at)) is there


async def test_ids_are_numbers_then_uuids(cloud: Cloud) -> None:
    """A service is known by a number below 2.53 and by a UUID from there on, both lasting."""
    assert isinstance((await service(cloud, at="2.52"))["id"], int)
    name = (await service(cloud, at="2.53"))["id"]
    assert name == (await service(cloud, at="2.96"))["id"]
    assert len(name) == 36


async def test_the_list_is_filtered(cloud: Cloud) -> None:
    """Host and binary are exact; there are services of nova-compute alone."""
    for query, count in (
        ({"host": HOST}, 1),
        ({"host": "compute"}, 0),
        ({"binary": NOVA}, 2),
        ({"binary": "nova-scheduler"}, 0),
        ({"binary": NOVA, "host": HOST}, 1),
    ):
        answer = await call(cloud, "GET", SERVICES, params=query)
        assert len(answer.json()["services"]) == count, query


async def test_an_unknown_parameter_is_refused_from_its_version_on(cloud: Cloud) -> None:
    """Unknown parameters are passed over below 2.75 and refused from there on."""
    query = {"foo": "1"}
    assert (await call(cloud, "GET", SERVICES, at="2.74", params=query)).status_code == 200
    answer = await call(cloud, "GET", SERVICES, at="2.75", params=query)
    assert "'foo' was unexpected" in fault(answer, 400, "badRequest")


async def test_the_time_of_the_last_report_is_shown(cloud: Cloud) -> None:
    """updated_at is when the host was last heard, in Nova's form."""
    cloud.seen[HostName(HOST)] = 1_700_000_000_123_456_789
    assert (await service(cloud))["updated_at"] == "2023-11-14T22:13:20.123456"


async def test_force_down_and_back(cloud: Cloud) -> None:
    """The seed's PUT forces down at once, and takes it back (S166-S169, S175-S177)."""
    answer = await force_down(cloud)
    assert answer.status_code == 200
    assert answer.json() == {"service": {"host": HOST, "binary": NOVA, "forced_down": True}}
    shown = await service(cloud)
    assert (shown["state"], shown["status"], shown["forced_down"]) == ("down", "enabled", True)
    answer = await force_down(cloud, down=False)
    assert answer.json()["service"]["forced_down"] is False
    assert (await service(cloud))["state"] == "up"


@pytest.mark.parametrize("value", ["true", "1", "yes", "on", True, "True", "YES"])
async def test_truths_may_be_texts(cloud: Cloud, value: object) -> None:
    """The texts that stand for truths are taken (S131)."""
    body = {**BODY, "forced_down": value}
    answer = await call(cloud, "PUT", f"{SERVICES}/force-down", body, at="2.11")
    assert answer.json()["service"]["forced_down"] is True


@pytest.mark.parametrize("value", [1, 0, None, "maybe", [], {}, 1.0])
async def test_what_is_no_truth_is_refused(cloud: Cloud, value: object) -> None:
    """The integer 1 is no truth, nor is anything else that is none."""
    body = {**BODY, "forced_down": value}
    answer = await call(cloud, "PUT", f"{SERVICES}/force-down", body, at="2.11")
    message = fault(answer, 400, "badRequest")
    assert message.startswith("Invalid input for field/attribute forced_down. Value: ")


REFUSED = [
    ("force-down", "2.11", {**BODY}, 400, "Missing forced_down field"),
    (
        "force-down",
        "2.11",
        {**BODY, "forced_down": True, "host": "nohost"},
        404,
        "Host 'nohost' is not mapped to any cell",
    ),
    (
        "force-down",
        "2.11",
        {**BODY, "forced_down": True, "binary": "nova-scheduler"},
        400,
        (
            "Updating a nova-scheduler service is not supported. "
            "Only nova-compute services can be updated."
        ),
    ),
    (
        "force-down",
        "2.11",
        {**BODY, "forced_down": True, "nope": 1},
        400,
        "Additional properties are not allowed ('nope' was unexpected)",
    ),
    ("force-down", "2.11", {"host": HOST}, 400, "'binary' is a required property"),
    ("force-down", "2.10", {**BODY}, 404, "Unknown action"),
    (
        "force-down",
        "2.10",
        {**BODY, "forced_down": True},
        400,
        "Additional properties are not allowed ('forced_down' was unexpected)",
    ),
    (
        "force-down",
        "2.53",
        {**BODY, "forced_down": True},
        400,
        "Additional properties are not allowed ('binary', 'host' were unexpected)",
    ),
    ("nonsense", "2.11", {**BODY}, 404, "Unknown action"),
    ("disable-log-reason", "2.11", {**BODY}, 400, "Missing disabled reason field"),
    ("enable", "2.1", {**BODY, "host": "nohost"}, 404, "Host 'nohost' is not mapped to any cell"),
    (
        "disable",
        "2.1",
        {**BODY, "host": 1},
        400,
        "Invalid input for field/attribute host. Value: 1. 1 is not of type 'string'",
    ),
    (
        "disable",
        "2.1",
        {**BODY, "host": "a b"},
        400,
        (
            "Invalid input for field/attribute host. Value: a b. "
            "'a b' does not match '^[a-zA-Z0-9-._]*$'"
        ),
    ),
]


@pytest.mark.parametrize(("action", "at", "body", "status", "message"), REFUSED)
async def test_refusals_are_novas(
    cloud: Cloud, action: str, at: str, body: object, status: int, message: str
) -> None:
    """Every refusal of a PUT on services has Nova's status and words (S170, S179)."""
    answer = await call(cloud, "PUT", f"{SERVICES}/{action}", body, at=at)
    name = "badRequest" if status == 400 else "itemNotFound"
    assert fault(answer, status, name) == message


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"null", b'"x"', b"\xff"])
async def test_what_is_no_object_is_refused(cloud: Cloud, raw: bytes) -> None:
    """A body that is no JSON object is malformed."""
    answer = await call(cloud, "PUT", f"{SERVICES}/force-down", at="2.11", content=raw)
    assert fault(answer, 400, "badRequest") == "Malformed request body"


async def test_a_form_is_no_body(cloud: Cloud) -> None:
    """A body that says it is something else than JSON is malformed."""
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = await call(
        cloud, "PUT", f"{SERVICES}/enable", at="2.1", content=b"{}", headers=headers
    )
    assert fault(answer, 400, "badRequest") == "Malformed request body"


@pytest.mark.parametrize("who", ["member", "reader", "service", "stranger"])
async def test_only_administrators_may(cloud: Cloud, who: str) -> None:
    """Others are refused by a named rule; what is wrong with the body is said before (S179)."""
    path = f"{SERVICES}/force-down"
    good, bad = {**BODY, "forced_down": True}, {**BODY, "nope": 1}
    answer = await call(cloud, "PUT", path, good, at="2.11", who=who)
    assert "os_compute_api:os-services:update" in fault(answer, 403, "forbidden")
    answer = await call(cloud, "PUT", path, bad, at="2.11", who=who)
    fault(answer, 400, "badRequest")
    answer = await call(cloud, "DELETE", f"{SERVICES}/{NOBODY}", who=who)
    assert "os_compute_api:os-services:delete" in fault(answer, 403, "forbidden")


async def test_disable_with_a_reason_and_enable(cloud: Cloud) -> None:
    """disable-log-reason keeps the reason, disable leaves it, enable takes it away."""
    body = {**BODY, "disabled_reason": "disk"}
    answer = await call(cloud, "PUT", f"{SERVICES}/disable-log-reason", body, at="2.1")
    assert answer.json()["service"] == {
        "host": HOST,
        "binary": NOVA,
        "status": "disabled",
        "disabled_reason": "disk",
    }
    answer = await call(cloud, "PUT", f"{SERVICES}/disable", BODY, at="2.1")
    assert answer.json()["service"] == {"host": HOST, "binary": NOVA, "status": "disabled"}
    shown = await service(cloud)
    assert (shown["status"], shown["disabled_reason"], shown["state"]) == (
        "disabled",
        "disk",
        "up",
    )
    answer = await call(cloud, "PUT", f"{SERVICES}/enable", BODY, at="2.1")
    assert answer.json()["service"]["status"] == "enabled"
    assert (await service(cloud))["disabled_reason"] is None


async def own(cloud: Cloud) -> str:
    """Return the path of the service of compute-1."""
    return f"{SERVICES}/{(await service(cloud))['id']}"


async def test_a_service_changes_by_its_own_put(cloud: Cloud) -> None:
    """From 2.53 one PUT disables and forces down, and answers the whole service (S170)."""
    path = await own(cloud)
    body = {"status": "disabled", "disabled_reason": "dead", "forced_down": True}
    answer = await call(cloud, "PUT", path, body, at="2.53")
    shown = answer.json()["service"]
    assert shown == await service(cloud)
    assert (shown["status"], shown["disabled_reason"]) == ("disabled", "dead")
    assert (shown["forced_down"], shown["state"]) == (True, "down")
    answer = await call(cloud, "PUT", path, {"status": "disabled"}, at="2.53")
    assert answer.json()["service"]["disabled_reason"] is None
    answer = await call(cloud, "PUT", path, {"status": "enabled", "forced_down": "no"})
    shown = answer.json()["service"]
    assert (shown["status"], shown["forced_down"], shown["state"]) == ("enabled", False, "up")


OWN_REFUSED = [
    (
        {},
        "No updates were requested. Fields 'status' or 'forced_down' should be specified.",
    ),
    (
        {"disabled_reason": "x"},
        "No updates were requested. Fields 'status' or 'forced_down' should be specified.",
    ),
    (
        {"status": "enabled", "disabled_reason": "x"},
        "Specifying 'disabled_reason' when status is 'enabled' is invalid.",
    ),
    (
        {"status": "gone"},
        (
            "Invalid input for field/attribute status. Value: gone. "
            "'gone' is not one of ['enabled', 'disabled']"
        ),
    ),
    ({"nope": 1}, "Additional properties are not allowed ('nope' was unexpected)"),
]


@pytest.mark.parametrize(("body", "message"), OWN_REFUSED)
async def test_refusals_of_a_services_own_put(cloud: Cloud, body: object, message: str) -> None:
    """What a service's own PUT refuses has Nova's words."""
    answer = await call(cloud, "PUT", await own(cloud), body)
    assert fault(answer, 400, "badRequest") == message


async def test_ids_that_lead_nowhere(cloud: Cloud) -> None:
    """An id that is none is 400, before policy; one of nobody 404."""
    path = f"{SERVICES}/{{}}"
    body = {"forced_down": True}
    answer = await call(cloud, "PUT", path.format("17"), body, who="member")
    assert fault(answer, 400, "badRequest") == "Invalid uuid 17"
    answer = await call(cloud, "PUT", path.format(NOBODY), body)
    assert fault(answer, 404, "itemNotFound") == f"Service {NOBODY} could not be found."
    answer = await call(cloud, "DELETE", path.format(17), at="2.52")
    assert fault(answer, 404, "itemNotFound") == "Service 17 could not be found."
    fault(await call(cloud, "DELETE", path.format("x"), at="2.52"), 400, "badRequest")
    fault(await call(cloud, "DELETE", path.format("x"), at="2.53"), 400, "badRequest")


async def test_a_service_is_deleted_with_its_host(cloud: Cloud) -> None:
    """A host with servers stays; one without goes."""
    answer = await call(cloud, "DELETE", await own(cloud))
    assert "hosting instances" in fault(answer, 409, "conflictingRequest")
    document = {"hosts": [{"name": "spare"}]}
    assert (await cloud.call("PATCH", "/fault/v1/inventory", body=document)).status_code == 200
    name = (await service(cloud, "spare"))["id"]
    answer = await call(cloud, "DELETE", f"{SERVICES}/{name}")
    assert (answer.status_code, answer.content) == (204, b"")
    answer = await call(cloud, "DELETE", f"{SERVICES}/{name}")
    fault(answer, 404, "itemNotFound")


async def test_a_short_name_names_the_one_host(cloud: Cloud) -> None:
    """A host may be named by its short name while that is the name of one (D21, S183)."""
    answer = await force_down(cloud, "compute-2")
    assert answer.json()["service"]["host"] == "compute-2.example.org"
    document = {"hosts": [{"name": "compute-2.example.net"}]}
    await cloud.call("PATCH", "/fault/v1/inventory", body=document)
    answer = await force_down(cloud, "compute-2")
    assert fault(answer, 400, "badRequest") == (
        "Host 'compute-2' may be any of compute-2.example.net, compute-2.example.org"
    )


async def test_each_change_is_told_once(cloud: Cloud) -> None:
    """Administrators hear of each real change once, and of no repeat (S181, S182)."""
    await alarm(cloud, "admin", SERVICE_UPDATE)
    await force_down(cloud)
    assert len(cloud.outbox.owed) == 1
    await force_down(cloud)
    assert len(cloud.outbox.owed) == 1
    body = {**BODY, "disabled_reason": "disk"}
    for _ in range(2):
        await call(cloud, "PUT", f"{SERVICES}/disable-log-reason", body, at="2.1")
    assert len(cloud.outbox.owed) == 2
    both = {"forced_down": False, "status": "enabled"}
    await call(cloud, "PUT", await own(cloud), both)
    assert len(cloud.outbox.owed) == 3


async def test_changes_are_in_the_audit_record(cloud: Cloud) -> None:
    """Who changed what of a service is kept; a repeat is no line."""
    await force_down(cloud)
    await force_down(cloud)
    (line,) = (
        await cloud.call("GET", "/fault/v1/audit", params={"action": "service.update"})
    ).json()["audit"]
    assert (line["target"], line["detail"]) == (HOST, "forced_down=True")


async def test_an_operators_own_force_down_stays(cloud: Cloud) -> None:
    """What an operator forced down as well is his own when the fault closes (D20)."""
    event = {
        "time": "2018-11-28T10:00:00",
        "type": "compute.host.down",
        "details": {"hostname": HOST},
    }
    (name,) = await cloud.report(event)
    assert (await service(cloud))["forced_down"] is True
    await force_down(cloud)
    await cloud.call("POST", f"/fault/v1/faults/{name}/close")
    assert (await service(cloud))["forced_down"] is True


async def test_the_manuals_precedence_is_a_setting() -> None:
    """[compute] host_status_precedence changes what servers show, not what services do (D1)."""
    settings = Settings(host_status_precedence="manual")  # type: ignore[arg-type]
    async with running(compute_settings=settings) as cloud:
        await force_down(cloud)
        shown = await service(cloud)
        assert (shown["state"], shown["status"]) == ("down", "enabled")


async def test_the_path_may_name_the_project(cloud: Cloud) -> None:
    """The seed's own path, with the tenant in it (S166)."""
    body = {**BODY, "forced_down": True}
    answer = await call(cloud, "PUT", f"{ROOT}/p-admin/os-services/force-down", body, at="2.11")
    assert answer.json() == {"service": {"host": HOST, "binary": NOVA, "forced_down": True}}

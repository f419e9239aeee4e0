"""Subscriptions as their owners make, see and delete them, and every refusal."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any

import orjson
import pytest

from faultwire.domain.errors import TooOften
from faultwire.domain.events import EVENT_KINDS, LATENCY_BUDGET
from faultwire.domain.ids import ProjectId
from faultwire.faces.alarming.ports import AlarmingPorts
from faultwire.faces.alarming.settings import Settings
from faultwire.faces.alarming.subscriptions import EVENT_TYPES, KINDS
from faultwire.notifier.evaluator import watching
from tests.api.cloud import DEMO, EVENT, SINK, Cloud
from tests.api.cloud_doors import DOCUMENT, OTHER

PATH = "/alarming/v2/subscriptions"
CLEAR = {**EVENT, "type": "compute.host.up"}


class Subscribed(Cloud):
    """A cloud whose callbacks answer a test as told; `tests` are those that were made."""

    came = ""
    often = False

    def _alarming_ports(self, settings: Settings) -> AlarmingPorts:
        self.tests: list[tuple[str, str, str, Mapping[str, object], str]] = []
        ports = super()._alarming_ports(settings)
        return replace(
            ports,
            subscriptions=self.ledger,
            test_callback=self._tested,
            subscribed=self.indexes.subscriptions.owned,
        )

    async def _tested(
        self, project: ProjectId, url: str, name: str, body: Mapping[str, object], secret: str
    ) -> str:
        self.tests.append((project, url, name, body, secret))
        if self.often:
            raise TooOften("The project has had 2 callbacks tested in the last minute", 7)
        return self.came

    async def subscribe(self, who: str = "member", **more: Any) -> dict[str, Any]:
        """Create a subscription and return it."""
        answer = await self.call("POST", PATH, who, {"callback": SINK, **more})
        assert answer.status_code == 201, answer.text
        created: dict[str, Any] = answer.json()
        return created

    @property
    def told(self) -> list[dict[str, Any]]:
        """The bodies of all deliveries."""
        return [orjson.loads(one.body) for one in self.outbox.owed]


@pytest.fixture
async def cloud() -> AsyncIterator[Subscribed]:
    """Give a cloud whose callbacks are there."""
    started = Subscribed(alarming_settings=Settings(subscriptions_limit=3))
    await started.start()
    yield started
    await started.client.aclose()


async def test_a_subscription_is_created_shown_listed_and_deleted(cloud: Subscribed) -> None:
    """Its life, with everything that was left out at its default."""
    answer = await cloud.call("POST", PATH, "member", {"callback": SINK})
    assert answer.status_code == 201
    made = answer.json()
    assert made == {
        "subscription_id": made["subscription_id"],
        "project_id": DEMO,
        "user_id": "u-member",
        "name": "",
        "callback": SINK,
        "filter": {"resource_kinds": [], "severities": [], "metadata": {}, "event_types": []},
        "created_at": "2023-11-14T22:13:21.000000Z",
        "told": 0,
    }
    one = f"{PATH}/{made['subscription_id']}"
    assert answer.headers["Location"].endswith(one)
    assert (await cloud.call("GET", one, "reader")).json() == made
    assert (await cloud.call("GET", PATH, "reader")).json() == {"subscriptions": [made]}
    assert (await cloud.call("DELETE", one, "member")).status_code == 204
    assert (await cloud.call("GET", one, "member")).status_code == 404
    assert (await cloud.call("GET", PATH, "member")).json() == {"subscriptions": []}
    assert not cloud.indexes.subscriptions.owned(DEMO)


async def test_a_filter_is_kept_as_given(cloud: Subscribed) -> None:
    """Words once each, in their order; nulls are defaults."""
    wanted = {
        "resource_kinds": ["server", "port", "server"],
        "severities": ["critical", "major"],
        "metadata": {"tier": "gold"},
        "event_types": ["compute.instance.update"],
    }
    made = await cloud.subscribe(name="all of ours", filter=wanted)
    assert made["filter"] == {**wanted, "resource_kinds": ["server", "port"]}
    assert made["name"] == "all of ours"
    empty = await cloud.subscribe(name=None, filter=dict.fromkeys(wanted), project_id=None)
    assert empty["filter"]["severities"] == []
    assert (await cloud.subscribe(filter=None))["filter"] == empty["filter"]


async def test_the_present_is_told_at_once_then_raised_and_cleared(cloud: Subscribed) -> None:
    """One subscription for every server of the project, with one alarm id for each."""
    await cloud.report(EVENT)
    made = await cloud.subscribe(name="ours")
    assert made["told"] == 1
    (first,) = cloud.told
    assert (first["previous"], first["current"]) == ("ok", "alarm")
    assert (first["alarm_name"], first["severity"]) == ("ours", "critical")
    data = first["reason_data"]
    assert (data["type"], data["subscription_id"]) == ("subscription", made["subscription_id"])
    assert data["resource"] == {"kind": "server", "id": "vm-1", "name": "one"}
    traits = {name: value for name, _, value in data["event"]["traits"]}
    assert (traits["state"], traits["host_status"]) == ("error", "DOWN")
    assert "compute-1" not in orjson.dumps(first).decode()
    other = {**EVENT, "details": {"hostname": "compute-2"}}
    await cloud.report(other, CLEAR)
    assert [(one["alarm_id"] == first["alarm_id"], one["current"]) for one in cloud.told[1:]] == [
        (False, "alarm"),
        (True, "ok"),
    ]
    shown = await cloud.call("GET", f"{PATH}/{made['subscription_id']}", "member")
    assert shown.json()["told"] == 1
    assert len({one.id for one in cloud.outbox.owed}) == 3


async def test_an_administrator_hears_of_everything(cloud: Subscribed) -> None:
    """In project '' there are hosts, and everybody's servers with the name of their host."""
    await cloud.subscribe("admin", project_id="")
    await cloud.report(EVENT)
    kinds = [one["reason_data"]["resource"] for one in cloud.told]
    assert kinds == [
        {"kind": "host", "id": "compute-1"},
        {"kind": "server", "id": "vm-1", "name": "one"},
        {"kind": "server", "id": "vm-2", "name": "two"},
    ]
    traits = [{n: v for n, _, v in one["reason_data"]["event"]["traits"]} for one in cloud.told]
    assert {one["host"] for one in traits} == {"compute-1"}
    await cloud.report(CLEAR)
    assert [one["current"] for one in cloud.told[3:]] == ["ok"] * 3
    late = await cloud.subscribe("admin", project_id="", filter={"resource_kinds": ["host"]})
    assert late["told"] == 0


async def test_the_callback_is_tested_first(cloud: Subscribed) -> None:
    """The test is signed by the secret that the project then has."""
    made = await cloud.subscribe()
    ((project, url, name, body, secret),) = cloud.tests
    assert (project, url) == (DEMO, SINK)
    assert body == {
        "type": "subscription.test",
        "subscription_id": made["subscription_id"],
        "name": "",
    }
    assert name
    (kept,) = cloud.indexes.directory.secrets(DEMO)
    assert kept.secret == secret


async def test_nothing_is_stored_where_the_test_fails(cloud: Subscribed) -> None:
    """What came back is said, and there is no subscription and no secret."""
    cloud.came = "HTTP 500"
    answer = await cloud.call("POST", PATH, "member", {"callback": SINK})
    assert answer.status_code == 400
    said = answer.json()["error_message"]["faultstring"]
    assert said == "The test of the callback failed: HTTP 500"
    assert not cloud.lane.commands
    assert not cloud.indexes.directory.secrets(DEMO)


NAMED = "Invalid input for field/attribute "


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ([], NAMED + "data"),
        ({}, NAMED + "callback. Value: 'None'. Mandatory"),
        ({"callback": 1}, NAMED + "callback"),
        ({"callback": "log://x"}, "Unsupported callback log://x: has the scheme log"),
        ({"callback": "http://u:secret@h/"}, "Unsupported callback http://h/: holds a user"),
        ({"callback": "http://169.254.169.254/"}, "is link-local and may not be reached"),
        ({"callback": SINK, "colour": 1}, "Unknown attribute for argument data: colour"),
        ({"callback": SINK, "name": 7}, NAMED + "name"),
        ({"callback": SINK, "name": "x" * 256}, NAMED + "name"),
        ({"callback": SINK, "name": "a\0"}, NAMED + "name"),
        ({"callback": SINK, "filter": []}, NAMED + "filter"),
        ({"callback": SINK, "filter": {"kind": []}}, "argument data.filter: kind"),
        ({"callback": SINK, "filter": {"severities": "critical"}}, NAMED + "filter.severities"),
        ({"callback": SINK, "filter": {"severities": ["bad"]}}, "Value: 'bad'. Value should be"),
        ({"callback": SINK, "filter": {"severities": ["cleared"]}}, "Value: 'cleared'"),
        ({"callback": SINK, "filter": {"severities": [None]}}, NAMED + "filter.severities"),
        ({"callback": SINK, "filter": {"resource_kinds": ["disk"]}}, "Value: 'disk'"),
        ({"callback": SINK, "filter": {"resource_kinds": ["host"]}}, "administrators alone"),
        ({"callback": SINK, "filter": {"event_types": ["x.y"]}}, "Value: 'x.y'"),
        ({"callback": SINK, "filter": {"metadata": ["a"]}}, NAMED + "filter.metadata"),
        ({"callback": SINK, "filter": {"metadata": {"a": 1}}}, NAMED + "filter.metadata.a"),
        ({"callback": SINK, "filter": {"metadata": {"": "b"}}}, NAMED + "filter.metadata"),
        ({"callback": SINK, "filter": {"metadata": {"a": "\0"}}}, NAMED + "filter.metadata.a"),
        (
            {"callback": SINK, "filter": {"metadata": {str(n): "" for n in range(129)}}},
            "129 pairs",
        ),
    ],
)
async def test_what_cannot_be_is_refused_by_name(
    cloud: Subscribed, body: object, sentence: str
) -> None:
    """A subscription that would never be told of anything is none; no callback is tested."""
    answer = await cloud.call("POST", PATH, "member", body)
    assert answer.status_code == 400, answer.text
    said = answer.json()["error_message"]["faultstring"]
    assert sentence in said or (body == [] and "Missing argument" in said)
    assert "secret" not in said
    assert not cloud.tests
    assert not cloud.lane.commands


async def test_a_project_has_so_many(cloud: Subscribed) -> None:
    """One more than the limit is refused, in that project alone."""
    for _ in range(3):
        await cloud.subscribe()
    answer = await cloud.call("POST", PATH, "member", {"callback": SINK})
    assert answer.status_code == 403, answer.text
    assert "3 subscriptions already" in answer.text
    await cloud.subscribe("stranger")


async def test_who_may_do_what(cloud: Subscribed) -> None:
    """Members create and delete, readers read, strangers know nothing of it."""
    made = await cloud.subscribe()
    one = f"{PATH}/{made['subscription_id']}"
    for who, method, path, status in (
        ("", "POST", PATH, 401),
        ("", "GET", PATH, 401),
        ("", "GET", one, 401),
        ("", "DELETE", one, 401),
        ("reader", "POST", PATH, 403),
        ("nobody", "POST", PATH, 403),
        ("nobody", "GET", PATH, 403),
        ("service", "GET", PATH, 403),
        ("reader", "DELETE", one, 403),
        ("stranger", "GET", one, 404),
        ("stranger", "DELETE", one, 404),
        ("nobody", "GET", one, 404),
        ("member", "GET", f"{PATH}?all_projects=true", 403),
        ("member", "GET", f"{PATH}?project_id={OTHER}", 401),
        ("member", "GET", f"{PATH}?colour=red", 400),
        ("member", "GET", f"{PATH}?limit=0", 400),
        ("member", "GET", f"{PATH}?limit=1001", 400),
        ("member", "GET", f"{PATH}?marker=none", 404),
        ("member", "GET", f"{PATH}/{'x' * 65}", 404),
        ("member", "GET", f"{PATH}/%00", 404),
        ("member", "GET", f"{one}?x=1", 400),
        ("member", "PUT", one, 405),
    ):
        body = {"callback": SINK} if method == "POST" else None
        answer = await cloud.call(method, path, who, body)
        assert answer.status_code == status, (who, method, path, answer.text)
    foreign = await cloud.call("POST", PATH, "member", {"callback": SINK, "project_id": OTHER})
    assert foreign.status_code == 401
    assert (await cloud.call("DELETE", one, "admin")).status_code == 204


async def test_lists_come_in_pages_of_one_project_or_all(cloud: Subscribed) -> None:
    """Newest first; administrators may name a project, or ask for all."""
    made = []
    for who in ("member", "stranger", "member"):
        made.append((await cloud.subscribe(who))["subscription_id"])
        cloud.clock.advance(1)

    async def names(query: str, who: str = "admin") -> list[str]:
        answer = await cloud.call("GET", PATH + query, who)
        assert answer.status_code == 200, answer.text
        return [one["subscription_id"] for one in answer.json()["subscriptions"]]

    assert await names("", "member") == [made[2], made[0]]
    assert await names("") == []
    assert await names(f"?project_id={OTHER}") == [made[1]]
    assert await names("?all_projects=true") == made[::-1]
    assert await names("?all_projects=true&limit=2") == [made[2], made[1]]
    assert await names(f"?all_projects=true&marker={made[1]}") == [made[0]]


async def test_lines_of_the_audit_record_say_who_subscribed(cloud: Subscribed) -> None:
    """A subscription has no history of its own."""
    made = await cloud.subscribe(name="ours")
    await cloud.call("DELETE", f"{PATH}/{made['subscription_id']}", "member")
    lines = cloud.ledger.audit(10)
    assert [(line.action, line.target) for line in lines[:2]] == [
        ("subscription.delete", made["subscription_id"]),
        ("subscription.create", made["subscription_id"]),
    ]


def test_the_face_and_the_evaluator_speak_of_the_same_things() -> None:
    """Every kind and type that may be asked for is one that the evaluator knows, and back."""
    assert set(KINDS) == set(watching.KINDS)
    assert set(EVENT_TYPES) == set(watching.RESOURCES)
    assert set(EVENT_KINDS) - {LATENCY_BUDGET} <= set(EVENT_TYPES)


async def test_where_there_is_no_room_nothing_is_tested(cloud: Subscribed) -> None:
    """Whoever may have no more cannot have us call others either."""
    for number in range(3):
        await cloud.subscribe(callback=f"{SINK}/{number}")
    answer = await cloud.call("POST", PATH, "member", {"callback": SINK})
    assert answer.status_code == 403
    said = "The project has its 3 subscriptions already"
    assert answer.json()["error_message"]["faultstring"] == said
    assert len(cloud.tests) == 3


async def test_whoever_tests_too_often_waits(cloud: Subscribed) -> None:
    """429 in this API's shape, naming what is too much, and when to come again."""
    cloud.often = True
    answer = await cloud.call("POST", PATH, "member", {"callback": SINK})
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")
    fault = answer.json()["error_message"]
    assert fault["faultcode"] == "Client"
    assert "callbacks tested in the last minute" in fault["faultstring"]
    assert not cloud.indexes.subscriptions.owned(DEMO)


async def test_what_goes_with_its_project_leaves_nothing_behind(cloud: Subscribed) -> None:
    """A document that removes servers in trouble and their project tells nobody there."""
    await cloud.subscribe("admin", project_id=OTHER)
    await cloud.subscribe("admin", project_id="")
    await cloud.report(EVENT)
    before = len(cloud.outbox.owed)
    left = {**DOCUMENT, "projects": DOCUMENT["projects"][:1], "servers": []}
    answer = await cloud.call("PUT", "/fault/v1/inventory?force=true", "admin", left)
    assert answer.status_code == 200, answer.text
    assert not cloud.indexes.subscriptions.owned(ProjectId(OTHER))
    assert {one.project for one in cloud.ledger.load().watches} == {""}
    assert {one.project for one in cloud.outbox.owed[before:]} == {""}

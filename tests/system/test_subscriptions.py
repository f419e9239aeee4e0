"""Subscriptions and published events through real processes and real webhooks."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from faultwire.testing import sink
from tests.databases.fixtures import SERVERS, Databases, databases
from tests.system.cloud import Cloud, down, up
from tests.system.conftest import Serve
from tests.system.hooks import Hooks, Told
from tests.system.installation import Installation
from tests.system.served import Server
from tests.system.waiting import wait_for

__all__ = ["databases"]

pytestmark = pytest.mark.system

PATH = "/alarming/v2/subscriptions"


def subscribe(cloud: Cloud, url: str, number: int = 0, **more: Any) -> dict[str, Any]:
    """Subscribe to a project of the cloud, whose callback must be there."""
    body = {"callback": url, "project_id": cloud.project_of(number), **more}
    answer = cloud.server.call("POST", PATH, body)
    assert answer.status == 201, answer.text
    made: dict[str, Any] = answer.json
    return made


def told_of(hooks: Hooks, path: str) -> list[Told]:
    """Return what a subscriber was told, without the test of its endpoint."""
    return [told for told in hooks.told if told.path == path and "type" not in told.alarm]


def test_who_subscribes_while_a_host_is_down_is_told_at_once(server: Server, hooks: Hooks) -> None:
    """The test comes first and is signed; then the present; then the clears, each id once."""
    cloud = Cloud(server).fill(servers=6)
    cloud.report(down(cloud.host()))
    made = subscribe(cloud, hooks.url("/ours"))
    assert made["told"] == 3
    hooks.wait(lambda _: len(told_of(hooks, "/ours")) == 3, "the present is told")
    test = hooks.told[0]
    assert test.alarm == {
        "type": "subscription.test",
        "subscription_id": made["subscription_id"],
        "name": "",
    }
    assert hooks.raw[0].headers["webhook-signature"].startswith("v1,")
    raised = told_of(hooks, "/ours")
    assert {one.alarm["reason_data"]["resource"]["id"] for one in raised} == {
        name for number, name in enumerate(cloud.servers(1, 6)) if number % 2 == 0
    }
    assert cloud.host() not in "".join(str(one.alarm) for one in raised)
    cloud.report(up(cloud.host()))
    hooks.wait(lambda _: len(told_of(hooks, "/ours")) == 6, "the clears are told")
    cleared = told_of(hooks, "/ours")[3:]
    assert {one.alarm_id for one in cleared} == {one.alarm_id for one in raised}
    assert {one.current for one in cleared} == {"ok"}


def test_a_callback_that_fails_its_test_is_refused(serve: Serve, hooks: Hooks) -> None:
    """What came in the place of 2xx is said, no redirect is followed, nothing is kept."""
    server = serve({"notifier": {"deadline_ms": 3000}})
    cloud = Cloud(server).fill()
    moved = sink.answer(302, b"", f"location: {hooks.url('/there')}")
    free = f"{hooks.url('/').rpartition(':')[0]}:1/"
    for url, said in (
        (hooks.on("/500", sink.answer(500, b"secret")), "HTTP 500"),
        (hooks.on("/404", sink.answer(404)), "HTTP 404"),
        (hooks.on("/302", moved), "redirect refused (HTTP 302)"),
        (hooks.on("/hang", sink.hang()), "no answer within 3 s"),
        (hooks.on("/broken", sink.broken()), "the connection broke before an answer"),
        (hooks.on("/else", sink.broken(b"SSH-2.0-x\r\n\r\n")), "the answer is not HTTP"),
        (free, "no connection: Connection refused"),
        ("http://169.254.169.254/latest", "is link-local and may not be reached"),
    ):
        body = {"callback": url, "project_id": cloud.project_of(0)}
        answer = server.call("POST", PATH, body)
        assert answer.status == 400, (url, answer.text)
        assert said in answer.json["error_message"]["faultstring"], answer.text
        assert "secret" not in answer.text
    assert server.get(f"{PATH}?all_projects=true") == {"subscriptions": []}
    assert not [told for told in hooks.raw if told.path == "/there"]
    cloud.report(down(cloud.host()))
    assert cloud.deliveries() == []


def test_nothing_is_lost_when_the_process_is_killed(server: Server, hooks: Hooks) -> None:
    """Kill -9 after the answer: every resource is told, with the same delivery id if twice."""
    cloud = Cloud(server).fill(servers=40)
    cloud.report(down(cloud.host()))
    made = subscribe(cloud, hooks.url("/ours"))
    server.kill9()
    server.start()
    hooks.wait(lambda _: len({t.alarm_id for t in told_of(hooks, "/ours")}) == 20, "told")
    cloud.report(up(cloud.host()))
    server.kill9()
    server.start()

    def cleared(_: object) -> bool:
        return sum(1 for t in _last(told_of(hooks, "/ours")).values() if t == "ok") == 20

    hooks.wait(cleared, "every one is cleared")
    cloud.settled()
    ids: dict[str, set[tuple[str, str]]] = {}
    for one in told_of(hooks, "/ours"):
        ids.setdefault(one.delivery, set()).add((one.alarm_id, one.current))
    assert len(ids) == 40
    assert all(len(said) == 1 for said in ids.values())
    assert server.get(f"{PATH}/{made['subscription_id']}")["told"] == 0


def _last(told: list[Told]) -> dict[str, str]:
    return {one.alarm_id: one.current for one in told}


def test_published_events_fire_right_after_201(server: Server, hooks: Hooks) -> None:
    """An event that was published the moment after an alarm was created finds it."""
    cloud = Cloud(server).fill()
    for number in range(20):
        url = hooks.url(f"/{number}")
        rule = {"event_type": f"thing.{number}", "query": []}
        cloud.alarm("vm", url, event_rule=rule, ok_actions=[])
        event = {
            "message_id": f"m-{number}",
            "event_type": f"thing.{number}",
            "generated": "2026-01-02T03:04:05",
            "raw": {"a": [1]},
            "traits": [["tenant_id", 1, cloud.project_of(0)]],
        }
        answer = server.call("POST", "/alarming/v2/events", [event])
        assert (answer.status, answer.json) == (202, {"events": 1})
    hooks.wait_count(20)
    assert {one.path for one in hooks.told} == {f"/{number}" for number in range(20)}
    assert hooks.told[0].alarm["reason_data"]["event"]["raw"] == {"a": [1]}


Install = Callable[..., Installation]


@pytest.fixture(params=SERVERS)
def install(
    request: pytest.FixtureRequest, databases: Databases, tmp_path: Path
) -> Iterator[Install]:
    """Give a function that begins an installation on an empty database of each kind."""
    made: list[Installation] = []

    def begin(**config: dict[str, object]) -> Installation:
        installation = Installation(tmp_path, databases.new(request.param), config)
        made.append(installation)
        return installation

    yield begin
    for installation in made:
        installation.close()


def test_subscriptions_hold_in_every_process(install: Install, hooks: Hooks) -> None:
    """Two servers, then evaluators that die: raised and cleared, each once, without alarms."""
    installation = install()
    one = Cloud(installation.serve()).fill(servers=20)
    other = Cloud(installation.serve())
    one.report(down(one.host()))
    made = subscribe(other, hooks.url("/first"))
    assert made["told"] == 10
    evaluator = installation.work("evaluator")
    installation.work("evaluator")
    subscribe(one, hooks.url("/second"))
    everything = {"callback": hooks.url("/all"), "project_id": ""}
    assert other.server.call("POST", PATH, everything).status == 201
    for number in range(3):
        (other if number % 2 else one).report(up(one.host()))
        if number == 1:
            evaluator.kill9()
        (one if number % 2 else other).report(down(one.host()))
    other.report(up(one.host()))

    paths = {"/first": 10, "/second": 10, "/all": 21}

    def all_told(_: object) -> bool:
        return all(len(_stories(hooks, path)) == 8 * count for path, count in paths.items())

    hooks.wait(all_told, "every subscriber was told of four faults and their ends")
    one.settled()
    for path, count in paths.items():
        by_resource: dict[str, list[str]] = {}
        for told in _stories(hooks, path):
            by_resource.setdefault(told.alarm_id, []).append(told.current)
        assert len(by_resource) == count
        assert all(story == ["alarm", "ok"] * 4 for story in by_resource.values())
    wait_for(lambda: not one.server.get(f"{PATH}/{made['subscription_id']}")["told"], "none")


def _stories(hooks: Hooks, path: str) -> list[Told]:
    """Return what a subscriber was told, each delivery once."""
    return list({told.delivery: told for told in reversed(told_of(hooks, path))}.values())[::-1]


def test_published_events_reach_evaluators(install: Install, hooks: Hooks) -> None:
    """An event that one server takes fires an alarm that the other created, in an evaluator."""
    installation = install()
    one, other = Cloud(installation.serve()).fill(), Cloud(installation.serve())
    installation.work("evaluator")
    rule = {"event_type": "thing.happened", "query": []}
    one.alarm("vm", hooks.url("/it"), event_rule=rule, ok_actions=[], repeat_actions=True)
    for number in range(10):
        event = {
            "message_id": f"m-{number}",
            "event_type": "thing.happened",
            "traits": [["project_id", 1, one.project_of(0)], ["n", 2, number]],
        }
        assert other.server.call("POST", "/alarming/v2/events", event).status == 202
    hooks.wait_count(10)
    came = [told.alarm["reason_data"]["event"] for told in hooks.told]
    assert [event["message_id"] for event in came] == [f"m-{number}" for number in range(10)]
    assert "generated" not in came[0]

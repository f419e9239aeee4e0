"""Faults that were measured in Aodh: one test each, by name, that they are none of ours."""

import random
import threading
from collections import Counter
from typing import Any

import pytest

from faultwire.testing import sink
from tests.system.cloud import Cloud, conditions, down, up
from tests.system.conftest import Serve
from tests.system.hooks import Hooks
from tests.system.served import Server, call
from tests.system.waiting import wait_for

pytestmark = pytest.mark.system

METADATA = "http://169.254.169.254/latest/meta-data/"
HALF = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"
TROUBLES = {
    "answers 500": sink.answer(500),
    "hangs": sink.hang(),
    "answers too slowly": sink.dripping(b"HTTP/1.1 500 No\r\ntransfer-encoding: chunked\r\n\r\n"),
    "closes": sink.broken(),
    "closes in the head": sink.broken(HALF[:30]),
}
ALARM = "/alarming/v2/alarms"
DELIVERIES = "/alarming/v2/deliveries"


def one_alarm(cloud: Cloud, url: str, **more: Any) -> tuple[str, str]:
    """Give the first server of a fresh host an alarm; return the server and the alarm's path."""
    (vm,) = cloud.servers(1, 1)
    return vm, f"{ALARM}/{cloud.alarm(vm, url, **more)}"


def states(cloud: Cloud) -> Counter[str]:
    """Return how many deliveries stand how."""
    return Counter(row["state"] for row in cloud.deliveries())


# ------------------------------------------------------------ receivers


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_webhook_in_trouble_loses_no_alarm(serve: Serve, hooks: Hooks, trouble: str) -> None:
    """Aodh tries once and counts it as done; here it is owed until it is in, under one id."""
    server = serve({"notifier": {"deadline_ms": 400}})
    cloud = Cloud(server).fill(servers=1)
    one_alarm(cloud, hooks.on("/x", TROUBLES[trouble]))
    cloud.report(down(cloud.host()))
    hooks.wait_count(2)
    assert states(cloud) == {"pending": 1}
    hooks.well("/x")
    cloud.settled()
    assert states(cloud) == {"delivered": 1}
    assert len({one.delivery for one in hooks.told}) == 1


def test_a_webhook_that_refuses_connections_loses_no_alarm(server: Server, hooks: Hooks) -> None:
    """Aodh logs it, and the one-shot alarm never fires again; here it comes when it is back."""
    cloud = Cloud(server).fill(servers=1)
    one_alarm(cloud, hooks.url("/x"), ok_actions=[])
    hooks.down()
    cloud.report(down(cloud.host()))
    wait_for(lambda: cloud.deliveries("pending")[0]["attempt"] >= 2, "two tries")
    hooks.up()
    hooks.wait_count(1)
    cloud.settled()
    assert states(cloud) == {"delivered": 1}


def test_a_body_that_breaks_off_is_an_answer(server: Server, hooks: Hooks) -> None:
    """The receiver said 200: it has the alarm, and is not told twice."""
    cloud = Cloud(server).fill(servers=1)
    one_alarm(cloud, hooks.on("/x", sink.broken(HALF)))
    cloud.report(down(cloud.host()))
    cloud.settled()
    assert states(cloud) == {"delivered": 1}


def test_a_redirect_to_the_metadata_address_is_refused_and_can_be_replayed(
    server: Server, hooks: Hooks
) -> None:
    """It is never followed; once the receiver is mended, a replay delivers it, once."""
    cloud = Cloud(server).fill(servers=1)
    one_alarm(cloud, hooks.on("/x", sink.answer(302, b"", f"location: {METADATA}")))
    cloud.report(down(cloud.host()))
    cloud.settled()
    (row,) = cloud.deliveries()
    assert (row["state"], row["status"]) == ("refused", 302)
    hooks.well("/x")
    path = f"{DELIVERIES}/{row['id']}"
    answers: list[int] = []
    headers = {"X-Auth-Token": server.token()}

    def replay() -> None:
        answers.append(call(f"{server.url}{path}/replay", "POST", headers=headers).status)

    threads = [threading.Thread(target=replay) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(answers) <= {202, 409}
    assert 202 in answers
    cloud.settled()
    hooks.quiet()
    assert server.get(path)["delivery"]["state"] == "delivered"
    assert [one.delivery for one in hooks.told] == [row["id"]] * 2


def test_64_hung_webhooks_do_not_stall_another_projects_alarm(serve: Serve, hooks: Hooks) -> None:
    """Aodh's notifier stands still for everyone; here the other project is told meanwhile."""
    # Not one of the hung ones is over before the other project is told.
    cloud = Cloud(serve({"notifier": {"deadline_ms": 200_000}})).fill(hosts=2, servers=128)
    hung = cloud.servers(1, 128)[::2]
    for vm in hung:
        cloud.alarm(vm, hooks.hold(f"/{vm}"))
    told = cloud.alarm(cloud.servers(2, 2)[1], hooks.url("/well"), 1)
    cloud.report(down(cloud.host(1)))
    hooks.wait_count(64)
    cloud.report(down(cloud.host(2)))
    hooks.wait(lambda all_: told in {one.alarm_id for one in all_}, "the other project")
    for vm in hung:
        hooks.well(f"/{vm}")
    cloud.settled()
    assert states(cloud) == {"delivered": 65}


def test_300_slow_webhooks_are_under_way_together(serve: Serve, hooks: Hooks) -> None:
    """Each takes a while, all are told: nobody waits for the one before."""
    # Not one is over before all that may be under way are.
    cloud = Cloud(serve({"notifier": {"deadline_ms": 200_000}}), projects=50).fill(servers=300)
    for number, vm in enumerate(cloud.servers(1, 300)):
        cloud.alarm(vm, hooks.hold(f"/{vm}"), number)
    cloud.report(down(cloud.host()))
    # All of them hang, and still more than Aodh's 64 threads are asked.
    hooks.wait_count(100)
    for vm in cloud.servers(1, 300):
        hooks.well(f"/{vm}")
    cloud.settled()
    assert states(cloud) == {"delivered": 300}


# ------------------------------------------------------------ users and the next event


def test_an_event_right_after_201_fires(server: Server, hooks: Hooks) -> None:
    """Aodh's listener is blind for up to a minute where the project is cached."""
    cloud = Cloud(server).fill(hosts=20, servers=1)
    cloud.alarm(cloud.servers(1, 1)[0], hooks.url("/first"))
    cloud.report(down(cloud.host(1)))
    hooks.wait_count(1)
    for number in range(2, 21):
        cloud.alarm(cloud.servers(number, 1)[0], hooks.url(f"/{number}"))
        cloud.report(down(cloud.host(number)))
    hooks.wait_count(20)
    assert len({one.alarm_id for one in hooks.told}) == 20


def test_a_second_fault_fires_after_the_state_was_reset(server: Server, hooks: Hooks) -> None:
    """Aodh's cache still says alarm; here the next event fires the one-shot alarm again."""
    cloud = Cloud(server).fill(servers=1)
    rule = {"event_type": "compute.instance.update", "query": conditions("c-vm-1-0", "error")}
    _, path = one_alarm(cloud, hooks.url("/x"), event_rule=rule)
    for times in range(1, 11):
        cloud.report(down(cloud.host()))
        hooks.wait_count(times)
        assert server.get(f"{path}/state") == "alarm"
        cloud.report(up(cloud.host()))
        assert server.call("PUT", f"{path}/state", "ok").status == 200
    cloud.settled()
    assert len({one.delivery for one in hooks.told}) == len(hooks.told) == 10


def test_a_put_while_events_fire_is_never_reverted(server: Server, hooks: Hooks) -> None:
    """Aodh's evaluator writes its old copy of the whole row over what the owner has put."""
    cloud = Cloud(server).fill(servers=1)
    vm, path = one_alarm(cloud, hooks.url("/0"), repeat_actions=True)
    stop = threading.Event()
    headers = {"X-Auth-Token": server.token()}

    def storm() -> None:
        while not stop.is_set():
            for event in (down(cloud.host()), up(cloud.host())):
                call(f"{server.url}/fault/v1/events", "POST", headers=headers, json=[event])

    thread = threading.Thread(target=storm)
    thread.start()
    try:
        for number in range(1, 61):
            body = {
                **server.get(path),
                "name": f"name {number}",
                "severity": ("low", "moderate", "critical")[number % 3],
                "enabled": bool(number % 2),
                "alarm_actions": [hooks.url(f"/{number}")],
            }
            assert server.call("PUT", path, body).status == 200
            held = server.get(path)
            for field in ("name", "severity", "enabled", "alarm_actions"):
                assert held[field] == body[field]
    finally:
        stop.set()
        thread.join()
    cloud.settled()
    assert server.get(path)["enabled"] is False
    came = len(hooks.raw)
    cloud.report(down(cloud.host()))
    cloud.settled()
    hooks.quiet()
    assert len(hooks.raw) == came, f"the alarm of {vm} is disabled"


# ------------------------------------------------------------ queries that silence a project


def query(kind: str, value: str, field: str = "traits.instance_id") -> dict[str, Any]:
    """Return an alarm body's rule of one condition."""
    condition = {"field": field, "op": "eq", "type": kind, "value": value}
    return {"event_rule": {"event_type": "compute.instance.update", "query": [condition]}}


def test_a_boolean_query_poisons_no_other_alarm(server: Server, hooks: Hooks) -> None:
    """In Aodh one alarm of type boolean silences every event alarm of its project."""
    cloud = Cloud(server).fill(servers=1)
    vm, good = one_alarm(cloud, hooks.url("/good"))
    for value in ("true", "false", "True"):
        cloud.alarm(vm, hooks.url("/odd"), **query("boolean", value))
    cloud.report(down(cloud.host()))
    hooks.wait(lambda told: "/good" in {one.path for one in told}, "the good alarm")
    assert server.get(f"{good}/state") == "alarm"


@pytest.mark.parametrize("field", ["event_type", "message_id", "raw.x", "traits", "host"])
def test_a_field_that_is_no_trait_is_refused_at_create(standing: Server, field: str) -> None:
    """Aodh takes it with 201, and the alarm never fires; here the answer says which condition."""
    body = {"name": "n", "type": "event", **query("string", "x", field)}
    answer = standing.call("POST", ALARM, body)
    assert answer.status == 400
    assert "event_rule.query[0].field" in answer.json["error_message"]["faultstring"]


def test_text_in_an_integer_trait_does_no_harm(server: Server, hooks: Hooks) -> None:
    """In Aodh the whole message is dropped; here that condition is not met, and the rest is."""
    cloud = Cloud(server).fill(servers=1)
    vm, _ = one_alarm(cloud, hooks.url("/good"))
    for kind, value in (("integer", "7"), ("float", "0.5"), ("datetime", "2026-01-01T00:00:00")):
        cloud.alarm(vm, hooks.url("/odd"), **query(kind, value))
    cloud.report(down(cloud.host()))
    hooks.wait(lambda told: "/good" in {one.path for one in told}, "the good alarm")
    cloud.settled()
    assert "/odd" not in {one.path for one in hooks.told}


def test_reading_the_quota_stops_nobody(server: Server) -> None:
    """In Aodh one GET of the default quota makes every later create of the project 403."""
    for _ in range(2):
        answer = server.call("GET", "/alarming/v2/quotas")
        assert answer.status == 200, answer.text
        made = server.call("POST", ALARM, {"name": "n", "type": "event", "event_rule": {}})
        assert made.status == 201, made.text


def test_two_events_back_to_back_fire_a_one_shot_once(server: Server, hooks: Hooks) -> None:
    """100 one-shot alarms, each with two matching events at once: every one fires one time."""
    cloud = Cloud(server, projects=10).fill(servers=100)
    for number, vm in enumerate(cloud.servers(1, 100)):
        cloud.alarm(vm, hooks.url(f"/{vm}"), number, ok_actions=[], **query("string", vm))
    posts = [
        threading.Thread(target=cloud.post, args=(event,))
        for event in (down(cloud.host()), up(cloud.host()))
    ]
    random.Random(3).shuffle(posts)
    for post in posts:
        post.start()
    for post in posts:
        post.join()
    cloud.report(down(cloud.host()), up(cloud.host()))
    hooks.wait(lambda told: len({one.alarm_id for one in told}) == 100, "every alarm")
    cloud.settled()
    hooks.quiet()
    assert len(hooks.raw) == 100

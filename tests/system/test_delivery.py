"""Webhooks to receivers that are well, down, slow, broken or not to be reached."""

import json
import time
from collections import defaultdict
from itertools import pairwise

import pytest

from faultwire.domain import signature
from faultwire.testing import sink
from tests.system.cloud import Cloud, down, up
from tests.system.conftest import Serve
from tests.system.hooks import Hooks
from tests.system.served import Server
from tests.system.waiting import wait_for

pytestmark = pytest.mark.system

METADATA = "http://169.254.169.254/latest/meta-data/"
FORBIDDEN = [
    METADATA,
    "http://169.254.169.254:80",
    "http://2852039166/latest",
    "http://0xA9FEA9FE/",
    "http://0xa9.0xfe.0xa9.0xfe/",
    "http://0251.0376.0251.0376/",
    "http://169.254.43518/",
    "http://169.16689662/",
    "http://169.254.169.254./",
    "http://[::ffff:169.254.169.254]/",
    "http://[::ffff:a9fe:a9fe]/",
    "http://[0:0:0:0:0:ffff:a9fe:a9fe]/",
    "http://[::169.254.169.254]/",
    "http://[64:ff9b::a9fe:a9fe]/",
    "http://[2002:a9fe:a9fe::]/",
    "http://[fe80::1]/",
    "http://[fe80::1%25eth0]/",
    "http://[fd00::1]/",
    "http://10.0.0.1/",
    "http://172.16.0.1/",
    "http://192.168.1.1/",
    "http://100.64.0.1/",
    "http://0.0.0.0/",
    "http://0/",
    "http://[::]/",
    "http://224.0.0.1/",
    "http://255.255.255.255/",
    "http://example.org@169.254.169.254/",
    "http://169.254.169.254\\@example.org/",
    "http://example.org:80@10.0.0.1/",
    "http://\uff11\uff16\uff19.254.169.254/",
    "http://169\u3002254\u3002169\u3002254/",
    "http://169.254.169.254%2f@example.org/",
    "http:169.254.169.254/",
    "http:///169.254.169.254/",
    "//169.254.169.254/",
    "ftp://example.org/",
    "file:///etc/passwd",
    "gopher://example.org/",
    "trust+http://example.org/",
    "zaqar://",
    "http://example.org:0/",
    "http://example.org:99999/",
    "http://exa mple.org/",
    "http://example.org/\r\nX-Injected: 1",
    "",
    "x",
]


def alarm(url: str, kind: str = "alarm_actions") -> dict[str, object]:
    """Return an alarm with one action."""
    return {"name": "n", "type": "event", "event_rule": {}, kind: [url]}


@pytest.mark.parametrize("url", FORBIDDEN)
def test_a_forbidden_action_is_400_at_create(standing: Server, url: str) -> None:
    """Metadata, private and odd addresses in any notation, and foreign schemes, are refused."""
    for kind in ("alarm_actions", "ok_actions", "insufficient_data_actions"):
        answer = standing.call("POST", "/alarming/v2/alarms", alarm(url, kind))
        assert answer.status == 400, answer.text
        fault = answer.json["error_message"]["faultstring"]
        # Of what is no URL for a webhook at all, Aodh's words are all that is said.
        assert kind in fault or fault.startswith("Unsupported action"), fault
    assert standing.get("/alarming/v2/alarms") == []


def test_a_forbidden_action_is_400_at_replace(standing: Server) -> None:
    """An alarm that was good cannot be turned to a forbidden address."""
    made = standing.call("POST", "/alarming/v2/alarms", alarm("http://127.0.0.1:9/"))
    path = f"/alarming/v2/alarms/{made.json['alarm_id']}"
    assert standing.call("PUT", path, alarm(METADATA)).status == 400
    assert standing.get(path)["alarm_actions"] == ["http://127.0.0.1:9/"]
    assert standing.call("DELETE", path).status == 204


def test_loopback_is_refused_where_the_operator_says_so(serve: Serve, hooks: Hooks) -> None:
    """A name that resolves to this machine passes at create, and is refused at delivery."""
    server = serve({"notifier": {"loopback": "refuse"}})
    for url in (hooks.url("/x"), "http://[::1]/", "http://127.1/", "http://2130706433/"):
        assert server.call("POST", "/alarming/v2/alarms", alarm(url)).status == 400
    cloud = Cloud(server).fill(servers=1)
    port = hooks.url("").rpartition(":")[2]
    cloud.alarm(cloud.servers(1, 1)[0], f"http://localhost:{port}/secret")
    cloud.report(down(cloud.host()))
    cloud.settled()
    (shown,) = cloud.deliveries()
    assert shown["state"] == "refused"
    assert "may not be reached" in json.dumps(shown)
    assert "secret" not in json.dumps(shown) or shown["url"].endswith("/secret")
    assert not hooks.raw


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_refused_and_never_followed(
    standing: Server, hooks: Hooks, status: int
) -> None:
    """A receiver that redirects, to the metadata service or anywhere, ends its delivery."""
    cloud = Cloud(standing, f"redirect-{status}").fill(servers=2)
    one, two = cloud.servers(1, 2)
    cloud.alarm(one, hooks.on("/meta", sink.answer(status, b"", f"location: {METADATA}")))
    own = hooks.url("/followed")
    cloud.alarm(two, hooks.on("/own", sink.answer(status, b"", f"location: {own}")), 1)
    cloud.report(down(cloud.host()))
    cloud.settled()
    mine = [row for row in cloud.deliveries() if row["alarm_id"] in cloud.alarms.values()]
    assert [row["state"] for row in mine] == ["refused", "refused"]
    assert all("redirect" in json.dumps(row) for row in mine)
    assert {told.path for told in hooks.told} == {"/meta", "/own"}


def test_a_receiver_that_was_down_gets_its_alarms(server: Server, hooks: Hooks) -> None:
    """What a dead receiver missed it gets, once each and in order, when it is back."""
    cloud = Cloud(server).fill(servers=5)
    cloud.watch(hooks, 1, 5)
    hooks.down()
    cloud.report(down(cloud.host()))
    cloud.report(up(cloud.host()))
    cloud.report(down(cloud.host()))
    wait_for(
        lambda: sum(one["attempt"] > 1 for one in cloud.deliveries("pending")) >= 5,
        "each is tried more than once",
    )
    assert len(cloud.deliveries("pending")) == 15
    hooks.up()
    hooks.wait_count(15)
    cloud.settled()
    told = defaultdict(list)
    for one in hooks.told:
        told[one.alarm_id].append(one.current)
    assert list(told.values()) == [["alarm", "ok", "alarm"]] * 5
    assert len({one.delivery for one in hooks.told}) == len(hooks.told) == 15


TROUBLES = {
    "500": sink.answer(500),
    "503": sink.answer(503, b"", "retry-after: 0"),
    "429": sink.answer(429),
    "close": sink.broken(),
    "close in the head": sink.broken(b"HTTP/1.1 200 OK\r\ncontent-le"),
    "no http": sink.broken(b"SSH-2.0-x\r\n\r\n"),
    "endless body": sink.dripping(b"HTTP/1.1 500 No\r\ntransfer-encoding: chunked\r\n\r\n"),
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_what_failed_is_tried_again_under_one_id(serve: Serve, hooks: Hooks, trouble: str) -> None:
    """After failures of every kind the same delivery comes again, signed anew, until it is in."""
    server = serve({"notifier": {"deadline_ms": 500}})
    cloud = Cloud(server).fill(servers=1)
    cloud.alarm(cloud.servers(1, 1)[0], hooks.on("/x", TROUBLES[trouble]))
    cloud.report(down(cloud.host()))
    hooks.wait_count(3)
    (row,) = cloud.deliveries()
    assert row["state"] == "pending"
    hooks.well("/x")
    cloud.settled()
    tries = hooks.told
    assert {one.delivery for one in tries} == {row["id"]}
    attempts = [one.attempt for one in tries]
    assert attempts == sorted(attempts)
    secret = server.get(f"/alarming/v2/webhook-secret?project_id={cloud.projects[0]}")
    secrets = [one["secret"] for one in secret["secrets"]]
    for one in hooks.raw:
        name = signature.verify(secrets, one.headers, one.body, time.time())
        assert name == row["id"]


def test_a_body_that_breaks_off_after_200_counts_as_told(server: Server, hooks: Hooks) -> None:
    """A 2xx says that the alarm was taken, whatever becomes of the rest of the answer."""
    half = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"
    cloud = Cloud(server).fill(servers=1)
    cloud.alarm(cloud.servers(1, 1)[0], hooks.on("/half", sink.broken(half)))
    cloud.report(down(cloud.host()))
    cloud.settled()
    hooks.quiet()
    assert cloud.deliveries()[0]["state"] == "delivered"
    assert len({one.delivery for one in hooks.told}) == 1


@pytest.mark.parametrize("status", [400, 401, 404, 410])
def test_a_receiver_that_says_no_is_not_asked_again(
    standing: Server, hooks: Hooks, status: int
) -> None:
    """A 4xx is final and shown as a dead letter with its status."""
    cloud = Cloud(standing, f"no-{status}").fill(servers=1)
    made = cloud.alarm(cloud.servers(1, 1)[0], hooks.on("/no", sink.answer(status)))
    cloud.report(down(cloud.host()))
    cloud.settled()
    (row,) = [row for row in cloud.deliveries() if row["alarm_id"] == made]
    assert (row["state"], row["status"]) == ("dead", status)
    hooks.quiet()
    assert len(hooks.raw) == 1


def test_a_hung_receiver_holds_up_nobody_and_keeps_its_order(serve: Serve, hooks: Hooks) -> None:
    """While 64 receivers hang and one fails, all others are told; later the hung ones are too."""
    # Not one of the hung ones is over before the others are told.
    cloud = Cloud(serve({"notifier": {"deadline_ms": 200_000}}), projects=4).fill(servers=200)
    vms = cloud.servers(1, 200)
    for vm in vms[:64]:
        hooks.hold(f"/{vm}")
    hooks.on(f"/{vms[64]}", sink.answer(500))
    cloud.watch(hooks, 1, 200)
    cloud.report(down(cloud.host()))
    good = {cloud.alarms[vm] for vm in vms[65:]}
    hooks.wait(lambda told: good <= {one.alarm_id for one in told}, "the good ones")
    cloud.report(up(cloud.host()))
    hooks.wait(
        lambda told: good <= {one.alarm_id for one in told if one.current == "ok"},
        "the good ones again",
    )
    for vm in vms[:65]:
        hooks.well(f"/{vm}")
    cloud.settled()
    told = defaultdict(list)
    for one in hooks.told:
        told[one.alarm_id].append((one.current, one.delivery))
    for tries in told.values():
        assert len({delivery for _, delivery in tries}) == 2
        order = [current for current, _ in tries]
        changes = [a for a, b in pairwise(order) if a != b]
        assert changes == ["alarm"], order


def test_an_alarm_is_effective_for_the_very_next_event(server: Server, hooks: Hooks) -> None:
    """Fifty times: created (201), the next event fires it; deleted (204), the next does not."""
    cloud = Cloud(server).fill(servers=1)
    (vm,) = cloud.servers(1, 1)
    for number in range(50):
        made = cloud.alarm(vm, hooks.url(f"/{number}"))
        cloud.report(down(cloud.host()))
        assert server.get(f"/alarming/v2/alarms/{made}/state") == "alarm"
        answer = server.call("DELETE", f"/alarming/v2/alarms/{made}")
        assert answer.status == 204
        cloud.report(up(cloud.host()))
    hooks.wait_count(50)
    cloud.settled()
    hooks.quiet()
    assert [(one.path, one.current) for one in hooks.told] == [
        (f"/{number}", "alarm") for number in range(50)
    ]


def test_an_alarm_changed_or_disabled_is_so_at_once(server: Server, hooks: Hooks) -> None:
    """A replacement holds for the very next event: another address, then none at all."""
    cloud = Cloud(server).fill(servers=1)
    (vm,) = cloud.servers(1, 1)
    path = f"/alarming/v2/alarms/{cloud.alarm(vm, hooks.url('/a'))}"
    body = server.get(path)
    changed = {**body, "alarm_actions": [hooks.url("/b")], "ok_actions": [hooks.url("/b")]}
    assert server.call("PUT", path, changed).status == 200
    cloud.report(down(cloud.host()))
    hooks.wait_count(1)
    assert server.call("PUT", path, {**server.get(path), "enabled": False}).status == 200
    cloud.report(up(cloud.host()))
    cloud.settled()
    hooks.quiet()
    assert [(one.path, one.current) for one in hooks.told] == [("/b", "alarm")]

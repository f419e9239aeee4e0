"""Other people's clients, as they are: Aodh's library, Doctor's monitors, Vitrage's path."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from aodhclient import exceptions
from aodhclient.v2 import client as aodh
from keystoneauth1 import session as keystone
from keystoneauth1.identity import v3

from tests.databases.servers import free_port
from tests.system.cloud import Cloud, conditions, down, event
from tests.system.conftest import Serve
from tests.system.hooks import Hooks
from tests.system.served import Server, call

pytestmark = pytest.mark.system


@pytest.fixture
def library(standing: Server) -> Iterator[aodh.Client]:
    """Give Aodh's client of the member's cloud, found by the catalog."""
    auth = standing.auth("faultwire-demo")
    session = keystone.Session(auth=v3.Password(**auth), timeout=20)
    yield aodh.Client(session, region_name="RegionOne", interface="public")
    session.session.close()


def test_an_alarm_by_aodhs_library(library: aodh.Client, standing: Server, hooks: Hooks) -> None:
    """Create, list, show, query by the client of Aodh; it fires; delete."""
    demo = {p["name"]: p["id"] for p in standing.get("/identity/v3/projects")["projects"]}["demo"]
    document = {
        "hosts": [{"name": "aodh-host"}],
        "servers": [{"id": "aodh-vm", "name": "vm", "project": demo, "host": "aodh-host"}],
    }
    assert standing.call("PATCH", "/fault/v1/inventory", document).status == 200
    body = {
        "name": "doctor_alarm0",
        "description": "VM failure",
        "enabled": True,
        "alarm_actions": [hooks.url("/failure")],
        "repeat_actions": False,
        "severity": "moderate",
        "type": "event",
        "event_rule": {
            "event_type": "compute.instance.update",
            "query": [{**one, "type": ""} for one in conditions("aodh-vm", "error")],
        },
    }
    made = library.alarm.create(body)
    assert made["state"] == "insufficient data"
    datetime.strptime(made["timestamp"], "%Y-%m-%dT%H:%M:%S.%f")  # noqa: DTZ007  Aodh has none
    assert made in library.alarm.list()
    assert library.alarm.get(made["alarm_id"]) == made
    standing.call("POST", "/fault/v1/events", [down("aodh-host")])
    hooks.wait_count(1)
    told = hooks.told[0].alarm
    assert set(told) == {
        "alarm_name",
        "alarm_id",
        "severity",
        "previous",
        "current",
        "reason",
        "reason_data",
    }
    assert (told["previous"], told["current"]) == ("insufficient data", "alarm")
    assert told["reason_data"]["type"] == "event"
    traits = {name: value for name, _, value in told["reason_data"]["event"]["traits"]}
    assert (traits["instance_id"], traits["state"]) == ("aodh-vm", "error")
    assert library.alarm.get_state(made["alarm_id"]) == "alarm"
    library.alarm.delete(made["alarm_id"])
    with pytest.raises(exceptions.NotFound):
        library.alarm.get(made["alarm_id"])


@pytest.fixture
def doctor(serve: Serve) -> tuple[Server, str]:
    """Give a server with Doctor's own listener, and the URL of that."""
    port = free_port()
    server = serve({"fault": {"doctor_listener": f"127.0.0.1:{port}"}})
    return server, f"http://127.0.0.1:{port}"


def said(host: str, kind: str = "compute.host.down", **details: str) -> dict[str, Any]:
    """Return an event as Doctor's sample monitor writes it."""
    return {
        "time": datetime.now().isoformat(),  # noqa: DTZ005  as the monitor does
        "type": kind,
        "details": {
            "hostname": host,
            "status": "down",
            "monitor": "monitor_sample",
            "monitor_event_id": "monitor_sample_event1",
            **details,
        },
    }


def test_doctors_monitors_work_unchanged(doctor: tuple[Server, str], hooks: Hooks) -> None:
    """PUT of a list and POST of one or many, on the listener of its own, without a token."""
    server, url = doctor
    cloud = Cloud(server).fill(hosts=3, servers=1)
    for host in (1, 2, 3):
        cloud.watch(hooks, host, 1)
    shapes = (
        ("PUT", [said(cloud.host(1))]),
        ("POST", {"event": said(cloud.host(2), source="x", cause="link-down")}),
        ("POST", {"events": [said(cloud.host(3), relatedTo="x")]}),
    )
    for method, body in shapes:
        answer = call(f"{url}/events", method, json=body)
        assert answer.status == 202, answer.text
        assert answer.json["faults"][0]["state"] == "open"
    hooks.wait_count(3)
    (fault,) = cloud.faults(1)
    shown = server.get(f"/fault/v1/faults/{fault['id']}")["fault"]["evidence"][0]
    assert shown["details"]["monitor_event_id"] == "monitor_sample_event1"
    assert "monitor_sample" in shown["source"]
    # Doctor's clear is the down type with the status up.
    again = said(cloud.host(1)) | {"details": {"hostname": cloud.host(1), "status": "up"}}
    assert call(f"{url}/events", "PUT", json=[again]).json["faults"][0]["state"] == "closed"
    hooks.wait_count(4)


def test_doctors_listener_takes_events_and_nothing_else(doctor: tuple[Server, str]) -> None:
    """No other path, no reading, no page of a browser; bad events are 400 with their field."""
    server, url = doctor
    event_of = [said("h")]
    assert call(f"{url}/events", "GET").status == 405
    for path in (
        "/fault/v1/events",
        "/v1/faults",
        "/",
        "/fault/v1/inventory",
        "/alarming/v2/alarms",
    ):
        assert call(f"{url}{path}", "GET").status == 404, path
    page = {"Origin": "http://example.org"}
    assert call(f"{url}/events", "POST", json=event_of, headers=page).status == 403
    answer = call(f"{url}/events", "PUT", json=[{"time": "2026-01-01"}])
    assert (answer.status, answer.json["error"]["field"]) == (400, "events[0].type")
    assert call(f"{url}/events", "PUT", data=b"x" * 600_000).status == 413
    assert call(f"{server.url}/events", "PUT", json=event_of).status == 404


@pytest.mark.parametrize("wrapped", [True, False])
def test_vitrages_path(standing: Server, wrapped: bool) -> None:
    """POST of one event to the catalog's rca endpoint and v1/event, wrapped or bare."""
    header = {"X-Subject-Token": standing.token()}
    catalog = standing.get("/identity/v3/auth/tokens", headers=header)["token"]["catalog"]
    (rca,) = [one for one in catalog if one["type"] == "rca"]
    url = next(e["url"] for e in rca["endpoints"] if e["interface"] == "public")
    body = said(f"vitrage-{wrapped}")
    token = {"X-Auth-Token": standing.token()}
    answer = call(
        f"{url}/v1/event", "POST", headers=token, json={"event": body} if wrapped else body
    )
    assert answer.status == 202, answer.text
    assert answer.json["faults"][0]["state"] == "unmatched"
    assert call(f"{url}/v1/event", "POST", json={"event": body}).status == 401


def test_a_service_may_post_and_not_read(standing: Server) -> None:
    """The role service posts events; it reads nothing of the fault face."""
    standing.member("monitor", "services", "service")
    answer = standing.call("POST", "/fault/v1/events", [down("serviced")], who="monitor")
    assert answer.status == 202
    for path in ("/fault/v1/faults", "/fault/v1/inventory", "/fault/v1/hosts"):
        assert standing.call("GET", path, who="monitor").status == 403


NO_RULE = [
    event("network.port.down", port_id="p1"),
    event("database.guest.down", guest_id="g1"),
    event("monitor.isolated", monitor="m1"),
]


def test_known_types_without_a_rule_are_recorded(standing: Server, hooks: Hooks) -> None:
    """Known types that nothing follows from are recorded as `no rule` or waiting (S3, D22)."""
    cloud = Cloud(standing, "norule").fill(servers=1)
    cloud.alarm(cloud.servers(1, 1)[0], hooks.url("/x"), event_rule={"event_type": "*"})
    ids = cloud.report(*NO_RULE)
    for fault in ids:
        shown = standing.get(f"/fault/v1/faults/{fault}")["fault"]
        assert shown["state"] == "unmatched" or shown["rule"] == "no rule", shown
    assert cloud.states() == {"active"}
    hooks.quiet()
    assert not hooks.raw


def test_a_fault_of_a_network_that_carries_no_port_changes_nothing(
    standing: Server, hooks: Hooks
) -> None:
    """What nobody described to be between ports and their network reaches no server."""
    cloud = Cloud(standing, "bare").fill(servers=1)
    cloud.alarm(cloud.servers(1, 1)[0], hooks.url("/x"), event_rule={"event_type": "*"})
    types = ("compute.host.nic.error", "network.link.down")
    events = [event(one, hostname=cloud.host(), interface="eth0") for one in types]
    for fault in cloud.report(*events, event("network.switch.down", switch="s1")):
        shown = standing.get(f"/fault/v1/faults/{fault}")["fault"]
        assert (shown["state"], shown["rule"]) == ("open", "data plane")
    assert cloud.states() == {"active"}
    hooks.quiet()
    assert not hooks.raw


def test_an_instance_goes_down_and_up(standing: Server, hooks: Hooks) -> None:
    """compute.instance.down tells that server's owner and nobody else; .up gives it back."""
    cloud = Cloud(standing, "instance").fill(servers=3)
    cloud.watch(hooks, 1, 3)
    vms = cloud.servers(1, 3)
    cloud.report(event("compute.instance.down", instance_id=vms[1]))
    hooks.wait_count(1)
    states = {one["id"]: one["vm_state"] for one in cloud.shown()["servers"]}
    assert states == {vms[0]: "active", vms[1]: "error", vms[2]: "active"}
    cloud.report(event("compute.instance.up", instance_id=vms[1]))
    hooks.wait_count(2)
    hooks.quiet()
    assert [(one.path, one.current) for one in hooks.told] == [
        (f"/{vms[1]}", "alarm"),
        (f"/{vms[1]}", "ok"),
    ]
    assert cloud.states() == {"active"}


def test_repeats_are_folded(standing: Server, hooks: Hooks) -> None:
    """The same fault ten times more is one fault with ten repeats, and nobody is told again."""
    cloud = Cloud(standing, "folded").fill(servers=2)
    cloud.watch(hooks, 1, 2)
    first = cloud.report(down(cloud.host()))
    for _ in range(10):
        assert cloud.report(down(cloud.host())) == first
    hooks.wait_count(2)
    hooks.quiet()
    assert len(hooks.raw) == 2
    assert [one["repeats"] for one in cloud.faults()] == [10]


def test_the_timeline_is_stored_with_the_consumers_marks(standing: Server, hooks: Hooks) -> None:
    """T01..T09 in order, T09 from the end of the answer, T10 by a signed mark; T00 by an admin."""
    cloud = Cloud(standing, "timeline").fill(servers=2)
    cloud.watch(hooks, 1, 2)
    (fault,) = cloud.report(down(cloud.host()))
    hooks.wait_count(2)
    cloud.settled()
    path = f"/fault/v1/faults/{fault}"
    points = standing.get(f"{path}/timeline")["timeline"]["checkpoints"]
    assert list(points) == [f"T{number:02}" for number in range(11)]
    assert points["T00"] is None
    assert points["T10"] is None
    order = ("T01", "T02", "T06", "T07", "T08", "T09")
    times = [points[one]["first_wall_ns"] for one in order]
    assert times == sorted(times)
    assert points["T08"]["count"] == points["T09"]["count"] == 2
    mark = {"delivery_id": hooks.told[0].delivery, "handled_at": "2026-01-01T00:00:00Z"}
    refused = standing.call("POST", f"{path}/marks", mark, who="")
    assert refused.status == 401
    assert standing.call("POST", f"{path}/marks", mark).status == 400
    zero = {"point": "T00", "at_ns": points["T01"]["first_wall_ns"] - 1_000_000}
    assert standing.call("POST", f"{path}/marks", zero).status == 202
    points = standing.get(f"{path}/timeline")["timeline"]["checkpoints"]
    assert points["T00"]["first_wall_ns"] == zero["at_ns"]
    assert json.dumps(points)

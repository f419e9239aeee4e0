"""Aodh's client against a true server: the library and every `openstack alarm` command."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from aodhclient import exceptions
from aodhclient.v2 import client
from keystoneauth1 import session as keystone
from keystoneauth1.identity import v3

from tests.system.served import Server
from tests.system.test_openstack_client import OpenStack

pytestmark = [pytest.mark.system, pytest.mark.slow]

DEMO = "faultwire-demo"
QUERY = "traits.instance_id=string::vm-1;traits.state=string::error"
EVENT = ("--type", "event", "--event-type", "compute.instance.update", "--query", QUERY)
SINK = "http://127.0.0.1:9/failure"


@contextmanager
def library(server: Server, cloud: str) -> Iterator[client.Client]:
    """Give the library, logged in at the identity face as a cloud of clouds.yaml."""
    auth = server.auth(cloud)
    password = v3.Password(
        auth["auth_url"],
        username=auth["username"],
        password=auth["password"],
        project_name=auth["project_name"],
        user_domain_id="default",
        project_domain_id="default",
    )
    session = keystone.Session(password, timeout=30)
    try:
        yield client.Client(session, service_type="alarming", region_name="RegionOne")
    finally:
        session.session.close()


@pytest.fixture
def aodh(standing: Server) -> Iterator[client.Client]:
    """Give the library as a member, in a project without alarms and quotas."""
    with library(standing, DEMO) as made:
        for alarm in made.alarm.list():
            made.alarm.delete(alarm["alarm_id"])
        project = made.quota.list()["project_id"]
        assert standing.call("DELETE", f"/alarming/v2/quotas/{project}").status == 204
        yield made


@pytest.fixture
def openstack(standing: Server, aodh: client.Client) -> OpenStack:
    """Give the command, pointed at the server."""
    del aodh
    return OpenStack(standing.clouds)


def body(name: str, **more: Any) -> dict[str, Any]:
    """Return an alarm."""
    return {"name": name, "type": "event", "event_rule": {}, "alarm_actions": [SINK], **more}


def test_the_library_finds_its_way_and_lives_with_the_api(aodh: client.Client) -> None:
    """Login and catalog of our own; create, list, show, update, state, search, delete."""
    one = aodh.alarm.create(body("one", severity="critical"))
    two = aodh.alarm.create(body("two"))
    assert aodh.alarm.get(one["alarm_id"]) == one
    assert aodh.alarm.list(sorts=["name:asc"]) == [one, two]
    assert aodh.alarm.list(filters={"severity": "critical"}) == [one]
    assert aodh.alarm.list(sorts=["name"], limit=1, marker=one["alarm_id"]) == [two]
    changed = aodh.alarm.update(one["alarm_id"], {"severity": "moderate"})
    assert changed["severity"] == "moderate"
    assert aodh.alarm.set_state(one["alarm_id"], "alarm") == "alarm"
    assert aodh.alarm.get_state(one["alarm_id"]) == "alarm"
    found = aodh.alarm.query(json.dumps({"=~": {"name": "^t.o$"}}))
    assert found == [two]
    lines = aodh.alarm_history.get(one["alarm_id"])
    assert [line["type"] for line in lines] == ["state transition", "rule change", "creation"]
    told = aodh.alarm_history.search(json.dumps({"=": {"type": "state transition"}}))
    assert told == lines[:1]
    assert len(aodh.alarm_history.search()) == 4
    assert all(aodh.capabilities.list()["api"].values())
    aodh.alarm.delete(one["alarm_id"])
    with pytest.raises(exceptions.NotFound):
        aodh.alarm_history.get(one["alarm_id"])


def test_two_creations_at_once_do_not_both_take_the_last_place(
    standing: Server, aodh: client.Client
) -> None:
    """Of forty at once, on ten connections, exactly as many are created as there is room for."""
    project = aodh.quota.list()["project_id"]
    quota = {"project_id": project, "quotas": [{"resource": "alarms", "limit": 7}]}
    assert standing.call("POST", "/alarming/v2/quotas", quota).status == 201
    standing.token(DEMO)

    def create(number: int) -> int:
        alarm = body(f"alarm {number}")
        return standing.call("POST", "/alarming/v2/alarms", alarm, who=DEMO).status

    with ThreadPoolExecutor(10) as several:
        statuses = list(several.map(create, range(40)))
    assert sorted(statuses) == [201] * 7 + [403] * 33
    assert len(aodh.alarm.list()) == 7


def test_reading_a_quota_of_minus_one_leaves_room(aodh: client.Client) -> None:
    """Aodh stores the default at the first look, and then refuses every alarm."""
    assert aodh.quota.list()["quotas"] == [{"resource": "alarms", "limit": -1}]
    aodh.alarm.create(body("after a look"))


def test_an_alarm_by_command(openstack: OpenStack) -> None:
    """Create, show by id and by name, update, state get and set, delete."""
    made = openstack.json(
        "alarm", "create", "--name", "web 1", *EVENT, "--alarm-action", SINK, cloud=DEMO
    )
    assert isinstance(made, dict)
    name = made["alarm_id"]
    assert made["query"] == "traits.instance_id = vm-1 AND\ntraits.state = error"
    for told in ([name], ["--name", "web 1"], ["web 1"]):
        shown = openstack.json("alarm", "show", *told, cloud=DEMO)
        assert shown["alarm_id"] == name
    changed = openstack.json("alarm", "update", name, "--severity", "critical", cloud=DEMO)
    assert changed["severity"] == "critical"
    changed = openstack.json(
        "alarm", "update", "--name", "web 1", "--enabled", "False", cloud=DEMO
    )
    assert changed["enabled"] is False
    moved = openstack.json("alarm", "state", "set", "--state", "ok", name, cloud=DEMO)
    assert moved == {"state": "ok"}
    state = openstack.json("alarm", "state", "get", "--name", "web 1", cloud=DEMO)
    assert state == {"state": "ok"}
    assert openstack.run("alarm", "delete", "--name", "web 1", cloud=DEMO).returncode == 0
    gone = openstack.run("alarm", "show", name, cloud=DEMO)
    assert gone.returncode == 1
    assert f"Alarm {name} not found" in gone.stderr


def test_lists_by_command(openstack: OpenStack, aodh: client.Client) -> None:
    """Filter, rich query, sort, limit and marker; what is wrong is said."""
    made = [
        aodh.alarm.create(body(name, severity=severity))
        for name, severity in (("one", "low"), ("two", "critical"), ("three", "low"))
    ]

    def listed(*options: str, cloud: str = DEMO) -> list[str]:
        found: Any = openstack.json("alarm", "list", *options, cloud=cloud)
        return [alarm["name"] for alarm in found]

    assert listed() == ["three", "two", "one"]
    assert listed("--filter", "severity=low", "--sort", "name:asc") == ["one", "three"]
    assert listed("--sort", "name", "--limit", "1") == ["one"]
    assert listed("--sort", "name", "--marker", made[0]["alarm_id"]) == ["three", "two"]
    assert listed("--query", "severity=critical or name=one", cloud=DEMO) == ["two", "one"]
    assert set(listed("--filter", "all_projects=true", cloud="faultwire")) >= {"one", "two"}
    refused = openstack.run("alarm", "list", "--filter", "all_projects=true", cloud=DEMO)
    assert "RBAC Authorization Failed" in refused.stderr
    refused = openstack.run("alarm", "list", "--sort", "name:up", cloud=DEMO)
    assert "Unknown sort direction" in refused.stderr
    refused = openstack.run("alarm", "list", "--marker", "nope", cloud=DEMO)
    assert "Marker nope not found." in refused.stderr


def test_history_by_command(openstack: OpenStack, aodh: client.Client) -> None:
    """Show of one alarm, in pages, and search of all."""
    name = aodh.alarm.create(body("one"))["alarm_id"]
    aodh.alarm.set_state(name, "alarm")
    show = ("alarm-history", "show", name)
    lines: Any = openstack.json(*show, cloud=DEMO)
    assert [line["type"] for line in lines] == ["state transition", "creation"]
    first: Any = openstack.json(*show, "--limit", "1", "--sort", "timestamp:asc", cloud=DEMO)
    assert first == lines[1:]
    after = ("--marker", lines[0]["event_id"])
    assert openstack.json(*show, *after, cloud=DEMO) == lines[1:]
    found: Any = openstack.json(
        "alarm-history", "search", "--query", f'alarm_id="{name}" and type=creation', cloud=DEMO
    )
    assert [line["alarm_id"] for line in found] == [name]
    assert len(openstack.json("alarm-history", "search", cloud=DEMO)) == 2


def test_quotas_and_capabilities_by_command(openstack: OpenStack, aodh: client.Client) -> None:
    """An administrator sets what a member sees and is held to."""
    project = aodh.quota.list()["project_id"]
    assert openstack.json("alarm", "quota", "show", cloud=DEMO) == {"alarms": -1}
    made = openstack.json("alarm", "quota", "set", project, "--alarm", "1")
    assert made == {"alarms": 1}
    assert openstack.json("alarm", "quota", "show", "--project", project) == {"alarms": 1}
    refused = openstack.run("alarm", "quota", "set", project, "--alarm", "2", cloud=DEMO)
    assert "RBAC Authorization Failed" in refused.stderr
    create = ("alarm", "create", *EVENT, "--name")
    assert openstack.run(*create, "one", cloud=DEMO).returncode == 0
    over = openstack.run(*create, "two", cloud=DEMO)
    assert over.returncode == 1
    assert "Alarm quota exceeded for user" in over.stderr
    found: Any = openstack.json("alarming", "capabilities", "list", cloud=DEMO)
    assert found

"""Bad alarms, and what one project may never learn of another."""

import json
from typing import Any

import pytest

from tests.system.cloud import Cloud, conditions, down
from tests.system.hooks import Hooks
from tests.system.served import Reply, Server

pytestmark = pytest.mark.system

ALARMS = "/alarming/v2/alarms"


def sentence(answer: Reply) -> str:
    """Return the message of an error in Aodh's shape."""
    return str(answer.json["error_message"]["faultstring"])


def alarm(**changes: object) -> dict[str, Any]:
    """Return an alarm that is right but for the changes."""
    rule = {"event_type": "compute.instance.update", "query": conditions("vm", "error")}
    return {"name": "n", "type": "event", "event_rule": rule, **changes}


def rule(**changes: object) -> dict[str, Any]:
    """Return an alarm whose rule is right but for the changes."""
    body = alarm()
    body["event_rule"] |= changes
    return body


ALARM_FAULTS: list[tuple[object, str]] = [
    ([], "data"),
    (alarm(type=None), "type"),
    (alarm(type="gnocchi_resources_threshold"), "type"),
    (alarm(type="threshold"), "threshold_rule"),
    (alarm(type=["event"]), "type"),
    (alarm(name=None), "name"),
    (alarm(name=""), "name"),
    (alarm(name="n" * 256), "name"),
    (alarm(name=5), "name"),
    (alarm(enabled="maybe"), "enabled"),
    (alarm(severity="fatal"), "severity"),
    (alarm(state="broken"), "state"),
    (alarm(repeat_actions=3), "repeat_actions"),
    (alarm(event_rule=None), "event_rule"),
    (alarm(event_rule="x"), "event_rule"),
    (rule(event_type=5), "event_type"),
    (rule(query={}), "query"),
    (rule(query=[{}]), "query[0].field"),
    (rule(query=[{"field": "traits.a", "op": "like", "value": "x"}]), "query[0].op"),
    (rule(query=[{"field": "traits.a", "op": "eq", "type": "vector", "value": "x"}]), "type"),
    (rule(query=[{"field": "traits.a", "op": "eq", "type": "integer", "value": "x"}]), "value"),
    (rule(query=[{"field": "traits.a", "op": "eq"}]), "query[0].value"),
    (rule(clear=[]), "clear"),
    (rule(clear={"query": [{"field": 1}]}), "clear.query[0].field"),
    (rule(nothing=1), "nothing"),
    (alarm(colour="red"), "colour"),
    (alarm(alarm_actions="http://127.0.0.1/"), "alarm_actions"),
    (alarm(alarm_actions=[5]), "alarm_actions"),
    (
        alarm(
            ok_actions=["http://127.0.0.1:1/"] * 5 + [f"http://127.0.0.1/{n}" for n in range(20)]
        ),
        "ok_actions",
    ),
    (alarm(description="d" * 5000), "description"),
    (alarm(name="a\x00b"), "name"),
    (alarm(time_constraints=[{"name": "x"}]), "time_constraints"),
]


@pytest.mark.parametrize(
    ("body", "field"), ALARM_FAULTS, ids=[f"{n}-{one}" for n, (_, one) in enumerate(ALARM_FAULTS)]
)
def test_a_wrong_alarm_is_400_and_names_its_field(
    standing: Server, body: object, field: str
) -> None:
    """Every wrong attribute is 400 in Aodh's shape, with the attribute in its sentence."""
    answer = standing.call("POST", ALARMS, body)
    assert answer.status == 400, answer.text
    assert field in sentence(answer)
    assert answer.json["error_message"]["faultcode"] == "Client"
    assert standing.call("GET", ALARMS).json == []


def test_another_projects_things_are_invisible(standing: Server, hooks: Hooks) -> None:
    """Alarms, deliveries and secrets of one project do not exist for a member of another."""
    cloud = Cloud(standing, "tenancy").fill(servers=2)
    owner, other = cloud.projects
    standing.member("owner", owner)
    standing.member("other", other)
    cloud.watch(hooks, 1, 2)
    mine = cloud.alarms[cloud.servers(1, 2)[0]]
    cloud.report(down(cloud.host()))
    hooks.wait_count(2)
    cloud.settled()
    for method, path, body in (
        ("GET", f"{ALARMS}/{mine}", None),
        ("GET", f"{ALARMS}/{mine}/state", None),
        ("PUT", f"{ALARMS}/{mine}/state", "ok"),
        ("PUT", f"{ALARMS}/{mine}", alarm()),
        ("DELETE", f"{ALARMS}/{mine}", None),
    ):
        assert standing.call(method, path, body, who="other").status == 404, (method, path)
    for path in (ALARMS, "/alarming/v2/deliveries"):
        shown = standing.call("GET", path, who="other").text
        assert mine not in shown
        assert cloud.servers(1, 2)[0] not in shown
        assert standing.call("GET", f"{path}?project_id={owner}", who="other").status == 401
        assert standing.call("GET", f"{path}?all_projects=true", who="other").status == 403
    secret = "/alarming/v2/webhook-secret"
    assert standing.call("GET", f"{secret}?project_id={owner}", who="other").status == 401
    assert standing.call("POST", f"{secret}?project_id={owner}", who="other").status == 401
    owners = standing.call("GET", secret, who="owner").json["secrets"]
    others = standing.call("GET", secret, who="other").json["secrets"]
    assert not {one["secret"] for one in owners} & {one["secret"] for one in others}
    # An alarm of one project on another's server hears nothing, nor may it be put there.
    foreign = alarm(project_id=owner)
    assert standing.call("POST", ALARMS, foreign, who="other").status == 401
    assert standing.call("GET", f"{ALARMS}/{mine}", who="owner").status == 200


def test_an_alarm_on_anothers_server_never_fires(standing: Server, hooks: Hooks) -> None:
    """A condition on a foreign server's id, or none at all, matches the own project's only."""
    cloud = Cloud(standing, "foreign").fill(servers=2)
    owner, other = cloud.projects
    vms = cloud.servers(1, 2)
    cloud.alarm(vms[0], hooks.url("/spy"), 1)
    body = alarm(
        project_id=other, alarm_actions=[hooks.url("/all")], event_rule={"event_type": "*"}
    )
    assert standing.call("POST", ALARMS, body).status == 201
    cloud.report(down(cloud.host()))
    hooks.wait(lambda told: any(one.path == "/all" for one in told), "the own server's event")
    hooks.quiet()
    assert not [one for one in hooks.told if one.path == "/spy"]
    traits = {
        t[0]: t[2] for one in hooks.told for t in one.alarm["reason_data"]["event"]["traits"]
    }
    assert traits["instance_id"] == vms[1]
    assert "host" not in traits
    assert cloud.host() not in json.dumps([one.alarm for one in hooks.told])
    assert owner not in json.dumps([one.alarm for one in hooks.told])

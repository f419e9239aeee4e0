"""Threshold alarms end to end: samples in, webhooks out, whoever evaluates them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.databases.fixtures import Databases, databases
from tests.system.conftest import Serve
from tests.system.hooks import Hooks
from tests.system.installation import Installation
from tests.system.served import Server, call
from tests.system.waiting import wait_for

__all__ = ["databases"]

pytestmark = pytest.mark.system

EAGER = {"alarming": {"evaluation_interval": 1}}


def watch(server: Server, hooks: Hooks, resource: str, **more: Any) -> str:
    """Create an alarm on a resource's cpu over 90; return its id."""
    body = {
        "name": resource,
        "type": "threshold",
        "threshold_rule": {
            "meter_name": "cpu",
            "comparison_operator": "gt",
            "threshold": 90,
            "period": 600,
            "query": [{"field": "resource_id", "op": "eq", "value": resource}],
        },
        "alarm_actions": [hooks.url(f"/{resource}")],
        "ok_actions": [hooks.url(f"/{resource}")],
        **more,
    }
    answer = server.call("POST", "/alarming/v2/alarms", body)
    assert answer.status == 201, answer.text
    return str(answer.json["alarm_id"])


def sample(server: Server, *values: tuple[str, float]) -> None:
    """Send samples of resources' cpu."""
    project = server.get("/identity/v3/projects?name=admin")["projects"][0]["id"]
    body = [
        {"meter_name": "cpu", "resource_id": name, "project_id": project, "value": value}
        for name, value in values
    ]
    answer = server.call("POST", "/alarming/v2/samples", body)
    assert answer.status == 201, answer.text


def state(server: Server, alarm: str) -> str:
    """Return an alarm's state."""
    return str(server.get(f"/alarming/v2/alarms/{alarm}/state"))


def test_samples_raise_and_clear_an_alarm(serve: Serve, hooks: Hooks) -> None:
    """Samples over the threshold call alarm_actions, calmer ones ok_actions; history has both."""
    server = serve(EAGER)
    hot = watch(server, hooks, "hot")
    never = watch(
        server,
        hooks,
        "never",
        time_constraints=[{"name": "leap", "start": "0 0 29 2 *", "duration": 1}],
    )
    sample(server, ("hot", 95.0), ("never", 95.0))
    hooks.wait_count(1)
    (told,) = hooks.told
    assert (told.alarm_id, told.current) == (hot, "alarm")
    assert told.alarm["reason_data"] == {
        "type": "threshold",
        "disposition": "outside",
        "count": 1,
        "most_recent": 95.0,
    }
    sample(server, *[("hot", 0.0)] * 9)
    hooks.wait_count(2)
    assert hooks.told[1].current == "ok"
    assert state(server, never) == "insufficient data"
    assert "faultwire_periodic_last_round_seconds" in call(f"{server.url}/metrics").text


@pytest.fixture
def installation(databases: Databases, tmp_path: Path) -> Iterator[Callable[[], Installation]]:
    """Give an installation on PostgreSQL whose alarms are looked at every second."""
    made = Installation(tmp_path, databases.new("postgresql"), EAGER)
    yield lambda: made
    made.close()


def test_evaluators_evaluate(installation: Callable[[], Installation], hooks: Hooks) -> None:
    """Servers leave it to evaluators while there are any; one killed is replaced by the other."""
    several = installation()
    server = several.serve()
    names = [f"r{number}" for number in range(20)]
    alarms = [watch(server, hooks, name) for name in names]
    workers = [several.work("evaluator"), several.work("evaluator")]
    sample(server, *((name, 95.0) for name in names))
    hooks.wait_count(20)
    workers[0].kill9()
    sample(server, *[(name, 0.0) for name in names for _ in range(9)])
    hooks.wait_count(40)
    wait_for(lambda: {state(server, one) for one in alarms} == {"ok"}, "all are ok")
    assert {(one.alarm_id, one.current) for one in hooks.told} == {
        (alarm, current) for alarm in alarms for current in ("alarm", "ok")
    }
    assert len({one.delivery for one in hooks.told}) == 40

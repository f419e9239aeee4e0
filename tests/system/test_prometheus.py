"""Alarms on a real Prometheus server: what is asked, who sees what, and a server that goes."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from faultwire.domain.errors import Refused, Unavailable
from faultwire.notifier.evaluator.promql import restricted
from faultwire.notifier.prometheus import Prometheus as Door
from faultwire.notifier.prometheus_settings import Settings
from tests.system.conftest import Serve
from tests.system.hooks import Hooks
from tests.system.prometheus import Prometheus
from tests.system.served import Server, call
from tests.system.waiting import wait_for

pytestmark = pytest.mark.system

ALARMS = "/alarming/v2/alarms"
SERIES = {
    'load{project="a",host="1"}': 9.0,
    'load{project="a",host="2"}': 8.0,
    'load{project="b",host="1"}': 1.0,
    'load{host="0"}': 5.0,
    'other{project="b"}': 7.0,
}
QUERIES = (
    "load",
    "{__name__=~'.+'}",
    "load or other",
    'load{project="b"}',
    'load{project=~".*"}',
    "sum by (project) (load)",
    "sum without (host) ({__name__!=''})",
    "topk(5, load)",
    "rate(load[5m]) or load",
    "max_over_time(load[2m:30s])",
    "load * on(host) group_left(project) load",
    "load unless on(project) other",
    "load offset 1m",
    "load @ end()",
    'label_replace(load, "x", "$1", "host", "(.*)")',
    "-load ^ 2 + 1e1 > bool 0x1",
    "count_values('v', load)",
    "absent(other)",
    "sort(load)",
    "quantile(0.5, load) by (project)",
    "vector(1) and on() other",
    "atan2",
)


@pytest.fixture(scope="module")
def prometheus(
    tmp_path_factory: pytest.TempPathFactory, needs_package: Callable[..., str]
) -> Iterator[Prometheus]:
    """Give a server with series of two projects."""
    made = Prometheus(tmp_path_factory.mktemp("prometheus"), SERIES, needs_package)
    yield made.start()
    made.stop()


def asked(prometheus: Prometheus, query: str) -> Any:
    """Return the series that a query finds; None where the server does not take it."""
    answer = call(f"{prometheus.url}/api/v1/query", "POST", data={"query": query})
    return answer.json["data"]["result"] if answer.status == 200 else None


@pytest.mark.parametrize("query", QUERIES)
def test_a_narrowed_query_finds_ones_own_series_alone(prometheus: Prometheus, query: str) -> None:
    """What the server takes it takes narrowed, and nothing of another project comes out of it."""
    if asked(prometheus, query) is None:
        return
    found = asked(prometheus, restricted(query, "project", "a"))
    assert found is not None
    shown = [series["metric"].get("project", "a") for series in found]
    assert set(shown) <= {"a"}
    # Whatever the other project's series were, the answer is the same without them.
    nobody = asked(prometheus, restricted(query, "project", "nobody"))
    assert all(series["metric"].get("project", "") in {"", "nobody"} for series in nobody)


async def test_the_door(prometheus: Prometheus) -> None:
    """Vectors and scalars are values; what is none, or no query, is refused with its reason."""
    door = Door(Settings(url=prometheus.url + "/"))
    assert sorted(await door.query("load")) == [1.0, 5.0, 8.0, 9.0]
    assert await door.query("scalar(vector(3))") == (3.0,)
    assert await door.query("nothing") == ()
    assert await door.query("1/0") == (float("inf"),)
    for query, reason in (
        ("load[5m]", "answers a matrix"),
        ('"text"', "answers a string"),
        ("load{", "does not take the query: it cannot be understood there"),
        ("load * on(host) load", "does not take the query"),
    ):
        with pytest.raises(Refused, match=reason):
            await door.query(query)
    await door.close()
    door = Door(Settings(url=f"http://127.0.0.1:{free_of(prometheus)}"))
    with pytest.raises(Unavailable, match="cannot be asked"):
        await door.query("load")
    await door.close()


def free_of(prometheus: Prometheus) -> int:
    """Return a port on which nobody listens."""
    from tests.databases.servers import free_port

    found = free_port()
    assert found != prometheus.port
    return found


def create(server: Server, query: str, hooks: Hooks, path: str, who: str = "faultwire") -> Any:
    """Create an alarm for values over 5."""
    body = {
        "name": path,
        "type": "prometheus",
        "prometheus_rule": {"query": query, "comparison_operator": "gt", "threshold": 5},
        "alarm_actions": [hooks.url(path)],
        "ok_actions": [hooks.url(path)],
        "insufficient_data_actions": [hooks.url(path)],
    }
    return server.call("POST", ALARMS, body, who=who)


def test_alarms_are_evaluated_and_projects_kept_apart(
    tmp_path: Path, serve: Serve, hooks: Hooks, needs_package: Callable[..., str]
) -> None:
    """Through the API to the webhook; another project's series never raise an alarm."""
    server = serve()
    tenant = server.member("ann", "tenants")
    series = {f'load{{project="{tenant}"}}': 9.0, 'load{project="b"}': 1.0, "up": 1.0}
    prometheus = Prometheus(tmp_path / "prometheus", series, needs_package).start()
    try:
        refused = create(server, "load", hooks, "/refused")
        assert refused.status == 400
        assert "[prometheus] url" in refused.text
        server.configure(
            {"prometheus": {"url": prometheus.url}, "alarming": {"evaluation_interval": 1}}
        )
        server.restart()
        refused = create(server, "load # mine", hooks, "/refused", "ann")
        assert refused.status == 400
        assert "prometheus_rule.query" in refused.text
        for path, query in (("/own", "load"), ("/up", "up"), ("/low", "load - 8")):
            assert create(server, query, hooks, path, "ann").status == 201
        hooks.wait_count(2)
        assert {(one.path, one.current) for one in hooks.told} == {
            ("/own", "alarm"),
            ("/low", "ok"),
        }
        prometheus.stop()
        hooks.wait_count(4)
        after = {(one.path, one.current) for one in hooks.told[2:]}
        assert after == {("/own", "insufficient data"), ("/low", "insufficient data")}
        prometheus.start()
        hooks.wait_count(6)
        states = {one["name"]: one["state"] for one in server.get(ALARMS, who="ann")}
        assert states == {"/own": "alarm", "/low": "ok", "/up": "insufficient data"}
    finally:
        prometheus.stop()
    metrics = call(f"{server.url}/metrics").text
    assert 'faultwire_periodic_evaluations_total{kind="prometheus",result="unanswered"}' in metrics
    wait_for(lambda: "answers again" in server.log.read_text(), "the log says that it is back")

"""Faults to read and to close: lists and their filters, the whole record, who may."""

import pytest

from faultwire.domain.errors import Unavailable
from tests.api.cloud import EVENT, Cloud

UP = {**EVENT, "type": "compute.host.up"}
FAR = {**EVENT, "type": "compute.host.hung", "details": {"hostname": "compute-2"}}


async def ids(cloud: Cloud, query: str = "") -> list[str]:
    answer = await cloud.call("GET", f"/fault/v1/faults{query}")
    assert answer.status_code == 200, answer.text
    return [fault["id"] for fault in answer.json()["faults"]]


async def test_faults_are_listed_newest_first(cloud: Cloud) -> None:
    """Each row says what, where, since when, and in which state."""
    (first,) = await cloud.report(EVENT)
    cloud.clock.advance(1)
    (second,) = await cloud.report(FAR)
    assert await ids(cloud) == [second, first]
    (_, row) = (await cloud.call("GET", "/fault/v1/faults")).json()["faults"]
    assert row == {
        "id": first,
        "type": "compute.host.down",
        "severity": "critical",
        "state": "open",
        "resource": {"hostname": "compute-1"},
        "host": "compute-1",
        "opened_at": "2023-11-14T22:13:21.000000Z",
        "updated_at": "2023-11-14T22:13:21.000000Z",
        "closed_at": None,
        "closed_by": None,
        "repeats": 0,
        "rule": row["rule"],
    }


async def test_the_list_is_filtered(cloud: Cloud) -> None:
    """By host (a short name too, D21), by state, by time."""
    (down,) = await cloud.report(EVENT)
    cloud.clock.advance(10)
    hung, lost = await cloud.report(FAR, {**EVENT, "details": {"hostname": "nowhere"}})
    await cloud.report(UP)
    assert await ids(cloud, "?host=compute-1") == [down]
    assert await ids(cloud, "?host=compute-2") == [hung]
    assert await ids(cloud, "?host=compute-2.example.org&state=open") == [hung]
    assert await ids(cloud, "?host=gone") == []
    assert await ids(cloud, "?state=closed") == [down]
    assert await ids(cloud, "?state=unmatched") == [lost]
    assert sorted(await ids(cloud, "?since=2023-11-14T22:13:25Z")) == sorted([hung, lost])
    assert await ids(cloud, "?since=2023-11-14T23:13:25+01:00&state=open") == [hung]
    assert await ids(cloud, "?since=2024-01-01") == []


async def test_the_list_goes_on_after_a_marker(cloud: Cloud) -> None:
    """Pages by limit and marker meet without gap or repeat."""
    kinds = ("down", "hung", "unreachable", "flapping")
    for kind in kinds:
        await cloud.report({**EVENT, "type": f"compute.host.{kind}"})
        cloud.clock.advance(1)
    whole = await ids(cloud)
    assert len(whole) == 4
    first = await ids(cloud, "?limit=3")
    assert first + await ids(cloud, f"?limit=3&marker={first[-1]}") == whole


@pytest.mark.parametrize(
    ("query", "status", "field"),
    [
        ("?limit=0", 400, "limit"),
        ("?limit=1001", 400, "limit"),
        ("?limit=many", 400, "limit"),
        ("?state=burning", 400, "state"),
        ("?since=noon", 400, "since"),
        ("?since=9999-12-31", 400, "since"),
        ("?hosts=compute-1", 400, "hosts"),
        ("?host=%00", 400, "host"),
        ("?marker=none", 404, None),
    ],
)
async def test_bad_filters_are_named(
    cloud: Cloud, query: str, status: int, field: str | None
) -> None:
    """A filter that cannot be is 400 and named; a marker that is none is 404."""
    answer = await cloud.call("GET", f"/fault/v1/faults{query}")
    assert answer.status_code == status
    assert answer.json()["error"].get("field") == field


async def test_a_fault_shows_its_whole_record(cloud: Cloud) -> None:
    """Evidence, plan, decision record and timeline are one document."""
    await cloud.alarm()
    (fault,) = await cloud.report(EVENT)
    answer = await cloud.call("GET", f"/fault/v1/faults/{fault}")
    shown = answer.json()["fault"]
    assert shown["evidence"][0]["details"] == {"hostname": "compute-1"}
    assert shown["evidence"][0]["vote"] == "down"
    assert (shown["plan"]["host"], shown["plan"]["servers"]) == ("compute-1", 2)
    assert shown["plan"]["forced_down"] is True
    assert {line["outcome"] for line in shown["decisions"]} >= {"applied"}
    assert all(line["name"] and line["why"] for line in shown["decisions"])
    points = shown["timeline"]["checkpoints"]
    assert list(points) == [f"T{number:02}" for number in range(11)]
    assert points["T00"] is None
    assert points["T01"]["first_wall_ns"] == cloud.clock.wall_ns()
    alone = (await cloud.call("GET", f"/fault/v1/faults/{fault}/timeline")).json()
    assert alone == {"timeline": shown["timeline"]}


async def test_a_fault_that_no_rule_acts_on_says_so(cloud: Cloud) -> None:
    """A known type without a rule is recorded as `no rule`, and nothing is changed."""
    (fault,) = await cloud.report(
        {**EVENT, "type": "monitor.isolated", "details": {"monitor": "m1"}}
    )
    shown = (await cloud.call("GET", f"/fault/v1/faults/{fault}")).json()["fault"]
    assert (shown["rule"], shown["plan"]["changed"]) == ("no rule", 0)
    assert shown["decisions"]


async def test_closing_lets_go_of_what_the_fault_held(cloud: Cloud) -> None:
    """An operator closes a fault as a posted clear does (D20); closing twice is 409."""
    (fault,) = await cloud.report(EVENT)
    path = f"/fault/v1/faults/{fault}/close"
    answer = await cloud.call("POST", path)
    assert (answer.status_code, answer.json()) == (
        200,
        {"fault": {"id": fault, "state": "closed"}},
    )
    host = (await cloud.call("GET", "/fault/v1/hosts/compute-1")).json()["host"]
    assert (host["state"], host["forced_down"]) == ("up", False)
    again = await cloud.call("POST", path)
    assert again.status_code == 409
    assert "closed already" in again.json()["error"]["message"]
    closed = (await cloud.call("GET", f"/fault/v1/faults/{fault}")).json()["fault"]
    assert closed["closed_by"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/faults/{id}"),
        ("GET", "/faults/{id}/timeline"),
        ("POST", "/faults/{id}/close"),
    ],
)
@pytest.mark.parametrize("name", ["nope", "%00", "x" * 65, "..%2F..", "é"])
async def test_an_unknown_fault_is_404(cloud: Cloud, method: str, path: str, name: str) -> None:
    """What no fault is called is not there, however odd the name."""
    answer = await cloud.call(method, "/fault/v1" + path.format(id=name))
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/faults"),
        ("GET", "/faults/{id}"),
        ("GET", "/faults/{id}/timeline"),
        ("POST", "/faults/{id}/close"),
    ],
)
@pytest.mark.parametrize(
    ("token", "status"),
    [("member", 403), ("reader", 403), ("service", 403), ("", 401), ("expired", 401)],
)
async def test_faults_are_the_administrators(
    cloud: Cloud, method: str, path: str, token: str, status: int
) -> None:
    """Nobody else reads or closes a fault; an unknown one tells them no more."""
    (fault,) = await cloud.report(EVENT)
    for name in (fault, "nope"):
        answer = await cloud.call(method, "/fault/v1" + path.format(id=name), token)
        assert answer.status_code == status
    assert await ids(cloud, "?state=open") == [fault]


async def test_a_close_that_cannot_be_stored_is_503(cloud: Cloud) -> None:
    """The fault stays open, and closing it later works."""
    (fault,) = await cloud.report(EVENT)
    cloud.ledger.fail(Unavailable("database is locked"))
    path = f"/fault/v1/faults/{fault}/close"
    assert (await cloud.call("POST", path)).status_code == 503
    assert await ids(cloud, "?state=open") == [fault]
    assert (await cloud.call("POST", path)).status_code == 200

"""host_status: every combination, every persona; owners hear of each change (S142-S165, D19)."""

from itertools import product
from typing import Any

import pytest

from faultwire.domain.commands import AgentChanged
from faultwire.domain.events import INSTANCE_UPDATE
from faultwire.domain.ids import HostName
from faultwire.domain.services import TellOwners
from faultwire.domain.states import AgentState, HostStatus, Precedence, host_status
from faultwire.faces.compute.settings import Settings
from tests.api.cloud import Cloud, running
from tests.api.compute.calling import (
    HOST,
    HYPERVISORS,
    ROOT,
    SERVICES,
    alarm,
    call,
    force_down,
    service,
    told,
)

OWN = f"{ROOT}/servers/vm-1"
WORDS: dict[tuple[bool, bool, bool], tuple[str, str]] = {
    # (alive, forced down, disabled): by Nova's code, by the manual (D1)
    (True, False, False): ("UP", "UP"),
    (True, False, True): ("MAINTENANCE", "MAINTENANCE"),
    (True, True, False): ("DOWN", "DOWN"),
    (True, True, True): ("DOWN", "MAINTENANCE"),
    (False, False, False): ("UNKNOWN", "UNKNOWN"),
    (False, False, True): ("MAINTENANCE", "MAINTENANCE"),
    (False, True, False): ("DOWN", "DOWN"),
    (False, True, True): ("DOWN", "MAINTENANCE"),
}
OPEN = {"os_compute_api:servers:show:host_status": "rule:admin_or_owner"}
"""The seed's policy: owners see host_status too (S155)."""


async def silence(cloud: Cloud, host: str = HOST) -> None:
    """Let the agent of a host come, say goodbye, and be gone for too long."""
    for state in (AgentState.CONNECTED, AgentState.GONE, AgentState.SILENT):
        await cloud.lane.submit(AgentChanged(HostName(host), state))


async def tell(cloud: Cloud) -> int:
    """Do what follows a request: tell owners until nothing is owed; return how many turns."""
    turns = 0
    while cloud.indexes.owed:
        await cloud.lane.submit(TellOwners())
        turns += 1
    return turns


def test_the_table_of_host_status() -> None:
    """All combinations of (alive, forced, disabled) in both precedences (D1, S152)."""
    assert set(WORDS) == set(product((True, False), repeat=3))
    for (alive, forced, disabled), words in WORDS.items():
        for precedence, word in zip(Precedence, words, strict=True):
            found = host_status(
                alive=alive, forced_down=forced, disabled=disabled, precedence=precedence
            )
            assert found is HostStatus(word)


async def put(cloud: Cloud, *, alive: bool, forced: bool, disabled: bool) -> None:
    """Bring compute-1 into a state by what brings it there."""
    if not alive:
        await silence(cloud)
    name = (await service(cloud))["id"]
    body = {"forced_down": forced, "status": "disabled" if disabled else "enabled"}
    answer = await call(cloud, "PUT", f"{SERVICES}/{name}", body)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("precedence", list(Precedence))
@pytest.mark.parametrize(("alive", "forced", "disabled"), list(WORDS))
async def test_every_state_as_every_persona(
    precedence: Precedence, *, alive: bool, forced: bool, disabled: bool
) -> None:
    """Administrators see host_status, owners where policy says so; services say up and status."""
    word = WORDS[alive, forced, disabled][list(Precedence).index(precedence)]
    settings = Settings(host_status_precedence=precedence)
    async with running(compute_settings=settings) as cloud:
        await put(cloud, alive=alive, forced=forced, disabled=disabled)
        up = "up" if alive and not forced else "down"
        shown = await service(cloud)
        assert (shown["state"], shown["status"] == "disabled") == (up, disabled)
        answer = await call(cloud, "GET", f"{HYPERVISORS}/detail")
        assert answer.json()["hypervisors"][0]["state"] == up
        assert (await seen(cloud, "admin")) == word
        assert (await seen(cloud, "member")) is None
        assert (await seen(cloud, "reader")) is None
        cloud.open_policy(OPEN)
        assert (await seen(cloud, "member")) == word
        assert (await seen(cloud, "reader")) == word
        only = {"os_compute_api:servers:show:host_status:unknown-only": "rule:admin_or_owner"}
        cloud.open_policy(only)
        assert (await seen(cloud, "member")) == ("UNKNOWN" if word == "UNKNOWN" else None)


async def seen(cloud: Cloud, who: str) -> str | None:
    """Return the host_status that a persona sees, the same in both calls."""
    one = (await call(cloud, "GET", OWN, who=who)).json()["server"]
    answer = await call(cloud, "GET", f"{ROOT}/servers/detail", who=who, params=whose(who))
    (listed,) = [found for found in answer.json()["servers"] if found["id"] == "vm-1"]
    assert one.get("host_status") == listed.get("host_status")
    found: str | None = one.get("host_status")
    return found


def whose(who: str) -> dict[str, Any]:
    """Return the query with which a persona lists vm-1."""
    return {"all_tenants": "1"} if who == "admin" else {}


@pytest.mark.parametrize(("at", "there"), [("2.15", False), ("2.16", True)])
async def test_host_status_comes_with_its_version(cloud: Cloud, at: str, there: bool) -> None:
    """It is there from 2.16 and absent below (S142-S144)."""
    answer = await call(cloud, "GET", OWN, at=at)
    assert ("host_status" in answer.json()["server"]) is there


async def test_owners_hear_of_each_change_once(cloud: Cloud) -> None:
    """Force-down, disable and their ends reach owners, host unnamed (D19, S162, S163)."""
    await alarm(cloud, "member", INSTANCE_UPDATE)
    await force_down(cloud)
    assert told(cloud) == []
    assert await tell(cloud) == 1
    (said,) = told(cloud)
    assert (said["instance_id"], said["old_host_status"], said["host_status"]) == (
        "vm-1",
        "UP",
        "DOWN",
    )
    assert said["state"] == said["old_state"] == "active"
    assert "host" not in said
    await force_down(cloud)
    assert await tell(cloud) == 0
    await put(cloud, alive=True, forced=True, disabled=True)
    assert await tell(cloud) == 0
    await put(cloud, alive=True, forced=False, disabled=True)
    await put(cloud, alive=True, forced=False, disabled=False)
    assert len(cloud.indexes.owed) == 2
    await tell(cloud)
    changes = [(said["old_host_status"], said["host_status"]) for said in told(cloud)]
    assert changes == [("DOWN", "MAINTENANCE"), ("MAINTENANCE", "UP")]


async def test_silence_is_told_and_its_end(cloud: Cloud) -> None:
    """A host whose agent is gone for too long is UNKNOWN until it answers (S146, S177)."""
    await alarm(cloud, "member", INSTANCE_UPDATE)
    await silence(cloud)
    assert (await service(cloud))["state"] == "down"
    await cloud.lane.submit(AgentChanged(HostName(HOST), AgentState.CONNECTED))
    assert (await service(cloud))["state"] == "up"
    await tell(cloud)
    changes = [(said["old_host_status"], said["host_status"]) for said in told(cloud)]
    assert changes == [("UP", "UNKNOWN"), ("UNKNOWN", "UP")]


async def test_an_agent_that_came_back_is_not_silent(cloud: Cloud) -> None:
    """Silence that was overtaken by the agent's return changes nothing."""
    host = HostName(HOST)
    await cloud.lane.submit(AgentChanged(host, AgentState.CONNECTED))
    await cloud.lane.submit(AgentChanged(host, AgentState.SILENT))
    assert (await service(cloud))["state"] == "up"


async def test_reports_do_not_lift_a_force_down(cloud: Cloud) -> None:
    """While forced down the service stays down even if it reports again (S175, S176)."""
    await force_down(cloud)
    await cloud.lane.submit(AgentChanged(HostName(HOST), AgentState.CONNECTED))
    assert (await service(cloud))["state"] == "down"


async def test_many_owners_are_told_in_turns(cloud: Cloud) -> None:
    """A host with many servers answers at once; its owners hear in turns, each once (D19)."""
    servers = [
        {"id": f"s-{n:04d}", "name": f"n{n}", "project": "demo", "host": HOST} for n in range(600)
    ]
    await cloud.call("PATCH", "/fault/v1/inventory", body={"servers": servers})
    await alarm(cloud, "member", INSTANCE_UPDATE)
    cloud.lane.commands.clear()
    await force_down(cloud)
    assert len(cloud.lane.commands) == 1
    assert await tell(cloud) == 3
    names = [said["instance_id"] for said in told(cloud)]
    assert len(names) == len(set(names)) == 601


async def test_a_host_without_servers_owes_nothing_for_long(cloud: Cloud) -> None:
    """One turn ends what nobody waits for, also where the host is gone meanwhile."""
    await cloud.call("PATCH", "/fault/v1/inventory", body={"hosts": [{"name": "spare"}]})
    await force_down(cloud, "spare")
    name = (await service(cloud, "spare"))["id"]
    assert (await call(cloud, "DELETE", f"{SERVICES}/{name}")).status_code == 204
    assert await tell(cloud) == 1


async def test_telling_may_be_switched_off() -> None:
    """[compute] tell_owners_host_status false: services change and owners hear nothing."""
    async with running(compute_settings=Settings(tell_owners_host_status=False)) as cloud:
        await force_down(cloud)
        assert not cloud.indexes.owed

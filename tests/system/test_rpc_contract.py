"""What both transports of remote calls promise: one suite over the process and over RabbitMQ."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from faultwire.domain.errors import (
    Conflict,
    NoAnswer,
    NoConsumer,
    RefusedArguments,
    RefusedVersion,
    RemoteFailure,
)
from faultwire.messaging.table import TABLE
from tests.rpc.records import RECORDS
from tests.rpc.sides import Sides, sides

pytestmark = pytest.mark.system


@pytest.fixture(params=["in process", "rabbit"])
async def both(request: pytest.FixtureRequest) -> AsyncIterator[Sides]:
    """Give servers and clients that meet over each transport in turn."""
    url = ""
    if request.param == "rabbit":
        url = request.getfixturevalue("rabbit").fresh()
    async with sides(url) as made:
        yield made


async def test_a_call_goes_out_at_its_own_version(both: Sides) -> None:
    """Each call has the version that its arguments need, never the cap (bug 1631106, S225)."""
    guest = await both.server("guestagent", to="g1")
    client = await both.client()
    assert await client.call("guestagent", "rpc_ping", {}, to="g1", deadline_s=60) == "rpc_ping"
    await client.call("guestagent", "restart", {}, to="g1", deadline_s=60)
    await client.call("guestagent", "restart", {"reason": "hung"}, to="g1", deadline_s=60)
    assert guest.asked == [
        ("rpc_ping", "1.0", {}),
        ("restart", "1.0", {"reason": None}),
        ("restart", "1.1", {"reason": "hung"}),
    ]


async def test_failures_are_told_apart(both: Sides) -> None:
    """Nobody there, silence, a refused argument and a failing handler are errors of their own."""
    guest = await both.server("guestagent", to="g1")
    never = asyncio.Event()
    guest.instead = {"rpc_ping": never.wait, "restart": Conflict("it restarts already")}
    guest.instead["get_diagnostics"] = ValueError("a defect")
    client = await both.client()
    with pytest.raises(NoConsumer, match="g2"):
        await client.call("guestagent", "rpc_ping", {}, to="g2", deadline_s=60)
    with pytest.raises(NoAnswer):
        await client.call("guestagent", "rpc_ping", {}, to="g1", deadline_s=1)
    with pytest.raises(RefusedArguments, match="reason"):
        await client.call("guestagent", "restart", {"reason": 7}, to="g1", deadline_s=60)
    with pytest.raises(RemoteFailure, match="Conflict: it restarts already") as failed:
        await client.call("guestagent", "restart", {}, to="g1", deadline_s=60)
    assert (failed.value.topic, failed.value.method) == ("guestagent.g1", "restart")
    assert str(failed.value).count("guestagent.g1") == 1
    with pytest.raises(RemoteFailure, match="internal error"):
        await client.call("guestagent", "get_diagnostics", {}, to="g1", deadline_s=60)
    never.set()


async def test_a_fan_out_has_one_deadline(both: Sides) -> None:
    """Each guest has its own verdict, and the dead ones cost one deadline together."""
    for name in ("g1", "g2", "g3"):
        await both.server("guestagent", to=name)
    silent = [await both.server("guestagent", to=name) for name in ("s1", "s2")]
    never = asyncio.Event()
    for guest in silent:
        guest.instead["rpc_ping"] = never.wait
    client = await both.client()
    await client.call("guestagent", "rpc_ping", {}, to="g1", deadline_s=60)
    to = ["g1", "s1", "g2", "s2", "g3", "gone", "g1"]
    answers = await client.fan_out("guestagent", "rpc_ping", {}, to=to, deadline_s=3)
    assert {peer: answer.verdict for peer, answer in answers.items()} == {
        "g1": "ok",
        "g2": "ok",
        "g3": "ok",
        "s1": "timeout",
        "s2": "timeout",
        "gone": "no consumer",
    }
    assert all(answers[peer].waited_ms < 3000 for peer in ("g1", "g2", "g3"))
    never.set()


async def test_a_cast_is_kept_and_done(both: Sides) -> None:
    """A cast returns before it is done, and is done once."""
    conductor = await both.server("conductor")
    done = asyncio.Event()

    async def take() -> None:
        done.set()

    conductor.instead["heartbeat"] = take
    client = await both.client()
    beat = {"instance_id": "g1", "payload": {"service_status": "running"}, "sequence": 7}
    await client.cast("conductor", "heartbeat", beat)
    await asyncio.wait_for(done.wait(), 60)
    [(name, version, arguments)] = conductor.asked
    assert (name, version) == ("heartbeat", "1.2")
    assert arguments == {**beat, "sent": None, "rpc_version": None, "boot_id": None}


async def test_a_refused_cast_is_told_to_the_caller(both: Sides) -> None:
    """Where upstream drops it in silence, the caller's side hears which cast was refused."""
    await both.server("conductor", table=RECORDS["amber"])
    client = await both.client()
    await client.cast("conductor", "report_fault", {"instance_id": "g1", "fault_type": "x"})
    await asyncio.wait_for(both.heard_of_refused.wait(), 60)
    [(api, method, error)] = both.refused
    assert (api, method) == ("conductor", "report_fault")
    assert isinstance(error, RefusedVersion)


async def test_an_unknown_method_does_not_hurt_a_server(both: Sides) -> None:
    """Calls that are too new, or unknown, are answered with a refusal, and the next is served."""
    guest = await both.server("guestagent", to="g1", table=RECORDS["amber"])
    client = await both.client()
    for _ in range(3):
        with pytest.raises(RefusedVersion):
            await client.call("guestagent", "get_diagnostics", {}, to="g1", deadline_s=60)
    await client.call("guestagent", "rpc_ping", {}, to="g1", deadline_s=60)
    assert [name for name, _, _ in guest.asked] == ["rpc_ping"]


@pytest.mark.parametrize("who", ["older server", "older client"])
@pytest.mark.parametrize("release", TABLE.releases)
async def test_every_method_between_releases(both: Sides, release: str, who: str) -> None:
    """Each method goes both ways between this release and each older one (S211, S212, S214)."""
    old = RECORDS[release]
    server, client = (old, TABLE) if who == "older server" else (TABLE, old)
    made = await both.client(client)
    for api in client.apis:
        if api.name != "baseapi":
            await both.every_method(made, api, server, "g1" if api.each else None)

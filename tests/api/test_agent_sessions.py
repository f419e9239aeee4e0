"""Agents against a real listener: what they say, what they are told, what is held against them."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from faultwire.domain.accounts import CredentialKind
from faultwire.domain.agents import CloseCode
from faultwire.domain.commands import AgentChanged
from faultwire.domain.ids import HostName, ServerId
from faultwire.domain.resources import Evacuation
from faultwire.domain.states import AgentState
from faultwire.faces.fault import agents as face
from tests.api.agent_stand import SECONDS, Stand, closing
from tests.unit.monitors.fakes import pass_time

HOST = "compute-1.example.org"


@pytest.fixture
async def stand() -> AsyncIterator[Stand]:
    """A listener on a free port."""
    async with Stand() as one:
        yield one


# ---------------------------------------------------------------- the real agent


async def test_an_agent_reports_its_servers_and_beats(stand: Stand, tmp_path: Path) -> None:
    """Hello brings the list, beats keep the host alive, a changed list is told."""
    listed = tmp_path / "servers"
    listed.write_text(json.dumps(["vm-1"]))
    _, clock = stand.start_agent(HOST, listed)
    await stand.agent_says(f"connected to {stand.url(HOST)}")
    await stand.connected(1)
    for _ in range(5):
        before = stand.seen(HOST)
        await stand.wait(1)
        await pass_time(clock, 1)
        await stand.seen_after(HOST, before)
    assert stand.reports == []
    listed.write_text("# moved\nvm-1\nvm-22\n")
    await pass_time(clock, 1)
    await stand.news.until(lambda: len(stand.intake.commands) == 2)
    assert stand.intake.commands == [
        AgentChanged(HOST, AgentState.CONNECTED, frozenset({"vm-1"})),
        AgentChanged(HOST, AgentState.CONNECTED, frozenset({"vm-1", "vm-22"})),
    ]


async def test_a_list_that_is_refused_does_not_keep_the_agent_out(
    stand: Stand, tmp_path: Path
) -> None:
    """An agent whose list the server refuses comes back without it, and with the next one."""
    listed = tmp_path / "servers"
    listed.write_text("x" * 300)
    _, clock = stand.start_agent(HOST, listed)
    await stand.agent_says("(4400: hello.servers[0]: must be text of 1 to 255 characters)")
    await pass_time(clock, 0.02)
    await stand.connected(1)
    listed.write_text("vm-1")
    await stand.wait(1)
    await pass_time(clock, 1)
    told = AgentChanged(HOST, AgentState.CONNECTED, frozenset({"vm-1"}))
    await stand.news.until(lambda: told in stand.intake.commands)


async def test_a_list_that_cannot_be_read_is_left_as_it_was(stand: Stand, tmp_path: Path) -> None:
    """A list that is broken or gone is said once, changes nothing, and is taken when mended."""
    listed = tmp_path / "servers"
    listed.write_text("vm-1")
    _, clock = stand.start_agent(HOST, listed)
    await stand.connected(1)
    listed.write_text("[1]")
    await pass_time(clock, 1)
    await stand.agent_says("the list of servers is left as it was")
    listed.unlink()
    await pass_time(clock, 1)
    await stand.agent_says("No such file")
    listed.write_text("vm-1\nvm-2")
    await stand.wait(1)
    await pass_time(clock, 1)
    told = AgentChanged(HOST, AgentState.CONNECTED, frozenset({"vm-1", "vm-2"}))
    await stand.news.until(lambda: told in stand.intake.commands)
    assert len(stand.intake.commands) == 2


async def test_a_thawed_agent_beats_once(stand: Stand) -> None:
    """After a stop of its own an agent sends one beat, not all that it missed."""
    agent, clock = stand.start_agent(HOST)
    await stand.agent_says("connected to")
    await pass_time(clock, 0.5)
    before = stand.monitor.heard
    clock.advance(60)
    await stand.news.until(lambda: stand.monitor.heard > before)
    agent.stop()
    await stand.ended(agent)
    assert stand.monitor.heard == before + 1


async def test_a_killed_connection_is_a_verdict_after_the_window(stand: Stand) -> None:
    """A connection that is reset and not made again is reported after agent_return_ms (D24)."""
    agent, _ = stand.start_agent(HOST)
    await stand.agent_says("connected to")
    kill(agent)
    await stand.connected(0)
    await stand.wait(0.19)
    assert stand.reports == []
    await stand.wait(0.02)
    (report,) = await stand.reported(1)
    assert report.resource == {"hostname": HOST}
    assert report.evidence.details["verdict"] == "closed"


async def test_a_connection_made_again_in_the_window_is_no_verdict(stand: Stand) -> None:
    """The agent tries again within tens of milliseconds, and nothing is reported."""
    agent, clock = stand.start_agent(HOST)
    await stand.agent_says("connected to")
    kill(agent)
    await stand.connected(0)
    await stand.wait(0.1)
    await stand.agent_says("not connected")
    await pass_time(clock, 0.02)
    await stand.connected(1)
    await stand.wait(2)
    assert stand.reports == []


def kill(agent: object) -> None:
    """Reset the agent's connection, as its kernel does when the process dies."""
    connection = agent._session._response.connection  # type: ignore[attr-defined]
    connection.transport.abort()


async def test_a_stopped_agent_says_goodbye(stand: Stand) -> None:
    """After `stop` the host is GONE, nothing is reported, and `run` returns."""
    agent, _ = stand.start_agent(HOST)
    await stand.agent_says("connected to")
    agent.stop()
    await stand.ended(agent)
    await stand.connected(0)
    await stand.wait(10)
    assert stand.reports == []
    assert stand.intake.commands[-1] == AgentChanged(HOST, AgentState.GONE)


async def test_a_frozen_agent_is_found_by_its_silence_and_comes_back(stand: Stand) -> None:
    """A process that stands still is down after agent_silence_ms; thawed, it connects anew."""
    _, clock = stand.start_agent(HOST)
    await stand.connected(1)
    await stand.wait(3.1)
    (report,) = await stand.reported(1)
    assert report.evidence.details["verdict"] == "silent"
    await stand.agent_says(f"closed by the server ({CloseCode.SILENT:d}: no sign of life")
    await pass_time(clock, 1)
    await stand.connected(1)
    await stand.news.until(
        lambda: stand.intake.commands[-1] == AgentChanged(HOST, AgentState.CONNECTED)
    )


async def test_an_agent_waits_for_a_server_that_is_not_there(stand: Stand) -> None:
    """An agent that is refused says why, once, and goes on trying at growing distances."""
    _, clock = stand.start_agent(HOST)
    stand.doors.bonds.clear()
    await stand.agent_says("answered HTTP 401")
    for _ in range(5):
        await pass_time(clock, 0.5)
    stand.doors.enrol(CredentialKind.AGENT, HOST, "s")
    while stand.meter.gauges.get("faultwire_agents_connected") != 1:
        await pass_time(clock, 0.5)
        await asyncio.sleep(0)
    assert sum("HTTP 401" in line for line in stand.lines) == 1


async def test_a_second_agent_under_one_credential_is_refused(stand: Stand) -> None:
    """The second is told why and kept out, the first is asked for a sign of life and lives on."""
    stand.start_agent(HOST)
    await stand.connected(1)
    before = stand.seen(HOST)
    await stand.wait(1)
    wire = await stand.dial(HOST)
    await wire.send_json({"hello": {"version": "1.0", "servers": None}})
    code, reason = await closing(wire)
    assert (code, "another session" in reason) == (CloseCode.SECOND_SESSION, True)
    await stand.seen_after(HOST, before)
    assert stand.meter.counts["faultwire_agent_second_sessions_total"] == 1
    assert stand.refused == [("agent.second_session", HOST, "127.0.0.1")]
    await stand.wait(2.5)
    assert stand.reports == []


# ---------------------------------------------------------------- before a session


@pytest.mark.parametrize(
    ("host", "credential", "status"),
    [
        (HOST, None, 401),
        (HOST, f"agent/{HOST}:wrong", 401),
        (HOST, "agent/other:s", 403),
        (HOST, f"monitor/{HOST}:s", 403),
        ("-no-host-", f"agent/{HOST}:s", 400),
        ("h" * 256, f"agent/{HOST}:s", 400),
    ],
)
async def test_who_may_not_speak_for_a_host_is_refused_before_the_session(
    stand: Stand, host: str, credential: str | None, status: int
) -> None:
    """No credential, a wrong one, one of another host or kind, or no host name at all."""
    stand.doors.enrol(CredentialKind.AGENT, HOST, "s")
    stand.doors.enrol(CredentialKind.AGENT, "other", "s")
    stand.doors.enrol(CredentialKind.MONITOR, HOST, "s")
    headers = {"X-Faultwire-Credential": credential} if credential else {}
    with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
        await stand.http.ws_connect(stand.url(host), headers=headers)
    assert refusal.value.status == status
    assert stand.intake.commands == []
    told = [("agent.refused", host, "127.0.0.1")] if status != 400 else []
    assert stand.refused == told


HELLO = {"hello": {"version": "1.0", "servers": []}}


@pytest.mark.parametrize(
    ("first", "code", "names"),
    [
        ("no json", CloseCode.MALFORMED, "malformed JSON"),
        ("[]", CloseCode.MALFORMED, "one member"),
        ('{"beat":1}', CloseCode.MALFORMED, "hello: must be the first"),
        ('{"greeting":1}', CloseCode.MALFORMED, "greeting: unknown message"),
        ('{"hello":{}}', CloseCode.MALFORMED, "hello.version: is missing"),
        ('{"hello":{"version":1}}', CloseCode.MALFORMED, "hello.version: must be text"),
        ('{"hello":{"version":"2.0"}}', CloseCode.OTHER_VERSION, "2.0, this side speaks 1.2"),
        (
            '{"hello":{"version":"1.0","heartbeat_ms":0}}',
            CloseCode.MALFORMED,
            "hello.heartbeat_ms: must be a positive integer",
        ),
        (
            '{"hello":{"version":"1.0","servers":{}}}',
            CloseCode.MALFORMED,
            "hello.servers: must be a list",
        ),
        (
            '{"hello":{"version":"1.0","servers":["a",7]}}',
            CloseCode.MALFORMED,
            "hello.servers[1]: must be text",
        ),
        (b"\x00", CloseCode.MALFORMED, "messages are text"),
        ('{"hello":"' + "x" * 1_048_600 + '"}', CloseCode.TOO_BIG, "at most 1048576 bytes"),
    ],
)
async def test_a_first_message_that_is_no_hello_is_refused(
    stand: Stand, first: str | bytes, code: CloseCode, names: str
) -> None:
    """The close code tells the kind of error, the reason the member; nothing is opened."""
    stand.doors.enrol(CredentialKind.AGENT, HOST, "s")
    wire = await stand.dial(HOST)
    await (wire.send_bytes(first) if isinstance(first, bytes) else wire.send_str(first))
    found, reason = await closing(wire)
    assert (found, names in reason) == (code, True), reason
    assert stand.intake.commands == []


async def test_a_newer_minor_version_is_welcome(stand: Stand) -> None:
    """Another minor version and members that we do not know do no harm."""
    stand.doors.enrol(CredentialKind.AGENT, HOST, "s")
    wire = await stand.dial(HOST)
    await wire.send_json({"hello": {"version": "1.7", "servers": None, "mood": "good"}})
    welcome = (await wire.receive_json(timeout=SECONDS))["welcome"]
    assert (welcome["version"], welcome["heartbeat_ms"]) == ("1.2", 1000)
    assert (welcome["silence_ms"], welcome["must_not_start"]) == (3000, [])
    await wire.close()


async def test_a_welcome_names_what_must_not_start(stand: Stand) -> None:
    """An agent learns which servers left its host, its own alone, and not endlessly many (D17)."""
    stand.evacuations = [
        Evacuation(HostName(host), ServerId(f"vm-{number:04}"), HostName("other"), 1)
        for host in (HOST, "other")
        for number in range(1200 if host == HOST else 1)
    ]
    stand.doors.enrol(CredentialKind.AGENT, HOST, "s")
    wire = await stand.dial(HOST)
    await wire.send_json({"hello": {"version": "1.1", "servers": None}})
    welcome = (await wire.receive_json(timeout=SECONDS))["welcome"]
    assert welcome["must_not_start"] == [f"vm-{number:04}" for number in range(1000)]
    await wire.close()


async def test_a_connection_without_hello_is_closed(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who is let in and says nothing is hung up on, and was never there."""
    monkeypatch.setattr(face, "HELLO_SECONDS", 0.05)
    stand.doors.enrol(CredentialKind.AGENT, HOST, "s")
    wire = await stand.dial(HOST)
    assert (await closing(wire))[0] == CloseCode.SILENT
    assert stand.intake.commands == []


# ---------------------------------------------------------------- in a session


async def test_a_beat_in_any_notation_is_a_beat(stand: Stand) -> None:
    """White space makes no difference."""
    wire = await stand.meet(HOST)
    before = stand.seen(HOST)
    await stand.wait(1)
    await wire.send_str('{ "beat" : 5 }')
    await stand.seen_after(HOST, before)
    await wire.close()


@pytest.mark.parametrize(
    ("message", "code", "names"),
    [
        ('{"servers":"vm-1"}', CloseCode.MALFORMED, "servers: must be a list"),
        ('{"servers":[""]}', CloseCode.MALFORMED, "servers[0]"),
        (json.dumps(HELLO), CloseCode.MALFORMED, "hello: was said already"),
        ('{ "beat": "now" }', CloseCode.MALFORMED, "beat: must be an integer"),
        ('{"goodbye":7}', CloseCode.MALFORMED, "goodbye: must be text"),
        ('{"goodbye":"' + "x" * 70_000 + '"}', CloseCode.TOO_BIG, "goodbye"),
    ],
)
async def test_a_message_that_cannot_be_understood_counts_as_closed(
    stand: Stand, message: str, code: CloseCode, names: str
) -> None:
    """The agent is hung up on with a reason; unless it is back in time its host is down."""
    wire = await stand.meet(HOST)
    await wire.send_str(message)
    found, reason = await closing(wire)
    assert (found, names in reason) == (code, True), reason
    await stand.connected(0)
    await stand.wait(0.3)
    (report,) = await stand.reported(1)
    assert report.evidence.details["verdict"] == "closed"


async def test_a_long_list_is_taken(stand: Stand) -> None:
    """A host with very many servers fits into a message."""
    wire = await stand.meet(HOST)
    await stand.news.until(lambda: len(stand.intake.commands) == 1)
    many = [f"{number:036d}" for number in range(20_000)]
    await stand.wait(1)
    await wire.send_json({"servers": many})
    await stand.news.until(lambda: len(stand.intake.commands) == 2)
    change = stand.intake.commands[-1]
    assert isinstance(change, AgentChanged)
    assert change.running == frozenset(many)
    await wire.close()


async def test_a_goodbye_is_answered_by_a_clean_end(stand: Stand) -> None:
    """After goodbye the server closes with 1000 and holds nothing against the host."""
    wire = await stand.meet(HOST)
    await wire.send_json({"goodbye": "reboot"})
    assert (await closing(wire))[0] == CloseCode.NORMAL
    await stand.wait(10)
    assert stand.reports == []


async def test_a_flood_is_cut_off(stand: Stand) -> None:
    """An agent that sends without measure is hung up on."""
    wire = await stand.meet(HOST)
    try:
        for _ in range(4000):
            await wire.send_str('{"beat":1}')
    except aiohttp.ClientError:
        pass  # Cut off while it still sent.
    assert (await closing(wire))[0] == CloseCode.TOO_FAST

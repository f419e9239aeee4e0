"""Monitors against a real listener: targets out, votes in, and what is held against them."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest

from faultwire.domain.accounts import CredentialKind
from faultwire.domain.agents import CloseCode
from faultwire.domain.ids import HostName
from faultwire.domain.resources import Host
from faultwire.liveness.isolation import Standing
from faultwire.liveness.suspicion import State
from faultwire.monitors.hosts import Before
from tests.api.agent_stand import SECONDS, closing
from tests.api.monitor_stand import MonitorStand
from tests.unit.monitors.fakes import pass_time

DOWN = {"address": "10.0.0.3", "silent_ms": 61.5, "unanswered": 6, "note": {"x": 1}}


@pytest.fixture
async def stand() -> AsyncIterator[MonitorStand]:
    """A listener on a free port, ten hosts, and no vantage point."""
    async with MonitorStand() as one:
        yield one


async def _until(stand: MonitorStand, count: int) -> None:
    await stand.until(lambda: len(stand.reports) >= count)


# ---------------------------------------------------------------- whole monitors


async def test_three_monitors_decide_together(stand: MonitorStand) -> None:
    """One of three holds a host down: nothing yet; with the second it is dead."""
    for name in ("a", "b", "c"):
        await stand.voting(name)
    stand.probing["a"].see("h3", State.DEAD_FROM_HERE)
    await stand.until(lambda: "h3" in stand.hosts.votes.ballots.cases())
    assert stand.reports == []
    stand.probing["b"].see("h3", State.DEAD_FROM_HERE)
    await _until(stand, 2)
    assert stand.told() == [("compute.host.down", True, "a"), ("compute.host.down", True, "b")]
    details = stand.reports[0].evidence.details
    assert details["unanswered"] == 6
    assert details["votes"] == {"down": ["a", "b"], "against": ["c"], "abstained": []}


async def test_disagreement_is_told_and_forces_nothing(stand: MonitorStand) -> None:
    """After wait_ms the host is unreachable, with who says what; then reachable again."""
    for name in ("a", "b", "c"):
        await stand.voting(name)
    stand.probing["a"].see("h3", State.DEAD_FROM_HERE)
    await stand.until(lambda: "h3" in stand.hosts.votes.ballots.cases())
    await pass_time(stand.clock, 0.6)
    await _until(stand, 3)
    assert {
        (one.type.name, one.evidence.reporter, one.evidence.vote) for one in stand.reports
    } == {
        ("compute.host.unreachable", "a", "down"),
        ("compute.host.unreachable", "b", "up"),
        ("compute.host.unreachable", "c", "up"),
    }
    stand.probing["a"].see("h3", State.ALIVE)
    await stand.until(lambda: not stand.hosts.votes.ballots.cases())
    await pass_time(stand.clock, 1)
    assert stand.told()[-1] == ("compute.host.unreachable", False, "server")


async def test_the_votes_of_a_lost_monitor_expire(stand: MonitorStand) -> None:
    """Cut off: its votes are void at once, its seat after a while, and it is said."""
    await stand.voting("a")
    wire = await stand.meet("b")
    await stand.survey(wire, "b")
    await wire.send_json({"votes": {"down": {"h3": DOWN}}})
    await stand.until(lambda: "h3" in stand.hosts.votes.ballots.cases())
    await pass_time(stand.clock, 0.6)
    await _until(stand, 1)
    wire._response.close()  # type: ignore[union-attr]
    await stand.until_presence("b", "absent")
    assert stand.meter.counts["faultwire_votes_expired_total"] == 1
    await stand.live(4)
    await _until(stand, 3)
    assert stand.told()[-1][:2] == ("compute.host.unreachable", False)
    (lost,) = [one for one in stand.points.statuses() if one.name == "b"]
    assert (lost.presence, lost.lost) == ("none", True)


async def test_a_monitor_whose_enrolment_ended_has_no_vote_and_no_seat(
    stand: MonitorStand,
) -> None:
    """Its session ends, what it held against others is over, and it is listed no longer."""
    for name in ("a", "b"):
        await stand.voting(name)
    wire = await stand.meet("c")
    await stand.survey(wire, "c")
    stand.probing["a"].see("h3", State.DEAD_FROM_HERE)
    await stand.until(lambda: "h3" in stand.hosts.votes.ballots.cases())
    stand.points.revoked(["c", "nobody"])
    assert (await closing(wire))[0] == CloseCode.REPLACED
    assert {one.name for one in stand.points.statuses()} == {"a", "b"}
    assert "c" not in stand.hosts.votes.ballots.seats


async def test_a_monitor_that_comes_back_probes_by_the_terms_of_then(
    stand: MonitorStand,
) -> None:
    """A server that was started with other intervals has them used without a monitor's restart."""
    await stand.voting("a")
    probing = stand.probing["a"]
    assert probing.settings.probe_ms == 100
    stand.terms["probe_ms"] = 250
    stand.points._sessions["a"].wire.hang_up(CloseCode.SILENT, "test")
    await stand.live(4)
    await stand.until(lambda: bool(probing.retuned))
    assert probing.retuned[-1].probe_ms == 250
    assert probing.retuned[-1].canaries == probing.settings.canaries


async def test_a_silent_monitor_is_hung_up_on(stand: MonitorStand) -> None:
    """Frozen: its connection stays, nothing comes; after silence_ms its votes expire."""
    wire = await stand.meet("a")
    await stand.survey(wire, "a")
    await pass_time(stand.clock, 2.9)
    assert stand.presence("a") == "voting"
    await pass_time(stand.clock, 0.2)
    await stand.until_presence("a", "absent")
    code, _ = await closing(wire)
    assert code == CloseCode.SILENT


async def test_targets_follow_the_inventory_without_a_gap(stand: MonitorStand) -> None:
    """Hosts that come, go and move are followed; a monitor that comes back keeps the others."""
    stand.start_monitor("a")
    await stand.until(lambda: "a" in stand.probing)
    probing = stand.probing["a"]
    await stand.until(lambda: len(probing.targets) == 10)
    stand.hosts.saved([Host(HostName("new"), ("10.1.1.1",)), Host(HostName("h2"), ("10.9.9.9",))])
    stand.hosts.removed([HostName("h1")])
    await stand.until(lambda: HostName("h1") not in probing.targets)
    assert probing.targets[HostName("new")] == ("10.1.1.1",)
    assert probing.targets[HostName("h2")] == ("10.9.9.9",)
    assert probing.gaps == ["h1"]
    # The connection breaks, the inventory changes meanwhile, the rest is probed on.
    for session in list(stand.points._sessions.values()):
        session.wire.hang_up(CloseCode.BROKEN, "test")
    await stand.monitor_says("not connected")
    stand.hosts.removed([HostName("new")])
    await stand.monitor_says("connected to", 2)
    await stand.until(lambda: HostName("new") not in probing.targets)
    assert probing.gaps == ["h1", "new"]


async def test_a_monitor_that_comes_before_the_map_is_told_of_it(stand: MonitorStand) -> None:
    """Hosts that are known only after a monitor has connected reach it all the same."""
    stand.hosts.targets.clear()
    stand.start_monitor("a")
    await stand.monitor_says("connected to")
    assert stand.probing["a"].targets == {}
    stand.hosts.begin(stand.known, Before())
    await stand.until(lambda: len(stand.probing["a"].targets) == 10)


async def test_a_monitor_that_is_cut_off_says_so(stand: MonitorStand) -> None:
    """Isolated: monitor.isolated with its reasons, its votes do not count; then connected."""
    await stand.voting("a")
    listener = stand.probing["a"].listener
    assert listener is not None
    listener.stood(Standing.ISOLATED, ("own interface eth0 has no carrier",), 1)
    await _until(stand, 1)
    assert stand.reports[0].resource == {"monitor": "a"}
    assert stand.reports[0].evidence.details["reasons"] == ["own interface eth0 has no carrier"]
    assert stand.presence("a") == "isolated"
    listener.stood(Standing.CONNECTED, (), 2)
    await _until(stand, 2)
    assert stand.told() == [("monitor.isolated", True, "a"), ("monitor.isolated", False, "a")]


async def test_a_vetoed_verdict_is_doubted_by_monitors(stand: MonitorStand) -> None:
    """A report that a guard closed at once has every monitor judge the host anew."""
    await stand.voting("a")
    stand.intake.vetoed = True
    stand.probing["a"].see("h3", State.DEAD_FROM_HERE)
    await stand.until(lambda: stand.probing["a"].doubted == ["h3"])
    assert stand.hosts.votes.ballots.cases() == {}


async def test_a_goodbye_gives_up_the_seat(stand: MonitorStand) -> None:
    """A monitor that is stopped loses its seat at once, and is not missed."""
    await stand.voting("a")
    monitor = stand.start_monitor("b")
    await stand.monitor_says("connected to", 2)
    monitor.stop()
    await stand.until_presence("b", "nowhere")
    assert not any(one.lost for one in stand.points.statuses())


async def test_hosts_that_a_monitor_hears_are_monitored(stand: MonitorStand) -> None:
    """Whoever is heard from anywhere is monitored from then on (D24)."""
    await stand.voting("a")
    task = asyncio.create_task(stand.hosts.run(lambda: stand.known))
    await pass_time(stand.clock, 1.1)
    await stand.until(lambda: bool(stand.intake.commands))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    (command,) = stand.intake.commands
    assert set(command.hosts) == {host.name for host in stand.known}  # type: ignore[union-attr]


# ---------------------------------------------------------------- liars and strangers


async def test_a_liar_kills_nobody(stand: MonitorStand) -> None:
    """Down for all, in one message: not believed, told as isolated, and no host is dead."""
    wire = await stand.meet("liar")
    await stand.survey(wire, "liar")
    everybody = {host.name: DOWN for host in stand.known}
    await wire.send_json({"votes": {"down": everybody}})
    await _until(stand, 1)
    assert stand.told() == [("monitor.isolated", True, "liar")]
    assert stand.presence("liar") == "disbelieved"
    assert "10 of 10 hosts down" in str(stand.reports[0].evidence.details["reasons"])


async def test_what_grounds_hold_besides_figures_is_passed_over(stand: MonitorStand) -> None:
    """Nothing that a monitor sends reaches the record but the figures that are known."""
    wire = await stand.meet("a")
    await stand.survey(wire, "a")
    await wire.send_json({"votes": {"down": {"h3": DOWN, "stranger": DOWN}}})
    await _until(stand, 1)
    (report,) = stand.reports
    assert "note" not in report.evidence.details
    assert report.resource == {"hostname": "h3"}


async def test_a_second_session_is_refused_and_told(stand: MonitorStand) -> None:
    """One credential, two monitors: the second is refused, counted, and in the audit record."""
    await stand.voting("a")
    wire = await stand.dial("a")
    await wire.send_json({"hello": {"version": "1.0"}})
    code, reason = await closing(wire)
    assert (code, reason) == (4409, "another session of monitor a lives")
    assert stand.refused[0][:2] == ("monitor.second_session", "a")
    assert stand.meter.counts["faultwire_monitor_second_sessions_total"] == 1
    assert stand.presence("a") == "voting"


async def test_a_replaced_credential_hangs_up_the_former_session(stand: MonitorStand) -> None:
    """Enrolled anew: who comes with the new credential has the session, the other is hung up."""
    first = await stand.meet("a")
    stand.doors.enrol(CredentialKind.MONITOR, "a", "s", id="c-new")
    second = await stand.dial("a")
    await second.send_json({"hello": {"version": "1.0"}})
    assert "welcome" in await second.receive_json(timeout=SECONDS)
    code, _ = await closing(first)
    assert code == CloseCode.REPLACED


@pytest.mark.parametrize(
    ("messages", "code", "text"),
    [
        ([{"hello": {"version": "2.0"}}], 4426, "you speak version 2.0, this side speaks 1.0"),
        ([{"hello": {"version": 1}}], 4400, "hello.version"),
        ([{"hello": []}], 4400, "hello"),
        ([{"votes": {}}], 4400, "must be the first message"),
        ([{"hello": {"version": "1.9"}}, {"hello": {"version": "1.0"}}], 4400, "said already"),
        ([{"hello": {"version": "1.0"}}, {"fire": 1}], 4400, "unknown message"),
        ([{"hello": {"version": "1.0"}}, {"beat": "x"}], 4400, "beat"),
        ([{"hello": {"version": "1.0"}}, {"survey": {"standing": "king"}}], 4400, "standing"),
        ([{"hello": {"version": "1.0"}}, {"votes": {"down": ["h1"]}}], 4400, "votes.down"),
        ([{"hello": {"version": "1.0"}}, {"votes": {"down": {"h1": 3}}}], 4400, "votes.down.h1"),
        ([{"hello": {"version": "1.0"}}, {"votes": {"alive": [3]}}], 4400, "votes.alive[0]"),
        ([{"hello": {"version": "1.0"}}, {"votes": {"unknown": "h1"}}], 4400, "votes.unknown"),
        ([{"hello": {"version": "1.0"}}, {"standing": {"reasons": 3}}], 4400, "standing"),
        ([{"hello": {"version": "1.0"}}, {"a": 1, "b": 2}], 4400, "one member"),
        ([{"hello": {"version": "1.0"}}, 3], 4400, "one member"),
    ],
)
async def test_what_cannot_be_understood_is_hung_up_on(
    stand: MonitorStand, messages: list[object], code: int, text: str
) -> None:
    """The reason names the member; another major version is refused, another minor is not."""
    stand.doors.enrol(CredentialKind.MONITOR, "a", "s")
    wire = await stand.dial("a")
    for message in messages:
        await wire.send_json(message)
    while (heard := await wire.receive(timeout=SECONDS)).type is aiohttp.WSMsgType.TEXT:
        pass
    assert heard.data == code
    assert text in str(heard.extra)
    await wire.close()


@pytest.mark.parametrize(
    ("name", "header", "status"),
    [
        ("a", None, 401),
        ("a", "monitor/a:wrong", 401),
        ("a", "monitor/b:s", 403),
        ("a", "agent/a:s", 403),
        ("not%20a%20name", "monitor/a:s", 400),
    ],
)
async def test_strangers_are_refused(
    stand: MonitorStand, name: str, header: str | None, status: int
) -> None:
    """Without a credential of that kind and name nobody is let in."""
    stand.doors.enrol(CredentialKind.MONITOR, "a", "s")
    stand.doors.enrol(CredentialKind.MONITOR, "b", "s")
    stand.doors.enrol(CredentialKind.AGENT, "a", "s")
    url = f"{stand.server}/v1/monitors/{name}/session"
    headers = {"X-Faultwire-Credential": header} if header else {}
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        await stand.http.ws_connect(url, headers=headers)
    assert caught.value.status == status


async def test_a_flood_is_ended(stand: MonitorStand) -> None:
    """More messages than a monitor may send end its session, and its votes."""
    wire = await stand.meet("a")
    await stand.survey(wire, "a")
    for _ in range(2100):
        await wire.send_str('{"beat":1}')
    code, _ = await closing(wire)
    assert code == CloseCode.TOO_FAST
    assert stand.presence("a") == "absent"


async def test_too_much_at_once_is_hung_up_on() -> None:
    """A message over message_bytes is refused before it is read."""
    from faultwire.liveness.quorum_settings import Settings as Quorum

    async with MonitorStand(quorum=Quorum(message_bytes=65_536)) as stand:
        wire = await stand.meet("a")
        await wire.send_str('{"goodbye":"' + "x" * 70_000 + '"}')
        code, _ = await closing(wire)
        assert code == CloseCode.TOO_BIG


async def test_twenty_thousand_targets(stand: MonitorStand) -> None:
    """All of 20,000 targets reach a monitor in parts, and its opinion on them reaches the seat."""
    many = [stand.host(number) for number in range(1, 20_001)]
    stand.hosts.saved(many)
    stand.doors.enrol(CredentialKind.MONITOR, "a", "s", id="c-a")
    wire = await stand.dial("a")
    await wire.send_json({"hello": {"version": "1.0"}})
    assert "welcome" in await wire.receive_json(timeout=SECONDS)
    seen: set[str] = set()
    parts = 0
    while True:
        part = (await wire.receive_json(timeout=SECONDS))["targets"]
        seen |= part["add"].keys()
        parts += 1
        assert part["whole"]
        if not part["more"]:
            break
    assert (len(seen), parts) == (20_000, 20)
    unknown = sorted(seen)[:-5]
    await wire.send_json({"survey": {"standing": "voting", "unknown": unknown}})
    await stand.until_presence("a", "voting")
    (status,) = stand.points.statuses()
    assert status.unknown == 19_995


async def test_monitors_are_listed_for_administrators(stand: MonitorStand) -> None:
    """The list says how each stands; a member is refused, and so is enrolling by one."""
    await stand.voting("a")
    url = f"{stand.server}/v1/monitors"
    async with stand.http.get(url, headers={"X-Auth-Token": "admin"}) as answer:
        (row,) = (await answer.json())["monitors"]
    assert (row["name"], row["presence"], row["server"]) == ("a", "voting", "server")
    for method, path in (("GET", url), ("POST", f"{url}/m1/enrol")):
        async with stand.http.request(method, path, headers={"X-Auth-Token": "member"}) as answer:
            assert answer.status == 403
    async with stand.http.post(f"{url}/m1/enrol", headers={"X-Auth-Token": "admin"}) as answer:
        assert answer.status == 201
        made = (await answer.json())["credential"]
    assert (made["kind"], made["name"]) == ("monitor", "m1")
    assert made["secret"]

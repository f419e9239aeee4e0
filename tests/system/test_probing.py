"""Probing over a real kernel: hosts behind a namespace that are cut, lossy, slow, or come back."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from faultwire.liveness.settings import Engine, Settings
from tests.system.namespaces import TOP, Namespace, Probing, address, ip, needs_namespaces
from tests.system.served import Server
from tests.system.waiting import wait_for

pytestmark = [pytest.mark.system, needs_namespaces]

FIFTY = {f"c{number}": address(number) for number in range(1, 51)}


@pytest.fixture
def space() -> Iterator[Namespace]:
    """Give a namespace with hosts behind it."""
    made = Namespace()
    yield made
    made.close()


def _settings(**options: int) -> Settings:
    return Settings(engine=Engine.ICMP, **options)  # type: ignore[arg-type]


def test_a_host_that_is_cut_is_dead_and_no_other(space: Namespace) -> None:
    """One of fifty is cut: dead with its evidence; it returns after some answers in a row."""
    with Probing(space) as probing:
        probing.watch(FIFTY)
        space.tell(cut=[FIFTY["c7"]])
        wait_for(lambda: probing.in_state("dead"), "a dead host")
        assert probing.ever("dead") == {"c7"}
        verdict = next(line for line in probing.said if line.get("state") == "dead-from-here")
        assert verdict["was"] == "suspect"
        assert verdict["evidence"]["unanswered"] >= 5
        assert verdict["evidence"]["silent_ms"] >= 60
        space.tell(answer=[FIFTY["c7"]])
        wait_for(lambda: "c7" in probing.in_state("alive"), "the host is back")
        assert probing.standings() == []


@pytest.mark.slow
@pytest.mark.parametrize("percent", [1, 5, 10])
def test_lossy_links_kill_nobody(space: Namespace, percent: int) -> None:
    """Random loss makes suspects and no dead, and a host that is cut is still found."""
    with Probing(space) as probing:
        probing.watch(FIFTY)
        space.tell(loss=percent / 100)
        probing.run(5)
        assert probing.ever("dead") == set()
        assert probing.ever("suspect")
        space.tell(cut=[FIFTY["c3"]])
        wait_for(lambda: probing.in_state("dead") == {"c3"}, "the cut host is dead")


def test_slow_links_kill_nobody(space: Namespace) -> None:
    """Answers that take five milliseconds are answers; the cut host among them is found."""
    space.tell(delay_ms=5)
    with Probing(space) as probing:
        probing.watch(FIFTY)
        probing.run(1)
        assert probing.ever("dead") == set()
        space.tell(cut=[FIFTY["c3"]])
        wait_for(lambda: probing.in_state("dead") == {"c3"}, "the cut host is dead")


def test_a_failover_of_150_ms_is_survived_with_confirm_ms_200(space: Namespace) -> None:
    """Three hosts silent for 150 ms: alive all the time with a long confirmation."""
    with Probing(space, _settings(confirm_ms=200)) as probing:
        probing.watch(FIFTY)
        some = [FIFTY[name] for name in ("c1", "c2", "c3")]
        for _ in range(5):
            space.tell(cut=some)
            probing.run(0.15)
            space.tell(answer=some)
            probing.run(0.3)
        assert probing.ever("dead") == set()


def test_a_failover_of_150_ms_is_a_death_with_confirm_ms_60(space: Namespace) -> None:
    """The same hosts are dead with the short confirmation, and come back by themselves."""
    with Probing(space) as probing:
        probing.watch(FIFTY)
        some = ("c1", "c2", "c3")
        for _ in range(5):
            space.tell(cut=[FIFTY[name] for name in some])
            probing.run(0.15)
            space.tell(answer=[FIFTY[name] for name in some])
            probing.run(0.4)
        # Each fails over at another moment of its period: most of them show.
        assert probing.ever("dead")
        assert probing.ever("dead") <= set(some)
        wait_for(lambda: probing.in_state("alive") == set(FIFTY), "all are back")


def test_the_monitor_cut_off_holds_nobody_dead(space: Namespace) -> None:
    """All hosts silent at once: isolated, nobody dead; with the network it is connected again."""
    with Probing(space) as probing:
        probing.watch(FIFTY)
        space.tell(cut=list(FIFTY.values()))
        wait_for(lambda: probing.standings() == ["doubtful", "isolated"], "isolation")
        probing.run(1)
        space.tell(answer=list(FIFTY.values()))
        wait_for(lambda: probing.standings()[-1] == "connected", "connection")
        assert probing.in_state("alive") == set(FIFTY)
        assert probing.ever("dead") == set()


def test_half_of_the_hosts_cut_at_once_are_not_dead(space: Namespace) -> None:
    """25 of 50 silent at once speak against us: nothing is reported dead."""
    half = list(FIFTY)[::2]
    with Probing(space) as probing:
        probing.watch(FIFTY)
        space.tell(cut=[FIFTY[name] for name in half])
        wait_for(lambda: probing.standings() == ["doubtful", "isolated"], "isolation")
        probing.run(1)
        assert probing.ever("dead") == set()
        said = next(line for line in probing.said if line.get("standing") == "isolated")
        assert "of 50 hosts fell silent at once" in said["reasons"][0]


def test_the_own_link_down_holds_nobody_dead(space: Namespace) -> None:
    """The interface to the hosts goes down: its name is the reason, and nobody is dead."""
    with Probing(space) as probing:
        probing.watch(FIFTY)
        space.ip("link", "set", "hosts0", "down")
        wait_for(lambda: "isolated" in probing.standings(), "isolation")
        wait_for(lambda: probing.in_state("unknown") == set(FIFTY), "all are unknown")
        assert probing.ever("dead") == set()
        said = next(line for line in probing.said if line.get("standing") == "doubtful")
        assert said["reasons"] == ["own interface hosts0 has no carrier"]


def test_hosts_with_ipv6_addresses_are_probed_too(space: Namespace) -> None:
    """IPv6 hosts beside IPv4 hosts: each family's cut host is dead."""
    both = {
        **{f"v4-{number}": address(number) for number in range(1, 11)},
        **{f"v6-{number}": address(number, six=True) for number in range(1, 11)},
    }
    with Probing(space) as probing:
        probing.watch(both)
        space.tell(cut=[both["v4-4"], both["v6-6"]])
        wait_for(lambda: probing.in_state("dead") == {"v4-4", "v6-6"}, "two dead hosts")


def test_a_host_that_is_taken_out_and_added_again_is_judged_anew(space: Namespace) -> None:
    """Readded while it is cut it is unknown; once it answered, its silence counts again."""
    with Probing(space) as probing:
        probing.watch(FIFTY)
        space.tell(cut=[FIFTY["c1"]])
        wait_for(lambda: probing.in_state("dead") == {"c1"}, "a dead host")
        probing.talk.say({"remove": ["c1"]})
        probing.talk.say({"add": [["c1", FIFTY["c1"], "unknown"]]})
        begun = len(probing.said)
        probing.run(0.5)
        assert not [line for line in probing.said[begun:] if line.get("host") == "c1"]
        space.tell(answer=[FIFTY["c1"]])
        wait_for(lambda: "c1" in probing.in_state("alive"), "it answers")
        space.tell(cut=[FIFTY["c1"]])
        wait_for(lambda: "c1" in probing.in_state("dead"), "it is dead again")


def test_datagram_sockets_are_taken_where_they_are_permitted(space: Namespace) -> None:
    """With the group in ping_group_range no raw socket is used; all kinds of wires work."""
    _permit(space)
    with Probing(space) as probing:
        assert {row["kind"] for row in probing.access["access"]} == {"datagram"}
        probing.watch(FIFTY)
        space.tell(cut=[FIFTY["c2"]])
        wait_for(lambda: probing.in_state("dead") == {"c2"}, "a dead host")
    tests = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/unit/liveness/test_icmp.py")
    done = subprocess.run(
        space.within(sys.executable, *tests), cwd=TOP, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    assert "skipped" not in done.stdout.splitlines()[-1], done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["raw", "datagram"])
def test_more_neighbours_than_the_system_can_know_are_unknown_and_not_dead(kind: str) -> None:
    """2,000 hosts on one link with room for 1,024: many alive, none dead."""
    near, far = Namespace(), Namespace()
    if kind == "datagram":
        _permit(near)
    try:
        ip("link", "add", "near0", "netns", near.name, "type", "veth", "peer", "name", "far0",
           "netns", far.name)  # fmt: skip
        near.ip("address", "add", "198.20.0.1/16", "dev", "near0")
        for one, link in ((near, "near0"), (far, "far0")):
            one.ip("link", "set", link, "up")
        far.ip("route", "add", "local", "198.20.1.0/24", "dev", "lo")
        for third in range(2, 10):
            far.ip("route", "add", "local", f"198.20.{third}.0/24", "dev", "lo")
        far.ip("route", "add", "198.20.0.1/32", "dev", "far0")
        many = {f"n{n}": f"198.20.{1 + n // 250}.{1 + n % 250}" for n in range(2000)}
        with Probing(near) as probing:
            probing.watch(many, answer=[])
            wait_for(lambda: len(probing.in_state("alive")) > 500, "many answer")
            probing.run(4)
            assert probing.ever("dead") == set()
            assert probing.access["access"][0]["kind"] == kind
            figures = [line["figures"] for line in probing.said if "figures" in line][-1]
            assert figures["states"]["unknown"] == 0 or figures["unsent"] > 0
            assert figures["states"]["alive"] + figures["states"]["unknown"] == len(many)
    finally:
        near.close()
        far.close()


def _permit(space: Namespace) -> None:
    subprocess.run(
        space.within("sysctl", "-q", "-w", "net.ipv4.ping_group_range=0 2147483647"), check=True
    )


def test_a_server_reports_a_host_that_is_cut_and_closes_it_as_told(
    space: Namespace, tmp_path: Path
) -> None:
    """The whole product: cut is a fault with evidence, answers close it with recover = auto (D20).

    Isolation is a fault about the monitor, and its end clears that.
    """
    link = f"fw{space.name[-4:]}"
    ip("link", "add", link, "type", "veth", "peer", "name", "out0", "netns", space.name)
    try:
        ip("address", "add", "198.18.77.1/30", "dev", link)
        ip("link", "set", link, "up")
        space.ip("address", "add", "198.18.77.2/30", "dev", "out0")
        space.ip("link", "set", "out0", "up")
        config = {
            "server": {"behind_proxy": "true"},
            "liveness": {"engine": "icmp", "monitor": "m1"},
            "inspector": {"recover": "auto"},
        }
        within = space.within(str(Path(sys.executable).with_name("faultwire")))
        server = Server(tmp_path, config, listen="198.18.77.2:8779", command=within)
        try:
            server.start()
            _watched(server, space)
        finally:
            server.close()
    finally:
        ip("link", "del", link)


def _watched(server: Server, space: Namespace) -> None:
    hosts = [{"name": name, "addresses": [at]} for name, at in list(FIFTY.items())[:20]]
    made = server.call("PUT", "/fault/v1/inventory", {"hosts": hosts})
    assert made.status == 200, made.text
    gauge = 'faultwire_probed_hosts{state="alive"} 20.0'
    wait_for(lambda: gauge in server.call("GET", "/metrics", who="").text, "all are alive")
    space.tell(cut=[FIFTY["c7"]])
    (fault,) = wait_for(lambda: _faults(server, "compute.host.down"), "a fault")
    assert fault["host"] == "c7"
    assert fault["evidence"][0]["source"] == "icmp"
    assert fault["evidence"][0]["details"]["unanswered"] >= 5
    space.tell(answer=[FIFTY["c7"]])
    wait_for(lambda: not _faults(server, "compute.host.down"), "the fault is closed")
    space.tell(cut=list(FIFTY.values()))
    (fault,) = wait_for(lambda: _faults(server, "monitor.isolated"), "a fault about the monitor")
    assert fault["evidence"][0]["reporter"] == "m1"
    space.tell(answer=list(FIFTY.values()))
    wait_for(lambda: not _faults(server, "monitor.isolated"), "its end")
    assert not _faults(server, "compute.host.down")


def _faults(server: Server, kind: str) -> list[dict[str, object]]:
    found = server.get("/fault/v1/faults?state=open")["faults"]
    return [
        server.get(f"/fault/v1/faults/{one['id']}")["fault"]
        for one in found
        if one["type"] == kind
    ]

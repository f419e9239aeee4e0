"""`faultwire verify --os-cloud` on a cloud in memory: what it makes, hits, and takes away."""

import json
import os
import signal
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from faultwire import client
from faultwire.cli import verify_cloud, verify_nova, verify_owners, verify_ways
from faultwire.cli.main import main
from faultwire.client import ClientError
from tests.unit.cli.verifiable import Both, Folder


class Peer:
    """The consumer's record of what it received."""

    def __init__(self, both: Both) -> None:
        self._both = both
        self.url = "http://127.0.0.1:1"

    def json(self, path: str) -> dict[str, object]:
        """Return what came since."""
        since = int(path.rpartition("=")[2])
        return {"received": [one for one in self._both.received if one["number"] > since]}


@pytest.fixture
def both(monkeypatch: pytest.MonkeyPatch) -> Both:
    """Give the cloud that the command finds, whatever name it is given; nothing is waited for."""
    made = Both()
    monkeypatch.setattr(client, "Session", lambda _name: made)
    monkeypatch.setattr(verify_cloud, "World", Folder)
    monkeypatch.setattr(verify_owners, "Peer", lambda _url: Peer(made))
    monkeypatch.setattr(verify_cloud, "QUIET_SECONDS", 0)
    for module in (verify_cloud, verify_nova):
        monkeypatch.setattr(module, "wait_for", lambda true, *_: true() or true())
    return made


def run(*arguments: str) -> Result:
    """Run the command on the cloud `east`."""
    command = ["verify", "--os-cloud", "east", *arguments]
    return CliRunner().invoke(main, command, env={"COLUMNS": "100"})


def clean(both: Both) -> bool:
    """Return whether nothing of ours is left, and everything stands as it did."""
    mine = [one for one in both.servers.values() if one["metadata"]]
    return not mine and not both.alarms and not any(h["forced_down"] for h in both.hosts.values())


def test_servers_are_made_hit_and_taken_away(both: Both) -> None:
    """S73: an empty host is found, its owners are told and told again, and nothing stays."""
    both.other("cmp1")
    result = run("--servers", "3", "--runs", "2", "--json", "-")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)["verification"]
    assert [(row["servers"], row["passed"]) for row in told["runs"]] == [(3, True), (3, True)]
    assert told["fault"] == "report"
    (asked,) = both.asks
    assert (asked["host"], asked["flavorRef"], asked["imageRef"]) == ("cmp2", "f1", "i1")
    assert asked["networks"] == "none"
    assert clean(both)
    assert "other-cmp1" in both.servers
    assert "Doctor, shortcut, parallel" in run("--servers", "1").stdout


@pytest.mark.parametrize(("late", "code"), [(1, 0), (9, 3)])
def test_servers_are_awaited_until_the_map_has_them_as_active(
    both: Both, late: int, code: int
) -> None:
    """Whoever fails one that is being built, to our knowledge, is told that it is active later."""
    both.late = late
    result = run("--servers", "1")
    assert result.exit_code == code, result.output
    assert ("with these servers, active" in result.stderr) == bool(code)
    assert clean(both)


def test_a_service_that_an_administrator_forces_down(both: Both) -> None:
    """--by service: owners hear of the host's status; detected is the request."""
    result = run("--by", "service", "--json", "-")
    (row,) = json.loads(result.stdout)["verification"]["runs"]
    assert row["problems"] == []
    assert row["law_ms"] is not None
    assert clean(both)


def test_a_command_of_the_operators(both: Both, tmp_path: Path) -> None:
    """--by command: both commands are run without a shell, and the host is said to be up."""
    down, up = tmp_path / "down", tmp_path / "up"

    def run_command(command: str) -> None:
        Path(command.split()[1]).touch()
        if command == f"touch {down}":
            both.strike("cmp1", down=True)

    ways = pytest.MonkeyPatch()
    with ways.context() as patch:
        patch.setattr(verify_ways, "_run", run_command)
        result = run(
            "--by", "command", "--down-command", f"touch {down}", "--up-command", f"touch {up}"
        )
    assert result.exit_code == 0, result.output
    assert down.exists()
    assert up.exists()
    assert "POST fault /v1/faults/fault-1/marks" in both.asked
    assert clean(both)


def test_a_host_with_servers_of_others_is_refused(both: Both) -> None:
    """Nobody else's server is hit unless that is said."""
    both.other("cmp1")
    result = run("--host", "cmp1")
    assert result.exit_code == 3
    assert "host cmp1 has 1 servers of others (other-cmp1)" in result.stderr
    assert not both.asks
    assert run("--host", "cmp1", "--with-others").exit_code == 0
    both.other("cmp2")
    result = run()
    assert result.exit_code == 3
    assert "no host is up, enabled and without servers" in result.stderr


def test_whoever_comes_to_the_host_meanwhile_is_not_hit(both: Both) -> None:
    """What runs on the host is looked at again before each time that it goes down."""
    both.on = lambda said: both.other("cmp1") if said.startswith("POST alarming") else None
    result = run()
    assert result.exit_code == 3
    assert "host cmp1 has 1 servers of others" in result.stderr
    assert "POST fault /v1/events" not in both.asked
    assert clean(both)


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({"forced_down": True, "state": "down"}, "is forced down"),
        ({"status": "disabled"}, "is disabled"),
        ({"state": "down"}, "is down"),
    ],
)
def test_a_host_that_is_not_up_is_refused(both: Both, state: dict[str, object], said: str) -> None:
    """A host must be up and enabled, and must be there."""
    both.host("cmp1", **state)
    result = run("--host", "cmp1")
    assert (result.exit_code, not both.asks) == (3, True)
    assert f"host cmp1 {said}" in result.stderr
    assert "the cloud has no host nowhere" in run("--host", "nowhere").stderr


@pytest.mark.parametrize(
    ("request_", "error", "said"),
    [
        ("POST compute /servers", ClientError("Quota exceeded (HTTP 403)", 403), "ask for fewer"),
        ("POST compute /servers", ClientError("not allowed", 403), "create:requested_destination"),
        ("GET compute /os-services", ClientError("no", 403), "os_compute_api:os-services:list"),
        ("GET compute /os-services", ClientError("Cloud east was not found."), "was not found"),
        ("GET alarming /v2/webhook-secret", ClientError("no", 404), "name the cloud of"),
        ("POST alarming /v2/alarms", ClientError("quota of 1", 403), "quota of 1"),
    ],
)
def test_what_a_cloud_refuses_is_told_and_cleaned_up(
    both: Both, request_: str, error: ClientError, said: str
) -> None:
    """A refusal says what may not be done, and leaves nothing behind."""
    both.broken[request_] = error
    result = run()
    assert result.exit_code == 3
    assert said in result.stderr
    assert clean(both)


def test_what_servers_are_made_of_can_be_named(both: Both) -> None:
    """Flavor, image and network by name or id; what is not there, or twice, is said."""
    assert run("--flavor", "big", "--image", "i0", "--network", "lan").exit_code == 0
    asked = both.asks[0]
    assert (asked["flavorRef"], asked["imageRef"]) == ("f2", "i0")
    assert asked["networks"] == [{"uuid": "n1"}]
    assert "--flavor none-such: the cloud has none" in run("--flavor", "none-such").stderr
    both.flavors.append(both.flavors[0] | {"id": "f3"})
    assert "2 of that name, give an id" in run("--flavor", "big").stderr
    both.images = []
    assert "no active image that fits flavor tiny" in run().stderr
    both.flavors = []
    assert "the cloud has no flavor" in run().stderr


def test_servers_that_cannot_be_built_are_deleted(both: Both) -> None:
    """Nova's own words are told, and what it made is taken away."""
    both.builds = "ERROR"
    result = run()
    assert result.exit_code == 3
    assert "No valid host was found." in result.stderr
    assert clean(both)


def test_a_host_that_faultwire_does_not_know(both: Both) -> None:
    """A server of Faultwire that does not follow this cloud is found out before anything fails."""
    both.mapped = False
    result = run()
    assert result.exit_code == 3
    assert "is east in its [openstack] clouds?" in result.stderr
    assert clean(both)


def test_a_host_has_the_clouds_name_before_it_where_there_are_several(both: Both) -> None:
    """CLOUD/HOST is what Faultwire calls it then."""
    both.prefix = "east%2F"
    assert run().exit_code == 0


def test_an_act_that_a_guard_refused_is_told(both: Both) -> None:
    """A run on a host that failed too often says which guard it was."""
    both.vetoed = True
    result = run("--within", "1", "--json", "-")
    assert result.exit_code == 1
    (row,) = json.loads(result.stdout)["verification"]["runs"]
    assert "act.force_down was vetoed: flap: 5 times an hour" in row["problems"]
    assert clean(both)


def test_a_failure_that_faultwire_does_not_notice(both: Both) -> None:
    """The gravest miss is status 1, and the host is brought back."""
    both.deaf = True
    result = run("--within", "1")
    assert result.exit_code == 1
    assert "no fault of cmp1 was opened within 1 s" in result.stdout
    assert both.asked.count("POST fault /v1/events") == 2
    assert clean(both)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("when", ["POST compute /servers", "GET fault /v1/faults"])
def test_whoever_ends_it_finds_the_cloud_as_it_was(
    both: Both, number: signal.Signals, when: str
) -> None:
    """Ctrl-C at any time: the host is brought back, servers and alarms are deleted."""

    def end(said: str) -> None:
        if said == when:
            os.kill(os.getpid(), number)

    both.on = end
    assert run().exit_code != 0
    assert when in both.asked
    assert clean(both)


def test_ctrl_c_in_the_clean_up_is_a_word_first(both: Both) -> None:
    """Whoever presses it twice out of habit does not leave servers behind."""
    pressed: list[str] = []

    def end(said: str) -> None:
        if said.startswith(("GET fault /v1/faults", "DELETE alarming")) and len(pressed) < 2:
            pressed.append(said)
            os.kill(os.getpid(), signal.SIGINT)

    both.on = end
    assert "cleaning up; once more" in run("--servers", "1").stderr
    assert len(pressed) == 2
    assert clean(both)


def test_what_could_not_be_deleted_is_told_and_deleted_later(both: Both) -> None:
    """Nova refuses to delete: status 3, the ids, and the command that tries it again."""
    both.broken["DELETE compute"] = ClientError("Service Unavailable", 503)
    result = run()
    assert result.exit_code == 3
    assert "try faultwire verify --os-cloud east --clean" in result.stderr
    both.broken.clear()
    result = run("--clean")
    assert result.exit_code == 0
    assert "5 servers and 0 alarms of earlier verifications were deleted" in result.stdout
    assert clean(both)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--os-cloud", "east", "--by", "command"), "needs --down-command and --up-command"),
        (("--os-cloud", "east", "--down-command", "x"), "needs --down-command"),
        (("--os-cloud", "east", "--fault", "freeze"), "--fault is for the job on this machine"),
        (("--os-cloud", "east", "--hosts", "2"), "--hosts is for the job on this machine"),
        (("--by", "report"), "--by is for a real cloud"),
        (("--clean",), "--clean is for a real cloud"),
    ],
)
def test_options_that_do_not_fit_are_refused(
    both: Both, arguments: tuple[str, ...], said: str
) -> None:
    """Wrong usage is status 2, and no cloud is asked."""
    result = CliRunner().invoke(main, ["verify", *arguments])
    assert result.exit_code == 2
    assert said in result.stderr
    assert not both.asked

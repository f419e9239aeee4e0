"""`faultwire verify` on a deployment of the test: verdict, profile, exit status (S73, S81)."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from faultwire.cli import verify_published, verify_runs
from faultwire.cli.demo_cloud import Received
from faultwire.cli.demo_outcome import Outcome
from faultwire.cli.demo_world import DemoError, NotNoticedError
from faultwire.cli.main import main
from faultwire.config import configuration
from faultwire_profiler import Instant, Mark, profile, to_json
from tests.unit.profiler.test_outputs import stored

WALL, MONO = 1_800_000_000_000_000_000, 5_000_000_000
POINTS = ("T01", "T02", "T03", "T06", "T07", "T04", "T05", "T08", "T09", "T10")


class FakeDeployment:
    """A deployment whose runs take 5 ms and 2 ms for each server, and what is said of some."""

    slow: tuple[int, ...] = ()
    lossy: tuple[int, ...] = ()
    broken: tuple[int, ...] = ()
    unnoticed: tuple[int, ...] = ()

    def __init__(self, hosts: int, cut: bool) -> None:
        self.hosts, self.cut = hosts, cut
        self.opened: list[int] = []
        self.runs = 0

    @contextmanager
    def ready(self, servers: int) -> Iterator["FakeDeployment"]:
        self.opened.append(servers)
        yield self

    def once(self, kind: str) -> Outcome:
        self.runs += 1
        if self.runs in self.broken:
            raise DemoError("the server did not print 'listening on'")
        if self.runs in self.unnoticed:
            raise NotNoticedError("no fault of compute-1 was opened")
        return outcome(self.runs, self.opened[-1], self)

    def took(self, run: int, servers: int) -> int:
        return 5 + 2 * servers + (1500 if run in self.slow else 0)


def outcome(run: int, servers: int, by: FakeDeployment) -> Outcome:
    step = by.took(run, servers) / (len(POINTS) - 2)
    begin = run * 60_000
    marks = []
    for place, point in enumerate(POINTS):
        ns = round((begin + step * place) * 1e6)
        at = Instant(WALL + ns, MONO + ns)
        marks.append(Mark(point, at, at, servers if point > "T03" else 1))
    alarms = [
        Received(f"d{run}-{n}", f"alarm-{n}", f"alarm {n}", "alarm", WALL) for n in range(servers)
    ]
    found = Outcome("kill", {f"vm-{n}": f"alarm-{n}" for n in range(servers)}, f"fault-{run}")
    found.alarms = alarms[1:] if run in by.lossy else alarms
    found.clears = alarms
    found.host_down = {"name": "compute-1"}
    found.timeline = to_json(profile(marks))
    return found


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> type[FakeDeployment]:
    """The deployment that the command uses."""
    kind = type("Fake", (FakeDeployment,), {})
    monkeypatch.setattr(verify_runs, "Standalone", kind)
    return kind


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["verify", *arguments], env={"COLUMNS": "100"})


def test_figures_stand_beside_doctors(fake: type[FakeDeployment]) -> None:
    """S73, S80: all that is printed is the stored text: profile, table, slopes, verdict."""
    del fake
    result = run("--runs", "2", "--servers", "50,1,10,25")
    assert result.exit_code == 0, result.output
    text = "\n".join(line.rstrip() for line in result.stdout.splitlines()) + "\n"
    assert text == stored("verify.txt", text)
    assert "12,481.0" in text
    assert result.stderr.splitlines()[0] == "1 server, run 1: 7.0 of 1,000 ms, met"


def test_the_documents_are_the_stored_ones(fake: type[FakeDeployment], tmp_path: Path) -> None:
    """S73, S81: a run that missed the law, as JSON and as a page, is the stored one."""
    fake.slow = (2,)
    path, page = tmp_path / "runs.json", tmp_path / "runs.html"
    assert run("--runs", "2", "--servers", "1", "--json", str(path), "--html", str(page))
    for made, name in ((path, "verify.json"), (page, "verify.html")):
        text = made.read_text()
        assert text == stored(name, text)


def test_the_profile_is_given_when_the_law_is_missed(fake: type[FakeDeployment]) -> None:
    """S81: a run over 1 s ends with status 1, and is drawn whole."""
    fake.slow = (2,)
    result = run("--runs", "3", "--servers", "1")
    assert result.exit_code == 1
    assert "Fault fault-2 on compute-1, 1 server" in result.stdout
    assert "Components of T01..T09" in result.stdout
    assert ": 1,507.000 ms" in result.stdout
    assert "1 server, run 2: 1,507.0 of 1,000 ms, missed" in result.stdout
    assert "FAILED  2 of 3 runs of kill told all owners" in result.stdout


def test_a_bar_shows_how_far_it_is(fake: type[FakeDeployment]) -> None:
    """On a terminal a bar counts the runs, beside a line for each."""
    del fake
    arguments = ["verify", "--runs", "2", "--servers", "1,10"]
    env = {"COLUMNS": "100", "FORCE_COLOR": "1"}
    assert "4/4" in CliRunner().invoke(main, arguments, env=env).stderr
    assert "4/4" not in CliRunner().invoke(main, arguments, env={"COLUMNS": "100"}).stderr


def test_an_owner_who_was_not_told_fails_the_run(fake: type[FakeDeployment]) -> None:
    """A run is no success because those who were told were told in time."""
    fake.lossy = (1,)
    result = run("--runs", "1", "--servers", "10", "--json", "-")
    assert result.exit_code == 1
    document = json.loads(result.stdout)["verification"]
    (row,) = document["runs"]
    assert (row["verdict"], row["passed"]) == ("unknown", False)
    assert row["problems"] == ["9 alarms came, 10 were expected"]


def test_what_was_done_is_told_where_a_run_cannot_be_made(fake: type[FakeDeployment]) -> None:
    """S81: a deployment that breaks is status 3, and the runs before it are told."""
    fake.broken = (3,)
    result = run("--runs", "2", "--servers", "1,10")
    assert result.exit_code == 3
    assert "Error: the server did not print 'listening on'" in result.stderr
    assert "2 of 2 runs of kill" in result.stdout
    fake.broken = (1,)
    result = run("--runs", "1", "--servers", "1")
    assert result.exit_code == 3
    assert "FAILED" in result.stdout


def test_a_failure_that_nobody_noticed_fails_the_job(fake: type[FakeDeployment]) -> None:
    """The gravest miss is status 1; what was known before is told, and no run follows."""
    fake.unnoticed = (2,)
    result = run("--runs", "3", "--servers", "1,10")
    assert result.exit_code == 1
    line = "1 server, run 2: not known, unknown; no fault of compute-1 was opened"
    assert line in result.stdout
    assert "FAILED  1 of 2 runs of kill" in result.stdout


def test_the_server_of_the_job_believes_a_host_however_often_it_fails(tmp_path: Path) -> None:
    """Neither the guard against flapping nor damping ends the job."""
    path = tmp_path / "faultwire.conf"
    path.write_text(verify_runs.OFTEN)
    read = configuration.read(path)
    assert read.guards.flap_acts == 0
    assert read.damping.flaps == 1000


def test_the_documents_can_be_read_again(fake: type[FakeDeployment], tmp_path: Path) -> None:
    """S74, S79: the JSON is a set of runs for `faultwire profile`; the HTML has the table."""
    del fake
    path, page = tmp_path / "runs.json", tmp_path / "runs.html"
    result = run("--runs", "2", "--servers", "1,10", "--json", str(path), "--html", str(page))
    assert result.exit_code == 0
    document = json.loads(path.read_text())
    told = document["verification"]
    assert [(row["servers"], row["runs"], row["met"]) for row in told["sizes"]] == [
        (1, 2, 2),
        (10, 2, 2),
    ]
    assert told["sizes"][1]["law_ms"] == {"p50": 25, "p95": 25, "p99": 25, "max": 25}
    assert told["sizes"][1]["doctor_ms"]["shortcut, serial"] == 223
    assert round(told["slope"]["ms_per_server"], 6) == 2
    again = CliRunner().invoke(main, ["profile", "--format", "json", str(path)])
    assert [row["servers"] for row in json.loads(again.stdout)["runs"]] == [1, 1, 10, 10]
    text = page.read_text()
    assert "PASSED: 4 of 4 runs of kill told all owners" in text
    assert "<td>Doctor, conservative, serial</td><td>337.0</td><td>2,540.0</td>" in text


@pytest.mark.parametrize("wrong", ["0", "1,x", "", "1,,2", "2001", "9" * 5000, "1.5"])
def test_numbers_of_servers_are_numbers(wrong: str) -> None:
    """Wrong usage is status 2 and names the option and the number."""
    result = run("--servers", wrong)
    assert result.exit_code == 2
    assert "'--servers'" in result.stderr
    assert "is no number from 1 to 2000" in result.stderr


def test_doctors_slopes_are_those_of_its_figures() -> None:
    """S80: 248, 32, 12 and 9.4 ms per server, by least squares through four figures each."""
    slopes = [
        verify_published.published_slope(name).ms_per_server for name in verify_published.SERIES
    ]
    assert [round(one, 1) for one in slopes] == [248.0, 31.7, 12.0, 9.4]
    assert verify_published.published("shortcut, parallel", 2) is None

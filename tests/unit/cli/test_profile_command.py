"""`faultwire profile` on files."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from faultwire.cli.main import main
from faultwire_profiler import profile, to_json
from tests.unit.profiler.runs import seed_run
from tests.unit.profiler.sets import good, poor
from tests.unit.profiler.test_outputs import stored

EXAMPLES = Path(__file__).parents[1] / "profiler" / "examples"
LOGS = [str(path) for path in sorted(EXAMPLES.glob("*.log"))]


def run(*arguments: str, width: int = 100) -> Result:
    return CliRunner().invoke(main, ["profile", *arguments], env={"COLUMNS": str(width)})


@pytest.fixture
def sets(tmp_path: Path) -> tuple[str, str]:
    """Two files: runs that meet the law, and runs that do not."""
    paths = []
    for name, profiles in (("good.json", good()), ("poor.json", poor())):
        path = tmp_path / name
        path.write_text(json.dumps([to_json(one) for one in profiles]))
        paths.append(str(path))
    return paths[0], paths[1]


def test_logs_alone_give_a_profile() -> None:
    """S53, S74, S76: standalone on logs, with a rules file of one's own."""
    result = run("--rules", str(EXAMPLES / "monitor.yaml"), *LOGS)
    assert result.exit_code == 0, result.output
    assert "Components of T00..T09: at most 477.000 ms" in result.output
    assert "Unknown: 2 found affected, 10 handled alarm" in result.output


def test_a_file_may_name_its_machine() -> None:
    """HOST=FILE says by whose clock a file was written; one that is not compared is in doubt."""
    named = [f"{Path(path).stem}={path}" for path in LOGS if "monitor" not in path]
    monitor = str(EXAMPLES / "monitor.log")
    rules = str(EXAMPLES / "monitor.yaml")
    result = run("--rules", rules, "--format", "json", monitor, *named)
    (one,) = json.loads(result.output)["runs"]
    note = one["profile"]["checkpoints"]["T03"]["note"]
    assert note == "the clock of nova-api is not known to be right"


def test_json_is_the_documented_document(sets: tuple[str, str]) -> None:
    """All keys of the schema are there, for many runs."""
    document = json.loads(run("--format", "json", sets[0]).output)
    assert set(document) == {
        "format",
        "runs",
        "verdicts",
        "figures",
        "histogram",
        "slope",
        "clocks",
        "problems",
    }
    assert len(document["runs"]) == 5


def test_two_sets_are_compared(sets: tuple[str, str]) -> None:
    """S79: in each format the owner that explains the difference is named."""
    text = run(sets[0], "--compare", sets[1]).output
    assert "It is the inspector's to 100%, in T03..T04 most" in text
    document = json.loads(run(sets[0], "--compare", sets[1], "--format", "json").output)
    assert document["explained_by"] == "inspector"
    assert len(document["sets"]) == 2
    page = run(sets[0], "--compare", sets[1], "--format", "html").output
    assert "It is the inspector&#x27;s to 100%" in page


def test_doctors_format_holds_one_run(sets: tuple[str, str], tmp_path: Path) -> None:
    """Many runs are refused with their names; one is chosen by its id."""
    refused = run("--format", "doctor", sets[0])
    assert refused.exit_code == 2
    assert "choose by --fault: good.json" in refused.output
    chosen = run("--format", "doctor", "--fault", "good.json", sets[0])
    assert json.loads(chosen.output)["total"] == 410
    path = tmp_path / "seed.json"
    path.write_text(json.dumps(to_json(profile(seed_run()))))
    assert json.loads(run("--format", "doctor", str(path)).output)["M01"] == "120  "


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        ((), 2, "Missing argument"),
        (("no-such.log",), 1, "no-such.log: No such file or directory"),
        (("host=no-such.log",), 1, "no-such.log: No such file or directory"),
        (("--rules", "no.yaml", LOGS[0]), 1, "no.yaml: No such file"),
        (("--rules", LOGS[0], LOGS[0]), 1, "aodh-evaluator.log, line 3: no YAML"),
        (("--zone", "Mars", LOGS[0]), 2, "no time zone 'Mars'"),
        (("--gap", "-1", LOGS[0]), 2, "--gap"),
        ((str(EXAMPLES / "monitor.yaml"),), 1, "no run was found"),
        (("--fault", "f9", LOGS[0]), 1, "no run was found"),
        ((str(EXAMPLES),), 1, "Is a directory"),
    ],
)
def test_mistakes_are_said(arguments: tuple[str, ...], status: int, said: str) -> None:
    """Wrong usage is 2, what cannot be read 1, with one line on why."""
    result = run(*arguments)
    assert result.exit_code == status
    assert said in result.output


def test_the_zone_of_the_shipped_rules_can_be_given() -> None:
    """Logs in local time are read in the zone that is named."""
    document = json.loads(run("--zone", "+02:00", "--format", "json", LOGS[-1]).output)
    at = document["runs"][0]["profile"]["checkpoints"]["T03"]["last_wall_ns"]
    assert at == 1_795_238_253_190_000_000


def test_sets_are_stored_listed_and_compared_later(sets: tuple[str, str], tmp_path: Path) -> None:
    """S77: runs go to a database by a label, and the label stands for them afterwards."""
    url = f"sqlite:///{tmp_path / 'profiles.sqlite'}"
    for label, path in zip(("apex", "fuel"), sets, strict=True):
        assert "5 runs stored" in run("--database", url, "--store", label, path).output
    listed = CliRunner().invoke(main, ["profile-list", "--json", url])
    assert [(row["label"], row["runs"], row["missed"]) for row in json.loads(listed.output)] == [
        ("apex", 5, 0),
        ("fuel", 5, 5),
    ]
    table = CliRunner().invoke(main, ["profile-list", url], env={"COLUMNS": "100"}).output
    shown = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ", "2026-11-21 08:00:00Z", table)
    lines = "\n".join(line.rstrip() for line in shown.splitlines()) + "\n"
    assert lines == stored("profile_list.txt", lines)
    text = run("--database", url, "@apex", "--compare", "@fuel").output
    assert "It is the inspector's to 100%, in T03..T04 most" in text
    assert run("--store", "x", sets[0]).exit_code == 2
    refused = run("--database", "nosuch://x", "@apex")
    assert (refused.exit_code, "Error: database:" in refused.output) == (1, True)
    assert run("--database", url, "@nobody").exit_code == 1


class FakeSession:
    """Stands for a cloud with two faults."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, object]] = []

    def __call__(self, cloud: str | None) -> "FakeSession":
        return self

    def get(self, service: str, path: str, params: object = None) -> dict[str, object]:
        self.asked.append((path, params))
        if path == "/v1/faults":
            return {"faults": [{"id": "f1"}, {"id": "f/2"}]}
        timeline = to_json(profile(seed_run()))
        return {"fault": {"id": path[-2:], "host": "c1", "plan": None, "timeline": timeline}}


def test_timelines_are_exported_for_the_profiler(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """S74: what a server knows is written to a file that the profiler reads anywhere."""
    session = FakeSession()
    monkeypatch.setattr("faultwire.cli.output.Session", session)
    exported = CliRunner().invoke(main, ["profile-export", "--host", "c1", "--limit", "2"])
    assert exported.exit_code == 0, exported.output
    assert session.asked[0] == ("/v1/faults", {"limit": 2, "host": "c1"})
    assert session.asked[2][0] == "/v1/faults/f%2F2"
    path = tmp_path / "runs.json"
    path.write_text(exported.output)
    assert len(json.loads(run("--format", "json", str(path)).output)["runs"]) == 2
    CliRunner().invoke(main, ["profile-export", "f7"])
    assert session.asked[-1][0] == "/v1/faults/f7"

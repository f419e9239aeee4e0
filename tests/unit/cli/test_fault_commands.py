"""The commands of faults, hosts and the inventory, as an operator gives them."""

import json
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from faultwire.cli import faults, inventory, output
from faultwire.client import ClientError
from faultwire_profiler import Instant, Mark, profile, to_json

FAULT = {
    "id": "f1",
    "type": "compute.host.down",
    "severity": "critical",
    "state": "open",
    "host": "compute-1",
    "opened_at": "2023-11-14T22:13:21.000000Z",
    "repeats": 2,
}
MARKS = [
    Mark(point, Instant(number), Instant(number)) for number, point in enumerate(("T01", "T09"))
]
WHOLE = {
    **FAULT,
    "plan": {"rule": "host down", "servers": 20},
    "evidence": [{"source": "posted:ping", "reporter": "service", "vote": "down", "details": {}}],
    "decisions": [{"name": "rule host down", "outcome": "applied", "why": "it is\x1b[31m down"}],
    "timeline": to_json(profile(MARKS)),
}
SUMMARY = {
    "inventory": {"hosts": {"added": 1, "changed": 2, "removed": 3}},
    "dry_run": True,
}


class FakeSession:
    """Stands for a cloud; remembers what it was asked and answers what the test put there."""

    def __init__(self, answer: object, error: ClientError | None = None) -> None:
        self.asked: list[tuple[str, str, object, object]] = []
        self._answer = answer
        self._error = error

    def __call__(self, cloud: str | None) -> "FakeSession":
        return self

    def get(self, service: str, path: str, params: object = None) -> Any:
        return self.request("GET", service, path, params=params)

    def request(
        self, method: str, service: str, path: str, *, params: object = None, body: object = None
    ) -> Any:
        assert service == "fault"
        self.asked.append((method, path, params, body))
        if self._error is not None:
            raise self._error
        return self._answer


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Give a function that runs a command against a session."""

    def invoke(session: FakeSession, command: click.Command, *args: str) -> Result:
        monkeypatch.setattr(output, "Session", session)
        return CliRunner(env={"COLUMNS": "200"}).invoke(command, args)

    return invoke


def test_faults_are_listed_by_their_filters(run: Any) -> None:
    """What is asked for is asked for, and what is not is left out."""
    session = FakeSession({"faults": [FAULT]})
    done = run(session, faults.fault_list, "--host", "compute-1", "--state", "open")
    assert session.asked == [
        ("GET", "/v1/faults", {"host": "compute-1", "state": "open", "limit": 100}, None)
    ]
    assert (done.exit_code, "compute.host.down" in done.output) == (0, True)
    done = run(session, faults.fault_list, "--since", "2024-01-01", "--marker", "f0", "--json")
    assert session.asked[1][2] == {"since": "2024-01-01", "marker": "f0", "limit": 100}
    assert json.loads(done.output) == [FAULT]


@pytest.mark.parametrize("args", [("--state", "burning"), ("--limit", "0"), ("--limit", "x")])
def test_wrong_usage_asks_nobody(run: Any, args: tuple[str, ...]) -> None:
    """Options that cannot be end with exit status 2 before a server is asked."""
    session = FakeSession({"faults": []})
    assert run(session, faults.fault_list, *args).exit_code == 2
    assert not session.asked


def test_a_fault_is_shown_with_its_whole_record(run: Any) -> None:
    """Evidence, decisions and the timeline's picture follow the fields."""
    session = FakeSession({"fault": WHOLE})
    done = run(session, faults.fault_show, "f1")
    assert session.asked == [("GET", "/v1/faults/f1", None, None)]
    assert done.exit_code == 0
    for text in ("posted:ping", "rule host down", "Evidence", "Decisions", "Component"):
        assert text in done.output
    assert "\x1b[31m" not in done.output
    done = run(session, faults.fault_show, "f1", "--json")
    assert json.loads(done.output) == WHOLE


def test_an_id_is_one_part_of_the_path(run: Any) -> None:
    """Whatever is given as an id cannot lead to another call."""
    session = FakeSession({"fault": WHOLE})
    run(session, faults.fault_show, "../inventory?x=1")
    run(session, faults.fault_close, "a/b")
    assert [path for _, path, _, _ in session.asked] == [
        "/v1/faults/..%2Finventory%3Fx%3D1",
        "/v1/faults/a%2Fb/close",
    ]


def test_a_fault_is_closed(run: Any) -> None:
    """fault-close says what became of it."""
    session = FakeSession({"fault": {"id": "f1", "state": "closed"}})
    done = run(session, faults.fault_close, "f1")
    assert session.asked == [("POST", "/v1/faults/f1/close", None, None)]
    assert "closed" in done.output


def test_a_fault_is_reported(run: Any) -> None:
    """fault-report posts one event with the details given and the time of now."""
    session = FakeSession({"faults": [{"id": "f1", "state": "open"}]})
    done = run(session, faults.fault_report, "compute.host.down", "hostname=a", "cause=x=y")
    ((method, path, _, body),) = session.asked
    assert (method, path, done.exit_code) == ("POST", "/v1/events", 0)
    assert isinstance(body, list)
    (event,) = body
    assert event["details"] == {"hostname": "a", "cause": "x=y"}
    assert event["time"].endswith("Z")
    assert run(session, faults.fault_report, "compute.host.down", "hostname").exit_code == 2
    assert len(session.asked) == 1


def test_hosts_are_listed(run: Any) -> None:
    """A row for each host."""
    host = {"name": "compute-1", "state": "down", "forced_down": True}
    done = run(FakeSession({"hosts": [host]}), faults.host_list)
    assert "compute-1" in done.output
    assert "yes" in done.output


def test_a_refusal_is_said_and_ends_with_one(run: Any) -> None:
    """The server's own sentence, and exit status 1."""
    session = FakeSession(None, ClientError("events[0].type: no such type (HTTP 400)", 400))
    done = run(session, faults.fault_report, "x", "a=b")
    assert done.exit_code == 1
    assert "events[0].type: no such type" in done.output


YAML = """
hosts:
  - name: compute-1
servers:
  - {id: vm-1, name: one, project: demo, host: compute-1, status: SHUTOFF}
"""


def test_yaml_is_read_here_and_json_by_the_server(run: Any, tmp_path: Path) -> None:
    """YAML becomes JSON; a JSON file is sent as it is, so that its errors keep their places."""
    session = FakeSession(SUMMARY)
    document = tmp_path / "cloud.yaml"
    document.write_text(YAML)
    done = run(session, inventory.inventory, "import", str(document), "--dry-run")
    ((method, path, params, body),) = session.asked
    assert (method, path) == ("PUT", "/v1/inventory")
    assert params == {"dry_run": "true", "force": "false"}
    assert isinstance(body, bytes)
    assert json.loads(body)["servers"][0]["status"] == "SHUTOFF"
    assert "Would change" in done.output
    wrong = tmp_path / "wrong.json"
    wrong.write_text('{"hosts": [}')
    run(session, inventory.inventory, "import", str(wrong), "--force", "--add")
    assert session.asked[1] == (
        "PATCH",
        "/v1/inventory",
        {"dry_run": "false", "force": "true"},
        b'{"hosts": [}',
    )
    plain = tmp_path / "plain"
    plain.write_text('  {"hosts":  []}')
    run(session, inventory.inventory, "import", str(plain))
    assert session.asked[2][3] == b'  {"hosts":  []}'
    flow = tmp_path / "flow.yml"
    flow.write_text("{hosts: []}")
    run(session, inventory.inventory, "import", str(flow))
    assert session.asked[3][3] == b'{"hosts":[]}'


@pytest.mark.parametrize(
    "text", ["hosts: [", "a: b: c", "{1: 2}", "\x00", "a: !!python/name:os.x"]
)
def test_what_is_no_yaml_is_said_before_anybody_is_asked(
    run: Any, tmp_path: Path, text: str
) -> None:
    """A document that cannot be read names its file; nothing in it is ever run."""
    document = tmp_path / "cloud.yaml"
    document.write_text(text)
    session = FakeSession(SUMMARY)
    done = run(session, inventory.inventory, "import", str(document))
    assert (done.exit_code, session.asked) == (1, [])
    assert "cloud.yaml" in done.output


def test_the_inventory_is_shown(run: Any) -> None:
    """Figures for a person, the whole document for a machine."""
    session = FakeSession({"hosts": [{"name": "a"}, {"name": "b"}], "servers": []})
    done = run(session, inventory.inventory, "show")
    assert [line.split() for line in done.output.splitlines() if "hosts" in line] == [
        ["hosts", "2"]
    ]
    done = run(session, inventory.inventory, "show", "--json")
    assert json.loads(done.output)["hosts"][1] == {"name": "b"}

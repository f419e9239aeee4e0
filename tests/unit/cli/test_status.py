"""`faultwire status`, `audit-list`, `config` and `policy`, as an operator gives them."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import click
import pytest
from click.testing import CliRunner, Result

from faultwire.cli import faults, output, samples, status
from faultwire.client import ClientError
from tests.unit.cli.test_fault_commands import FakeSession

STATUS: dict[str, Any] = {
    "version": "1.2.3",
    "at": "2026-11-21T09:19:02.000000Z",
    "well": True,
    "troubles": [],
    "certificate_ends_at": None,
    "processes": [
        {
            "role": "sender",
            "name": "node:7",
            "address": "10.0.0.7:1",
            "started_at": "2026-11-20T00:00:00.000000Z",
            "silent_ms": 6200,
        }
    ],
    "database": {"kind": "PostgreSQL", "answer_ms": 1.4, "trouble": ""},
    "faults": {"open": 2, "unmatched": 1},
    "agents": {"never": 0, "connected": 7, "lost": 1, "gone": 0, "sessions_here": 7},
    "deliveries": {
        "pending": 3,
        "oldest_at": "2026-11-21T09:00:00.000000Z",
        "dead_last_hour": 2,
        "held_here": 3,
    },
    "loop": {
        "late_p99_ms": 1.2,
        "late_worst_ms": 9.0,
        "queue": 0,
        "verdicts_suspended": False,
    },
    "acts": {"held": False, "by": "", "since": None, "reason": "", "windows_open": 1},
    "periodic": {"samples_at": "2026-11-21T09:18:50.500000Z", "prometheus_at": None},
}
LINE = {
    "id": "0f" * 32,
    "at": "2026-11-21T09:19:02.000000Z",
    "user": "u1",
    "user_name": "alice",
    "project": "p1",
    "source": "192.0.2.7",
    "action": "fault.close",
    "target": "781b0224-c499-440b-8f07-5e2a303534e0",
    "detail": "compute.host.down|hostname=compute-1",
}


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Give a function that runs a command against a session, on a screen of that width."""

    def invoke(
        session: FakeSession | None, command: click.Command, *args: str, width: int = 80
    ) -> Result:
        monkeypatch.setattr(output, "Session", session or FakeSession({}))
        return CliRunner(env={"COLUMNS": str(width)}).invoke(command, args)

    return invoke


def test_one_look_tells_all(run: Any) -> None:
    """Verdict first, then everything that an operator asks for at night; exit status 0."""
    session = FakeSession({"status": STATUS})
    done = run(session, status.status)
    assert session.asked == [("GET", "/v1/status", None, None)]
    assert done.exit_code == 0
    assert done.output.startswith("well  faultwire 1.2.3")
    for text in ("node:7", "silent for 6.2 s", "PostgreSQL", "2 open", "1 lost", "3 pending"):
        assert text in done.output
    assert "periodic    prometheus never, samples 12 s ago" in done.output
    assert "acts        done as guards let them, 1 windows open" in done.output
    assert max(map(len, done.output.splitlines())) <= 80


def test_who_makes_no_rounds_says_so(run: Any) -> None:
    """Where evaluators look at periodic alarms, or nobody has yet, there is no age to show."""
    nobody = {**STATUS, "periodic": {"samples_at": None, "prometheus_at": None}}
    done = run(FakeSession({"status": nobody}), status.status)
    assert "no round yet" in done.output
    assert max(map(len, done.output.splitlines())) <= 80


def test_what_is_not_well_stands_first(run: Any) -> None:
    """The troubles follow the verdict, and the exit status is 1, in JSON too."""
    unwell = {**STATUS, "well": False, "troubles": ["the database does not answer: no route"]}
    done = run(FakeSession({"status": unwell}), status.status)
    assert done.exit_code == 1
    assert done.output.splitlines()[1] == "  ! the database does not answer: no route"
    done = run(FakeSession({"status": unwell}), status.status, "--json")
    assert (done.exit_code, json.loads(done.output)) == (1, unwell)


@pytest.mark.parametrize(
    ("answer", "exit_code"), [(None, 2), (401, 2), (403, 2), (404, 2), (503, 1)]
)
def test_who_cannot_be_asked_is_not_said_to_be_well(
    run: Any, answer: int | None, exit_code: int
) -> None:
    """Nobody there or no right to ask is 2; a server that cannot answer is not well."""
    session = FakeSession(None, ClientError("no", answer))
    assert run(session, status.status).exit_code == exit_code


class _Page(BaseHTTPRequestHandler):
    answer: ClassVar[tuple[int, bytes]] = (200, b"OK")

    def do_GET(self) -> None:
        number, text = self.answer if self.path == "/healthcheck" else (404, b"not here")
        self.send_response(number)
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def process() -> Iterator[str]:
    """Give the URL of a process that answers /healthcheck as the test says."""
    with HTTPServer(("127.0.0.1", 0), _Page) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("answer", "exit_code"), [((200, b"OK"), 0), ((503, b"lane ended"), 1), ((404, b""), 1)]
)
def test_a_process_is_asked_for_its_health(
    run: Any,
    process: str,
    answer: tuple[int, bytes],
    exit_code: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without a token: its own word, and an exit status that a container engine understands."""
    monkeypatch.setattr(_Page, "answer", answer)
    done = run(None, status.status, "--healthcheck", process)
    assert (done.exit_code, done.output.strip()) == (exit_code, answer[1].decode())
    monkeypatch.setenv("FAULTWIRE_HEALTHCHECK_URL", process)
    assert run(None, status.status, "--healthcheck").exit_code == exit_code


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1", "ftp://x", "nonsense", "http://[", "http://127.0.0.1:x"]
)
def test_a_process_that_is_not_there_is_unknown(run: Any, url: str) -> None:
    """Exit status 2 for nobody and for what is no address."""
    assert run(None, status.status, "--healthcheck", url).exit_code == 2


def test_the_audit_record_is_listed_by_its_filters(run: Any) -> None:
    """Names instead of ids where there are any; the whole line in JSON."""
    session = FakeSession({"audit": [LINE, {**LINE, "user_name": None}]})
    done = run(session, status.audit_list, "--action", "fault", "--until", "2027", width=200)
    assert session.asked[0][2] == {"action": "fault", "until": "2027", "limit": 100}
    for text in ("alice", "u1", "192.0.2.7", "2026-11-21 09:19:02Z", LINE["detail"]):
        assert text in done.output
    done = run(session, status.audit_list, "--json")
    assert json.loads(done.output)[0] == LINE


def test_an_id_is_never_broken_on_a_narrow_screen(run: Any) -> None:
    """At 80 columns what is spare is left out, so that an id can be copied."""
    fault = {
        "id": LINE["target"],
        "type": "compute.host.down",
        "severity": "critical",
        "state": "open",
        "host": "compute-1",
        "opened_at": LINE["at"],
        "repeats": 2,
    }
    narrow = run(FakeSession({"faults": [fault]}), faults.fault_list).output
    wide = run(FakeSession({"faults": [fault]}), faults.fault_list, width=160).output
    assert fault["id"] in narrow
    assert fault["host"] in narrow
    assert "Repeats" not in narrow
    assert "Repeats" in wide
    assert "critical" in wide


def test_the_samples_are_printed(run: Any) -> None:
    """What is printed can be used as it is."""
    conf = run(None, samples.config, "sample")
    rules = run(None, samples.policy, "sample")
    assert (conf.exit_code, "[server]" in conf.output) == (0, True)
    assert (rules.exit_code, '"status:get"' in rules.output) == (0, True)


@pytest.mark.parametrize(
    ("group", "text", "said"),
    [
        (samples.config, "[server]\nlog_level = INFO\n", None),
        (samples.config, "[server]\nlisten_to = x\n", "listen_to"),
        (samples.config, "[policy]\npolicy_file = /nonexistent\n", "/nonexistent"),
        (samples.policy, '"status:get": "role:reader"\n', None),
        (samples.policy, '"status:got": "role:reader"\n', "status:got"),
    ],
)
def test_a_file_is_checked_before_it_is_used(
    run: Any, tmp_path: Path, group: click.Command, text: str, said: str | None
) -> None:
    """A wrong option or rule is named, with exit status 1; nothing is started."""
    file = tmp_path / "file"
    file.write_text(text, encoding="utf-8")
    done = run(None, group, "check", str(file))
    assert done.exit_code == (1 if said else 0)
    assert (said or "right") in done.output

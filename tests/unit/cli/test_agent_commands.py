"""The commands of agents, as an operator gives them."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from faultwire.agent import credential
from faultwire.cli import agent as commands
from faultwire.cli import output
from faultwire.client import ClientError

BOUND = credential.BoundCredential("agent", "compute-1", "c1", "s", "http://127.0.0.1:1/fault")


class FakeSession:
    """Stands for a cloud whose server enrols agents."""

    error: ClientError | None = None

    def __init__(self, cloud: str | None) -> None:
        self.cloud = cloud

    def endpoint(self, service: str) -> str:
        return f"https://cloud.example.org/{service}"

    def request(self, method: str, service: str, path: str) -> dict[str, object]:
        if self.error is not None:
            raise self.error
        assert (method, service) == ("POST", "fault")
        name = path.removeprefix("/v1/agents/").removesuffix("/enrol")
        drawn = {"kind": "agent", "name": name, "id": "c1", "secret": "s3", "server": "http://x"}
        return {"credential": {**drawn, "certificate": "PEM"}}


def enrol(monkeypatch: pytest.MonkeyPatch, *args: str) -> Result:
    """Run agent-enroll against the fake cloud."""
    monkeypatch.setattr(output, "Session", FakeSession)
    return CliRunner().invoke(commands.agent_enroll, args)


def test_enrolling_writes_a_credential(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The file holds what the agent needs, with the address that the catalog gives."""
    path = tmp_path / "one.credential"
    done = enrol(monkeypatch, "compute-1", "--out", str(path))
    assert (done.exit_code, "s3" in done.output) == (0, False)
    bound = credential.load(path, "agent", "compute-1")
    assert (bound.secret, bound.certificate) == ("s3", "PEM")
    assert bound.server == "https://cloud.example.org/fault"


def test_enrolling_can_answer_json(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Scripts get the id and the file, never the secret."""
    path = tmp_path / "one.credential"
    done = enrol(monkeypatch, "compute-1", "--out", str(path), "--json")
    assert json.loads(done.output) == {
        "kind": "agent",
        "name": "compute-1",
        "id": "c1",
        "file": str(path),
    }


def test_a_refused_enrolment_leaves_no_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What the server says is shown, and nothing is written."""
    monkeypatch.setattr(FakeSession, "error", ClientError("not allowed (HTTP 403)", 403))
    path = tmp_path / "one.credential"
    done = enrol(monkeypatch, "compute-1", "--out", str(path))
    assert (done.exit_code, path.exists()) == (1, False)
    assert "not allowed" in done.output


def test_a_folder_that_is_not_there_costs_no_enrolment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A path that cannot be written is found before the former credential is made void."""
    monkeypatch.setattr(FakeSession, "error", AssertionError("the server was asked"))
    done = enrol(monkeypatch, "compute-1", "--out", str(tmp_path / "no" / "credential"))
    assert (done.exit_code, "is no folder" in done.output) == (2, True)


def test_an_agent_refuses_another_hosts_credential(tmp_path: Path) -> None:
    """A credential bound to another name is refused before anybody is asked."""
    path = tmp_path / "credential"
    credential.write(path, BOUND)
    done = CliRunner().invoke(commands.agent, ["--host", "compute-2", "--credential", str(path)])
    assert done.exit_code == 1
    assert "is bound to agent compute-1, not to agent compute-2" in done.output


def test_an_agent_refuses_a_certificate_that_is_none(tmp_path: Path) -> None:
    """A certificate that cannot be read ends the command with a sentence."""
    path = tmp_path / "credential"
    credential.write(
        path, credential.BoundCredential("agent", "c1", "i", "s", "https://h", "no PEM")
    )
    done = CliRunner().invoke(commands.agent, ["--host", "c1", "--credential", str(path)])
    assert (done.exit_code, "certificate: is no PEM" in done.output) == (1, True)

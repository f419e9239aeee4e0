"""The commands of services and hosts, as an operator gives them."""

import json
from collections.abc import Mapping
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from faultwire.cli import output, services
from faultwire.client import ClientError

ROW = {
    "id": "11111111-2222-4333-8444-555555555555",
    "binary": "nova-compute",
    "host": "compute-1",
    "zone": "nova",
    "status": "enabled",
    "state": "down",
    "updated_at": None,
    "disabled_reason": None,
    "forced_down": True,
}


class FakeSession:
    """Stands for a cloud that knows compute-1 alone."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, Any, str]] = []

    def __call__(self, cloud: str | None) -> "FakeSession":
        return self

    def request(
        self,
        method: str,
        service: str,
        path: str,
        *,
        params: object = None,
        body: Any = None,
        headers: Mapping[str, str],
    ) -> Any:
        assert service == "compute"
        said = params if method == "GET" else body
        self.asked.append((method, path, said, headers["X-OpenStack-Nova-API-Version"]))
        if method == "GET":
            return {"services": [ROW]}
        if path == "/os-services/force-down":
            if body["host"] == "nohost":
                raise ClientError("Host 'nohost' is not mapped to any cell (HTTP 404)", 404)
            return {"service": body}
        return {"host": {"host": "compute-1", **body["host"]}} if "host" in body else body


def run(
    monkeypatch: pytest.MonkeyPatch, session: FakeSession, command: click.Command, *words: str
) -> Result:
    """Run a command against the fake."""
    monkeypatch.setattr(output, "Session", session)
    return CliRunner().invoke(command, words, env={"COLUMNS": "200"})


def test_services_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Filters become the query; the table shows state, status and force-down."""
    session = FakeSession()
    shown = run(monkeypatch, session, services.service_list, "--host", "compute-1")
    assert shown.exit_code == 0
    assert session.asked == [("GET", "/os-services", {"host": "compute-1"}, "2.53")]
    assert all(part in shown.output for part in ("compute-1", "down", "enabled", "yes"))
    shown = run(monkeypatch, session, services.service_list, "--json")
    assert json.loads(shown.output) == [ROW]


@pytest.mark.parametrize(
    ("words", "forced"),
    [
        (("compute-1", "nova-compute"), True),
        (("compute-1",), True),
        (("--unset", "compute-1", "nova-compute"), False),
    ],
)
def test_a_host_is_forced_down_and_up(
    monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], *, forced: bool
) -> None:
    """The seed manual's own words, binary and --unset included (S171, S172)."""
    session = FakeSession()
    shown = run(monkeypatch, session, services.service_force_down, *words)
    assert shown.exit_code == 0
    body = {"host": "compute-1", "binary": "nova-compute", "forced_down": forced}
    assert session.asked == [("PUT", "/os-services/force-down", body, "2.11")]


def test_a_refusal_is_exit_status_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the server refuses is printed, and the exit status is 1; wrong usage is 2."""
    session = FakeSession()
    shown = run(monkeypatch, session, services.service_force_down, "nohost", "nova-compute")
    assert shown.exit_code == 1
    assert "not mapped to any cell" in shown.output
    assert run(monkeypatch, session, services.service_force_down).exit_code == 2
    assert run(monkeypatch, session, services.host_update, "compute-1").exit_code == 2
    words = ("--status", "perhaps", "compute-1")
    assert run(monkeypatch, session, services.host_update, *words).exit_code == 2


@pytest.mark.parametrize(
    ("words", "body"),
    [
        (("--status", "disable"), {"status": "disable"}),
        (("--maintenance", "enable"), {"maintenance_mode": "enable"}),
        (("--report-host-down",), {"host": {"host_down_reported": "true"}}),
        (("--down",), {"host": {"host_down_reported": "true"}}),
        (("--no-report-host-down",), {"host": {"host_down_reported": "false"}}),
        (
            ("--status", "enable", "--maintenance", "enable", "--report-host-down"),
            {
                "host": {
                    "status": "enable",
                    "maintenance_mode": "enable",
                    "host_down_reported": "true",
                }
            },
        ),
    ],
)
def test_a_host_is_updated(
    monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], body: dict[str, Any]
) -> None:
    """Each option says one thing; what none names is left out (S127, D14)."""
    session = FakeSession()
    shown = run(monkeypatch, session, services.host_update, *words, "compute-1", "--json")
    assert shown.exit_code == 0, shown.output
    assert session.asked == [("PUT", "/os-hosts/compute-1", body, "2.42")]

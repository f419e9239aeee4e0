"""The commands of deliveries, as an operator gives them."""

import json
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from faultwire.cli import deliveries, output
from faultwire.client import ClientError

ROW = {
    "id": "d1",
    "alarm_id": "a1",
    "project_id": "p1",
    "url": "https://owner.example.org/hook?...",
    "state": "dead",
    "attempt": 3,
    "outcome": "HTTP 404",
    "status": 404,
    "created_at": "2023-11-14T22:13:21.000000Z",
    "next_at": None,
}


class FakeSession:
    """Stands for a cloud: knows some deliveries; a pending one cannot be sent again."""

    def __init__(self, pending: tuple[str, ...] = (), *, away: bool = False) -> None:
        self.asked: list[tuple[str, str, Any]] = []
        self._pending = pending
        self._away = away

    def __call__(self, cloud: str | None) -> "FakeSession":
        return self

    def get(self, service: str, path: str, params: object = None) -> Any:
        assert service == "alarming"
        self.asked.append(("GET", path, params))
        return {"deliveries": [ROW]}

    def request(self, method: str, service: str, path: str) -> Any:
        assert service == "alarming"
        self.asked.append((method, path, None))
        if self._away:
            raise ClientError("nobody listens")
        name = path.split("/")[-2]
        if name in self._pending:
            raise ClientError(f"delivery {name} is pending", 409)
        return {"delivery": {**ROW, "id": name, "state": "pending", "attempt": 0}}


def run(
    monkeypatch: pytest.MonkeyPatch, session: FakeSession, command: click.Command, *words: str
) -> Result:
    """Run a command against the fake."""
    monkeypatch.setattr(output, "Session", session)
    return CliRunner().invoke(command, words, env={"COLUMNS": "200"})


def test_deliveries_are_listed_with_their_fate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Filters become the query; the table shows id, state, tries and the last outcome."""
    session = FakeSession()
    shown = run(monkeypatch, session, deliveries.delivery_list, "--state", "dead", "--limit", "5")
    assert shown.exit_code == 0
    assert session.asked == [("GET", "/v2/deliveries", {"state": "dead", "limit": 5})]
    assert all(part in shown.output for part in ("d1", "dead", "HTTP 404", "2023-11-14 22:13:21Z"))


def test_another_project_or_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """An administrator names a project or asks for all, not both."""
    session = FakeSession()
    run(monkeypatch, session, deliveries.delivery_list, "--project", "p1")
    run(monkeypatch, session, deliveries.delivery_list, "--all-projects")
    assert [params for *_, params in session.asked] == [
        {"limit": 100, "project_id": "p1"},
        {"limit": 100, "all_projects": "true"},
    ]
    both = ("--project", "p1", "--all-projects")
    assert run(monkeypatch, session, deliveries.delivery_list, *both).exit_code == 2


def test_json_is_the_whole_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a script reads is what the server said."""
    shown = run(monkeypatch, FakeSession(), deliveries.delivery_list, "--json")
    assert json.loads(shown.output) == [ROW]


def test_several_are_replayed_and_one_that_is_not_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One refusal ends in exit status 1 with its sentence, and keeps nobody else from it."""
    session = FakeSession(pending=("d2",))
    shown = run(monkeypatch, session, deliveries.delivery_replay, "d1", "d2", "d/3", "--json")
    assert shown.exit_code == 1
    assert [path for _, path, _ in session.asked] == [
        "/v2/deliveries/d1/replay",
        "/v2/deliveries/d2/replay",
        "/v2/deliveries/d%2F3/replay",
    ]
    assert [row["state"] for row in json.loads(shown.stdout)] == ["pending", "pending"]
    assert "d2: delivery d2 is pending" in shown.stderr


def test_a_server_that_is_away_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody answers, the rest is not tried."""
    session = FakeSession(away=True)
    shown = run(monkeypatch, session, deliveries.delivery_replay, "d1", "d2")
    assert (shown.exit_code, len(session.asked)) == (1, 1)
    assert "nobody listens" in shown.stderr

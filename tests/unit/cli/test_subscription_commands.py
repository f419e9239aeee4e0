"""The commands of subscriptions, as an owner gives them."""

import json
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from faultwire.cli import output, subscriptions
from faultwire.domain.faults import Severity
from faultwire.faces.alarming import subscriptions as face

ROW = {
    "subscription_id": "s1",
    "project_id": "p1",
    "user_id": "u1",
    "name": "ours",
    "callback": "https://owner.example.org/hook",
    "filter": {"resource_kinds": [], "severities": [], "metadata": {}, "event_types": []},
    "created_at": "2023-11-14T22:13:21.000000Z",
    "told": 3,
}


class FakeSession:
    """Stands for a cloud with one subscription."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, Any]] = []

    def __call__(self, cloud: str | None) -> "FakeSession":
        return self

    def get(self, service: str, path: str, params: object = None) -> Any:
        assert service == "alarming"
        self.asked.append(("GET", path, params))
        return {"subscriptions": [ROW]}

    def request(self, method: str, service: str, path: str, *, body: object = None) -> Any:
        assert service == "alarming"
        self.asked.append((method, path, body))
        return ROW if body else None


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> FakeSession:
    """Give a cloud that the commands find."""
    made = FakeSession()
    monkeypatch.setattr(output, "Session", made)
    return made


def run(command: click.Command, *words: str) -> Result:
    """Run a command."""
    return CliRunner().invoke(command, words, env={"COLUMNS": "200"})


def test_a_subscription_is_created_as_told(session: FakeSession) -> None:
    """Options become the filter; what is left out stays empty."""
    words = ("--kind", "server", "--severity", "major", "--severity", "critical")
    more = ("--metadata", "tier=gold=", "--name", "ours", "--project", "")
    made = run(subscriptions.subscription_create, "http://h/", *words, *more, "--json")
    assert made.exit_code == 0, made.output
    assert json.loads(made.output) == ROW
    wanted = {
        "resource_kinds": ["server"],
        "severities": ["major", "critical"],
        "event_types": [],
        "metadata": {"tier": "gold="},
    }
    body = {"callback": "http://h/", "name": "ours", "filter": wanted, "project_id": ""}
    assert session.asked == [("POST", "/v2/subscriptions", body)]
    assert run(subscriptions.subscription_create, "http://h/").exit_code == 0
    assert "project_id" not in session.asked[-1][2]


@pytest.mark.parametrize(
    "words", [("--metadata", "tier"), ("--metadata", "=gold"), ("--kind", "disk")]
)
def test_wrong_usage_asks_nobody(session: FakeSession, words: tuple[str, ...]) -> None:
    """What cannot be read is exit status 2."""
    assert run(subscriptions.subscription_create, "http://h/", *words).exit_code == 2
    both = ("--project", "p", "--all-projects")
    assert run(subscriptions.subscription_list, *both).exit_code == 2
    assert not session.asked


def test_subscriptions_are_listed_and_deleted(session: FakeSession) -> None:
    """The table shows id, callback and troubles; a name becomes one part of the path."""
    shown = run(subscriptions.subscription_list, "--all-projects", "--limit", "5")
    assert shown.exit_code == 0, shown.output
    assert all(part in shown.output for part in ("s1", "owner.example.org", "3", "ours"))
    assert run(subscriptions.subscription_delete, "a/b").exit_code == 0
    assert session.asked == [
        ("GET", "/v2/subscriptions", {"limit": 5, "all_projects": "true"}),
        ("DELETE", "/v2/subscriptions/a%2Fb", None),
    ]


def test_the_command_offers_what_the_server_takes() -> None:
    """Kinds and severities are those of the face."""
    assert subscriptions.KINDS == face.KINDS
    assert set(subscriptions.SEVERITIES) == set(face.SEVERITIES)
    assert {*face.SEVERITIES, "cleared"} == {one.value for one in Severity}

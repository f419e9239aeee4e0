"""The commands of servers, as an operator gives them."""

import json
from collections.abc import Mapping
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from faultwire.cli import output, servers
from faultwire.client import ClientError


def row(name: str, **more: object) -> dict[str, Any]:
    """Return a server as the compute face lists it."""
    return {
        "id": f"id-{name}",
        "name": name,
        "status": "ACTIVE",
        "addresses": {"private": [{"addr": "10.0.0.1"}, {"addr": "10.0.0.2"}]},
        "OS-EXT-STS:task_state": None,
        "OS-EXT-STS:power_state": 1,
        "OS-EXT-SRV-ATTR:host": "compute-1",
        "host_status": "DOWN",
        "links": [],
        **more,
    }


class FakeSession:
    """Stands for a cloud with two pages of servers, of which `stuck` cannot be evacuated."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, Any]] = []

    def __call__(self, cloud: str | None) -> "FakeSession":
        return self

    def request(
        self,
        method: str,
        service: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        assert service == "fault" or headers == servers.VERSION
        self.asked.append((method, path, body if method == "POST" else params))
        if path == "/servers/detail":
            return self._page(params or {})
        if path == "/servers/id-web":
            return {"server": row("web")}
        if method == "GET":
            raise ClientError("Instance could not be found. (HTTP 404)", 404)
        if "stuck" in path:
            raise ClientError("Cannot 'evacuate' instance id-stuck (HTTP 409)", 409)
        return {"confirmed": ["id-web"], "left": []} if service == "fault" else None

    def _page(self, params: Mapping[str, str]) -> dict[str, Any]:
        if "marker" in params:
            return {"servers": [row("stuck")]}
        following = "http://cloud/v2.1/servers/detail?all_tenants=1&marker=id-web"
        return {"servers": [row("web")], "servers_links": [{"rel": "next", "href": following}]}


def run(
    monkeypatch: pytest.MonkeyPatch, session: FakeSession, command: click.Command, *words: str
) -> Result:
    """Run a command against the fake."""
    monkeypatch.setattr(output, "Session", session)
    return CliRunner().invoke(command, words, env={"COLUMNS": "200"})


def test_servers_are_listed_with_the_manuals_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """S160: ID to Host Status, every page of it."""
    session = FakeSession()
    shown = run(monkeypatch, session, servers.server_list, "--all-projects", "--status", "ERROR")
    assert shown.exit_code == 0, shown.output
    assert all(heading in shown.output for _, heading in servers.COLUMNS)
    assert all(text in shown.output for text in ("RUNNING", "DOWN", "private=10.0.0.1", "stuck"))
    assert session.asked[0][2] == {"status": "ERROR", "all_tenants": "1"}
    one = run(monkeypatch, session, servers.server_list, "--limit", "1", "--json")
    assert [server["id"] for server in json.loads(one.output)] == ["id-web"]


def test_a_server_is_shown_by_id_or_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """An id is asked for first, then the name; what nothing has is exit status 1."""
    for name in ("id-web", "stuck"):
        shown = run(monkeypatch, FakeSession(), servers.server_show, name)
        assert shown.exit_code == 0, shown.output
        assert "host_status" in shown.output
    missing = run(monkeypatch, FakeSession(), servers.server_show, "we")
    assert missing.exit_code == 1
    assert "no server has the id or name we" in missing.output


def test_evacuation_goes_on_after_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a host's servers all are tried; one refusal is exit status 1 and a reason in its row."""
    session = FakeSession()
    done = run(monkeypatch, session, servers.evacuate, "--host", "compute-1", "--target", "c-2")
    assert done.exit_code == 1
    acts = [(path, body) for method, path, body in session.asked if method == "POST"]
    assert acts == [
        (f"/servers/{name}/action", {"evacuate": {"host": "c-2"}})
        for name in ("id-web", "id-stuck")
    ]
    assert "Cannot 'evacuate'" in done.output
    alone = run(monkeypatch, FakeSession(), servers.evacuate, "id-web", "--json")
    assert alone.exit_code == 0
    assert json.loads(alone.output)[0]["evacuated"] is True


def test_evacuation_needs_servers_or_a_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither and both are wrong usage, exit status 2."""
    for words in ((), ("id-web", "--host", "compute-1")):
        assert run(monkeypatch, FakeSession(), servers.evacuate, *words).exit_code == 2


def test_a_host_is_confirmed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without --server all old copies are confirmed, with it the named ones."""
    session = FakeSession()
    assert run(monkeypatch, session, servers.host_confirm, "compute-1").exit_code == 0
    words = ("compute-1", "--server", "id-web", "--json")
    shown = run(monkeypatch, session, servers.host_confirm, *words)
    assert json.loads(shown.output) == {"confirmed": ["id-web"], "left": []}
    assert [body for _, _, body in session.asked] == [{}, {"servers": ["id-web"]}]

"""The commands for ports: what they send, and what they print (S97-S99, D14)."""

import json
from typing import Any

import pytest
from click.testing import CliRunner

from faultwire.cli import output, ports
from faultwire.client import ClientError

PORT = {"id": "p-1", "name": "web", "data_plane_status": None, "dp_down": False}


class Session:
    """A server with one port, found by id and by name; keeps what was put."""

    def __init__(self, cloud: str | None = None) -> None:
        self.cloud = cloud

    def get(self, service: str, path: str, params: dict[str, Any] | None = None) -> Any:
        assert service == "network"
        SENT.append((path, params))
        if path.endswith("/ports"):
            known = not params or params.get("name", "web") == "web"
            return {"ports": [PORT] if known else []}
        if path.endswith("/p-1"):
            return {"port": PORT}
        raise ClientError("Port could not be found.", 404)

    def request(self, method: str, service: str, path: str, *, body: Any) -> Any:
        PUT.append((method, path, body))
        return {"port": {**PORT, **body["port"]}}


SENT: list[Any] = []
PUT: list[Any] = []


@pytest.fixture(autouse=True)
def _server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "Session", Session)
    SENT.clear()
    PUT.clear()


def run(command: Any, *words: str) -> Any:
    """Run a command that has to succeed; return the JSON that it prints."""
    done = CliRunner().invoke(command, [*words, "--json"])
    assert done.exit_code == 0, done.output
    return json.loads(done.output)


@pytest.mark.parametrize(
    ("command", "words", "said"),
    [
        (ports.port_update, ["--dp-down", "True", "p-1"], {"dp_down": True}),
        (ports.port_update, ["--dp-down", "False", "web"], {"dp_down": False}),
        (ports.port_update, ["p-1"], {}),
        (ports.port, ["set", "--dp-down", "True", "web"], {"dp_down": True}),
        (ports.port, ["set", "web"], {}),
        (
            ports.port,
            ["set", "--data-plane-status", "DOWN", "--reason", "cut", "p-1"],
            {"data_plane_status": "DOWN", "data_plane_status_reason": "cut"},
        ),
        (ports.port, ["unset", "--data-plane-status", "p-1"], {"data_plane_status": None}),
        (ports.port, ["unset", "p-1"], {}),
    ],
)
def test_only_what_is_said_is_sent(command: Any, words: list[str], said: object) -> None:
    """An option that is left out changes nothing (S99); a name stands for its port."""
    run(command, *words)
    (sent,) = PUT
    assert sent == ("PUT", "/v2.0/ports/p-1", {"port": said})


def test_a_list_is_filtered_by_the_server() -> None:
    """The server is asked for what is down; nothing is fetched to be thrown away."""
    rows = run(ports.port_list, "--data-plane-status", "DOWN", "--host", "compute-1")
    assert rows == [PORT]
    wanted = {"data_plane_status": "DOWN", "binding:host_id": "compute-1"}
    (asked,) = SENT
    assert asked == ("/v2.0/ports", wanted)


def test_an_unknown_port_ends_with_a_sentence() -> None:
    """Exit status 1, one line."""
    done = CliRunner().invoke(ports.port_show, ["nope"])
    assert done.exit_code == 1
    assert "could not be found" in done.output

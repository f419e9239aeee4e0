"""Real servers and BMCs: power that goes kills a host, events come, subscriptions are kept."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.system.bmcs import Emulator
from tests.system.cloud import Cloud
from tests.system.conftest import Serve
from tests.system.hooks import Hooks
from tests.system.served import Server, call
from tests.system.waiting import wait_for

pytestmark = pytest.mark.system

POLL = {"poll_seconds": 0.3, "subscribe_seconds": 1, "health_seconds": 0}


class Recorder:
    """A controller with an EventService, whose subscriptions a reboot loses."""

    def __init__(self) -> None:
        self.subscriptions: dict[str, dict[str, Any]] = {}
        self.made = 0
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                pass

            def _send(self, status: int, body: object, **headers: str) -> None:
                raw = json.dumps(body).encode()
                self.send_response(status)
                for name, value in {"Content-Length": str(len(raw)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(raw)

            def do_GET(self) -> None:
                found = recorder.page(self.path.rstrip("/"))
                self._send(200 if found else 404, found or {})

            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                recorder.made += 1
                path = f"/redfish/v1/EventService/Subscriptions/{recorder.made}"
                recorder.subscriptions[path] = json.loads(self.rfile.read(length))
                self._send(201, {}, Location=path)

            def do_DELETE(self) -> None:
                recorder.subscriptions.pop(self.path, None)
                self._send(200, {})

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def page(self, path: str) -> dict[str, Any] | None:
        place = "/redfish/v1/EventService"
        pages: dict[str, dict[str, Any]] = {
            "/redfish/v1": {
                "Id": "RootService",
                "Name": "Root",
                "RedfishVersion": "1.6.0",
                "Links": {"Sessions": {"@odata.id": "/redfish/v1/SessionService/Sessions"}},
                "EventService": {"@odata.id": place},
            },
            place: {"Id": "E", "Subscriptions": {"@odata.id": f"{place}/Subscriptions"}},
            f"{place}/Subscriptions": {
                "Members": [{"@odata.id": one} for one in self.subscriptions]
            },
            **self.subscriptions,
        }
        return pages.get(path)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    """Give a controller that keeps subscriptions."""
    made = Recorder()
    yield made
    made.close()


def named(server: Server, bmc: dict[str, str]) -> Cloud:
    cloud = Cloud(server).fill(hosts=2)
    body = {"hosts": [{"name": cloud.host(1), "bmc": bmc}]}
    assert server.call("PATCH", "/fault/v1/inventory", body).status == 200
    return cloud


def test_power_that_goes_is_a_dead_host_with_proof(
    serve: Serve, tmp_path: Path, hooks: Hooks
) -> None:
    """A host that loses power is down, its owner told, and its proof lets it be evacuated."""
    bmc = Emulator(tmp_path / "bmc").start()
    try:
        server = serve({"redfish": POLL, "fencing": {"driver": "redfish"}})
        cloud = named(server, bmc.bmc())
        (vm, *_) = cloud.servers(1, 2)
        cloud.alarm(vm, hooks.url("/owner"))
        bmc.switch("ForceOff")
        hooks.wait_count(1)
        (fault,) = server.get("/fault/v1/faults?state=open")["faults"]
        assert (fault["type"], fault["host"]) == ("compute.host.down", cloud.host(1))
        shown = server.get(f"/fault/v1/faults/{fault['id']}")["fault"]
        assert shown["evidence"][0]["details"]["proof"] is True
        (row,) = server.get("/fault/v1/fencings")["fencings"]
        assert row["proven"] is True
        path = f"/compute/v2.1/servers/{vm}/action"
        at = {"OpenStack-API-Version": "compute 2.94"}
        assert server.call("POST", path, {"evacuate": {}}, headers=at).status == 200
        bmc.switch("On")
        wait_for(
            lambda: server.get("/fault/v1/fencings")["fencings"][0]["state"] == "returned",
            "power came back, and the proof is none any more",
        )
    finally:
        bmc.stop()


def test_subscriptions_are_kept_repaired_and_never_doubled(
    serve: Serve, recorder: Recorder
) -> None:
    """A reboot loses ours and it is made again; another's stays; events come in by its address."""
    others = {"Destination": "http://elsewhere/", "Context": "another's"}
    recorder.subscriptions["/redfish/v1/EventService/Subscriptions/x"] = others
    server = serve({"redfish": {**POLL, "poll_seconds": 0, "event_url": "http://127.0.0.1:1"}})
    cloud = named(server, {"url": recorder.url, "username": "u", "password": "hidden-word"})

    def ours() -> list[dict[str, Any]]:
        return [one for one in recorder.subscriptions.values() if one is not others]

    wait_for(ours, "it was subscribed to")
    (first,) = ours()
    recorder.subscriptions["/redfish/v1/EventService/Subscriptions/copy"] = dict(first)
    wait_for(lambda: len(ours()) == 1, "the copy is taken away")
    recorder.subscriptions.clear()
    wait_for(ours, "what the reboot lost is made again")
    (again,) = ours()
    assert again == first
    path = first["Destination"].removeprefix("http://127.0.0.1:1")
    event = {"MessageId": "Environmental.1.0.FanFailed", "MessageSeverity": "Critical"}
    body = {"Context": first["Context"], "Events": [event]}
    assert call(f"{server.url}{path}", "POST", json=body).status == 204
    assert call(f"{server.url}{path}", "POST", json=body).status == 204
    (fault,) = server.get("/fault/v1/faults?state=open")["faults"]
    assert (fault["type"], fault["severity"]) == ("compute.host.fan.error", "warning")
    assert (fault["host"], fault["repeats"]) == (cloud.host(1), 1)
    forged = path.replace(cloud.host(1), cloud.host(2))
    assert call(f"{server.url}{forged}", "POST", json=body).status == 403
    wrong = {**body, "Context": "another's"}
    assert call(f"{server.url}{path}", "POST", json=wrong).status == 400
    assert "hidden-word" not in server.log.read_text()

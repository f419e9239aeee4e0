"""A second region for the small cloud: a Nova and a Neutron that have rows and take acts.

Its hosts and servers have the names and ids that a test gives, so that they may be those of the
real region.
"""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

REGION = "RegionTwo"


class Region:
    """Listens; `acts` are the requests that were to change something, in order."""

    def __init__(self, project: str, hosts: list[str], servers: dict[str, str]) -> None:
        """Have hosts, and servers by id, each on its host."""
        self.project = project
        self.forced = dict.fromkeys(hosts, False)
        self.servers = servers
        self.states = dict.fromkeys(servers, "active")
        self.acts: list[tuple[str, str, Any]] = []
        region = self

        class Handler(BaseHTTPRequestHandler):
            """Answers."""

            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                """Read."""
                self._say(region.read(urlsplit(self.path).path.rstrip("/")))

            def do_PUT(self) -> None:
                """Change."""
                raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self._say(region.change(self.command, self.path, json.loads(raw)))

            do_POST = do_PUT  # noqa: N815  the library's name

            def _say(self, document: Any) -> None:
                found = document if document is not None else {"itemNotFound": {"code": 404}}
                body = json.dumps(found).encode()
                self.send_response(200 if document is not None else 404)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_arguments: object) -> None:
                """Keep quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def read(self, path: str) -> Any:
        """Return what a path has; None for nothing."""
        if path == "/v2.1/os-services":
            rows = [
                {"id": f"service-{one}", "host": one, "binary": "nova-compute", "state": "up",
                 "status": "enabled", "forced_down": down}
                for one, down in self.forced.items()
            ]  # fmt: skip
            return {"services": rows}
        if path == "/v2.1/servers/detail":
            rows = [
                {"id": one, "name": one, "tenant_id": self.project, "metadata": {},
                 "OS-EXT-SRV-ATTR:host": host, "OS-EXT-STS:vm_state": self.states[one]}
                for one, host in self.servers.items()
            ]  # fmt: skip
            return {"servers": rows}
        if path == "/v2.1/os-aggregates":
            return {"aggregates": []}
        if path == "/v2.0/ports":
            return {"ports": []}
        if path.startswith("/v2.0/extensions"):
            return {"extensions": [], "extension": {}}
        return {"version": {"min_version": "2.1", "version": "2.96"}} if path == "/v2.1" else None

    def change(self, method: str, path: str, body: Any) -> Any:
        """Take an act."""
        self.acts.append((method, path, body))
        name = path.rstrip("/").split("/")[3]
        if path.startswith("/v2.1/os-services/"):
            self.forced[name.removeprefix("service-")] = bool(body.get("forced_down"))
            return {"service": {}}
        if name in self.states and "os-resetState" in body:
            self.states[name] = body["os-resetState"]["state"]
            return {}
        return None

    def close(self) -> None:
        """End."""
        self._server.shutdown()
        self._server.server_close()

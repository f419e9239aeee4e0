"""A cloud over HTTP for examinations: Keystone, Nova and Neutron as far as they are asked."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from aiohttp import web

LATER = "2099-01-01T00:00:00.000000Z"
Answer = Callable[[web.Request], Any]


async def hang(_: web.Request) -> Any:
    """Never answer."""
    await asyncio.Event().wait()


async def page(_: web.Request) -> Any:
    """Answer as a dashboard."""
    return web.Response(text="<html>Horizon</html>", content_type="text/html")


async def broken(_: web.Request) -> Any:
    """Answer as a service without its database."""
    return web.json_response({"error": {"code": 500}}, status=500)


async def denied(_: web.Request) -> Any:
    """Answer as a policy."""
    return web.json_response({"forbidden": {"message": "no", "code": 403}}, status=403)


class FakeStack:
    """The cloud; `instead` gives other answers by the begin of a path, of services too."""

    def __init__(self) -> None:
        """Be right."""
        self.instead: dict[str, Answer] = {}
        self.roles = ["admin"]
        self.types = ["compute", "network", "identity", "alarming", "rca"]
        self.extension = True
        self.asked: list[tuple[str, str]] = []
        self.url = ""
        self._runner: web.AppRunner | None = None

    async def start(self) -> "FakeStack":
        """Listen."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def stop(self) -> None:
        """End."""
        if self._runner is not None:
            await self._runner.cleanup()

    def clouds_yaml(self, path: Path, **more: Any) -> Path:
        """Write the file with which it is found as `east`."""
        lines = [f"    {key}: {value}" for key, value in more.items()]
        path.write_text(
            "clouds:\n  east:\n    auth:\n"
            f"      auth_url: {self.url}/identity/v3\n      username: u\n      password: p\n"
            "      project_name: p\n      user_domain_id: default\n"
            "      project_domain_id: default\n    region_name: one\n"
            "    identity_api_version: 3\n" + "\n".join(lines) + "\n"
        )
        return path

    async def _answer(self, request: web.Request) -> Any:
        self.asked.append((request.method, request.path))
        for begin, instead in self.instead.items():
            if request.path.startswith(begin):
                return await instead(request)
        if request.path == "/identity/v3/auth/tokens":
            return self._token()
        documents = self._documents()
        path = request.path.rstrip("/")
        if path in documents:
            return web.json_response(documents[path])
        return web.json_response({"itemNotFound": {"code": 404}}, status=404)

    def _documents(self) -> Mapping[str, Any]:
        link = [{"rel": "self", "href": f"{self.url}/identity/v3/"}]
        return {
            "/identity/v3": {"version": {"id": "v3.14", "status": "stable", "links": link}},
            "/compute/v2.1": {"version": {"min_version": "2.1", "version": "2.96"}},
            "/compute/v2.1/os-services": {"services": [{"id": "s", "host": "h1", "state": "up"}]},
            "/compute/v2.1/servers/detail": {"servers": [{"OS-EXT-SRV-ATTR:host": "h1"}]},
            "/network": {"versions": []},
            "/network/v2.0/ports": {"ports": [{"id": "x", "binding:host_id": "h1"}]},
            **(
                {"/network/v2.0/extensions/data-plane-status": {"extension": {}}}
                if self.extension
                else {}
            ),
        }

    def _token(self) -> web.Response:
        paths = {"compute": "/compute/v2.1", "network": "/network", "identity": "/identity/v3"}
        catalogue = [
            {
                "type": kind, "id": kind, "name": kind,
                "endpoints": [
                    {"id": kind, "interface": "public", "region": "one", "region_id": "one",
                     "url": f"{self.url}{paths.get(kind, '/ours')}"}
                ],
            }
            for kind in self.types
        ]  # fmt: skip
        person = {"id": "u", "name": "u", "domain": {"id": "default", "name": "Default"}}
        token = {
            "methods": ["password"], "expires_at": LATER, "issued_at": "2020-01-01T00:00:00.0Z",
            "user": person, "project": person, "catalog": catalogue,
            "roles": [{"id": one, "name": one} for one in self.roles],
        }  # fmt: skip
        return web.json_response({"token": token}, status=201, headers={"X-Subject-Token": "t"})

"""Asks a cloud what an examination wants to know; nothing is changed unless it is said so."""

import uuid
from collections.abc import Sequence
from typing import Any

import aiohttp
import orjson

from faultwire.controllers.openstack.api import SERVICES_VERSION, tls_of, whole
from faultwire.controllers.openstack.readiness import Answer, SignedIn
from faultwire.controllers.openstack.session import CloudSession
from faultwire.controllers.openstack.snapshot import SERVERS_VERSION
from faultwire.domain.errors import Unavailable
from faultwire.ports import Clock

MOST_BYTES = 1_000_000
SERVICES = ("identity", "compute", "network")


class Examiner:
    """One cloud, looked at; belongs to the event loop. Whoever asks sets the deadline."""

    def __init__(self, session: CloudSession, clock: Clock) -> None:
        """Ask nothing yet."""
        self._session = session
        self._clock = clock
        self._client: aiohttp.ClientSession | None = None

    async def signed_in(self) -> SignedIn:
        """Return the account and the catalogue; raises Unavailable, Forbidden."""
        began = self._clock.mono_ns()
        await self._session.token()
        took = (self._clock.mono_ns() - began) / 1e6
        region, roles, found = await self._session.account()
        return SignedIn(took, region, roles, found)

    async def root(self, service: str) -> Answer:
        """Return what a service says at its root, to which no token is shown."""
        return await self._ask("GET", f"{await self._base(service)}/", token=False)

    async def roots(self) -> Sequence[Answer]:
        """Return what those say that answer; what does not is another check's."""
        found = []
        for service in SERVICES:
            try:
                found.append(await self.root(service))
            except Unavailable:
                continue
        return found

    async def compute(self, path: str, version: str = "") -> Answer:
        """Read of Nova."""
        return await self._ask("GET", f"{await self._base('compute')}{path}", version=version)

    async def network(self, path: str) -> Answer:
        """Read of Neutron."""
        return await self._ask("GET", f"{await self._neutron()}{path}")

    async def services(self) -> Answer:
        """List the computes."""
        return await self.compute("/os-services?binary=nova-compute", SERVICES_VERSION)

    async def servers(self) -> Answer:
        """List one server of all."""
        return await self.compute("/servers/detail?all_tenants=1&limit=1", SERVERS_VERSION)

    async def ports(self) -> Answer:
        """List one port."""
        return await self.network("/ports?limit=1&fields=id&fields=name&fields=binding:host_id")

    async def forcing(self) -> Answer:
        """Ask to let up a service that there is not: whether we may is judged first."""
        base = await self._base("compute")
        path = f"/os-services/{uuid.UUID(int=0)}"
        return await self._ask("PUT", base + path, {"forced_down": False}, SERVICES_VERSION)

    async def say_again(self) -> tuple[str | None, str | None]:
        """Have Nova and Neutron write what already is; return the host and the port of it.

        A service that is enabled is enabled, and a port is given the name that it has: nothing
        changes, and both tell of it where they tell of anything. None where there is none.
        """
        found = (await self.services()).document or {}
        host = port = None
        for one in found.get("services", ()):
            if one.get("status") == "enabled" and one.get("state") == "up":
                path = f"{await self._base('compute')}/os-services/{one['id']}"
                answer = await self._ask("PUT", path, {"status": "enabled"}, SERVICES_VERSION)
                host = str(one["host"]) if answer.status < 300 else None
                break
        for one in ((await self.ports()).document or {}).get("ports", ()):
            path = f"{await self._neutron()}/ports/{one['id']}"
            body = {"port": {"name": one.get("name") or ""}}
            answer = await self._ask("PUT", path, body)
            port = str(one["id"]) if answer.status < 300 else None
        return host, port

    async def _base(self, service: str) -> str:
        return await self._session.endpoint(service)

    async def _neutron(self) -> str:
        base = await self._base("network")
        return base if base.endswith("/v2.0") else f"{base}/v2.0"

    async def _ask(
        self, method: str, url: str, body: object = None, version: str = "", *, token: bool = True
    ) -> Answer:
        headers = {"Accept": "application/json"}
        if token:
            headers["X-Auth-Token"] = await self._session.token()
        if version:
            headers["OpenStack-API-Version"] = f"compute {version}"
        data = None if body is None else orjson.dumps(body)
        if data is not None:
            headers["Content-Type"] = "application/json"
        asked = self._clock.wall_ns()
        try:
            async with self._opened().request(
                method, url, data=data, headers=headers, allow_redirects=False
            ) as answer:
                answered = self._clock.wall_ns()
                raw = await whole(answer.content, MOST_BYTES)
                date = answer.headers.get("Date", "")
                return Answer(url, answer.status, raw, date, asked, answered)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise Unavailable(f"{url}: {type(error).__name__}", f"{url}: {error}") from None

    def _opened(self) -> Any:
        if self._client is None:
            connector = aiohttp.TCPConnector(ssl=tls_of(self._session.verify))
            self._client = aiohttp.ClientSession(
                connector=connector, cookie_jar=aiohttp.DummyCookieJar()
            )
        return self._client

    async def close(self) -> None:
        """Give connections back."""
        if self._client is not None:
            await self._client.close()

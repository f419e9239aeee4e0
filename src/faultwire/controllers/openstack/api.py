"""Nova and Neutron as they are asked: pooled connections, a token that is there, no library.

A library's client asks a server at a time and looks things up on the way; that is what made
Doctor's inspector slow. Here an act is one request.
"""

import asyncio
import logging
import re
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import aiohttp
import orjson

from faultwire.controllers.openstack.session import CloudSession
from faultwire.domain.errors import (
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    Refused,
    Unavailable,
)
from faultwire.domain.remote_acts import STOPPED, Standing

log = logging.getLogger(__name__)

SERVICES_VERSION = "2.53"
"""Since then a service is named by its uuid; without it no host can be forced down."""

EVACUATE_VERSION = "2.94"
"""The last one that leaves servers running: from 2.95 on they end stopped."""

NEUTRON_NAMES = re.compile(r'"type": *"(?!HTTP)\w+NotFound"')
"""Neutron's own word for a thing that is gone; other 404s are of its router, as at its start."""

STOPPED_VERSION = "2.95"
"""The first one in which they end stopped."""

UNKNOWN = (2, 1), (2, 1000)
"""Oldest and newest microversion of a Nova that does not say; 2.1 is what every one has."""

STANDING_VERSION = "2.16"
"""Shows an administrator the host of a server, at half the cost of the newest ones."""

REASON = 255
"""Characters of a reason that Nova takes."""

MOST_BYTES = 64 * 1024 * 1024
SAID = 300
"""Characters of a refusal that are kept."""

DATA_PLANE = "data-plane-status"
"""The extension of Neutron that lets ports be marked; OVN's plugin has none."""

_LATER = frozenset({408, 413, 429, 500, 502, 503, 504})
_NOT_YET = ("still in use", "evacuation migration records", "rebuilding", "task_state")
"""What Nova's 400 and 409 say where the same request is granted later."""


class OpenStackApi:
    """Implements `ports.clouds.CloudApi` by HTTP; belongs to the event loop."""

    def __init__(self, session: CloudSession, timeout: float) -> None:
        """Take who is signed in; nothing is asked yet."""
        self._session = session
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._client: aiohttp.ClientSession | None = None
        self._services: dict[str, str] = {}
        self._marks: bool | None = None
        self._offered: tuple[tuple[int, ...], tuple[int, ...]] | None = None
        self._offering = asyncio.Lock()

    # ---------------------------------------------------------------- acts

    async def force_down(self, host: str, reason: str = "") -> None:
        """Force the host's nova-compute down: one request once its uuid is known.

        With a reason it is disabled by the same request: Nova then knows that it is dead. Asked
        to disable alone, it would first call the dead service, and wait for that.
        """
        body: dict[str, object] = {"forced_down": True}
        if reason:
            body |= {"status": "disabled", "disabled_reason": reason[:REASON]}
        await self._change(host, body)

    async def let_up(self, host: str, *, enable: bool = False) -> None:
        """Take the force-down back; Conflict while Nova still keeps its evacuations (S176)."""
        body: dict[str, object] = {"forced_down": False}
        if enable:
            body["status"] = "enabled"
        await self._change(host, body)

    async def _change(self, host: str, body: dict[str, object]) -> None:
        known = host in self._services
        if not known:
            await self.learn_services(host)
        service = self._services.get(host)
        if service is None:
            raise NotFound(f"host {host} has no nova-compute")
        try:
            await self.compute("PUT", f"/os-services/{service}", body, SERVICES_VERSION)
        except NotFound:
            self._services.pop(host, None)
            if not known:
                raise
            # It was deleted and made again since.
            await self._change(host, body)

    async def learn_services(self, host: str = "") -> dict[str, dict[str, Any]]:
        """Return the nova-compute services by host, all or one's, and keep their uuids."""
        where = f"&host={quote(host, safe='')}" if host else ""
        path = f"/os-services?binary=nova-compute{where}"
        found = await self.compute("GET", path, None, SERVICES_VERSION)
        services = {str(one["host"]): one for one in found["services"]}
        self._services.update({name: str(one["id"]) for name, one in services.items()})
        return services

    async def reset_state(self, server: str, state: str) -> None:
        """Set a server's state by os-resetState; what it was in is not asked.

        Nova gives no server the state stopped by itself: it is said to be active, and stopped.
        """
        off = state == STOPPED
        body: dict[str, object] = {"os-resetState": {"state": "active" if off else state}}
        await self.compute("POST", f"/servers/{server}/action", body)
        if off:
            await self.compute("POST", f"/servers/{server}/action", {"os-stop": None})

    async def evacuate(self, server: str, host: str, *, stopped: bool = False) -> None:
        """Have a server built again elsewhere; Conflict while Nova thinks its host alive."""
        body = {"evacuate": {"host": host} if host else {}}
        version = STOPPED_VERSION if stopped else EVACUATE_VERSION
        await self.compute("POST", f"/servers/{server}/action", body, version)

    async def standing(self, server: str) -> Standing:
        """Return where a server is and what is being done to it."""
        found = await self.compute("GET", f"/servers/{server}", None, STANDING_VERSION)
        one = found["server"]
        return Standing(
            str(one.get("OS-EXT-SRV-ATTR:host") or ""),
            str(one.get("OS-EXT-STS:vm_state") or ""),
            str(one.get("OS-EXT-STS:task_state") or ""),
            str((one.get("fault") or {}).get("message") or "")[:SAID],
        )

    async def mark_port(self, port: str, status: str) -> str:
        """Set a port's data_plane_status; what is not known any more is said to be active.

        Neutron fails with 500 where it is to forget a status (D7). A cloud without the extension
        is asked whether it has it once, and for no port ever.
        """
        if self._marks is None:
            self._marks = await self._has_extension(DATA_PLANE)
        if not self._marks:
            return f"its Neutron has no {DATA_PLANE}"
        body = {"port": {"data_plane_status": status or "ACTIVE"}}
        await self.network("PUT", f"/ports/{port}", body)
        return ""

    async def _has_extension(self, alias: str) -> bool:
        found = await self.network("GET", "/extensions")
        there = any(one.get("alias") == alias for one in found["extensions"])
        if not there:
            log.warning("cloud %s: its Neutron has no %s", self._session.name, alias)
        return there

    # ---------------------------------------------------------------- requests

    async def compute(self, method: str, path: str, body: object = None, version: str = "") -> Any:
        """Ask Nova, at a microversion where one is named, or the nearest one that it has.

        Raises Invalid for a Nova that is too old for us, before it is asked for anything.
        """
        version = await self._nearest(version) if version else ""
        headers = {"OpenStack-API-Version": f"compute {version}"} if version else {}
        base = await self._session.endpoint("compute")
        return await self.request(method, f"{base}{path}", body, headers)

    async def _nearest(self, wanted: str) -> str:
        """Return the nearest microversion that Nova offers; which it does is asked once."""
        async with self._offering:
            if self._offered is None:
                found = await self._range()
                if found[1] < _numbers(SERVICES_VERSION):
                    # One that was upgraded is found so when it is asked next.
                    text = f"Nova offers microversions {_dotted(found[0])} to {_dotted(found[1])}"
                    why = f"{text}, {SERVICES_VERSION} is needed: upgrade it"
                    raise Invalid("", f"cloud {self._session.name}: {why}")
                self._offered = found
        least, newest = self._offered
        return _dotted(min(max(_numbers(wanted), least), newest))

    async def _range(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return what Nova's root says; everything where it says nothing: then its 406 has to."""
        try:
            said = await self.compute("GET", "/")
        except Refused as error:
            log.warning("cloud %s: its microversions are not known: %s", self._session.name, error)
            return UNKNOWN
        version = said.get("version") if isinstance(said, dict) else None
        if not isinstance(version, dict):
            return UNKNOWN
        least = _numbers(str(version.get("min_version") or ""))
        newest = _numbers(str(version.get("version") or ""))
        return least or UNKNOWN[0], newest or UNKNOWN[0]

    async def network(self, method: str, path: str, body: object = None) -> Any:
        """Ask Neutron; Unavailable while it starts, and does not know its own paths yet."""
        base = await self._session.endpoint("network")
        version = "" if base.endswith("/v2.0") else "/v2.0"
        try:
            return await self.request(method, f"{base}{version}{path}", body)
        except NotFound as error:
            if NEUTRON_NAMES.search(str(error)):
                raise
            raise Unavailable("its Neutron is not ready", str(error)) from None

    async def request(
        self, method: str, url: str, body: object = None, headers: dict[str, str] | None = None
    ) -> Any:
        """Return what a service answers; a token that it refuses is renewed once."""
        token = await self._session.token()
        status, raw = await self._ask(method, url, body, token, headers or {})
        if status == 401:
            self._session.refused(token)
            token = await self._session.token()
            status, raw = await self._ask(method, url, body, token, headers or {})
        return answer_of(status, raw, f"{method} {url}")

    async def _ask(
        self, method: str, url: str, body: object, token: str, more: dict[str, str]
    ) -> tuple[int, bytes]:
        return (await self.exchange(method, url, body, {"X-Auth-Token": token, **more}))[:2]

    async def exchange(
        self, method: str, url: str, body: object, more: Mapping[str, str]
    ) -> tuple[int, bytes, Mapping[str, str]]:
        """Return status, body and headers of what a service answers; raises Unavailable."""
        headers = {"Accept": "application/json", **more}
        data = None if body is None else orjson.dumps(body)
        if data is not None:
            headers["Content-Type"] = "application/json"
        try:
            async with self._opened().request(
                method, url, data=data, headers=headers, allow_redirects=False
            ) as answer:
                return answer.status, await whole(answer.content), answer.headers
        except TimeoutError:
            raise Unavailable(f"cloud {self._session.name} did not answer in time", url) from None
        except (aiohttp.ClientError, OSError) as error:
            raise Unavailable(f"cloud {self._session.name} does not answer", str(error)) from None

    def _opened(self) -> aiohttp.ClientSession:
        if self._client is None:
            # How many at a time is whoever asks's to say.
            connector = aiohttp.TCPConnector(limit=0, ssl=tls_of(self._session.verify))
            self._client = aiohttp.ClientSession(
                connector=connector, timeout=self._timeout, cookie_jar=aiohttp.DummyCookieJar()
            )
        return self._client

    async def close(self) -> None:
        """Give connections back."""
        if self._client is not None:
            await self._client.close()


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdecimal())


async def whole(stream: aiohttp.StreamReader, most: int = MOST_BYTES) -> bytes:
    """Return all of a body, which comes in parts; raises Unavailable for one that is too long."""
    raw = bytearray()
    async for part in stream.iter_any():
        raw += part
        if len(raw) > most:
            raise Unavailable(f"a cloud answered more than {most} bytes")
    return bytes(raw)


def tls_of(verify: Any) -> ssl.SSLContext | bool:
    """Return how certificates are checked, for aiohttp."""
    if verify is False:
        return False
    return ssl.create_default_context(cafile=verify) if isinstance(verify, str) else True


def answer_of(status: int, raw: bytes, asked: str) -> Any:
    """Return the document of a good answer, or raise what a bad one means."""
    if status < 300:
        try:
            return orjson.loads(raw) if raw else None
        except orjson.JSONDecodeError:
            raise Unavailable("a cloud answered what is no JSON", asked) from None
    said = raw[:SAID].decode(errors="replace")
    text = f"{asked}: {status} {said}"
    if status in _LATER:
        raise Unavailable("a cloud cannot grant it now", text)
    if status in {400, 409} and any(words in said for words in _NOT_YET):
        raise Conflict(text)
    kinds = {401: Forbidden, 403: Forbidden, 404: NotFound, 409: Conflict}
    kind = kinds.get(status)
    raise kind(text) if kind else Invalid("", text)

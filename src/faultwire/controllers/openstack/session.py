"""Signing in at a cloud: its token is there before it is needed, its endpoints are known once.

keystoneauth1 blocks, so it has a thread of its own; nothing on the path of a fault waits for it.
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC
from typing import Any, TypeVar

from keystoneauth1 import exceptions as keystone
from openstack import config
from openstack import exceptions as sdk
from requests import RequestException

from faultwire import __version__
from faultwire.controllers.openstack.settings import Settings
from faultwire.domain.errors import Forbidden, Invalid, NotFound, Unavailable
from faultwire.ports import Clock

log = logging.getLogger(__name__)

T = TypeVar("T")

RENEW_BEFORE_SECONDS = 300
"""A token that ends within so long is renewed."""

LOOK_SECONDS = 30.0
"""Between two looks at the age of a token."""


class CloudSession:
    """One cloud of clouds.yaml, signed in; on the event loop, its work on one thread."""

    def __init__(self, name: str, clock: Clock, settings: Settings) -> None:
        """Read clouds.yaml; raises Invalid where the cloud is not in it. Asks no server."""
        self.name = name
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"cloud-{name}")
        try:
            files = [settings.clouds_yaml] if settings.clouds_yaml else None
            loader = config.OpenStackConfig(
                config_files=files, app_name="faultwire", app_version=__version__
            )
            self.region: Any = loader.get_one(cloud=name)
            self._session: Any = self.region.get_session()
        except (sdk.SDKException, keystone.ClientException, OSError, ValueError) as error:
            raise Invalid("[openstack] clouds", f"{name}: {error}") from None
        self._session.timeout = settings.timeout
        self._token = ""
        self._endpoints: dict[str, str] = {}
        self._signing = asyncio.Lock()

    @property
    def verify(self) -> Any:
        """What the certificate of its services is checked against (a path, True or False)."""
        return self._session.verify

    async def token(self) -> str:
        """Return a token that is valid now; raises Unavailable, Forbidden."""
        if not self._token:
            async with self._signing:
                if not self._token:
                    self._token = str(await self._call(self._session.get_token))
        return self._token

    def refused(self, token: str) -> None:
        """Hear that a service did not take this token: the next one is a new one."""
        if token == self._token:
            self._token = ""
            self._session.invalidate()

    async def endpoint(self, service: str) -> str:
        """Return the URL of a service; raises NotFound where the catalogue has none."""
        found = self._endpoints.get(service)
        if found is None:
            found = str(await self._call(self._find, service) or "").rstrip("/")
            if not found:
                raise NotFound(f"the catalogue of cloud {self.name} has no {service}")
            self._endpoints[service] = found
        return found

    def _find(self, service: str) -> str | None:
        configured = self.region.get_endpoint(service)
        found: str | None = configured or self._session.get_endpoint(
            service_type=service,
            interface=self.region.get_interface(service),
            region_name=self.region.get_region_name(service),
        )
        return found

    async def keep_signed_in(self) -> None:
        """Renew the token in the background until cancelled."""
        while True:
            try:
                await self.token()
                if await self._call(self._ends_within, RENEW_BEFORE_SECONDS):
                    self._session.invalidate()
                    self._token = str(await self._call(self._session.get_token))
            except (Unavailable, Forbidden) as error:
                log.warning("cloud %s: cannot sign in: %s", self.name, error)
            await self._clock.sleep(LOOK_SECONDS)

    def _ends_within(self, seconds: float) -> bool:
        access = self._session.auth.get_access(self._session)
        ends = access.expires
        if ends.tzinfo is None:
            ends = ends.replace(tzinfo=UTC)
        left_ns = int(ends.timestamp() * 1e9) - self._clock.wall_ns()
        return left_ns < int(seconds * 1e9)

    async def _call(self, work: Callable[..., T], *arguments: Any) -> T:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._thread, work, *arguments)
        except (keystone.Unauthorized, keystone.Forbidden) as error:
            raise Forbidden(f"cloud {self.name} does not let us in: {error}") from None
        except (keystone.ClientException, sdk.SDKException, RequestException, OSError) as error:
            raise Unavailable(f"cloud {self.name} does not answer", str(error)) from None

    def close(self) -> None:
        """End the thread; a call that is under way is not waited for."""
        self._thread.shutdown(wait=False, cancel_futures=True)

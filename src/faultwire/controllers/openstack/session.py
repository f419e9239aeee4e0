"""Signing in at a cloud: its token is there before it is needed, its endpoints are known once.

keystoneauth1 blocks, so it has a thread of its own; nothing on the path of a fault waits for it.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC
from typing import Any, TypeVar

from faultwire import __version__
from faultwire.controllers.openstack.settings import Settings
from faultwire.domain.errors import Forbidden, Invalid, NotFound, Unavailable
from faultwire.ports import Clock

log = logging.getLogger(__name__)

T = TypeVar("T")

RENEW_BEFORE_SECONDS = 300
"""A token that ends within so long is renewed."""

_CREDENTIAL = ("application_credential_id", "application_credential_secret")
_PASSWORD = (
    "username", "password", "user_domain_name", "project_name", "project_domain_name",
)  # fmt: skip

LOOK_SECONDS = 30.0
"""Between two looks at the age of a token."""


class _Sdk:
    """The SDK, loaded with the first cloud: a sixth of the start of a server that has none."""

    def __init__(self) -> None:
        from keystoneauth1 import exceptions as keystone  # noqa: PLC0415
        from openstack import config  # noqa: PLC0415
        from openstack import exceptions as sdk  # noqa: PLC0415
        from requests import RequestException  # noqa: PLC0415

        self.config: Any = config.OpenStackConfig
        self.refused = (keystone.Unauthorized, keystone.Forbidden)
        self.wrong = (sdk.SDKException, keystone.ClientException, OSError, ValueError)
        self.away = (keystone.ClientException, sdk.SDKException, RequestException, OSError)


def _region(sdk: _Sdk, name: str, settings: Settings) -> Any:
    """Return a cloud as clouds.yaml has it, or as the options describe the only one."""
    known: dict[str, Any] = {"app_name": "faultwire", "app_version": __version__}
    if settings.clouds or not settings.auth_url or name != settings.names[0]:
        files = [settings.clouds_yaml] if settings.clouds_yaml else None
        return sdk.config(config_files=files, **known).get_one(cloud=name)
    loader = sdk.config(load_yaml_config=False, load_envvars=False, **known)
    by_credential = bool(settings.application_credential_id)
    kind = "v3applicationcredential" if by_credential else "password"
    secrets = _CREDENTIAL if by_credential else _PASSWORD
    auth = {name: getattr(settings, name) for name in ("auth_url", *secrets)}
    return loader.get_one(
        auth_type=settings.auth_type or kind,
        auth={name: value for name, value in auth.items() if value},
        region_name=settings.region_name or None,
        interface=settings.interface,
        cacert=settings.cafile or None,
    )


class CloudSession:
    """One cloud of clouds.yaml, signed in; on the event loop, its work on one thread."""

    def __init__(self, name: str, clock: Clock, settings: Settings) -> None:
        """Read clouds.yaml; raises Invalid where the cloud is not in it. Asks no server."""
        self.name = name
        self._clock = clock
        self._sdk = _Sdk()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"cloud-{name}")
        try:
            self.region: Any = _region(self._sdk, name, settings)
            self._session: Any = self.region.get_session()
        except self._sdk.wrong as error:
            raise Invalid("[openstack] clouds", f"{name}: {error}") from None
        self._session.timeout = settings.timeout
        self._token = ""
        self._endpoints: dict[str, str] = {}
        self._signing = asyncio.Lock()

    @property
    def verify(self) -> Any:
        """What the certificate of its services is checked against (a path, True or False)."""
        return self._session.verify

    @property
    def auth(self) -> Mapping[str, Any]:
        """What it signs in with: `auth_url`, and names and secrets."""
        found: Mapping[str, Any] = self.region.config.get("auth") or {}
        return found

    @property
    def transport_url(self) -> str:
        """The message bus of the cloud, where clouds.yaml names one beside its account."""
        return str(self.region.config.get("transport_url") or "")

    @property
    def has_token(self) -> bool:
        """Whether somebody signed in, and no service refused it since."""
        return bool(self._token)

    async def account(self) -> tuple[str, tuple[str, ...], tuple[tuple[str, str, str], ...]]:
        """Return region, roles, and the catalogue: type, region and URL of each endpoint."""
        return await self._call(self._account)

    def _account(self) -> tuple[str, tuple[str, ...], tuple[tuple[str, str, str], ...]]:
        access = self._session.auth.get_access(self._session)
        interface = str(self.region.get_interface("compute") or "public").removesuffix("URL")
        catalogue = tuple(
            (str(service.get("type")), str(end.get("region_id") or end.get("region") or ""),
             str(end.get("url")))
            for service in access.service_catalog.catalog or ()
            for end in service.get("endpoints", ())
            if end.get("interface") == interface
        )  # fmt: skip
        region = str(self.region.get_region_name("compute") or "")
        return region, tuple(access.role_names), catalogue

    async def user(self) -> str:
        """Return the id of the account that is signed in."""
        return str(await self._call(self._session.get_user_id) or "")

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
        except self._sdk.refused as error:
            raise Forbidden(f"cloud {self.name} does not let us in: {error}") from None
        except self._sdk.away as error:
            raise Unavailable(f"cloud {self.name} does not answer", str(error)) from None

    def close(self) -> None:
        """End the thread; a call that is under way is not waited for."""
        self._thread.shutdown(wait=False, cancel_futures=True)

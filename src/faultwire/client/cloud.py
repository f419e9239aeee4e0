"""The door to the OpenStack libraries: a cloud's configuration and its Keystone session."""

import logging
from collections.abc import Callable
from typing import Any, TypeVar

from keystoneauth1 import exceptions as keystone
from openstack import config
from openstack import exceptions as sdk
from requests import RequestException, Response

from faultwire import __version__
from faultwire.client.errors import ClientError

T = TypeVar("T")

# What the library would warn of on standard error is in the ClientError that follows.
logging.getLogger("keystoneauth").addHandler(logging.NullHandler())


def _guarded(call: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """Call into the libraries; what they raise becomes a ClientError."""
    try:
        return call(*args, **kwargs)
    except keystone.HttpError as error:
        raise ClientError(str(error), error.http_status) from None
    except (keystone.ClientException, sdk.SDKException, RequestException) as error:
        raise ClientError(str(error)) from None
    except (OSError, ValueError) as error:
        raise ClientError(f"clouds.yaml: {error}") from None


class Cloud:
    """One cloud, by its name in clouds.yaml or as the environment describes it."""

    def __init__(self, name: str | None, timeout: float) -> None:
        """Read the configuration; asks no server."""
        loader = _guarded(config.OpenStackConfig, app_name="faultwire", app_version=__version__)
        self._region = _guarded(loader.get_one, cloud=name)
        self._session = _guarded(self._region.get_session)
        self._session.timeout = timeout

    def endpoint(self, service: str) -> str:
        """Return a service's URL, as configured or else as the catalog has it."""
        found = self._region.get_endpoint(service) or _guarded(
            self._session.get_endpoint,
            service_type=service,
            interface=self._region.get_interface(service),
            region_name=self._region.get_region_name(service),
        )
        if not found:
            raise ClientError(f"the catalog has no service of type {service}")
        return str(found).rstrip("/")

    def token(self) -> str:
        """Return a token that is valid now."""
        return str(_guarded(self._session.get_token))

    def project(self) -> str:
        """Return the id of the token's project; empty without one."""
        return str(_guarded(self._session.get_project_id) or "")

    def request(self, url: str, method: str, **kwargs: Any) -> Response:
        """Return the answer, whatever its status, under a fresh token."""
        answer: Response = _guarded(self._session.request, url, method, raise_exc=False, **kwargs)
        return answer

"""A session with one cloud: token, catalog, and calls that always end."""

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import orjson

from faultwire.client.errors import ClientError, message_of

if TYPE_CHECKING:
    from faultwire.client.cloud import Cloud

TIMEOUT_SECONDS = 60.0
JSON = "application/json"

Params = Mapping[str, str | int | bool]


class Session:
    """A cloud of clouds.yaml (``--os-cloud``, OS_CLOUD, OS_CLIENT_CONFIG_FILE) or of OS_*.

    Nothing is read and nobody is asked before the first call. Not for use by several threads.
    Every method raises ClientError and nothing else.
    """

    def __init__(self, cloud: str | None = None, *, timeout: float = TIMEOUT_SECONDS) -> None:
        """Take the name of the cloud (None: as the environment says) and seconds per call."""
        self._name = cloud
        self._timeout = timeout

    @cached_property
    def _cloud(self) -> "Cloud":
        # A third of a second of imports, which help pages and wrong usage need not wait for.
        from faultwire.client.cloud import Cloud  # noqa: PLC0415

        return Cloud(self._name, self._timeout)

    def endpoint(self, service: str) -> str:
        """Return the base URL of a service type in the catalog, without a slash at its end."""
        return self._cloud.endpoint(service)

    def token(self) -> str:
        """Return a token that is valid now."""
        return self._cloud.token()

    def project(self) -> str:
        """Return the id of the token's project; empty for a token without one."""
        return self._cloud.project()

    def get(self, service: str, path: str, params: Params | None = None) -> Any:
        """Return what a GET answers, decoded."""
        return self.request("GET", service, path, params=params)

    def request(
        self,
        method: str,
        service: str,
        path: str,
        *,
        params: Params | None = None,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Return the decoded answer of a call below a service's endpoint; None for an empty one.

        `body` is written as JSON; bytes are sent as they are. `headers` are further ones. A status
        of 400 or more is a ClientError with the server's own sentence.
        """
        data = body if isinstance(body, bytes) or body is None else orjson.dumps(body)
        answer = self._cloud.request(
            self.endpoint(service) + path,
            method,
            params=dict(params or {}),
            data=data,
            headers={"Accept": JSON}
            | ({} if data is None else {"Content-Type": JSON})
            | dict(headers or {}),
        )
        value = _decoded(answer.content)
        if answer.status_code >= 400:
            raise ClientError(message_of(answer.status_code, value), answer.status_code)
        return value


def _decoded(content: bytes) -> object:
    if not content:
        return None
    try:
        value: object = orjson.loads(content)
    except orjson.JSONDecodeError:
        return content.decode(errors="replace")
    return value

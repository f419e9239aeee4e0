"""The one door to a Prometheus server: instant queries by its HTTP API."""

import base64
import ssl
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import orjson

from faultwire.domain.errors import Invalid, Refused, Unavailable
from faultwire.notifier.evaluator.promql import check_label
from faultwire.notifier.prometheus_settings import Settings

PATH = "/api/v1/query"
LARGEST = 4 * 1024 * 1024
"""Bytes of an answer."""

KINDS: Mapping[str, str] = {
    "bad_data": "it cannot be understood there",
    "execution": "it cannot be executed there",
    "timeout": "it takes too long",
    "canceled": "it was cancelled",
    "not_acceptable": "its answer has no form that is known here",
}
"""What owners are told of the kinds of errors of its HTTP API."""
UNKNOWN = "it does not say why"

_SHOWN = 200
_MS = 1000.0


def check(settings: Settings) -> None:
    """Raise Invalid naming the option that could never work."""
    check_label(settings.project_label, "[prometheus] project_label")
    if not settings.url:
        return
    parts = _parts(settings.url)
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname:
        raise Invalid("[prometheus] url", "not an http or https URL")
    if parts.username is not None or parts.password is not None:
        raise Invalid("[prometheus] url", "user and password have options of their own")
    if parts.query or parts.fragment:
        raise Invalid("[prometheus] url", "it has a query or a fragment")
    _context(settings)


def _parts(url: str) -> Any:
    try:
        parts = urlsplit(url)
        # Reading it is what checks it.
        return parts if parts.port != 0 else None
    except ValueError:
        return None


def _context(settings: Settings) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if settings.ca_file:
        try:
            context.load_verify_locations(settings.ca_file)
        except (OSError, ssl.SSLError) as error:
            raise Invalid("[prometheus] ca_file", f"cannot be read: {error}") from None
    if bool(settings.client_certificate) != bool(settings.client_key):
        reason = "client_certificate and client_key go together"
        raise Invalid("[prometheus] client_key", reason)
    if settings.client_certificate:
        try:
            context.load_cert_chain(settings.client_certificate, settings.client_key)
        except (OSError, ssl.SSLError) as error:
            reason = f"cannot be read: {error}"
            raise Invalid("[prometheus] client_certificate", reason) from None
    return context


class Prometheus:
    """Asks one server, each query within one deadline; on the event loop, `close` at the end."""

    def __init__(self, settings: Settings) -> None:
        """Check the settings; raises Invalid. Connects to nothing yet."""
        check(settings)
        self._settings = settings
        self._context = _context(settings)
        self._session: aiohttp.ClientSession | None = None

    async def query(self, promql: str) -> tuple[float, ...]:
        """Return the values of an instant query, in the order of the answer.

        Raises Unavailable where no answer came in time, Refused where the server does not take
        the query or answers something that has no values of now.
        """
        try:
            async with self._opened().post(
                self._settings.url.rstrip("/") + PATH,
                data={"query": promql, "timeout": f"{self._settings.deadline_ms}ms"},
                allow_redirects=False,
            ) as answer:
                raw = await _body(answer)
                status = answer.status
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            reason = (
                "no answer in time" if isinstance(error, TimeoutError) else type(error).__name__
            )
            raise Unavailable("the Prometheus server cannot be asked", reason) from None
        if status in {400, 422}:
            kind, said = _error(raw)
            raise Refused(f"the Prometheus server does not take the query: {kind}", said)
        if status != 200:
            raise Unavailable("the Prometheus server cannot be asked", f"it answered {status}")
        return _values(raw)

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            settings = self._settings
            headers = {}
            if settings.username:
                login = f"{settings.username}:{settings.password}".encode()
                headers["Authorization"] = f"Basic {base64.b64encode(login).decode()}"
            self._session = aiohttp.ClientSession(
                headers=headers,
                connector=aiohttp.TCPConnector(ssl=self._context, limit=settings.queries),
                timeout=aiohttp.ClientTimeout(total=settings.deadline_ms / _MS),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session

    async def close(self) -> None:
        """Close the connections; a query after it would open them again."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()


async def _body(answer: aiohttp.ClientResponse) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in answer.content.iter_chunked(65_536):
        size += len(part)
        if size > LARGEST:
            raise Refused(f"the query answers more than {LARGEST} bytes")
        parts.append(part)
    return b"".join(parts)


def _error(raw: bytes) -> tuple[str, str]:
    """Return what kind of error it is, and the server's own words, which are for operators.

    They may hold addresses: the server may stand before others.
    """
    try:
        said = orjson.loads(raw)
        kind, text = str(said.get("errorType", "")), str(said["error"])
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        return UNKNOWN, ""
    return KINDS.get(kind, UNKNOWN), " ".join(text.split())[:_SHOWN]


def _values(raw: bytes) -> tuple[float, ...]:
    """Return the values of a vector or scalar; Prometheus writes them as text."""
    try:
        data = orjson.loads(raw)["data"]
        kind, result = data["resultType"], data["result"]
        if kind == "vector":
            return tuple(_number(series["value"]) for series in result)
        if kind == "scalar":
            return (_number(result),)
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, IndexError):
        raise Unavailable(
            "the Prometheus server cannot be asked", "its answer cannot be read"
        ) from None
    raise Refused(f"the query answers a {str(kind)[:20]}, not values of now")


def _number(value: Sequence[Any]) -> float:
    _, text = value
    return float(text)

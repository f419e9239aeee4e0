"""The way to an OpenTelemetry collector: OTLP as JSON over HTTP, one connection that is kept."""

import ssl
from enum import Enum
from pathlib import Path

import aiohttp

from faultwire.domain.errors import Invalid

DEADLINE_SECONDS = 5.0
_AGAIN = frozenset({408, 429, 502, 503, 504})


class Taken(Enum):
    """What came of a batch: taken; not now, so it is sent again; never, so it is dropped."""

    YES = "sent"
    LATER = "late"
    NEVER = "refused"


class Collector:
    """Posts batches to one URL that the operator chose; on one event loop."""

    def __init__(self, url: str, headers_file: str = "", ca_file: str = "") -> None:
        """Read the files and touch nothing else; raises Invalid for what cannot be used."""
        self._url = url
        self._headers = {"content-type": "application/json"} | _headers(headers_file)
        self._context = ssl.create_default_context()
        if ca_file:
            try:
                self._context.load_verify_locations(ca_file)
            except OSError as error:
                raise Invalid("[profiler] otlp_ca_file", f"{ca_file}: {error}") from None
        self._session: aiohttp.ClientSession | None = None

    async def post(self, body: bytes) -> tuple[Taken, str]:
        """Return what came of a batch, and why it was not taken, without naming the URL."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=self._context),
                timeout=aiohttp.ClientTimeout(total=DEADLINE_SECONDS),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        try:
            async with self._session.post(
                self._url, data=body, headers=self._headers, allow_redirects=False
            ) as answer:
                if 200 <= answer.status < 300:
                    return Taken.YES, ""
                again = Taken.LATER if answer.status in _AGAIN else Taken.NEVER
                return again, f"HTTP {answer.status}"
        except TimeoutError:
            return Taken.LATER, f"no answer within {DEADLINE_SECONDS:g} s"
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Taken.LATER, f"no connection ({type(error).__name__})"

    async def close(self) -> None:
        """Close the connection."""
        if self._session is not None:
            await self._session.close()


def _headers(path: str) -> dict[str, str]:
    """Read a file of headers, `name: value` each, for what the collector asks of its callers."""
    if not path:
        return {}
    field = "[profiler] otlp_headers_file"
    try:
        lines = Path(path).read_text(encoding="ascii").splitlines()
    except (OSError, ValueError) as error:
        raise Invalid(field, f"{path}: {error}") from None
    found = {}
    for line in lines:
        name, sign, value = (part.strip() for part in line.partition(":"))
        if line.strip() and not (sign and name and value and name.isprintable()):
            raise Invalid(field, f"{path}: a line must be NAME: VALUE")
        if name:
            found[name.lower()] = value
    return found

"""Signed JSON to one URL that an operator chose: beats, and what a watcher has to tell."""

import ssl

import aiohttp
import orjson

from faultwire.consumers.secrets import Secrets
from faultwire.domain import signature
from faultwire.domain.errors import Invalid
from faultwire.ports import Clock

DEADLINE_SECONDS = 5.0
_NS = 1_000_000_000


class SignedPost:
    """Posts over one connection that is kept; on one event loop."""

    def __init__(self, url: str, secrets: Secrets, clock: Clock, ca_file: str = "") -> None:
        """Touch nothing but the file; raises Invalid for it, or for what is no URL."""
        if not url.startswith(("http://", "https://")):
            raise Invalid("url", "must begin with http:// or https://")
        self._url = url
        self._secrets = secrets
        self._clock = clock
        self._context = ssl.create_default_context()
        if ca_file:
            try:
                self._context.load_verify_locations(ca_file)
            except OSError as error:
                raise Invalid("ca_file", f"{ca_file}: {error.strerror or error}") from None
        self._session: aiohttp.ClientSession | None = None

    async def post(self, message_id: str, body: object) -> str:
        """Return what went wrong, without naming the URL; empty if it was taken (2xx)."""
        raw = orjson.dumps(body)
        now_s = self._clock.wall_ns() // _NS
        headers = {"content-type": "application/json"}
        secrets = self._secrets.current()
        if secrets:
            headers[signature.ID] = message_id
            headers[signature.TIMESTAMP] = str(now_s)
            headers[signature.SIGNATURE] = signature.sign(secrets, message_id, now_s, raw)
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=self._context),
                timeout=aiohttp.ClientTimeout(total=DEADLINE_SECONDS),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        try:
            async with self._session.post(
                self._url, data=raw, headers=headers, allow_redirects=False
            ) as answer:
                return "" if 200 <= answer.status < 300 else f"HTTP {answer.status}"
        except TimeoutError:
            return f"no answer within {DEADLINE_SECONDS:g} s"
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError, ValueError):
            return "the URL cannot be used"
        except (aiohttp.ClientError, OSError) as error:
            return f"no connection ({type(error).__name__})"

    async def close(self) -> None:
        """Close the connection."""
        if self._session is not None:
            await self._session.close()

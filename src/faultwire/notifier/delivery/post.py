"""One HTTP request: the only place where a webhook touches the network.

No redirect is followed, no proxy and no environment is asked, no cookie is kept, TLS is always
verified, and at most `ANSWER_LIMIT` bytes of an answer are read. The deadline is the caller's: it
cancels.
"""

import resource
import socket
from dataclasses import dataclass

import aiohttp
from aiohttp.connector import AddrInfoType
from yarl import URL

from faultwire.domain.errors import FaultwireError
from faultwire.notifier.delivery.guard import ForbiddenAddress
from faultwire.notifier.delivery.message import ALWAYS, Headers
from faultwire.notifier.delivery.pool import Pool
from faultwire.notifier.delivery.resolver import GuardedResolver, NameFailed
from faultwire.notifier.delivery.schedule import Kind, Outcome, of_status
from faultwire.notifier.delivery.tls import PORT, Sessions, context_of, trouble
from faultwire.notifier.settings import Settings
from faultwire.ports import Clock

ANSWER_LIMIT = 4096
HARVEST = 32
"""TLS sessions taken at once; each costs about 0.15 ms."""

_NO_TIMEOUT = aiohttp.ClientTimeout(total=None, connect=None, sock_read=None, sock_connect=None)


@dataclass(slots=True)
class Reply:
    """What came of a request, filled in as it is known.

    `outcome` stands as soon as the status does; `body` is the beginning of a 2xx's answer.
    """

    outcome: Outcome | None = None
    body: bytes = b""


class Poster:
    """Sends webhooks over one pool of connections; made and used on the event loop."""

    def __init__(self, resolver: GuardedResolver, settings: Settings, clock: Clock) -> None:
        """Open the pool; raises Invalid for a certificate file that cannot be used."""
        self._resolver = resolver
        self._clock = clock
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._sessions = Sessions(clock)
        self._pool = Pool(
            min(settings.idle_connections, files // 8),
            resolver=resolver,
            use_dns_cache=False,
            ssl=context_of(settings, self._sessions),
            socket_factory=self._socket,
        )
        self._session = aiohttp.ClientSession(
            connector=self._pool,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=_NO_TIMEOUT,
            trust_env=False,
            auto_decompress=False,
            headers=ALWAYS,
            skip_auto_headers=("accept", "accept-encoding"),
            read_bufsize=ANSWER_LIMIT,
        )

    async def post(self, url: URL, headers: Headers, body: bytes, reply: Reply) -> None:
        """Make one request and fill in the reply; raises nothing but CancelledError.

        A connection that broke before an answer may have been an old one that the other side
        closed just then: that is tried once more at once. The message's id makes it harmless.
        """
        PORT.set(url.port or 0)
        try:
            try:
                await self._post(url, headers, body, reply)
            except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
                if reply.outcome or isinstance(error, aiohttp.ClientConnectorError):
                    raise
                await self._post(url, headers, body, reply)
        except ForbiddenAddress as error:
            reply.outcome = Outcome(Kind.REFUSED, f"refused: {error}")
        except (aiohttp.ClientError, FaultwireError, OSError, ValueError) as error:
            reply.outcome = reply.outcome or Outcome(*_reason(error))
        self._pool.used()

    def tidy(self) -> None:
        """Do a little of what can wait: called now and then while nothing has to go out."""
        self._sessions.harvest(HARVEST)

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()
        await self._resolver.close()

    async def _post(self, url: URL, headers: Headers, body: bytes, reply: Reply) -> None:
        async with self._session.post(
            url, data=body, headers=headers, allow_redirects=False
        ) as response:
            status = response.status
            if 200 <= status < 300:
                # The alarm was taken, whatever becomes of the rest of the answer.
                reply.outcome = of_status(status, None, 0)
                reply.body = await _beginning(response)
                return
            asked = response.headers.get("retry-after")
            reply.outcome = of_status(status, asked, self._clock.wall_ns())
            # What an error page says helps nobody here, and may be long.
            response.close()

    def _socket(self, info: AddrInfoType) -> socket.socket:
        """Make the socket for one address; the last door, for addresses of any origin."""
        family, kind, protocol, _, address = info
        self._resolver.judge(str(address[0]))
        return socket.socket(family, kind, protocol)


async def _beginning(response: aiohttp.ClientResponse) -> bytes:
    """Return up to the limit of an answer; the connection is kept if that was all of it."""
    length = response.content_length
    if length is not None and length <= ANSWER_LIMIT:
        return await response.read()
    got = bytearray()
    while len(got) < ANSWER_LIMIT:
        chunk = await response.content.read(ANSWER_LIMIT - len(got))
        if not chunk:
            return bytes(got)
        got += chunk
    response.close()
    return bytes(got)


def _reason(error: Exception) -> tuple[Kind, str]:
    """Return what an error means, in words that name no URL."""
    tls = trouble(error)
    if tls:
        return Kind.UNREACHABLE, tls
    match error:
        case aiohttp.ClientConnectorDNSError():
            inner = error.os_error
            text = str(inner) if isinstance(inner, NameFailed) else "the name was not resolved"
            return Kind.UNREACHABLE, text
        case aiohttp.ClientConnectorError():
            return Kind.UNREACHABLE, f"no connection: {error.os_error.strerror or 'failed'}"
        case aiohttp.InvalidURL() | ValueError():
            return Kind.REFUSED, "refused: the URL cannot be used"
        case aiohttp.ServerDisconnectedError() | aiohttp.ClientOSError():
            return Kind.UNREACHABLE, "the connection broke before an answer"
        case aiohttp.ClientResponseError() | aiohttp.ClientPayloadError():
            return Kind.UNREACHABLE, "the answer is not HTTP"
        case _:
            return Kind.UNREACHABLE, "the connection failed"

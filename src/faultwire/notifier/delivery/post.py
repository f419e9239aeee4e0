"""One HTTP request: the only place where a webhook touches the network.

No redirect is followed, no proxy and no environment is asked, no cookie is kept, TLS is always
verified, and at most `wire.ANSWER_LIMIT` bytes of an answer are read. The deadline is the
caller's: it cancels.
"""

import os
import resource
import ssl
from dataclasses import dataclass

from yarl import URL

from faultwire.domain.errors import FaultwireError
from faultwire.notifier.delivery.guard import ForbiddenAddress
from faultwire.notifier.delivery.message import ALWAYS, Headers
from faultwire.notifier.delivery.pool import Origin, Pool, origin_of
from faultwire.notifier.delivery.resolver import GuardedResolver, NameFailed
from faultwire.notifier.delivery.schedule import Kind, Outcome, of_status
from faultwire.notifier.delivery.tls import Sessions, context_of, trouble
from faultwire.notifier.delivery.wire import Answer, Broken, NotHttp, Wire
from faultwire.notifier.settings import Settings
from faultwire.ports import Bus, Clock

HARVEST = 32
"""TLS sessions taken at once; each costs about 0.15 ms."""

_ALWAYS = "".join(f"{name}: {value}\r\n" for name, value in ALWAYS.items())
_S = 1_000_000_000


BUS_ORIGIN: Origin = ("bus", "", 0)
"""Where what is for a message bus goes: no address of ours."""

FORBIDDEN = "refused: it leads to an address that may not be reached"


@dataclass(slots=True)
class Reply:
    """What came of a request, filled in as it is known.

    `outcome` stands as soon as the status does; `body` is the beginning of a 2xx's answer.
    """

    outcome: Outcome | None = None
    body: bytes = b""


class Poster:
    """Sends webhooks over one pool of connections; made and used on the event loop."""

    def __init__(
        self,
        resolver: GuardedResolver,
        settings: Settings,
        clock: Clock,
        bus: Bus | None = None,
    ) -> None:
        """Open the pool; raises Invalid for a certificate file that cannot be used."""
        self._bus = bus
        self._resolver = resolver
        self._clock = clock
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._sessions = Sessions(clock)
        self._pool = Pool(
            min(settings.idle_connections, files // 8),
            resolver,
            context_of(settings, self._sessions),
            lambda: clock.mono_ns() / _S,
        )

    async def post(self, origin: Origin, data: bytes, reply: Reply) -> None:
        """Make one request and fill in the reply; raises nothing but CancelledError.

        `data` is all of the request, as `request_of` makes it. A connection that broke before an
        answer may have been an old one that the other side closed just then: that is tried once
        more at once. The message's id makes it harmless.
        """
        if origin == BUS_ORIGIN:
            reply.outcome = await self._publish(data)
            return
        answer = Answer()
        try:
            try:
                await self._post(origin, data, answer)
            except Broken:
                await self._post(origin, data, answer)
        except ForbiddenAddress:
            # Owners read it: which address a name stands for within is not theirs to learn.
            reply.outcome = Outcome(Kind.REFUSED, FORBIDDEN)
        except (FaultwireError, OSError, ValueError) as error:
            reply.outcome = Outcome(*_reason(error, secure=origin[0] == "https"))
        finally:
            # The alarm was taken or not, whatever becomes of the rest of the answer.
            if answer.status:
                now_ns = self._clock.wall_ns()
                reply.outcome = of_status(answer.status, answer.retry_after, now_ns)
                reply.body = answer.body

    def tidy(self) -> None:
        """Do a little of what can wait: called now and then while nothing has to go out."""
        self._sessions.harvest(HARVEST)

    async def close(self) -> None:
        """Close all connections."""
        self._pool.close()
        await self._resolver.close()

    async def _publish(self, body: bytes) -> Outcome:
        if self._bus is None:
            return Outcome(Kind.REFUSED, "refused: there is no message bus")
        try:
            await self._bus.publish(body)
        except FaultwireError as error:
            return Outcome(Kind.UNREACHABLE, str(error))
        return Outcome(Kind.DELIVERED, "published")

    async def _post(self, origin: Origin, data: bytes, answer: Answer) -> None:
        wire = self._pool.kept(origin)
        if wire is None:
            wire = await self._open(origin)
        if await wire.request(data, answer):
            self._pool.keep(origin, wire)
        else:
            wire.close()

    async def _open(self, origin: Origin) -> Wire:
        try:
            return await self._pool.open(origin)
        except (FaultwireError, NameFailed, ssl.SSLError):
            raise
        except OSError as error:
            raise NoConnection(error) from error


class NoConnection(ValueError):
    """No connection was made; `error` says why."""

    def __init__(self, error: OSError) -> None:
        super().__init__(str(error))
        self.error = error


@dataclass(frozen=True, slots=True)
class Route:
    """What all requests to a URL have alike: whose connections they take, and how they begin."""

    origin: Origin
    head: str


def route_of(url: URL) -> Route:
    """Return the way to a URL; raises ValueError for one without a host or with a space."""
    target = url.raw_path_qs
    if " " in target:
        raise ValueError("a space in the URL")
    line = f"POST {target} HTTP/1.1\r\nhost: {url.host_port_subcomponent}\r\n{_ALWAYS}"
    return Route(origin_of(url), line)


def request_of(route: Route, headers: Headers, body: bytes) -> bytes:
    """Return a whole request; raises ValueError for what would break out of its head.

    What the message says is shown to the owner and repeats nothing of the request.
    """
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    head = f"{route.head}{lines}content-length: {len(body)}\r\n\r\n"
    breaks = len(ALWAYS) + len(headers) + 4
    if head.count("\n") != breaks or head.count("\r") != breaks:
        raise ValueError("a header of it would hold a line break")
    if not head.isascii():
        raise ValueError("a header of it would hold more than ASCII")
    return head.encode() + body


def _reason(error: Exception, *, secure: bool) -> tuple[Kind, str]:
    """Return what an error means, in words that name no URL."""
    cause = error.error if isinstance(error, NoConnection) else error
    tls = trouble(cause) if secure else ""
    if tls:
        return Kind.UNREACHABLE, tls
    match cause:
        case NameFailed():
            return Kind.UNREACHABLE, str(cause)
        case Broken():
            return Kind.UNREACHABLE, "the connection broke before an answer"
        case NotHttp():
            return Kind.UNREACHABLE, "the answer is not HTTP"
        case OSError(errno=int(number)):
            return Kind.UNREACHABLE, f"no connection: {os.strerror(number)}"
        case OSError():
            return Kind.UNREACHABLE, "no connection: failed"
        case _:
            return Kind.UNREACHABLE, "the connection failed"

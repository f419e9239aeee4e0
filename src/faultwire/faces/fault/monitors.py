"""Monitors on other machines: their long-lived sessions, their enrolment, and what is known.

**Enrolment**: ``POST /fault/v1/monitors/{name}/enrol`` by an administrator, with no body. Answers
201 and ``{"credential": {"kind": "monitor", "name", "id", "secret", "server", "certificate"}}``,
the content of a monitor's credential file. The secret is shown this once. Enrolling a name again
makes its former credential void; a session under the former one is hung up when a monitor comes
with the new one.

**State**: ``GET /fault/v1/monitors`` by an administrator answers ``{"monitors": [{"name",
"presence", "reasons", "down", "unknown", "server", "seen_at", "second_sessions"}, …]}``.

**Session**: a WebSocket at ``/fault/v1/monitors/{name}/session`` with the header
``X-Faultwire-Credential: monitor/{name}:SECRET``. Refused before it is accepted with 400 for what
is no name, 401 without a valid credential, 403 for a credential of another kind or name. Every
message is a JSON text with one member:

======== ==================================================================== ================
from     message                                                              when
======== ==================================================================== ================
monitor  ``{"hello": {"version": "1.0"}}``                                    first
server   ``{"welcome": {"version", "session", "heartbeat_ms", "silence_ms",   once admitted
         "probe_ms", "confirm_ms", "recover_answers", "isolation_percent",
         "isolation_hosts"}}``
server   ``{"targets": {"add": {host: [address, …]}, "remove": [host, …],     at once, and at
         "whole": true, "more": true}}``                                      changes
monitor  ``{"survey": {"standing", "down": {host: grounds}, "unknown":        once it has asked
         [host, …]}}``                                                        all
monitor  ``{"votes": {"down": {host: grounds}, "alive": [host, …],            an opinion is
         "unknown": [host, …]}}``                                             another one
monitor  ``{"standing": {"standing", "reasons": [text, …]}}``                 it stands otherwise
monitor  ``{"beat": n}``                                                      every heartbeat_ms
server   ``{"doubt": [host, …]}``                                             a verdict was vetoed
server   ``{"ping": n}``                                                      at will
monitor  ``{"goodbye": "reason"}``                                            last, when stopped
======== ==================================================================== ================

The first targets are `whole`: those that they do not name are left. They come in parts of
`AT_ONCE` hosts; `more` says that another part follows. A monitor votes from its survey on. Hosts
that it names nowhere it holds to be alive. `standing` is ``voting``, ``doubtful``, ``isolated``
or ``blind``. `grounds` are figures, see the page on detection; votes on hosts that are not
targets any more are passed over. A ping is answered by a beat. After `silence_ms` without any
message the votes expire. Members that a side does not know are ignored; another major version is
refused. A connection that ends without goodbye, for whatever reason, voids the votes.

Close codes are those of agents' sessions.
"""

import asyncio
import hashlib
import logging
import secrets
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from faultwire.domain.accounts import Caller, Credential, CredentialKind
from faultwire.domain.agents import CloseCode, check_version, host_name
from faultwire.domain.commands import Enrol
from faultwire.domain.errors import Conflict, FaultwireError, Forbidden, Invalid, Unauthenticated
from faultwire.domain.ids import HostName
from faultwire.domain.instants import rfc3339
from faultwire.domain.vantage import AT_ONCE, VANTAGE_VERSION, MonitorStatus
from faultwire.faces.fault import monitorwire
from faultwire.faces.fault.agents import (
    CODE_OF_ERROR,
    ENROL_BYTES,
    HELLO_SECONDS,
    REASON_BYTES,
    SECRET_BYTES,
    SEND_SECONDS,
)
from faultwire.faces.http import (
    CREDENTIAL_HEADER,
    ErrorBody,
    actor_of,
    base_url,
    caller_of,
    json_response,
    parse_json,
    read_body,
    status_of,
)
from faultwire.ports import Authenticator, Clock, Enforcer, Intake
from faultwire.ports.monitors import MonitorSession, MonitorSessions

log = logging.getLogger(__name__)

ENROL_RULE = "monitors:enrol"
LIST_RULE = "monitors:list"
MOST_WAITING = 10_000
"""Messages that may wait for a monitor that does not read; one more, and it is hung up on."""


@dataclass(frozen=True, slots=True)
class MonitorPorts:
    """What the monitors' routes need; `terms` are what a welcome says besides version and session.

    The rest is as in `AgentPorts`.
    """

    authenticator: Authenticator
    enforcer: Enforcer
    intake: Intake
    clock: Clock
    sessions: MonitorSessions
    error_body: ErrorBody
    terms: Mapping[str, int]
    message_bytes: int
    certificate: str | None = None
    server: str | None = None
    refused: Callable[[str, str, str], None] = lambda *_: None


def monitor_routes(ports: MonitorPorts) -> list[BaseRoute]:
    """Return the routes below ``/fault/v1/monitors``."""

    async def session(websocket: WebSocket) -> None:
        await _Connection(websocket, ports).serve()

    async def enrol(request: Request) -> Response:
        return await _enrol(request, ports)

    return [
        WebSocketRoute("/{name}/session", session, name="monitor-session"),
        Route("/{name}/enrol", enrol, methods=["POST"], name="monitor-enrol"),
    ]


def monitors_call(ports: MonitorPorts) -> Callable[[Request], Awaitable[Response]]:
    """Return the handler of ``GET /v1/monitors``."""

    async def list_monitors(request: Request) -> Response:
        """List monitors and how they stand."""
        ports.enforcer.enforce(LIST_RULE, caller_of(request))
        return json_response({"monitors": [row_of(one) for one in ports.sessions.statuses()]})

    return list_monitors


def row_of(status: MonitorStatus) -> dict[str, object]:
    """Return a monitor's status as JSON has it."""
    return {
        "name": status.name,
        "presence": status.presence,
        "reasons": list(status.reasons),
        "down": status.down,
        "unknown": status.unknown,
        "server": status.server,
        "seen_at": None if status.seen_ns is None else rfc3339(status.seen_ns),
        "second_sessions": status.second_sessions,
    }


async def _enrol(request: Request, ports: MonitorPorts) -> Response:
    caller = caller_of(request)
    ports.enforcer.enforce(ENROL_RULE, caller)
    name = str(host_name(request.path_params["name"], "name"))
    body = await read_body(request, ENROL_BYTES)
    if body and parse_json(body) != {}:
        raise Invalid("", "this request has no body")
    secret = secrets.token_urlsafe(SECRET_BYTES)
    credential = Credential(
        id=str(uuid.uuid4()),
        kind=CredentialKind.MONITOR,
        name=name,
        secret_sha256=hashlib.sha256(secret.encode()).hexdigest(),
        created_ns=ports.clock.wall_ns(),
    )
    await ports.intake.submit(Enrol(credential, actor_of(request, caller)))
    face = base_url(request) + request.url.path.partition("/v1/monitors/")[0]
    answer = {
        "kind": credential.kind.value,
        "name": name,
        "id": credential.id,
        "secret": secret,
        "server": ports.server or face,
        "certificate": ports.certificate,
    }
    return json_response({"credential": answer}, 201, {"Cache-Control": "no-store"})


class _Connection:
    """One WebSocket from its request to its end; implements `ports.MonitorWire`."""

    def __init__(self, websocket: WebSocket, ports: MonitorPorts) -> None:
        self._websocket = websocket
        self._ports = ports
        self._queue: asyncio.Queue[str | tuple[CloseCode, str]] = asyncio.Queue()
        self._sender: asyncio.Task[None] | None = None
        self._full = False

    # ------------------------------------------------------------ ports.MonitorWire

    def hang_up(self, code: CloseCode, reason: str) -> None:
        """Close with a reason, after what waits; the reader sees the end."""
        self._queue.put_nowait((code, reason))

    def poke(self) -> None:
        """Send a ping, which a monitor answers by a beat."""
        self._say({"ping": 0})

    def tell(
        self,
        hosts: Mapping[HostName, tuple[str, ...]],
        gone: Iterable[HostName] = (),
        *,
        whole: bool = False,
    ) -> None:
        """Send targets, in parts."""
        rows, left = iter(hosts.items()), list(gone)
        part = dict(islice(rows, AT_ONCE))
        while True:
            following = dict(islice(rows, AT_ONCE))
            self._say(
                {
                    "targets": {
                        "add": part,
                        "remove": left,
                        "whole": whole,
                        "more": bool(following),
                    }
                }
            )
            if not following:
                return
            part, left = following, []

    def doubt(self, host: HostName) -> None:
        """Have a host judged anew."""
        self._say({"doubt": [host]})

    # ------------------------------------------------------------ from request to end

    async def serve(self) -> None:
        """Serve until either side ends it; the end is always told to the register."""
        try:
            name = str(host_name(self._websocket.path_params["name"], "name"))
            caller = self._authorised(name)
        except FaultwireError as error:
            if not isinstance(error, Invalid):
                self._note("monitor.refused")
            status = status_of(error)
            answer = json_response(self._ports.error_body(status, error), status)
            await self._websocket.send_denial_response(answer)
            return
        self._sender = asyncio.create_task(self._send_all(), name=f"monitor {name}")
        try:
            await self._websocket.accept()
            await self._converse(name, caller)
        except WebSocketDisconnect:
            log.debug("monitor %s left before it was accepted", name)
        except FaultwireError as error:
            if isinstance(error, Conflict):
                self._note("monitor.second_session")
            code = CODE_OF_ERROR.get(type(error), CloseCode.BROKEN)
            log.info("monitor %s is hung up on (%d): %s", name, code, error)
            self.hang_up(code, str(error))
        finally:
            await self._finish()

    def _note(self, action: str) -> None:
        peer = self._websocket.client
        self._ports.refused(action, self._websocket.path_params["name"], peer.host if peer else "")

    def _authorised(self, name: str) -> Caller:
        credential = self._websocket.headers.get(CREDENTIAL_HEADER)
        if not credential:
            raise Unauthenticated("a monitor authenticates with X-Faultwire-Credential")
        caller = self._ports.authenticator.bound(credential)
        if caller.kind is not CredentialKind.MONITOR or caller.name != name:
            raise Forbidden(f"this credential does not speak for monitor {name}")
        return caller

    async def _converse(self, name: str, caller: Caller) -> None:
        if not await self._greeted():
            return
        session = self._ports.sessions.open(name, caller.user, self)
        goodbye = False
        try:
            welcome = {"version": VANTAGE_VERSION, "session": session.id, **self._ports.terms}
            self._say({"welcome": welcome})
            session.begin()
            goodbye = await self._read(session)
        finally:
            session.end(goodbye=goodbye)
        if goodbye:
            self.hang_up(CloseCode.NORMAL, "goodbye")

    async def _greeted(self) -> bool:
        try:
            async with asyncio.timeout(HELLO_SECONDS):
                message = await self._websocket.receive()
        except TimeoutError:
            self.hang_up(CloseCode.SILENT, f"no hello within {HELLO_SECONDS:.0f} s")
            return False
        if message["type"] == "websocket.disconnect":
            return False
        said = monitorwire.read(message, self._ports.message_bytes)
        if not isinstance(said, monitorwire.Hello):
            raise Invalid("hello", "must be the first message")
        difference = check_version(said.version, "hello.version", VANTAGE_VERSION)
        if difference is not None:
            self.hang_up(CloseCode.OTHER_VERSION, difference)
        return difference is None

    async def _read(self, session: MonitorSession) -> bool:
        """Read until the end; return whether it came with a goodbye."""
        while True:
            message = await self._websocket.receive()
            if message["type"] == "websocket.disconnect":
                return False
            match monitorwire.read(message, self._ports.message_bytes):
                case monitorwire.Goodbye():
                    return True
                case monitorwire.Beat():
                    session.beat()
                case monitorwire.Survey(ballot, standing):
                    session.survey(ballot, standing)
                case monitorwire.Votes(ballot):
                    session.vote(ballot)
                case monitorwire.Stands(standing, reasons):
                    session.stand(standing, reasons)
                case monitorwire.Hello():
                    raise Invalid("hello", "was said already")

    # ------------------------------------------------------------ sending

    def _say(self, message: Mapping[str, object]) -> None:
        if self._full:
            return
        if self._queue.qsize() >= MOST_WAITING:
            self._full = True
            self.hang_up(CloseCode.SILENT, "it does not read what it is told")
            return
        self._queue.put_nowait(orjson.dumps(message).decode())

    async def _send_all(self) -> None:
        """Send in order until the connection is closed; its end shows at the reader."""
        try:
            while True:
                what = await self._queue.get()
                async with asyncio.timeout(SEND_SECONDS):
                    if isinstance(what, tuple):
                        code, reason = what
                        short = reason.encode()[:REASON_BYTES].decode(errors="ignore")
                        await self._websocket.close(code, short)
                        return
                    await self._websocket.send_text(what)
        except TimeoutError:
            log.warning("a monitor does not read what it is told; it is hung up on")
            await self._close_quietly()
        except (WebSocketDisconnect, RuntimeError) as error:
            log.debug("the monitor's connection was over already: %s", error)

    async def _close_quietly(self) -> None:
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await self._websocket.close(CloseCode.SILENT)
        except (WebSocketDisconnect, RuntimeError, TimeoutError) as error:
            log.debug("the monitor's connection could not be closed: %s", error)

    async def _finish(self) -> None:
        """Let what waits go out, and end the sender."""
        if self._sender is None:
            return
        if not self._queue.empty():
            await asyncio.wait((self._sender,), timeout=SEND_SECONDS)
        self._sender.cancel()
        await asyncio.gather(self._sender, return_exceptions=True)

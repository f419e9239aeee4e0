"""Agents: their long-lived sessions, and their enrolment.

**Enrolment**: ``POST /fault/v1/agents/{host}/enrol`` by an administrator, with no body. Answers
201 and ``{"credential": {"kind": "agent", "name", "id", "secret", "server", "certificate"}}``, the
content of an agent's credential file. The secret is shown this once. Enrolling a host again makes
its former credential void for new sessions; a session under the former one is hung up when an
agent comes with the new one.

**State**: ``GET /fault/v1/agents/{host}`` by an administrator answers
``{"agent": {"host", "state", "seen_at", "second_sessions"}}``.

**Session**: a WebSocket at ``/fault/v1/agents/{host}/session`` with the header
``X-Faultwire-Credential: agent/{host}:SECRET``. Refused before it is accepted with 400 for what is
no host name, 401 without a valid credential, 403 for a credential of another kind or name. Every
message is a JSON text with one member:

======== =================================================================== ===================
from     message                                                             when
======== =================================================================== ===================
agent    ``{"hello": {"version": "1.2", "heartbeat_ms": 1000,                first
         "servers": [id, …] or null, "datagrams": 1}}``
server   ``{"welcome": {"version": "1.2", "session": id, "heartbeat_ms",     once admitted
         "silence_ms", "must_not_start": [id, …],
         "datagrams": {"port", "slot", "key"}}}``
agent    ``{"beat": n}``                                                     every heartbeat_ms
server   ``{"heard": n}``                                                    datagrams arrive
agent    ``{"servers": [id, …]}``                                            the list changed
agent    ``{"interfaces": {name: carrier, …}}``                              a carrier changed
server   ``{"ping": n}``                                                     at will
agent    ``{"goodbye": "reason"}``                                           last, when stopped
======== =================================================================== ===================

`servers` are all servers that run on the host; null says that the agent keeps no list. The
welcome's `heartbeat_ms` holds whatever the hello says; after `silence_ms` without any message the
host is held to be dead. A ping is answered by a beat. Servers in `must_not_start` were evacuated
and may not be started here; it names `NAMED` at most, ``GET …/hosts/{host}/evacuated`` all of them
(D17). `datagrams` is granted to who asked for it, where they are heard; the
key is 64 hexadecimal digits. The agent then beats both ways until it is told that it is heard, and
again both ways after every ping (`domain.datagrams` has the format). `interfaces`
in the welcome says that news of them are taken; all that are watched are named each time. Members
that a side does not know are ignored; another major version is refused. A connection that ends
without goodbye, for whatever reason, counts as closed: the agent has `agent_return_ms` to be back.

Close codes: 1000 after a goodbye; 1001 and 1012 the server stops; 1009 a message over its limit;
1011 a defect of the server; 4400 a message that cannot be understood (the reason names the
member); 4401 the credential was replaced; 4408 silence, or no hello in time; 4409 another session
under this credential lives; 4410 the host was removed; 4426 another major version; 4429 too many
messages.
"""

import asyncio
import hashlib
import logging
import secrets
import uuid
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from faultwire.domain import datagrams
from faultwire.domain.accounts import Caller, Credential, CredentialKind
from faultwire.domain.agents import PROTOCOL_VERSION, CloseCode, check_version, host_name
from faultwire.domain.commands import Enrol
from faultwire.domain.errors import (
    Conflict,
    FaultwireError,
    Forbidden,
    Invalid,
    NotFound,
    TooLarge,
    Unauthenticated,
    Unavailable,
)
from faultwire.domain.ids import HostName
from faultwire.domain.instants import rfc3339
from faultwire.domain.resources import Evacuation
from faultwire.faces.fault import agentwire
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
from faultwire.ports import AgentSession, AgentSessions, Authenticator, Clock, Enforcer, Intake

log = logging.getLogger(__name__)

ENROL_RULE = "agents:enrol"
SHOW_RULE = "hosts:list"

HELLO_SECONDS = 10.0
"""How long an accepted connection may take to say hello."""
SEND_SECONDS = 5.0
REASON_BYTES = 123
"""Longest reason of a close frame (RFC 6455, section 5.5.1)."""
ENROL_BYTES = 1024
SECRET_BYTES = 32
NAMED = 1000
"""Servers that a welcome names; more would not fit into a message."""

_BEAT = '{"beat":'
_BEAT_LENGTH = 64
_PING = '{"ping":0}'
_HEARD = '{"heard":0}'

CODE_OF_ERROR: dict[type[FaultwireError], CloseCode] = {
    Invalid: CloseCode.MALFORMED,
    TooLarge: CloseCode.TOO_BIG,
    Conflict: CloseCode.SECOND_SESSION,
    Unavailable: CloseCode.GOING_AWAY,
}


def _nobody_listens(*_: str) -> None:
    pass


def _none_left(_: HostName) -> tuple[Evacuation, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class AgentPorts:
    """What the agents' routes need.

    `certificate` is the PEM that agents are to trust, None where the machine's trust store
    serves. `server` is the URL of this face as agents reach it; None: as the caller did.
    `refused` is told of sessions that were: an action, the host, and the address of the peer.
    `evacuated` gives the servers that left a host and have their old copies there.
    """

    authenticator: Authenticator
    enforcer: Enforcer
    intake: Intake
    clock: Clock
    sessions: AgentSessions
    error_body: ErrorBody
    heartbeat_ms: int
    silence_ms: int
    message_bytes: int
    certificate: str | None = None
    server: str | None = None
    refused: Callable[[str, str, str], None] = _nobody_listens
    evacuated: Callable[[HostName], Iterable[Evacuation]] = _none_left


def agent_routes(ports: AgentPorts) -> list[BaseRoute]:
    """Return the routes below ``/fault/v1/agents``."""

    async def session(websocket: WebSocket) -> None:
        await _Connection(websocket, ports).serve()

    async def enrol(request: Request) -> Response:
        return await _enrol(request, ports)

    async def show(request: Request) -> Response:
        return _show(request, ports)

    return [
        WebSocketRoute("/{host:path}/session", session, name="agent-session"),
        Route("/{host:path}/enrol", enrol, methods=["POST"], name="agent-enrol"),
        Route("/{host:path}", show, methods=["GET"], name="agent-show"),
    ]


async def _enrol(request: Request, ports: AgentPorts) -> Response:
    caller = caller_of(request)
    ports.enforcer.enforce(ENROL_RULE, caller)
    host = host_name(request.path_params["host"], "host")
    body = await read_body(request, ENROL_BYTES)
    if body and parse_json(body) != {}:
        raise Invalid("", "this request has no body")
    secret = secrets.token_urlsafe(SECRET_BYTES)
    credential = Credential(
        id=str(uuid.uuid4()),
        kind=CredentialKind.AGENT,
        name=host,
        secret_sha256=hashlib.sha256(secret.encode()).hexdigest(),
        created_ns=ports.clock.wall_ns(),
    )
    await ports.intake.submit(Enrol(credential, actor_of(request, caller)))
    shown = {
        "kind": credential.kind.value,
        "name": host,
        "id": credential.id,
        "secret": secret,
        "server": ports.server or _face_url(request),
        "certificate": ports.certificate,
    }
    return json_response({"credential": shown}, 201, {"Cache-Control": "no-store"})


def _face_url(request: Request) -> str:
    return base_url(request) + request.url.path.partition("/v1/agents/")[0]


def _show(request: Request, ports: AgentPorts) -> Response:
    ports.enforcer.enforce(SHOW_RULE, caller_of(request))
    host = host_name(request.path_params["host"], "host")
    status = ports.sessions.status(host)
    if status is None:
        raise NotFound(f"no agent of host {host} is known")
    shown = {
        "host": status.host,
        "state": status.state,
        "seen_at": None if status.seen_ns is None else rfc3339(status.seen_ns),
        "second_sessions": status.second_sessions,
    }
    return json_response({"agent": shown})


class _Connection:
    """One WebSocket from its request to its end; implements `ports.AgentWire`."""

    def __init__(self, websocket: WebSocket, ports: AgentPorts) -> None:
        self._websocket = websocket
        self._ports = ports
        self._sending: set[asyncio.Task[None]] = set()

    # ------------------------------------------------------------ ports.AgentWire

    def hang_up(self, code: CloseCode, reason: str) -> None:
        """Close with a reason; the reader sees the end at once."""
        self._later(self._close(code, reason))

    def poke(self) -> None:
        """Send a ping, which an agent answers by a beat."""
        self._later(self._send(_PING))

    def acknowledge(self) -> None:
        """Say that datagrams arrive."""
        self._later(self._send(_HEARD))

    # ------------------------------------------------------------ from request to end

    async def serve(self) -> None:
        """Serve until either side ends it; the end is always told to the register."""
        try:
            host = host_name(self._websocket.path_params["host"], "host")
            caller = self._authorised(host)
        except FaultwireError as error:
            if not isinstance(error, Invalid):
                self._note("agent.refused")
            await self._deny(error)
            return
        try:
            await self._websocket.accept()
            await self._converse(host, caller)
        except WebSocketDisconnect:
            log.debug("the agent of host %s left before it was accepted", host)
        except FaultwireError as error:
            if isinstance(error, Conflict):
                self._note("agent.second_session")
            code = CODE_OF_ERROR.get(type(error), CloseCode.BROKEN)
            log.info("agent of host %s is hung up on (%d): %s", host, code, error)
            await self._close(code, str(error))
        finally:
            if self._sending:
                await asyncio.wait(self._sending, timeout=SEND_SECONDS)

    def _note(self, action: str) -> None:
        peer = self._websocket.client
        self._ports.refused(action, self._websocket.path_params["host"], peer.host if peer else "")

    def _authorised(self, host: HostName) -> Caller:
        credential = self._websocket.headers.get(CREDENTIAL_HEADER)
        if not credential:
            raise Unauthenticated("an agent authenticates with X-Faultwire-Credential")
        caller = self._ports.authenticator.bound(credential)
        if caller.kind is not CredentialKind.AGENT or caller.name != host:
            raise Forbidden(f"this credential does not speak for host {host}")
        return caller

    async def _deny(self, error: FaultwireError) -> None:
        status = status_of(error)
        answer = json_response(self._ports.error_body(status, error), status)
        await self._websocket.send_denial_response(answer)

    async def _converse(self, host: HostName, caller: Caller) -> None:
        hello = await self._hello()
        if hello is None:
            return
        session = self._ports.sessions.open(host, caller.user, hello.running, self)
        goodbye = False
        try:
            terms = session.datagrams() if hello.datagrams == datagrams.FORMAT else None
            left = self._ports.evacuated(host)
            await self._send(self._welcome(session.id, left, terms))
            goodbye = await self._read(session)
        finally:
            session.end(goodbye=goodbye)
        if goodbye:
            await self._close(CloseCode.NORMAL, "goodbye")

    async def _hello(self) -> agentwire.Hello | None:
        try:
            async with asyncio.timeout(HELLO_SECONDS):
                message = await self._websocket.receive()
        except TimeoutError:
            await self._close(CloseCode.SILENT, f"no hello within {HELLO_SECONDS:.0f} s")
            return None
        if message["type"] == "websocket.disconnect":
            return None
        said = agentwire.read(message, self._ports.message_bytes)
        if not isinstance(said, agentwire.Hello):
            raise Invalid("hello", "must be the first message")
        difference = check_version(said.version, "hello.version")
        if difference is not None:
            await self._close(CloseCode.OTHER_VERSION, difference)
            return None
        return said

    def _welcome(
        self,
        session: str,
        left: Iterable[Evacuation],
        granted: datagrams.DatagramTerms | None,
    ) -> str:
        terms: dict[str, object] = {
            "version": PROTOCOL_VERSION,
            "session": session,
            "heartbeat_ms": self._ports.heartbeat_ms,
            "silence_ms": self._ports.silence_ms,
            "must_not_start": sorted(one.server for one in left)[:NAMED],
            "interfaces": 1,
        }
        if granted is not None:
            key = granted.key.hex()
            terms["datagrams"] = {"port": granted.port, "slot": granted.slot, "key": key}
        return orjson.dumps({"welcome": terms}).decode()

    async def _read(self, session: AgentSession) -> bool:
        """Read until the end; return whether it came with a goodbye."""
        receive, limit = self._websocket.receive, self._ports.message_bytes
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                return False
            text = message.get("text")
            # Nearly every message is a beat: it is not worth a parser.
            if text is not None and len(text) <= _BEAT_LENGTH and text.startswith(_BEAT):
                session.beat()
                continue
            match agentwire.read(message, limit):
                case agentwire.Goodbye():
                    return True
                case agentwire.Servers(running):
                    session.report(running)
                case agentwire.Carriers(states):
                    session.carriers(states)
                case agentwire.Beat():
                    session.beat()
                case agentwire.Hello():
                    raise Invalid("hello", "was said already")

    # ------------------------------------------------------------ sending

    async def _send(self, text: str) -> None:
        await self._quietly(lambda: self._websocket.send_text(text))

    async def _close(self, code: CloseCode, reason: str) -> None:
        short = reason.encode()[:REASON_BYTES].decode(errors="ignore")
        await self._quietly(lambda: self._websocket.close(code, short))

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _quietly(self, send: Callable[[], Awaitable[None]]) -> None:
        """Send; that the connection is over already is no error here: the reader learns of it."""
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await send()
        except (WebSocketDisconnect, RuntimeError, TimeoutError) as error:
            log.debug("the agent's connection was over already: %s", error)

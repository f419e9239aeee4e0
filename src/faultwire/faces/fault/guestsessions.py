"""Guest agents without a broker: their long-lived sessions, and their enrolment.

**Enrolment**: ``POST /fault/v1/agents/guests/{guest}/enrol`` by an administrator, with no body.
Answers as the enrolment of a host's agent does, with the kind ``guest``. The guest must be in the
inventory.

**State**: ``GET /fault/v1/agents/guests/{guest}`` by an administrator answers
``{"agent": {"guest", "state", "heard_at", "sequence", "second_agents"}}``.

**Session**: a WebSocket at ``/fault/v1/agents/guests/{guest}/session`` with the header
``X-Faultwire-Credential: guest/{guest}:SECRET``. Every message is a JSON text with one member:

======== =========================================================== ==========================
from     message                                                     when
======== =========================================================== ==========================
guest    ``{"hello": {"version": "1.0", "boot_id", "sequence",       first
         "rpc_version": "1.2", "service_status"}}``
server   ``{"welcome": {"version", "session", "heartbeat_ms",        once admitted
         "silence_ms"}}``
both     ``{"call": {"id", "api", "method", "version",               at will
         "arguments"}}``
both     ``{"answer": {"id", "value"}}`` or ``{"answer": {"id",      to each call
         "error": {"verdict", "reason"}}}``
guest    ``{"goodbye": "reason"}``                                   last, when stopped
======== =========================================================== ==========================

A guest calls the API ``conductor`` (heartbeat, report_fault) and takes calls of ``guestagent``,
with the same versions and checks as on the bus. Members that a side does not know are ignored.
Close codes are those of hosts' agents (`faces.fault.agents`); 4409 says that another agent of the
guest lives, under the same credential or another process of it.
"""

import asyncio
import contextlib
import hashlib
import logging
import secrets
import uuid
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import Message as Frame
from starlette.websockets import WebSocket, WebSocketDisconnect

from faultwire.domain.accounts import Caller, Credential, CredentialKind
from faultwire.domain.agents import PROTOCOL_VERSION, CloseCode, check_version
from faultwire.domain.commands import Enrol
from faultwire.domain.errors import (
    Conflict,
    FaultwireError,
    Forbidden,
    Invalid,
    NotFound,
    TooLarge,
    TooOften,
    Unauthenticated,
    Unavailable,
)
from faultwire.domain.guests import Heard, guest_id, heard_of
from faultwire.domain.ids import GuestId
from faultwire.domain.instants import rfc3339
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
from faultwire.ports.guests import GuestSession, GuestSessions, Message

log = logging.getLogger(__name__)

ENROL_RULE, SHOW_RULE = "guests:enrol", "guests:list"
HELLO_SECONDS = 5.0
SEND_SECONDS = 5.0
REASON_BYTES = 123
ENROL_BYTES = 1024
SECRET_BYTES = 32
MOST_CALLS = 32
"""Calls of one guest that are answered at once."""

CODE_OF_ERROR: dict[type[FaultwireError], CloseCode] = {
    Invalid: CloseCode.MALFORMED,
    TooLarge: CloseCode.TOO_BIG,
    Conflict: CloseCode.SECOND_SESSION,
    NotFound: CloseCode.REMOVED,
    TooOften: CloseCode.TOO_FAST,
    Unavailable: CloseCode.GOING_AWAY,
}


@dataclass(frozen=True, slots=True)
class GuestSessionPorts:
    """What these routes need; see `AgentPorts` for what has the same name there."""

    authenticator: Authenticator
    enforcer: Enforcer
    intake: Intake
    clock: Clock
    sessions: GuestSessions
    error_body: ErrorBody
    heartbeat_ms: int
    silence_ms: int
    message_bytes: int
    certificate: str | None
    server: str | None
    refused: Callable[[str, str, str], None]


def session_routes(ports: GuestSessionPorts) -> list[BaseRoute]:
    """Return the routes below ``/fault/v1/agents/guests``."""

    async def session(websocket: WebSocket) -> None:
        await _Connection(websocket, ports).serve()

    async def enrol(request: Request) -> Response:
        return await _enrol(request, ports)

    async def show(request: Request) -> Response:
        return _show(request, ports)

    return [
        WebSocketRoute("/guests/{guest}/session", session, name="guest-session"),
        Route("/guests/{guest}/enrol", enrol, methods=["POST"], name="guest-enrol"),
        Route("/guests/{guest}", show, methods=["GET"], name="guest-show"),
    ]


async def _enrol(request: Request, ports: GuestSessionPorts) -> Response:
    caller = caller_of(request)
    ports.enforcer.enforce(ENROL_RULE, caller)
    guest = guest_id(request.path_params["guest"], "guest")
    body = await read_body(request, ENROL_BYTES)
    if body and parse_json(body) != {}:
        raise Invalid("", "this request has no body")
    secret = secrets.token_urlsafe(SECRET_BYTES)
    credential = Credential(
        id=str(uuid.uuid4()),
        kind=CredentialKind.GUEST,
        name=guest,
        secret_sha256=hashlib.sha256(secret.encode()).hexdigest(),
        created_ns=ports.clock.wall_ns(),
    )
    await ports.intake.submit(Enrol(credential, actor_of(request, caller)))
    face = base_url(request) + request.url.path.partition("/v1/agents/")[0]
    shown = {
        "kind": credential.kind.value,
        "name": guest,
        "id": credential.id,
        "secret": secret,
        "server": ports.server or face,
        "certificate": ports.certificate,
    }
    return json_response({"credential": shown}, 201, {"Cache-Control": "no-store"})


def _show(request: Request, ports: GuestSessionPorts) -> Response:
    ports.enforcer.enforce(SHOW_RULE, caller_of(request))
    guest = guest_id(request.path_params["guest"], "guest")
    status = ports.sessions.status(guest)
    if status is None:
        raise NotFound(f"no agent of guest {guest} is known")
    shown = {
        "guest": status.guest,
        "state": status.state,
        "heard_at": None if status.heard_ns is None else rfc3339(status.heard_ns),
        "sequence": status.sequence,
        "second_agents": status.second_sessions,
    }
    return json_response({"agent": shown})


class _Connection:
    """One WebSocket from its request to its end; implements `ports.guests.GuestWire`."""

    def __init__(self, websocket: WebSocket, ports: GuestSessionPorts) -> None:
        self._websocket = websocket
        self._ports = ports
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiting: dict[int, asyncio.Future[Message]] = {}
        self._number = 0
        self._answering = 0
        self._over = False

    # ------------------------------------------------------------ ports.guests.GuestWire

    def hang_up(self, code: CloseCode, reason: str) -> None:
        """Close with a reason; the reader sees the end at once."""
        self._later(self._close(code, reason))

    async def call(self, call: Message) -> Message:
        """Return what the guest answers; raises Unavailable once the connection ends."""
        if self._over:
            raise Unavailable("the connection is over")
        self._number += 1
        number = self._number
        answer: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            await self._websocket.send_text(_text("call", {"id": number, **call}))
            return await answer
        except (WebSocketDisconnect, RuntimeError) as error:
            raise Unavailable(f"the connection ended: {error}") from None
        finally:
            del self._waiting[number]

    # ------------------------------------------------------------ from request to end

    async def serve(self) -> None:
        """Serve until either side ends it; the end is always told to the register."""
        try:
            guest = guest_id(self._websocket.path_params["guest"], "guest")
            caller = self._authorised(guest)
        except FaultwireError as error:
            if not isinstance(error, Invalid):
                self._note("guest.refused")
            await self._deny(error)
            return
        try:
            await self._websocket.accept()
            await self._converse(guest, caller)
        except WebSocketDisconnect:
            log.debug("the agent of guest %s left before it was accepted", guest)
        except FaultwireError as error:
            if isinstance(error, Conflict):
                self._note("guest.second_session")
            code = CODE_OF_ERROR.get(type(error), CloseCode.BROKEN)
            log.info("agent of guest %s is hung up on (%d): %s", guest, code, error)
            await self._close(code, str(error))
        finally:
            self._end()
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=SEND_SECONDS)

    def _end(self) -> None:
        self._over = True
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(Unavailable("the connection ended"))

    def _note(self, action: str) -> None:
        peer = self._websocket.client
        name = self._websocket.path_params["guest"]
        self._ports.refused(action, name, peer.host if peer else "")

    def _authorised(self, guest: GuestId) -> Caller:
        credential = self._websocket.headers.get(CREDENTIAL_HEADER)
        if not credential:
            raise Unauthenticated("a guest agent authenticates with X-Faultwire-Credential")
        caller = self._ports.authenticator.bound(credential)
        if caller.kind is not CredentialKind.GUEST or caller.name != guest:
            raise Forbidden(f"this credential does not speak for guest {guest}")
        return caller

    async def _deny(self, error: FaultwireError) -> None:
        status = status_of(error)
        answer = json_response(self._ports.error_body(status, error), status)
        await self._websocket.send_denial_response(answer)

    async def _converse(self, guest: GuestId, caller: Caller) -> None:
        heard = await self._hello(guest)
        if heard is None:
            return
        session = self._ports.sessions.open(heard, caller.user, self)
        goodbye = False
        try:
            welcome = {
                "version": PROTOCOL_VERSION,
                "session": session.id,
                "heartbeat_ms": self._ports.heartbeat_ms,
                "silence_ms": self._ports.silence_ms,
            }
            await self._send(_text("welcome", welcome))
            goodbye = await self._read(session)
        finally:
            session.end(goodbye=goodbye)
        if goodbye:
            await self._close(CloseCode.NORMAL, "goodbye")

    async def _hello(self, guest: GuestId) -> Heard | None:
        try:
            async with asyncio.timeout(HELLO_SECONDS):
                kind, content = self._message(await self._websocket.receive())
        except TimeoutError:
            await self._close(CloseCode.SILENT, f"no hello within {HELLO_SECONDS:.0f} s")
            return None
        if kind == "":
            return None
        if kind != "hello" or not isinstance(content, Mapping):
            raise Invalid("hello", "must be the first message, an object")
        difference = check_version(content.get("version"), "hello.version")
        if difference is not None:
            await self._close(CloseCode.OTHER_VERSION, difference)
            return None
        fields = {
            "agent": content.get("boot_id"),
            "sequence": content.get("sequence", 0),
            "version": content.get("rpc_version"),
            "service_status": content.get("service_status", ""),
        }
        return heard_of(guest, fields)

    async def _read(self, session: GuestSession) -> bool:
        """Read until the end; return whether it came with a goodbye."""
        while True:
            kind, content = self._message(await self._websocket.receive())
            match kind:
                case "":
                    return False
                case "goodbye":
                    return True
                case "answer":
                    self._answered(_object(content, "answer"))
                case "call":
                    call = _object(content, "call")
                    if self._answering >= MOST_CALLS:
                        raise TooOften("too many calls at once", 1)
                    self._answering += 1
                    self._later(self._answer(session, call))
                case _:
                    raise Invalid(kind[:40], "unknown message; there are: call, answer, goodbye")

    def _message(self, frame: Frame) -> tuple[str, object]:
        """Return the one member of a message, empty at the end; raises Invalid, TooLarge."""
        if frame["type"] == "websocket.disconnect":
            return "", None
        text = frame.get("text")
        if text is None:
            raise Invalid("", "messages are text, not binary")
        limit = self._ports.message_bytes
        if len(text) > limit or len(text.encode()) > limit:
            raise TooLarge(f"a message has at most {limit} bytes")
        value = parse_json(text)
        if not isinstance(value, dict) or len(value) != 1:
            raise Invalid("", "a message is an object with one member")
        ((kind, content),) = value.items()
        return str(kind) or "?", content

    def _answered(self, answer: Mapping[str, object]) -> None:
        number = answer.get("id")
        waiting = self._waiting.get(number) if isinstance(number, int) else None
        # None waits for one that comes late.
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)

    async def _answer(self, session: GuestSession, call: Mapping[str, object]) -> None:
        try:
            answer = await session.take(call)
            await self._send(_text("answer", {"id": call.get("id"), **answer}))
        except TooOften as error:
            await self._close(CloseCode.TOO_FAST, str(error))
        finally:
            self._answering -= 1

    # ------------------------------------------------------------ sending

    async def _send(self, text: str) -> None:
        with contextlib.suppress(WebSocketDisconnect, RuntimeError, TimeoutError):
            async with asyncio.timeout(SEND_SECONDS):
                await self._websocket.send_text(text)

    async def _close(self, code: CloseCode, reason: str) -> None:
        short = reason.encode()[:REASON_BYTES].decode(errors="ignore")
        with contextlib.suppress(WebSocketDisconnect, RuntimeError, TimeoutError):
            async with asyncio.timeout(SEND_SECONDS):
                await self._websocket.close(code, short)

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _text(kind: str, content: Mapping[str, object]) -> str:
    return orjson.dumps({kind: content}).decode()


def _object(content: object, path: str) -> Mapping[str, object]:
    if not isinstance(content, Mapping):
        raise Invalid(path, "must be an object")
    number = content.get("id")
    if not isinstance(number, int) or isinstance(number, bool):
        raise Invalid(f"{path}.id", "must be an integer")
    return content

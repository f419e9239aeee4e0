"""Guest agents' sessions over a real listener: who may speak, in which words, and for whom."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import orjson
import pytest
from fastapi import FastAPI
from starlette.routing import Mount

from faultwire.agent.credential import BoundCredential
from faultwire.agent.guest import Guest, NoDuties
from faultwire.agent.guestlink import GuestLink
from faultwire.app.core import Indexes
from faultwire.app.listen import Address, Listener, Tls
from faultwire.domain.accounts import CredentialKind
from faultwire.domain.commands import Enrol, ReportFaults
from faultwire.domain.guest_changes import GuestsRemoved, GuestsSaved
from faultwire.domain.guest_commands import GuestChanged
from faultwire.domain.ids import GuestId, ProjectId
from faultwire.domain.resources import Guest as Resource
from faultwire.domain.states import AgentState
from faultwire.faces.fault.guestsessions import session_routes
from faultwire.faces.fault.ports import error_body
from faultwire.faces.http import install_errors
from faultwire.store import Snapshot
from faultwire.telemetry.clock import SystemClock
from tests.api.agent_stand import Doorkeeper, News, TellingIntake
from tests.api.guest_doors import GuestDoors, parts_of

SECONDS = 60
HELLO = {"version": "1.1", "boot_id": "b-1", "sequence": 1, "rpc_version": "1.2"}


class Stand:
    """A listener with the guests' routes, the true monitor behind it, and sockets before it."""

    def __init__(self) -> None:
        self.news = News()
        self.intake = TellingIntake(self.news)
        self.keeper = Doorkeeper()
        self.indexes = Indexes.of(Snapshot())
        known = [Resource(GuestId(one), one, ProjectId("p")) for one in ("g-1", "g-2")]
        self.indexes.inventory.apply(GuestsSaved(tuple(known)))
        clock = SystemClock()
        self.parts = parts_of(self.indexes, self.intake, clock)
        for one in known:
            self.keeper.enrol(CredentialKind.GUEST, one.id, "s")
        self.doors = GuestDoors(self.parts, self.keeper, self.keeper, self.intake)
        ledger: Any = None
        ports = self.doors.fault(self.indexes, clock, ledger, ledger).sessions
        app = FastAPI()
        app.state.authenticator = self.keeper
        install_errors(app, error_body)
        app.router.routes.append(Mount("/fault/v1/agents", routes=session_routes(ports)))
        self.listener = Listener(Address("127.0.0.1", 0), Tls(), "listen")
        self.app = app
        self.http: Any = None

    def url(self, guest: str) -> str:
        """Return where a guest's session is."""
        return f"{self.listener.url}/fault/v1/agents/guests/{guest}/session"

    @asynccontextmanager
    async def socket(
        self, guest: str = "g-1", credential: str = "guest/g-1:s"
    ) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """Connect as a guest; says nothing yet."""
        headers = {"X-Faultwire-Credential": credential} if credential else {}
        async with self.http.ws_connect(self.url(guest), headers=headers) as connection:
            yield connection

    @asynccontextmanager
    async def session(self, **more: Any) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """Connect, say hello, and be welcome."""
        async with self.socket() as connection:
            await connection.send_str(text("hello", HELLO | more))
            assert "welcome" in await read(connection)
            yield connection

    def changes(self) -> list[GuestChanged]:
        """Return what was recorded of guests."""
        return [one for one in self.intake.commands if isinstance(one, GuestChanged)]


@pytest.fixture
async def stand() -> AsyncIterator[Stand]:
    """Give a stand that listens."""
    made = Stand()
    await made.listener.start(made.app)
    async with aiohttp.ClientSession() as made.http:
        yield made
    await made.listener.stop()


def text(kind: str, content: object) -> str:
    """Return a message."""
    return orjson.dumps({kind: content}).decode()


async def read(connection: aiohttp.ClientWebSocketResponse) -> dict[str, Any]:
    """Return the next message of the server."""
    async with asyncio.timeout(SECONDS):
        message = await connection.receive()
    assert message.type is aiohttp.WSMsgType.TEXT, message
    found: dict[str, Any] = orjson.loads(message.data)
    return found


async def closed(connection: aiohttp.ClientWebSocketResponse) -> tuple[int, str]:
    """Return how the server hangs up."""
    async with asyncio.timeout(SECONDS):
        message = await connection.receive()
    assert message.type is aiohttp.WSMsgType.CLOSE, message
    return message.data, message.extra or ""


def call(method: str, arguments: object, version: object = "1.2", number: int = 7) -> str:
    """Return a call of the conductor."""
    content = {"id": number, "api": "conductor", "method": method, "version": version}
    return text("call", {**content, "arguments": arguments})


def beat(number: int, **more: Any) -> dict[str, Any]:
    """Return the arguments of a heartbeat."""
    return {
        "instance_id": "g-1",
        "payload": {"service_status": "HEALTHY"},
        "rpc_version": "1.2",
        "boot_id": "b-1",
        "sequence": number,
        **more,
    }


async def answered(connection: aiohttp.ClientWebSocketResponse, sent: str) -> dict[str, Any]:
    """Send a call and return its answer."""
    await connection.send_str(sent)
    said = await read(connection)
    answer: dict[str, Any] = said["answer"]
    assert answer["id"] == 7
    return answer


@pytest.mark.parametrize(
    ("guest", "credential", "status"),
    [
        ("g-1", "", 401),
        ("g-1", "guest/g-1:wrong", 401),
        ("g-2", "guest/g-1:s", 403),
        ("a%2Fb", "guest/g-1:s", 403),
        ("-x-", "guest/g-1:s", 400),
    ],
)
async def test_who_may_not_is_refused_before_the_session(
    stand: Stand, guest: str, credential: str, status: int
) -> None:
    """A guest's credential opens that guest's session and no other."""
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        async with stand.socket(guest, credential):
            pass
    assert refused.value.status == status


@pytest.mark.parametrize(
    ("message", "code", "word"),
    [
        ("{", 4400, "malformed JSON"),
        (text("beat", 1), 4400, "hello"),
        (text("hello", 7), 4400, "hello"),
        (text("hello", {**HELLO, "version": "x"}), 4400, "hello.version"),
        (text("hello", {**HELLO, "version": "9.0"}), 4426, "version"),
        (text("hello", {**HELLO, "boot_id": ""}), 4400, "agent"),
        (text("hello", {**HELLO, "rpc_version": "new"}), 4400, "version"),
        (text("hello", {**HELLO, "sequence": -1}), 4400, "sequence"),
        (text("hello", {**HELLO, "service_status": "a\nb"}), 4400, "service_status"),
        ('{"a": 1, "b": 2}', 4400, "one member"),
        ("x" * 70_000, 1009, "bytes"),
    ],
)
async def test_a_wrong_first_message_ends_it_naming_the_member(
    stand: Stand, message: str, code: int, word: str
) -> None:
    """Malformed, oversized, too old and too new: a close code and a reason, never a hang."""
    async with stand.socket() as connection:
        await connection.send_str(message)
        found, reason = await closed(connection)
    assert (found, word in reason) == (code, True), reason
    assert stand.changes() == []


async def test_binary_messages_are_refused(stand: Stand) -> None:
    """Messages are text."""
    async with stand.session() as connection:
        await connection.send_bytes(b"\x00")
        assert (await closed(connection))[0] == 4400


async def test_a_guest_that_is_welcome_is_known(stand: Stand) -> None:
    """The welcome says how often to beat; the guest's version and status are recorded."""
    async with stand.session(service_status="HEALTHY"):
        await stand.news.until(lambda: bool(stand.changes()))
        (change,) = stand.changes()
        assert (change.agent, change.version) == (AgentState.CONNECTED, "1.2")
        assert stand.parts.sessions.here("g-1")


@pytest.mark.parametrize(
    ("sent", "verdict", "word"),
    [
        (call("no_such", {}), "refused version", "no such method"),
        (call("heartbeat", beat(9), version="9.0"), "refused version", "9.0"),
        (call("heartbeat", beat(9), version="1.99"), "refused version", "1.99"),
        (call("heartbeat", beat(9), version="0.1"), "refused version", "0.1"),
        (call("heartbeat", beat(9), version=None), "refused version", "version"),
        (call("heartbeat", {}), "refused arguments", "instance_id"),
        (call("heartbeat", []), "refused arguments", "mapping"),
        (call("heartbeat", beat(9, extra=1)), "refused arguments", "extra"),
        (call("heartbeat", beat(9, sequence="x")), "refused arguments", "sequence"),
        (call("heartbeat", beat(9, payload={"x": "y" * 5000})), "refused arguments", "payload"),
        (call("heartbeat", beat(9, instance_id="g-2")), "failed", "does not speak for"),
        (
            call("report_fault", {"instance_id": "g-2", "fault_type": "database.guest.down"}),
            "failed",
            "does not speak for",
        ),
        (
            call("report_fault", {"instance_id": "g-1", "fault_type": "compute.host.down"}),
            "failed",
            "database.guest.down",
        ),
    ],
)
async def test_a_wrong_call_is_answered_and_the_session_lives(
    stand: Stand, sent: str, verdict: str, word: str
) -> None:
    """Unknown methods, versions and arguments, and another guest's name are refused (S212)."""
    async with stand.session() as connection:
        error = (await answered(connection, sent))["error"]
        assert (error["verdict"], word in error["reason"]) == (verdict, True), error
        assert "value" in await answered(connection, call("heartbeat", beat(10)))
    reports = [one for one in stand.intake.commands if isinstance(one, ReportFaults)]
    assert reports == []


async def test_the_guests_clock_changes_nothing(stand: Stand) -> None:
    """A time far ahead or far behind is taken; a number that came late is passed over (D15)."""
    async with stand.session() as connection:
        for sequence, sent in ((5, 4e9), (6, 0.0), (4, 9e9)):
            answer = await answered(connection, call("heartbeat", beat(sequence, sent=sent)))
            assert answer["value"]["silence_ms"] == 15_000
        status = stand.parts.monitor.status(GuestId("g-1"))
        assert status is not None
        assert status.sequence == 6


async def test_an_older_guest_need_not_number_its_beats(stand: Stand) -> None:
    """Version 1.0 of the conductor's API still does (S211)."""
    old = {"instance_id": "g-1", "payload": {"service_status": "HEALTHY"}}
    async with stand.socket() as connection:
        await connection.send_str(text("hello", HELLO | {"boot_id": "unnamed"}))
        assert "welcome" in await read(connection)
        assert "value" in await answered(connection, call("heartbeat", old, version="1.0"))


async def test_a_second_agent_is_refused_and_noted(stand: Stand) -> None:
    """Another process under one id: 4409, a line for the audit record, the first unharmed."""
    async with stand.session() as first:
        async with stand.socket() as second:
            await second.send_str(text("hello", HELLO | {"boot_id": "b-2"}))
            code, reason = await closed(second)
        assert (code, "another agent" in reason) == (4409, True)
        assert stand.doors.refused == [("guest.second_session", "g-1", "127.0.0.1")]
        assert "value" in await answered(first, call("heartbeat", beat(2)))


async def test_the_same_process_may_come_anew(stand: Stand) -> None:
    """A reconnect whose former connection is not known to be dead replaces that one."""
    async with stand.session() as first, stand.session(sequence=2) as second:
        assert (await closed(first))[0] == 4401
        assert "value" in await answered(second, call("heartbeat", beat(3)))


async def test_a_replaced_credential_ends_the_former_session(stand: Stand) -> None:
    """Who comes with the new credential is taken, and the old session hung up."""
    async with stand.session() as first:
        stand.keeper.enrol(CredentialKind.GUEST, "g-1", "new", id="c2")
        async with stand.socket(credential="guest/g-1:new") as second:
            await second.send_str(text("hello", HELLO | {"boot_id": "b-2"}))
            assert "welcome" in await read(second)
            assert (await closed(first))[0] == 4401


async def test_a_guest_whose_enrolment_ended_is_hung_up_on(stand: Stand) -> None:
    """Its session ends with the reason, and it is gone rather than silent."""
    async with stand.session() as connection:
        stand.parts.sessions.revoked([GuestId("g-1")])
        assert (await closed(connection)) == (4401, "the credential was revoked")
    status = stand.parts.monitor.status(GuestId("g-1"))
    assert status is None or status.state == "gone"


async def test_a_removed_guest_is_hung_up_on(stand: Stand) -> None:
    """Taken out of the inventory: its session ends, and the next one is told why."""
    async with stand.session() as connection:
        gone = GuestsRemoved((GuestId("g-1"),))
        stand.indexes.inventory.apply(gone)
        stand.parts.monitor.forget(gone.guests)
        assert (await closed(connection))[0] == 4408
    async with stand.socket() as again:
        await again.send_str(text("hello", HELLO))
        code, reason = await closed(again)
    assert (code, "inventory" in reason) == (4410, True)


async def test_what_nobody_asked_for_is_passed_over(stand: Stand) -> None:
    """An answer to no call changes nothing; an unknown message ends the session."""
    async with stand.session() as connection:
        await connection.send_str(text("answer", {"id": 99, "value": 1}))
        assert "value" in await answered(connection, call("heartbeat", beat(2)))
        await connection.send_str(text("servers", []))
        assert (await closed(connection))[0] == 4400


async def test_a_flood_of_calls_is_ended(stand: Stand) -> None:
    """More calls than any guest needs: hung up on, nobody else waits."""
    async with stand.session() as connection:
        for number in range(400):
            await connection.send_str(call("heartbeat", beat(number + 2), number=number))
        while True:
            async with asyncio.timeout(SECONDS):
                message = await connection.receive()
            if message.type is not aiohttp.WSMsgType.TEXT:
                break
        assert message.data == 4429


async def test_calls_go_through_the_session(stand: Stand) -> None:
    """A real agent answers ping, diagnostics and restart, and says goodbye when stopped."""
    said: list[str] = []
    bound = BoundCredential("guest", "g-1", "c", "s", f"{stand.listener.url}/fault")
    guest = Guest("g-1", SystemClock(), said.append, NoDuties())
    link = GuestLink(guest, bound, SystemClock(), said.append)
    running = asyncio.create_task(link.run())
    await stand.news.until(lambda: stand.parts.sessions.here("g-1"))
    calls = stand.parts.calls
    assert await calls.call("guestagent", "rpc_ping", {}, to="g-1", deadline_s=5) is True
    found: Any = await calls.call(
        "guestagent", "get_diagnostics", {"sections": ["process"]}, to="g-1", deadline_s=5
    )
    assert set(found) == {"process"}
    boot = guest.boot_id
    restarted = await calls.call(
        "guestagent", "restart", {"reason": "test"}, to="g-1", deadline_s=5
    )
    assert restarted == {"restarted": "agent"}
    await stand.news.until(lambda: guest.boot_id != boot and stand.parts.sessions.here("g-1"))
    link.stop()
    await asyncio.wait_for(running, SECONDS)
    await stand.news.until(lambda: stand.changes()[-1].agent is AgentState.GONE)


async def test_enrolment_is_for_administrators(stand: Stand) -> None:
    """201 with a secret shown once; a member 403; a bad id 400; a body 400."""
    base = f"{stand.listener.url}/fault/v1/agents/guests"
    for token, guest, body, status in (
        ("admin", "g-1", None, 201),
        ("member", "g-1", None, 403),
        ("admin", "-bad-", None, 400),
        ("admin", "g-1", b"[1]", 400),
    ):
        headers = {"X-Auth-Token": token}
        async with stand.http.post(f"{base}/{guest}/enrol", headers=headers, data=body) as answer:
            assert answer.status == status
            said = await answer.json()
        if status == 201:
            assert said["credential"]["kind"] == "guest"
            assert answer.headers["cache-control"] == "no-store"
    (enrolled,) = [one for one in stand.intake.commands if isinstance(one, Enrol)]
    assert enrolled.credential.kind is CredentialKind.GUEST
    async with stand.http.get(f"{base}/g-2", headers={"X-Auth-Token": "admin"}) as answer:
        assert answer.status == 404

"""Whom an agent trusts with its credential, and how long it waits for them."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from fastapi import FastAPI
from starlette.responses import RedirectResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from faultwire.agent import process
from faultwire.agent.credential import BoundCredential
from faultwire.agent.process import Agent
from faultwire.app.listen import Address, Listener, Tls
from faultwire.testing.clock import ManualClock
from tests.api.agent_stand import News, Stand

HOST = "compute-1"


def certify(folder: Path, name: str) -> Tls:
    """Make a key and a certificate for 127.0.0.1 that signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    begin = datetime(2020, 1, 1, tzinfo=UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=36500))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    chain, secret = folder / f"{name}.pem", folder / f"{name}.key"
    chain.write_bytes(certificate.public_bytes(pem))
    secret.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return Tls(str(chain), str(secret))


@pytest.fixture
async def stand(tmp_path: Path) -> AsyncIterator[Stand]:
    """A listener with TLS and a certificate of its own."""
    async with Stand(tls=certify(tmp_path, "server")) as one:
        yield one


async def test_the_certificate_of_the_credential_is_trusted(stand: Stand, tmp_path: Path) -> None:
    """An agent connects to the server whose certificate stands in its credential."""
    stand.start_agent(HOST, certificate=(tmp_path / "server.pem").read_text())
    await stand.agent_says("connected to https://")
    await stand.connected(1)


@pytest.mark.parametrize("known", ["other", None])
async def test_no_other_certificate_is_trusted(
    stand: Stand, tmp_path: Path, known: str | None
) -> None:
    """Another pinned certificate, or none that is known to the machine: no word is said."""
    certify(tmp_path, "other")
    pem = (tmp_path / f"{known}.pem").read_text() if known else None
    stand.start_agent(HOST, certificate=pem)
    await stand.agent_says("certificate")
    assert stand.intake.commands == []


async def test_a_redirect_is_not_followed() -> None:
    """A server that points elsewhere does not get the credential carried there."""
    news = News()
    asked: list[str] = []
    lines: list[str] = []

    async def elsewhere(scope: Scope, receive: Receive, send: Send) -> None:
        asked.append(scope["path"])
        await RedirectResponse("/")(scope, receive, send)

    other = Listener(Address("127.0.0.1", 0), Tls(), "listen")
    await other.start(elsewhere)
    app = FastAPI()

    async def away(scope: object) -> RedirectResponse:
        return RedirectResponse(other.url)

    app.router.routes.append(Route("/{rest:path}", away))
    one = Listener(Address("127.0.0.1", 0), Tls(), "listen")
    await one.start(app)

    def say(line: str) -> None:
        lines.append(line)
        news.tell()

    bound = BoundCredential("agent", HOST, "c1", "s", one.url)
    agent = Agent(bound, ManualClock(), say)
    task = asyncio.create_task(agent.run())
    await news.until(lambda: bool(lines))
    agent.stop()
    await task
    await one.stop()
    await other.stop()
    assert (len(lines), asked) == (1, []), (lines, asked)


async def test_a_server_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A listener that accepts and never answers holds an agent up for a limited time only."""
    monkeypatch.setattr(process, "CONNECT_SECONDS", 0.05)
    news = News()
    lines: list[str] = []
    ends: list[asyncio.StreamWriter] = []

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends.append(writer)
        await reader.read()

    def say(line: str) -> None:
        lines.append(line)
        news.tell()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    bound = BoundCredential("agent", HOST, "c1", "s", f"http://127.0.0.1:{port}")
    agent = Agent(bound, ManualClock(), say)
    task = asyncio.create_task(agent.run())
    await news.until(lambda: bool(lines))
    agent.stop()
    await task
    server.close()
    for end in ends:
        end.close()
    await server.wait_closed()
    assert "no answer from" in lines[0]

"""Webhooks over TLS: the certificate is always verified."""

import asyncio
import datetime as dt
import ipaddress
import ssl
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from faultwire.domain.alarms import DeliveryState
from faultwire.domain.errors import Invalid
from faultwire.notifier.delivery.sender import Sender
from faultwire.notifier.delivery.tls import KEPT_NS, Sessions, context_of
from faultwire.notifier.settings import Settings
from faultwire.testing.clock import ManualClock
from faultwire.testing.sink import Received, Script, Sink, reply
from tests.contract.notifier.bench import Bench


def _certificate(folder: Path, address: str) -> tuple[Path, ssl.SSLContext]:
    """Make a self-signed certificate for an address; return its file and a server's context."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "consumer")])
    now = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + dt.timedelta(days=36_500))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    certificate, secret = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, secret)
    return certificate, context


async def test_an_authority_of_the_operators_is_trusted(bench: Bench, tmp_path: Path) -> None:
    """With the authority in `ca_file` the webhook arrives."""
    certificate, context = _certificate(tmp_path, "127.0.0.1")
    async with Sink(context=context) as sink:
        sender = await bench.start(ca_file=str(certificate))
        delivery = bench.delivery(sink.url("/"))
        sender.wake([delivery])
        await bench.outbox.finished(delivery.id)
        assert bench.outbox.states()[delivery.id] is DeliveryState.DELIVERED


@pytest.mark.parametrize(("address", "trusted"), [("127.0.0.1", False), ("127.0.0.2", True)])
async def test_an_unknown_or_foreign_certificate_gets_nothing(
    bench: Bench, tmp_path: Path, address: str, trusted: bool
) -> None:
    """Neither an unknown authority nor another host's certificate sees the alarm."""
    certificate, context = _certificate(tmp_path, address)
    async with Sink(context=context) as sink:
        sender = await bench.start(ca_file=str(certificate) if trusted else "")
        sender.wake([bench.delivery(sink.url("/"))])
        await bench.outbox.wait_for(lambda: bool(bench.outbox.attempts))
        assert bench.outbox.attempts[0].state is DeliveryState.PENDING
        assert "certificate" in bench.outbox.attempts[0].outcome
        assert not sink.requests


@pytest.mark.parametrize("content", [None, "no certificate"])
async def test_a_bad_file_of_authorities_is_an_error_at_the_start(
    bench: Bench, tmp_path: Path, content: str | None
) -> None:
    """The error names the file."""
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    with pytest.raises(Invalid, match=r"ca\.pem"):
        await bench.start(ca_file=str(file))
    bench.senders.clear()


LOOPS = [asyncio.new_event_loop, uvloop.new_event_loop]


def _closing(reused: list[bool]) -> Script:
    """Answer, note whether the handshake took up a session, and close the connection."""

    async def script(request: Received, writer: asyncio.StreamWriter) -> None:
        del request
        reused.append(writer.get_extra_info("ssl_object").session_reused)
        writer.write(reply(200, b"", "connection: close"))
        writer.close()

    return script


async def _deliver(bench: Bench, sender: Sender, url: str) -> None:
    delivery = bench.delivery(url)
    sender.wake([delivery])
    await bench.outbox.finished(delivery.id)


async def _three_connections(folder: Path, version: ssl.TLSVersion) -> list[bool]:
    """Deliver over three connections to one consumer; return which took up a session."""
    certificate, context = _certificate(folder, "127.0.0.1")
    context.maximum_version = version
    reused: list[bool] = []
    bench = Bench()
    async with Sink(context=context) as sink:
        url = sink.on("/", _closing(reused))
        sender = await bench.start(ca_file=str(certificate))
        for _ in range(3):
            await _deliver(bench, sender, url)
        await sender.stop(0)
    return reused


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("loop", LOOPS)
def test_a_new_connection_takes_up_the_session_of_the_last(
    tmp_path: Path, loop: Callable[[], asyncio.AbstractEventLoop], version: ssl.TLSVersion
) -> None:
    """On both event loops and in both versions only the first handshake is a full one."""
    with asyncio.Runner(loop_factory=loop) as runner:
        assert runner.run(_three_connections(tmp_path, version)) == [False, True, True]


async def test_a_session_is_no_way_round_another_names_certificate(
    bench: Bench, tmp_path: Path
) -> None:
    """A port that shares the keys of tickets with another is verified by itself."""
    certificate, context = _certificate(tmp_path, "127.0.0.1")
    reused: list[bool] = []
    async with Sink(context=context) as one, Sink(context=context) as two:
        sender = await bench.start(ca_file=str(certificate))
        for sink in (one, two):
            await _deliver(bench, sender, sink.on("/", _closing(reused)))
        assert reused == [False, False]


async def test_a_session_that_is_not_known_any_more_costs_nothing_but_time(
    bench: Bench, tmp_path: Path
) -> None:
    """A consumer that was started anew makes a full handshake of the old session."""
    certificate, context = _certificate(tmp_path, "127.0.0.1")
    reused: list[bool] = []
    async with Sink(context=context) as sink:
        sender = await bench.start(ca_file=str(certificate))
        await _deliver(bench, sender, sink.on("/", _closing(reused)))
    fresh = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    fresh.load_cert_chain(certificate, tmp_path / "key.pem")
    async with Sink(sink.port, fresh) as again:
        await _deliver(bench, sender, again.on("/", _closing(reused)))
    assert reused == [False, False]
    assert set(bench.outbox.states().values()) == {DeliveryState.DELIVERED}


async def test_a_session_is_not_taken_up_for_ever(tmp_path: Path) -> None:
    """After the time for which a certificate vouches, it is shown again."""
    certificate, context = _certificate(tmp_path, "127.0.0.1")
    reused: list[bool] = []
    clock = ManualClock()
    sessions = Sessions(clock)
    made = context_of(Settings(ca_file=str(certificate)), sessions)
    async with Sink(context=context) as sink:
        sink.on("/", _closing(reused))
        for _ in range(3):
            reader, writer = await asyncio.open_connection("127.0.0.1", sink.port, ssl=made)
            writer.write(b"GET / HTTP/1.1\r\n\r\n")
            await reader.read()
            writer.close()
            await writer.wait_closed()
            del reader, writer
            clock.advance(KEPT_NS / 2 / 1e9)
    assert reused == [False, True, False]


def _asking(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """Return a server's context that wants a client certificate, which is the same as its own."""
    certificate, context = _certificate(folder, "127.0.0.1")
    context.load_verify_locations(certificate)
    context.verify_mode = ssl.CERT_REQUIRED
    return certificate, context


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_client_certificate_is_shown_to_who_asks(
    bench: Bench, tmp_path: Path, version: ssl.TLSVersion
) -> None:
    """With the certificate and key of the settings the webhook arrives."""
    certificate, context = _asking(tmp_path)
    context.maximum_version = version
    async with Sink(context=context) as sink:
        sender = await bench.start(
            ca_file=str(certificate),
            client_certificate=str(certificate),
            client_key=str(tmp_path / "key.pem"),
        )
        await _deliver(bench, sender, sink.url("/"))
    assert set(bench.outbox.states().values()) == {DeliveryState.DELIVERED}


async def test_the_owner_is_told_that_a_client_certificate_is_wanted(
    bench: Bench, tmp_path: Path
) -> None:
    """Without one the outcome says what the consumer may ask for, where the handshake tells it."""
    certificate, context = _asking(tmp_path)
    # With TLS 1.3 it comes after the handshake, and may be lost with the connection.
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    async with Sink(context=context) as sink:
        sender = await bench.start(ca_file=str(certificate))
        sender.wake([bench.delivery(sink.url("/"))])
        await bench.outbox.wait_for(lambda: bool(bench.outbox.attempts))
    outcome = bench.outbox.attempts[0].outcome
    assert outcome.startswith("no TLS connection")
    assert "client certificate" in outcome


async def test_the_owner_is_told_that_the_other_side_speaks_no_tls(bench: Bench) -> None:
    """A plain consumer under an https URL is named as what it is."""

    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(plain, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        sender = await bench.start()
        sender.wake([bench.delivery(f"https://127.0.0.1:{port}/")])
        await bench.outbox.wait_for(lambda: bool(bench.outbox.attempts))
    outcome = bench.outbox.attempts[0].outcome
    assert outcome == "no TLS connection: the other side does not speak TLS"


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"client_certificate": "certificate.pem"}, "client_key"),
        ({"client_key": "key.pem"}, "client_key"),
        ({"client_certificate": "none.pem", "client_key": "key.pem"}, r"certificate: .*none\.pem"),
        ({"client_certificate": "certificate.pem", "client_key": "none.pem"}, r"key: .*none\.pem"),
        ({"client_certificate": "key.pem", "client_key": "key.pem"}, r"certificate: .*key\.pem"),
        ({"client_certificate": "certificate.pem", "client_key": "other.pem"}, "not the key of"),
        ({"client_certificate": "certificate.pem", "client_key": "locked.pem"}, "passphrase"),
    ],
)
def test_a_bad_client_certificate_is_an_error_that_tells_which(
    tmp_path: Path, given: dict[str, str], named: str
) -> None:
    """Missing halves, missing files, a foreign key and one with a passphrase are told apart."""
    _certificate(tmp_path, "127.0.0.1")
    key = ec.generate_private_key(ec.SECP256R1())
    for name, encryption in (
        ("other.pem", serialization.NoEncryption()),
        ("locked.pem", serialization.BestAvailableEncryption(b"word")),
    ):
        pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        (tmp_path / name).write_bytes(key.private_bytes(pem, form, encryption))
    files = {option: str(tmp_path / name) for option, name in given.items()}
    with pytest.raises(Invalid, match=named):
        context_of(Settings(**files), Sessions(ManualClock()))


async def test_idle_connections_are_bounded_over_all_consumers(
    bench: Bench, tmp_path: Path
) -> None:
    """Of the connections to many consumers only so many stay open, those used last."""
    async with AsyncExitStack() as stack:
        sinks = [await stack.enter_async_context(Sink()) for _ in range(24)]
        sender = await bench.start(idle_connections=8)
        for sink in sinks:
            await _deliver(bench, sender, sink.url("/"))
        await asyncio.sleep(0)
        assert sum(sink.open for sink in sinks[:8]) == 0
        assert 1 <= sum(sink.open for sink in sinks) <= 10
        assert sinks[-1].open == 1

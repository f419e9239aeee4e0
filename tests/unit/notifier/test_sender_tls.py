"""Webhooks over TLS: the certificate is always verified."""

import datetime as dt
import ipaddress
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from faultwire.domain.alarms import DeliveryState
from faultwire.domain.errors import Invalid
from faultwire.testing.sink import Sink
from tests.unit.notifier.bench import Bench


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

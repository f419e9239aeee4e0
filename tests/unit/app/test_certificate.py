"""Until when the listener's certificate is valid."""

from pathlib import Path

from cryptography import x509

from faultwire.app.certificate import ends_ns
from faultwire.telemetry.metrics import Metrics
from tests.system.certificates import self_signed

NAME = "faultwire_certificate_expires_seconds"


def test_the_end_of_the_certificate_is_known(tmp_path: Path) -> None:
    """It is exported, for the alert that comes before agents and clients refuse to connect."""
    path, _ = self_signed(tmp_path)
    pem, metrics = path.read_text(), Metrics()
    ends = x509.load_pem_x509_certificate(pem.encode()).not_valid_after_utc.timestamp()
    assert ends_ns(pem, metrics) == int(ends) * 1_000_000_000
    assert metrics.registry.get_sample_value(NAME) == ends


def test_without_a_certificate_nothing_ends() -> None:
    """Plain HTTP exports zero, and so does a file that is no certificate."""
    metrics = Metrics()
    assert ends_ns(None, metrics) is None
    assert ends_ns("no certificate", metrics) is None
    assert metrics.registry.get_sample_value(NAME) == 0

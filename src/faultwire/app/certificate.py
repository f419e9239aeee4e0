"""The listener's certificate: until when it is valid."""

import logging
from pathlib import Path

from cryptography import x509

from faultwire.app.listen import Tls
from faultwire.domain.errors import Invalid
from faultwire.ports import Meter

log = logging.getLogger(__name__)

_NS = 1_000_000_000


def ends_ns(pem: str | None, meter: Meter) -> int | None:
    """Return the wall time at which the first certificate of a chain ends, and export it.

    None without a certificate, and for one that cannot be read: then the listener says so.
    """
    if pem is None:
        return None
    try:
        ends = x509.load_pem_x509_certificate(pem.encode()).not_valid_after_utc
    except ValueError as error:
        log.warning("the certificate's end cannot be read: %s", error)
        return None
    seconds = int(ends.timestamp())
    meter.gauge("faultwire_certificate_expires_seconds", seconds)
    return seconds * _NS


def pem_of(tls: Tls) -> str | None:
    """Return the listener's certificate (PEM), None without one; raises Invalid."""
    if not tls.certificate:
        return None
    try:
        return Path(tls.certificate).read_text()
    except OSError as error:
        raise Invalid("[server] tls_certificate", str(error)) from None

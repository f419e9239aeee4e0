"""TLS to the broker: who vouches for it, the same for our own clients and for the library.

The broker's certificate and its name are always checked: there is no option that switches it off.
Without `ssl_ca_file` those whom the machine trusts vouch for it.
"""

import ssl
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from faultwire.domain.errors import Invalid
from faultwire.messaging.addresses import Broker, broker_of
from faultwire.messaging.settings import RabbitSettings, Settings

SECTION = "[oslo_messaging_rabbit]"


def options(broker: Broker, host: str | None) -> Mapping[str, object] | bool:
    """Return what the AMQP libraries take as `ssl`, False without TLS.

    The certificate must be that of `host`; None: of the node that is connected to.
    """
    rabbit = broker.rabbit
    if not rabbit.ssl:
        return False
    return {
        "ca_certs": rabbit.ssl_ca_file or None,
        "certfile": rabbit.ssl_cert_file or None,
        "keyfile": rabbit.ssl_key_file or None,
        "cert_reqs": ssl.CERT_REQUIRED,
        "server_hostname": host,
    }


def configured(settings: Settings, rabbit: RabbitSettings) -> Broker | None:
    """Return the broker that is configured, None if there is none; reads the files of TLS.

    Raises Invalid naming the option, also of a file that is not there or not what it should be.
    """
    broker = broker_of(settings, rabbit)
    if broker is None or not broker.rabbit.ssl:
        return broker
    held = broker.rabbit
    for name in ("ssl_ca_file", "ssl_cert_file", "ssl_key_file"):
        if path := getattr(held, name):
            _readable(name, Path(path))
    context = ssl.create_default_context()
    if held.ssl_ca_file:
        try:
            context.load_verify_locations(held.ssl_ca_file)
        except ssl.SSLError:
            raise _wrong("ssl_ca_file", held.ssl_ca_file, "holds no certificate") from None
    if held.ssl_cert_file:
        try:
            # Asked for a password it would wait for a terminal.
            context.load_cert_chain(
                held.ssl_cert_file, held.ssl_key_file or None, password=lambda: b""
            )
        except ssl.SSLError:
            why = "holds no certificate, or its key is another's or has a password"
            raise _wrong("ssl_cert_file", held.ssl_cert_file, why) from None
    elif held.ssl_key_file:
        raise Invalid(f"{SECTION} ssl_key_file", "is a key without an ssl_cert_file")
    return broker


def for_library(broker: Broker) -> Broker:
    """Return the broker as oslo.messaging needs it: it checks names only if told who vouches."""
    if not broker.rabbit.ssl or broker.rabbit.ssl_ca_file:
        return broker
    trusted = ssl.get_default_verify_paths().cafile
    if trusted is None:
        raise Invalid(f"{SECTION} ssl_ca_file", "is empty, and this machine trusts nobody")
    return replace(broker, rabbit=replace(broker.rabbit, ssl_ca_file=trusted))


def _readable(name: str, path: Path) -> None:
    try:
        with path.open("rb") as file:
            file.read(1)
    except (OSError, ValueError) as error:
        raise _wrong(name, str(path), f"cannot be read: {_why(error)}") from None


def _wrong(name: str, path: str, why: str) -> Invalid:
    return Invalid(f"{SECTION} {name}", f"{path}: {why}")


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)

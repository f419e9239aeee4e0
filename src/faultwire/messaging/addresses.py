"""Where the broker is: `transport_url`, read by us so that its mistakes are named; no I/O."""

from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from faultwire.domain.errors import Invalid
from faultwire.messaging.settings import RabbitSettings, Settings

OPTION = "[DEFAULT] transport_url"
SCHEMES = frozenset({"rabbit", "amqp", "amqps"})
PORT, TLS_PORT = 5672, 5671
_TRUE = frozenset({"true", "1", "yes", "on", "t", "y"})


@dataclass(frozen=True, slots=True)
class BrokerHost:
    """One node of the broker, and as whom we come."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)

    def __str__(self) -> str:
        """Return HOST:PORT, which may be logged."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Broker:
    """A broker's nodes, the virtual host, and how we connect."""

    hosts: tuple[BrokerHost, ...]
    vhost: str
    rabbit: RabbitSettings
    options: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        """Return what may be logged: no password is in it."""
        return f"rabbit://{','.join(map(str, self.hosts))}/{self.vhost}"

    @property
    def effective(self) -> RabbitSettings:
        """Return the settings with what the URL's query says in their place, as the library does.

        A value there that cannot be read is the library's to refuse.
        """
        told: dict[str, Any] = {}
        for name, text in self.options:
            default = getattr(self.rabbit, name, None)
            if isinstance(default, bool):
                told[name] = text.strip().lower() in _TRUE
            elif isinstance(default, str):
                told[name] = text
        return replace(self.rabbit, **told)

    @property
    def oslo_url(self) -> str:
        """Return the URL for oslo.messaging; what it is to do rides in the query.

        So nothing is ever set on the library's global configuration.
        """
        nodes = ",".join(
            f"{quote(one.user, safe='')}:{quote(one.password, safe='')}@{one}"
            for one in self.hosts
        )
        rabbit = self.rabbit
        query = {
            "rabbit_quorum_queue": str(rabbit.rabbit_quorum_queue).lower(),
            "amqp_durable_queues": str(rabbit.amqp_durable_queues).lower(),
            "heartbeat_timeout_threshold": str(rabbit.heartbeat_timeout_threshold),
        }
        if rabbit.ssl:
            query["ssl"] = "true"
            for name in ("ssl_ca_file", "ssl_cert_file", "ssl_key_file"):
                if value := getattr(rabbit, name):
                    query[name] = value
        query.update(self.options)
        return f"rabbit://{nodes}/{quote(self.vhost, safe='')}?{urlencode(query)}"


def broker_of(settings: Settings, rabbit: RabbitSettings | None = None) -> Broker | None:
    """Return the broker that is configured, None if there is none; raises Invalid.

    What it says never repeats the URL, which holds a password.
    """
    text, rabbit = settings.transport_url.strip(), rabbit or RabbitSettings()
    if not text:
        return None
    try:
        parts = urlsplit(text)
    except ValueError:
        raise Invalid(OPTION, "cannot be read as a URL") from None
    if parts.scheme not in SCHEMES:
        raise Invalid(OPTION, f"must begin with rabbit://, not {parts.scheme or 'nothing'}://")
    if not parts.netloc:
        raise Invalid(OPTION, "names no host: rabbit://USER:PASSWORD@HOST:PORT/VIRTUAL_HOST")
    port = TLS_PORT if rabbit.ssl or parts.scheme == "amqps" else PORT
    hosts = tuple(_host(node, port) for node in parts.netloc.split(","))
    return Broker(
        hosts, unquote(parts.path.removeprefix("/")) or "/", rabbit, tuple(parse_qsl(parts.query))
    )


def _host(text: str, port: int) -> BrokerHost:
    try:
        parts = urlsplit(f"//{text}")
        host, number = parts.hostname, parts.port
    except ValueError as error:
        raise Invalid(OPTION, f"a node of it cannot be read: {_word(error)}") from None
    if not host:
        raise Invalid(OPTION, "a node of it has no host")
    user, password = parts.username or "guest", parts.password or ""
    return BrokerHost(host, number or port, unquote(user), unquote(password))


def _word(error: ValueError) -> str:
    """Return what is wrong with a port or an address; the text of the error repeats the URL."""
    return "its port is no number" if "ort" in str(error) else "its address is malformed"

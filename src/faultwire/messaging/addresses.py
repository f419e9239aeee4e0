"""Where the broker is: `transport_url`, read by us so that its mistakes are named; no I/O."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from faultwire.domain.errors import Invalid
from faultwire.messaging.settings import RabbitSettings, Settings

OPTION = "[DEFAULT] transport_url"
SCHEMES = frozenset({"rabbit", "amqp", "amqps"})
PORT, TLS_PORT = 5672, 5671
_WORDS = {
    **dict.fromkeys(("true", "1", "yes", "on", "t", "y"), True),
    **dict.fromkeys(("false", "0", "no", "off", "f", "n"), False),
}
LONGEST = 60
_QUEUE = re.compile(r"[A-Za-z0-9_.-]{1,128}", re.ASCII)
_TAKEN = frozenset({"baseapi", "guestagent"})
LEAST_HEARTBEAT, MOST_HEARTBEAT = 2, 3600

OPTIONS = frozenset({
    "amqp_auto_delete", "amqp_durable_queues", "conn_pool_min_size", "conn_pool_ttl",
    "direct_mandatory_flag", "enable_cancel_on_failover", "heartbeat_rate",
    "heartbeat_timeout_threshold", "hostname", "kombu_compression", "kombu_failover_strategy",
    "kombu_missing_consumer_retry_timeout", "kombu_reconnect_delay", "kombu_reconnect_splay",
    "processname", "rabbit_ha_queues", "rabbit_interval_max", "rabbit_login_method",
    "rabbit_qos_prefetch_count", "rabbit_quorum_delivery_limit", "rabbit_quorum_max_memory_bytes",
    "rabbit_quorum_max_memory_length", "rabbit_quorum_queue", "rabbit_retry_backoff",
    "rabbit_retry_interval", "rabbit_stream_fanout", "rabbit_transient_queues_ttl",
    "rabbit_transient_quorum_queue", "rpc_conn_pool_size", "ssl", "ssl_ca_file", "ssl_cert_file",
    "ssl_enforce_fips_mode", "ssl_enforce_hostname_verification", "ssl_key_file", "ssl_version",
    "use_queue_manager",
})  # fmt: skip
"""What oslo.messaging takes in the URL, where it fails over anything else."""


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
    """A broker's nodes, the virtual host, and how we connect.

    `rabbit` is what holds: what the URL says stands in the place of what the section says.
    `options` are all that the URL says, for the library. `queues` are topics of APIs that have
    another name here than in the table.
    """

    hosts: tuple[BrokerHost, ...]
    vhost: str
    rabbit: RabbitSettings
    options: tuple[tuple[str, str], ...] = ()
    queues: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        """Return what may be logged: no password is in it."""
        return f"rabbit://{','.join(map(str, self.hosts))}/{self.vhost}"

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
        query.update(self.options)
        if rabbit.ssl:
            query["ssl"] = "true"
            for name in ("ssl_ca_file", "ssl_cert_file", "ssl_key_file"):
                if value := getattr(rabbit, name):
                    query[name] = value
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
    options = tuple(parse_qsl(parts.query))
    holds = _holding(rabbit, dict(options), secure=parts.scheme == "amqps")
    port = TLS_PORT if holds.ssl else PORT
    hosts = tuple(_host(node, port) for node in parts.netloc.split(","))
    vhost = unquote(parts.path.removeprefix("/")) or "/"
    return Broker(hosts, vhost, holds, options, _queues(settings))


def _queues(settings: Settings) -> dict[str, str]:
    """Return where APIs are served; raises Invalid for a name that no queue may have."""
    found = {"conductor": settings.conductor_queue, "taskmanager": settings.taskmanager_queue}
    for name, queue in found.items():
        option = f"[DEFAULT] {name}_queue"
        if not _QUEUE.fullmatch(queue):
            raise Invalid(option, "must be 1 to 128 letters, digits, dots, dashes, underscores")
        if queue in _TAKEN or queue.startswith(("amq.", "reply_", "guestagent.")):
            raise Invalid(option, f"{queue} is the name of something else")
    if len(set(found.values())) < len(found):
        raise Invalid("[DEFAULT] taskmanager_queue", "is that of the conductors too")
    return found


def _holding(
    rabbit: RabbitSettings, options: Mapping[str, str], *, secure: bool
) -> RabbitSettings:
    """Return the settings with what the URL says in their place, as the services read it."""
    told: dict[str, Any] = {}
    for name, text in options.items():
        if name not in OPTIONS:
            raise Invalid(OPTION, f"has an option that nobody knows: {name[:LONGEST]}")
        default = getattr(rabbit, name, None)
        if isinstance(default, bool):
            told[name] = _WORDS.get(text.strip().lower())
            if told[name] is None:
                raise Invalid(OPTION, f"its option {name} must be true or false")
        elif isinstance(default, int):
            told[name] = _count(name, text)
        elif isinstance(default, str):
            told[name] = text
    if secure and told.get("ssl") is False:
        raise Invalid(OPTION, "says amqps:// and ssl=false")
    if secure:
        told["ssl"] = True
    return replace(rabbit, **told)


def _count(name: str, text: str) -> int:
    if not text.isdecimal() or not LEAST_HEARTBEAT <= int(text[:LONGEST]) <= MOST_HEARTBEAT:
        raise Invalid(
            OPTION, f"its option {name} must be {LEAST_HEARTBEAT} to {MOST_HEARTBEAT} seconds"
        )
    return int(text)


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

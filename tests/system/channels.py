"""A plain way to a broker, without anything of ours on it."""

import contextlib
from collections.abc import Iterator

import amqp

from faultwire.messaging.addresses import broker_of
from faultwire.messaging.settings import Settings


@contextlib.contextmanager
def channel(url: str) -> Iterator[amqp.Channel]:
    """Give a plain AMQP channel."""
    broker = broker_of(Settings(transport_url=url))
    assert broker is not None
    [host] = broker.hosts
    with amqp.Connection(
        host=str(host), userid=host.user, password=host.password, virtual_host=broker.vhost,
        login_method="PLAIN",
    ) as connection:  # fmt: skip
        yield connection.channel()

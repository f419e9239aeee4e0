"""`transport_url`: read by us, its mistakes named, its password never told."""

import pytest

from faultwire.domain.errors import Invalid
from faultwire.messaging.addresses import broker_of
from faultwire.messaging.settings import RabbitSettings, Settings


def test_without_an_address_there_is_no_broker() -> None:
    """The product works without a broker: none is configured by default."""
    assert broker_of(Settings()) is None


def test_all_of_an_address_is_understood() -> None:
    """Several nodes, each with its user, an IPv6 address, and a virtual host with a slash."""
    url = "rabbit://u%40x:p%2Fw@one:5673,v:w@[::1]/a%2Fb?rabbit_quorum_queue=false"
    broker = broker_of(Settings(url))
    assert broker is not None
    assert [(one.host, one.port, one.user, one.password) for one in broker.hosts] == [
        ("one", 5673, "u@x", "p/w"),
        ("::1", 5672, "v", "w"),
    ]
    assert broker.vhost == "a/b"
    assert str(broker) == "rabbit://one:5673,[::1]:5672/a/b"
    assert broker.oslo_url.startswith("rabbit://u%40x:p%2Fw@one:5673,v:w@[::1]:5672/a%2Fb?")
    # What stands in the URL wins over the section, as in the services.
    assert "rabbit_quorum_queue=false" in broker.oslo_url
    assert "p/w" not in repr(broker)


def test_tls_rides_in_the_url() -> None:
    """What the broker's library is to do never passes through its global configuration."""
    rabbit = RabbitSettings(ssl=True, ssl_ca_file="/etc/ca.pem")
    broker = broker_of(Settings("rabbit://u:p@one"), rabbit)
    assert broker is not None
    assert broker.hosts[0].port == 5671
    assert broker.vhost == "/"
    assert "ssl=true&ssl_ca_file=%2Fetc%2Fca.pem" in broker.oslo_url


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("kafka://u:secret@one", "must begin with rabbit://, not kafka://"),
        ("one:5672", "must begin with rabbit://"),
        ("rabbit:///vhost", "names no host"),
        ("rabbit://u:secret@one:many/", "port is no number"),
        ("rabbit://u:secret@one:99999/", "port is no number"),
        ("rabbit://u:secret@one,,/", "has no host"),
        ("rabbit://u:secret@[::1/", "cannot be read|malformed"),
    ],
)
def test_mistakes_are_named_without_the_password(url: str, why: str) -> None:
    """A URL that cannot be is refused at start, and its text, with a password in it, is not shown.

    The error names the option.
    """
    with pytest.raises(Invalid, match=why) as refused:
        broker_of(Settings(url))
    assert "[DEFAULT] transport_url" in str(refused.value)
    assert "secret" not in str(refused.value)


def test_what_the_url_says_of_queues_holds_for_our_own_client_too() -> None:
    """Our client makes the queues that the library's servers share with it."""
    broker = broker_of(Settings("rabbit://u:p@one?rabbit_quorum_queue=false&ssl=yes&x=1"))
    assert broker is not None
    assert broker.effective.rabbit_quorum_queue is False
    assert broker.effective.ssl is True
    assert broker.effective.amqp_durable_queues is True


@pytest.mark.parametrize("url", ["fake://", "fake:///", "kafka://one"])
def test_drivers_that_would_be_slow_or_cannot_call_are_refused(url: str) -> None:
    """The library's fake driver looks for calls every 50 ms; the process itself needs none."""
    with pytest.raises(Invalid, match="must begin with rabbit://"):
        broker_of(Settings(url))

"""`transport_url`: read by us, its mistakes named, its password never told."""

import ssl
from pathlib import Path

import pytest

from faultwire.domain.errors import Invalid
from faultwire.messaging import tls
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
        ("rabbit://u:secret@one?sl=1", "an option that nobody knows: sl"),
        ("rabbit://u:secret@one?ssl=perhaps", "option ssl must be true or false"),
        ("amqps://u:secret@one?ssl=no", "says amqps:// and ssl=false"),
        ("rabbit://u:secret@one?heartbeat_timeout_threshold=1", "must be 2 to 3600 seconds"),
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


@pytest.mark.parametrize(
    ("name", "queue", "why"),
    [
        ("conductor", "", "must be 1 to 128"),
        ("conductor", "con ductor", "must be 1 to 128"),
        ("taskmanager", "x" * 129, "must be 1 to 128"),
        ("taskmanager", "guestagent.g1", "is the name of something else"),
        ("conductor", "amq.topic", "is the name of something else"),
        ("taskmanager", "trove-conductor", "is that of the conductors too"),
    ],
)
def test_names_of_queues_that_cannot_be_are_refused(name: str, queue: str, why: str) -> None:
    """A queue whose name is bad, taken or another's ends the start with the option's name."""
    with pytest.raises(Invalid, match=why) as refused:
        broker_of(Settings("rabbit://u:p@one", **{f"{name}_queue": queue}))
    assert f"[DEFAULT] {name}_queue" in str(refused.value)


def test_what_the_url_says_of_queues_holds_for_our_own_client_too() -> None:
    """Our client makes the queues that the library's servers share with it."""
    broker = broker_of(Settings("rabbit://u:p@one?rabbit_quorum_queue=false&ssl=yes"))
    assert broker is not None
    assert broker.rabbit.rabbit_quorum_queue is False
    assert broker.rabbit.ssl is True
    assert broker.rabbit.amqp_durable_queues is True


@pytest.mark.parametrize(
    "url", ["amqps://u:p@one", "rabbit://u:p@one?ssl=1", "amqps://u:p@one?ssl=true"]
)
def test_every_way_to_ask_for_tls_gives_tls(url: str) -> None:
    """The scheme amqps and the option in the URL mean the port, our client and the library's."""
    broker = broker_of(Settings(url))
    assert broker is not None
    assert broker.hosts[0].port == 5671
    assert broker.rabbit.ssl
    assert "ssl=true" in broker.oslo_url


def test_without_tls_none_is_asked_for() -> None:
    """Plain AMQP stays what it was."""
    broker = broker_of(Settings("amqp://u:p@one"))
    assert broker is not None
    assert not broker.rabbit.ssl
    assert "ssl" not in broker.oslo_url
    assert tls.options(broker, "one") is False


def test_the_certificate_and_the_name_are_always_checked() -> None:
    """No setting leads to a connection on which anybody could pass for the broker."""
    broker = broker_of(Settings("amqps://u:p@one?ssl_enforce_hostname_verification=false"))
    assert broker is not None
    found = tls.options(broker, "one")
    assert isinstance(found, dict)
    assert found["cert_reqs"] is ssl.CERT_REQUIRED
    assert found["server_hostname"] == "one"


@pytest.mark.parametrize("name", ["ssl_ca_file", "ssl_cert_file", "ssl_key_file"])
def test_a_file_of_tls_that_is_not_there_is_named(name: str) -> None:
    """At the start, with its option and its path."""
    rabbit = RabbitSettings(ssl=True, **{name: "/nowhere/of.pem"})
    with pytest.raises(Invalid, match=rf"\] {name}: /nowhere/of.pem: cannot be read: No such"):
        tls.configured(Settings("rabbit://u:p@one"), rabbit)


@pytest.mark.parametrize("name", ["ssl_ca_file", "ssl_cert_file"])
def test_a_file_of_tls_without_a_certificate_is_named(name: str, tmp_path: Path) -> None:
    """A wrong file is told before anything is connected."""
    path = tmp_path / "x.pem"
    path.write_text("nothing\n")
    rabbit = RabbitSettings(ssl=True, **{name: str(path)})
    with pytest.raises(Invalid, match=rf"\] {name}: .*holds no certificate"):
        tls.configured(Settings("rabbit://u:p@one"), rabbit)


def test_the_library_is_told_who_vouches() -> None:
    """It checks no name where it has no file of authorities: it is given the machine's."""
    broker = broker_of(Settings("amqps://u:p@one"))
    assert broker is not None
    assert "ssl_ca_file=%2F" in tls.for_library(broker).oslo_url


@pytest.mark.parametrize("url", ["fake://", "fake:///", "kafka://one"])
def test_drivers_that_would_be_slow_or_cannot_call_are_refused(url: str) -> None:
    """The library's fake driver looks for calls every 50 ms; the process itself needs none."""
    with pytest.raises(Invalid, match="must begin with rabbit://"):
        broker_of(Settings(url))

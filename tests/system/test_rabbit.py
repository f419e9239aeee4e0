"""The RabbitMQ that other tests stand on does what they ask of it."""

import pytest
from amqp.exceptions import AMQPError
from kombu import Connection, Exchange, Queue

from tests.system.rabbit import Rabbit
from tests.system.waiting import wait_for

pytestmark = pytest.mark.system


def _open(url: str) -> Connection:
    return Connection(
        url.replace("rabbit://", "amqp://"),
        # Without confirms a broker that ends at once may not have taken what was published.
        transport_options={"max_retries": 1, "confirm_publish": True},
    )


def _put(url: str, count: int) -> None:
    with _open(url) as connection:
        queue = Queue("kept", Exchange("tests"), "kept", durable=True)(connection.channel())
        queue.declare()
        for number in range(count):
            connection.Producer().publish(
                {"number": number}, exchange="tests", routing_key="kept", delivery_mode=2
            )


def test_what_is_durable_survives_a_restart(rabbit: Rabbit) -> None:
    """A broker that is ended and started comes back on its port with its durable messages."""
    vhost = rabbit.vhost()
    _put(rabbit.url(vhost), 3)
    rabbit.restart()
    wait_for(lambda: rabbit.queues(vhost) == {"kept": 3}, "its messages are back")


def test_it_knows_its_users(rabbit: Rabbit) -> None:
    """A user comes in with the right password, to the virtual host that he was given, alone."""
    vhost, other = rabbit.vhost(), rabbit.vhost()
    rabbit.user("one", "right", vhost)
    _open(rabbit.url(vhost, "one", "right")).connect().close()
    for url in (rabbit.url(vhost, "one", "wrong"), rabbit.url(other, "one", "right")):
        with pytest.raises(AMQPError, match=r"REFUSED|NOT_ALLOWED"):
            _open(url).connect()

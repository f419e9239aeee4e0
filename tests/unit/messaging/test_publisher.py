"""The process that publishes: what it sends, and what it makes of a broker that refuses it."""

from collections.abc import Mapping
from typing import Any

import pytest

from faultwire.domain.errors import Invalid
from faultwire.messaging import wrong
from faultwire.messaging.publisher import REST_NS, Publisher
from faultwire.messaging.topics import check_topics, refuse_loops
from faultwire.testing.clock import ManualClock

MESSAGE = {"message_id": "m", "priority": "INFO", "payload": {}}
LOGIN = "(0, 0): (403) ACCESS_REFUSED - Login was refused using authentication mechanism AMQPLAIN"


class Broker:
    """Takes what is sent, or fails as it is told."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.taken: list[tuple[str, Mapping[str, Any]]] = []
        self.asked = 0

    def send(self, topic: str, message: Mapping[str, Any]) -> None:
        """Take a message."""
        self.asked += 1
        if self.error is not None:
            raise self.error
        self.taken.append((topic, message))


def test_a_message_goes_out_under_every_topic_with_its_priority() -> None:
    """Topics and priority make the queues that listeners of OpenStack read."""
    broker = Broker()
    publisher = Publisher(broker.send, ("notifications", "other"), ManualClock().mono_ns)
    assert publisher.publish(MESSAGE) == ""
    assert broker.taken == [("notifications.info", MESSAGE), ("other.info", MESSAGE)]


def test_a_broker_that_refuses_us_is_left_alone_for_a_while() -> None:
    """Wrong credentials are told clearly and make no storm of tries."""
    broker, clock = Broker(), ManualClock()
    publisher = Publisher(broker.send, ("notifications",), clock.mono_ns)
    broker.error = OSError(LOGIN)
    assert "refuses the user or the password" in publisher.publish(MESSAGE)
    assert "refuses the user or the password" in publisher.publish(MESSAGE)
    assert broker.asked == 1
    clock.advance(REST_NS)
    broker.error = None
    assert publisher.publish(MESSAGE) == ""


def test_a_broker_that_is_away_is_asked_at_every_message() -> None:
    """The outbox spreads the tries; the process adds no wait of its own."""
    broker = Broker()
    publisher = Publisher(broker.send, ("notifications",), ManualClock().mono_ns)
    broker.error = ConnectionRefusedError(111, "Connection refused")
    assert "is away" in publisher.publish(MESSAGE)
    assert "is away" in publisher.publish(MESSAGE)
    assert broker.asked == 2


@pytest.mark.parametrize(
    ("error", "text", "refused"),
    [
        (TimeoutError(), "does not answer", False),
        (OSError("PRECONDITION_FAILED - inequivalent arg 'durable'"), "durable", True),
        (OSError("NOT_ALLOWED - vhost nonesuch not found"), "nonesuch", True),
        (ValueError(), "ValueError", False),
    ],
)
def test_troubles_are_told_apart(error: Exception, text: str, refused: bool) -> None:
    """Whether a broker is away or does not want us decides what an operator does."""
    assert text in wrong.told(error)[0]
    assert wrong.told(error)[1] is refused


@pytest.mark.parametrize("topic", ["true", "False", "no/slash", "", "x" * 300, "-a"])
def test_topics_that_cannot_be_are_refused(topic: str) -> None:
    """A topic is a name; what was a switch once says so."""
    with pytest.raises(Invalid, match="also_publish"):
        check_topics("[notifier] also_publish", (topic,))


def test_a_topic_is_not_heard_where_we_tell_it() -> None:
    """What is published under a topic that is listened to would come back as news."""
    assert check_topics("o", ("a", "b", "a")) == ("a", "b")
    refuse_loops("[listener] topics", ("a",), ("b",))
    with pytest.raises(Invalid, match=r"a is a topic of \[notifier\] also_publish"):
        refuse_loops("[listener] topics", ("a", "c"), ("b", "a"))

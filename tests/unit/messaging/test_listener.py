"""A listener between a broker and a server, both of which fail as they are told."""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import orjson
import pytest

from faultwire.domain.notices import ServerNotice
from faultwire.messaging import listener
from faultwire.messaging.addresses import Broker, broker_of
from faultwire.messaging.listener import Listener
from faultwire.messaging.reading import Verdict, Word
from faultwire.messaging.settings import ListenerSettings, Settings
from faultwire.telemetry.clock import SystemClock

SETTINGS = ListenerSettings(retries=3, message_bytes=1024)
DEAD = "faultwire.listener.dead"


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses are as they are, but short."""
    monkeypatch.setattr(listener, "FIRST_SECONDS", 0.01)


class Message:
    """A message as the library hands it over."""

    def __init__(self, body: bytes, key: str = "notifications.info") -> None:
        self.body = body
        self.delivery_info = {"routing_key": key, "exchange": "nova"}
        self.acked = False

    def ack(self) -> None:
        """Note that it is acknowledged."""
        self.acked = True


class Connection:
    """A broker that holds these messages; implements what `Opened` does."""

    def __init__(self, *messages: Message) -> None:
        self.waiting = deque(messages)
        self.buried: list[tuple[str, bytes, Mapping[str, str]]] = []
        self.bound: list[tuple[str, str, tuple[str, ...]]] = []
        self.missing: set[str] = set()
        self.declared: dict[str, Mapping[str, object]] = {}
        self.closed = False
        self.empty: Callable[[], None] = lambda: None
        self._taken: Callable[[Message], None] = lambda _: None

    def declare(self, queue: str, broker: Broker, more: Mapping[str, object]) -> None:
        """Note a queue."""
        del broker
        self.declared[queue] = more

    def bind(self, queue: str, exchange: str, keys: Iterable[str]) -> bool:
        """Bind, unless the exchange is not there."""
        if exchange in self.missing:
            return False
        self.bound.append((queue, exchange, tuple(keys)))
        return True

    def consume(self, queues: Iterable[str], taken: Callable[[Message], None], ahead: int) -> None:
        """Hand over to this function from now on."""
        del queues, ahead
        self._taken = taken

    def drain(self, seconds: float) -> bool:
        """Hand over one; with none left, tell so."""
        if not self.waiting:
            if seconds >= 0.1:
                self.empty()
            return False
        self._taken(self.waiting.popleft())
        return True

    def beat(self) -> None:
        """Do nothing."""

    def publish(self, queue: str, body: bytes, headers: Mapping[str, str]) -> None:
        """Keep what is buried."""
        self.buried.append((queue, body, headers))

    def close(self) -> None:
        """Note it."""
        self.closed = True


class Server:
    """A server with a word for each message; the last one is for all that follow."""

    def __init__(self) -> None:
        self.taken: list[list[str]] = []
        self.words: dict[str, list[Word]] = {}
        self.asked = 0

    def submit(self, told: Sequence[Mapping[str, Any]]) -> Verdict:
        """Take all or none."""
        self.asked += 1
        names = [one["message_id"] for one in told]
        for name in names:
            words = self.words.get(name, [])
            if words:
                return Verdict(words.pop(0) if len(words) > 1 else words[0], "as told")
        self.taken.append(names)
        return Verdict(Word.TAKEN)


def message(name: str, **more: Any) -> Message:
    """Return a notification of a server."""
    body = {"message_id": name, "event_type": "vm", "payload": {"id": name}, **more}
    return Message(orjson.dumps(body))


def listen(connection: Connection, server: Server) -> Counter[str]:
    """Listen until everything is handled; return what became of the messages."""
    counts: Counter[str] = Counter()
    broker = broker_of(Settings("rabbit://u:p@nowhere"))
    assert broker is not None

    def translate(event_type: str, payload: Any) -> tuple[ServerNotice, ...] | None:
        return (ServerNotice(payload["id"]),) if event_type == "vm" else None

    def say(some: Mapping[str, int], trouble: str) -> None:
        del trouble
        counts.update(some)

    made = Listener(broker, SETTINGS, server.submit, translate, say, SystemClock())
    opened: Any = connection
    made.open = lambda _: opened
    connection.empty = made.stop
    made.run()
    assert connection.closed
    return counts


def test_what_came_together_is_taken_together_and_in_order() -> None:
    """Messages are submitted in one go, in their order, and acknowledged after that."""
    some = [message(f"m{number}") for number in range(5)]
    connection, server = Connection(*some), Server()
    assert listen(connection, server) == {"taken": 5}
    assert server.taken == [[f"m{number}" for number in range(5)]]
    assert all(one.acked for one in some)


def test_queues_are_our_own_and_exchanges_those_of_others() -> None:
    """Two queues, one listener at a time, bound to what is there; nothing of others is made."""
    connection = Connection()
    connection.missing = {"aodh", "trove"}
    listen(connection, Server())
    assert set(connection.declared) == {
        "faultwire.listener.notifications", "faultwire.listener.events", DEAD,
    }  # fmt: skip
    assert connection.declared["faultwire.listener.events"]["x-single-active-consumer"] is True
    assert {exchange for _, exchange, _ in connection.bound} == {
        "nova", "neutron", "ceilometer", "openstack",
    }  # fmt: skip
    keys = {key for _, _, keys in connection.bound for key in keys}
    assert {"notifications.info", "versioned_notifications.error", "alarm.all.sample"} <= keys


def test_the_one_to_blame_is_found_and_buried() -> None:
    """A message that the server refuses is a dead letter; the others of its batch are taken."""
    some = [message(f"m{number}") for number in range(8)]
    connection, server = Connection(*some), Server()
    server.words["m5"] = [Word.REFUSED]
    assert listen(connection, server) == {"taken": 7, "dead": 1}
    assert sorted(name for names in server.taken for name in names) == [
        f"m{number}" for number in range(8) if number != 5
    ]
    ((queue, body, headers),) = connection.buried
    assert (queue, body) == (DEAD, some[5].body)
    assert headers["x-faultwire-reason"] == "refused: as told"
    assert headers["x-faultwire-exchange"] == "nova"
    assert all(one.acked for one in some)


def test_what_fails_is_tried_so_often_and_then_buried() -> None:
    """Tries of a message that fails are bounded, with pauses, and nothing spins."""
    connection, server = Connection(message("m")), Server()
    server.words["m"] = [Word.FAILED]
    assert listen(connection, server) == {"dead": 1, "retried": SETTINGS.retries - 1}
    assert server.asked == SETTINGS.retries


def test_a_server_that_is_away_costs_no_message() -> None:
    """Away says nothing of the messages: they wait, longer than any number of tries."""
    connection, server = Connection(message("m")), Server()
    server.words["m"] = [Word.AWAY] * 4 + [Word.TAKEN]
    found = listen(connection, server)
    assert (found["dead"], found["retried"]) == (0, 4)


def test_what_needs_no_server_does_not_ask_it() -> None:
    """Ours, uninteresting, malformed and oversized messages end at the listener."""
    some = [
        message("a", publisher_id="faultwire.compute"),
        message("b", event_type="identity.x"),
        Message(b"{"),
        Message(b"x" * 2000),
    ]
    connection, server = Connection(*some), Server()
    assert listen(connection, server) == {"ours": 1, "passed_over": 1, "dead": 2}
    assert not server.asked
    assert all(one.acked for one in some)


def test_a_dead_letter_of_events_comes_again_as_events() -> None:
    """What is listened to once more is read as what it was, though its exchange is another."""
    event = Message(orjson.dumps({"message_id": "e", "event_type": "x", "payload": [1]}),
                    "faultwire.listener.events")  # fmt: skip
    connection, server = Connection(event), Server()
    assert listen(connection, server) == {"taken": 1}

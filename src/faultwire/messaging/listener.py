"""Listens for notifications: reads, submits, acknowledges; tries again, and buries what is dead.

One thread. Messages are taken in the order in which they come, many at once where many wait. Each
is acknowledged when the server has it, or the queue of dead letters. Nothing is given back to the
queue, so that nothing spins; what is not acknowledged when we end comes again, and the server
knows it by its `message_id`.
"""

import logging
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from faultwire.messaging import deadletters, wrong
from faultwire.messaging.addresses import Broker
from faultwire.messaging.amqp import Message, Opened
from faultwire.messaging.reading import Fate, Read, Submit, Translate, Verdict, Word, read
from faultwire.messaging.settings import ListenerSettings
from faultwire.ports import Clock

log = logging.getLogger(__name__)

BATCH = 100
"""Messages submitted at once."""
AHEAD = 2 * BATCH
BATCH_BYTES = 2_000_000
IDLE_SECONDS = 0.5
MORE_SECONDS = 0.0005
"""How long more of a batch is waited for: what came together is read together."""
BIND_NS = 5_000_000_000
"""How often exchanges are looked for: those of services may go and come with the broker."""
FIRST_SECONDS, MOST_SECONDS = 0.25, 5.0
REFUSED_SECONDS = 30.0
"""How long a broker that does not want us is left alone."""
PRIORITIES = ("info", "error")
EVENT_PRIORITY = "sample"

Say = Callable[[Mapping[str, int], str], None]
"""Told what became of messages since the last time, and what is wrong; empty while all is well."""


class Listener:
    """Runs until it is stopped, whatever the broker and the server do."""

    open: Callable[[Broker], Opened] = Opened
    """How a connection is made."""

    def __init__(
        self,
        broker: Broker,
        settings: ListenerSettings,
        submit: Submit,
        translate: Translate,
        say: Say,
        clock: Clock,
    ) -> None:
        """Touch nothing yet."""
        self._broker = broker
        self._settings = settings
        self._submit = submit
        self._translate = translate
        self._say = say
        self._clock = clock
        self._stopping = threading.Event()
        self._counts: Counter[str] = Counter()
        self._trouble: str | None = None
        self._came: list[Message] = []
        self._bound: set[str] = set()

    @property
    def queues(self) -> dict[str, tuple[str, ...]]:
        """Our queues, and the routing keys that lead to them."""
        settings = self._settings
        return {
            f"{settings.queue}.notifications": tuple(
                f"{topic}.{priority}" for topic in settings.topics for priority in PRIORITIES
            ),
            f"{settings.queue}.events": tuple(
                f"{topic}.{EVENT_PRIORITY}" for topic in settings.event_alarm_topic
            ),
        }

    def stop(self) -> None:
        """Have `run` return soon; from any thread."""
        self._stopping.set()

    def run(self) -> None:
        """Listen until stopped; a broker that is away is asked again, with pauses."""
        pause = FIRST_SECONDS
        while not self._stopping.is_set():
            began = self._clock.mono_ns()
            try:
                self._listen()
            except Opened.errors as error:
                text, refused = wrong.told(error)
                log.debug("the connection ended", exc_info=True)
                self._note(text)
                if self._clock.mono_ns() - began > BIND_NS:
                    pause = FIRST_SECONDS
                self._stopping.wait(REFUSED_SECONDS if refused else pause)
                pause = min(pause * 2, MOST_SECONDS)

    def _listen(self) -> None:
        self._came.clear()
        self._bound.clear()
        opened = self.open(self._broker)
        try:
            for queue in self.queues:
                # One of several listeners gets everything, in order; the next one stands by.
                opened.declare(queue, self._broker, {"x-single-active-consumer": True})
            deadletters.declare(opened, self._settings, self._broker)
            self._bind(opened)
            opened.consume(self.queues, self._came.append, AHEAD)
            self._note("")
            self._take(opened)
        finally:
            opened.close()

    def _take(self, opened: Opened) -> None:
        looked = self._clock.mono_ns()
        while not self._stopping.is_set():
            opened.drain(IDLE_SECONDS)
            opened.beat()
            if self._came:
                while len(self._came) < BATCH and opened.drain(MORE_SECONDS):
                    pass
                batch, self._came[:] = self._came[:BATCH], self._came[BATCH:]
                self._handle(opened, batch)
            now = self._clock.mono_ns()
            if now - looked >= BIND_NS:
                looked = now
                self._bind(opened)
                # A server that is gone is noticed, and another listener takes our place.
                self._report()

    def _bind(self, opened: Opened) -> None:
        """Bind our queues to the exchanges that are there; binding twice changes nothing."""
        for exchange in self._settings.exchanges:
            found = all(
                opened.bind(queue, exchange, keys) for queue, keys in self.queues.items() if keys
            )
            if found and exchange not in self._bound:
                log.info("listening to exchange %s", exchange)
                self._bound.add(exchange)

    def _handle(self, opened: Opened, batch: Sequence[Message]) -> None:
        submitted: list[tuple[Message, Read]] = []
        size = 0
        for message in batch:
            found = self._read(message)
            if found.told is None:
                self._end(opened, message, found.fate, found.reason)
                continue
            size += len(message.body)
            if submitted and size > BATCH_BYTES:
                self._give(opened, submitted)
                submitted, size = [], len(message.body)
            submitted.append((message, found))
        self._give(opened, submitted)
        self._report()

    def _read(self, message: Message) -> Read:
        body = message.body
        raw = body.encode() if isinstance(body, str) else bytes(body)
        key = str(message.delivery_info.get("routing_key", ""))
        return read(
            raw,
            event=key.endswith(f".{EVENT_PRIORITY}") or key == f"{self._settings.queue}.events",
            limit=self._settings.message_bytes,
            translate=self._translate,
        )

    def _give(self, opened: Opened, some: Sequence[tuple[Message, Read]]) -> None:
        """Submit messages until each has its fate; halves a batch to find the one to blame."""
        if not some or self._stopping.is_set():
            return
        verdict = self._tried(opened, [found.told for _, found in some if found.told is not None])
        if verdict.word is Word.TAKEN:
            for message, _ in some:
                self._end(opened, message, Fate.TAKEN)
        elif verdict.word is Word.AWAY:
            return
        elif len(some) > 1:
            middle = len(some) // 2
            self._give(opened, some[:middle])
            self._give(opened, some[middle:])
        else:
            self._end(opened, some[0][0], Fate.DEAD, f"{verdict.word}: {verdict.reason}")

    def _tried(self, opened: Opened, told: Sequence[Mapping[str, Any]]) -> Verdict:
        """Return the server's word; AWAY only where we are asked to stop meanwhile."""
        pause, tries = FIRST_SECONDS, 0
        while True:
            verdict = self._submit(told)
            if verdict.word in {Word.TAKEN, Word.REFUSED}:
                self._note("")
                return verdict
            tries += verdict.word is Word.FAILED
            if tries >= self._settings.retries or (len(told) > 1 and verdict.word is Word.FAILED):
                return verdict
            self._counts["retried"] += 1
            self._note(f"the server takes nothing: {verdict.reason}")
            if self._stopping.wait(pause):
                return Verdict(Word.AWAY, "stopping")
            opened.beat()
            pause = min(pause * 2, MOST_SECONDS)

    def _end(self, opened: Opened, message: Message, fate: Fate, reason: str = "") -> None:
        if fate is Fate.DEAD:
            at = datetime.fromtimestamp(self._clock.wall_ns() / 1e9, UTC).isoformat()
            deadletters.bury(opened, self._settings, message, reason, at)
            log.warning("a notification is a dead letter: %s", reason[:200])
        message.ack()
        self._counts[fate.value] += 1

    def _note(self, trouble: str) -> None:
        if trouble != self._trouble:
            self._trouble = trouble
            self._report()

    def _report(self) -> None:
        counts, self._counts = self._counts, Counter()
        self._say(counts, self._trouble or "")

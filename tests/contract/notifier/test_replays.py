"""What was over is owed again: held once, sent once more, and never because of an old row."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace

import pytest

from faultwire.domain.alarms import Attempt, Delivery, DeliveryState
from faultwire.domain.ids import DeliveryId, ProjectId
from faultwire.notifier.delivery.quota import Quota
from faultwire.telemetry.clock import SystemClock
from faultwire.testing import sink as scripts
from faultwire.testing.outbox import MemoryOutbox
from faultwire.testing.sink import Sink
from tests.contract.notifier.bench import Bench

P = ProjectId("p")
ONE = Delivery(DeliveryId("d"), P, "a", "alarm", b"", 100)
AGAIN = replace(ONE, created_ns=200)


def _finished() -> Quota:
    quota = Quota(4)
    assert quota.take(ONE)
    quota.release(ONE)
    return quota


def test_what_was_finished_is_held_again_once_the_store_says_so() -> None:
    """A younger row of a finished delivery is looked for in the store, and held; an old is not."""
    quota = _finished()
    assert not quota.take(AGAIN)
    assert quota.wanted() == P
    quota.begin(P)
    assert not quota.load(ONE)
    assert quota.load(AGAIN)
    quota.end(P, complete=True)
    assert (len(quota), quota.parked()) == (1, ())


def test_a_replay_that_came_too_late_brings_nothing() -> None:
    """Somebody was faster, and it is delivered since: the store has no such row."""
    quota = _finished()
    assert not quota.take(AGAIN)
    quota.begin(P)
    quota.end(P, complete=True)
    assert (len(quota), quota.parked(), quota.wanted()) == (0, (), None)


def test_what_is_owed_anew_while_it_is_held_is_looked_for_later() -> None:
    """It was settled, and is replayed before this sender knows that it was settled."""
    quota = Quota(4)
    assert quota.take(ONE)
    assert not quota.take(AGAIN)
    quota.begin(P)
    assert not quota.load(AGAIN)
    quota.end(P, complete=True)
    assert quota.parked() == (P,)
    quota.release(ONE)
    assert quota.wanted() == P
    quota.begin(P)
    assert quota.load(AGAIN)
    quota.end(P, complete=True)
    assert quota.parked() == ()


def test_no_pass_follows_the_other_while_an_older_copy_is_held() -> None:
    """One pass finds it out; the next one comes when the copy is let go, and takes what waited."""
    quota = Quota(8)
    later = replace(ONE, id=DeliveryId("e"), created_ns=300)
    assert quota.take(ONE)
    for row in (AGAIN, later):
        assert not quota.take(row)
    quota.begin(P)
    assert not any(map(quota.load, (AGAIN, later)))
    quota.end(P, complete=True)
    assert quota.wanted() is None
    assert not quota.take(replace(later, id=DeliveryId("f"), created_ns=400))
    assert quota.wanted() is None
    quota.release(ONE)
    assert quota.wanted() == P
    quota.begin(P)
    assert all(map(quota.load, (AGAIN, later)))
    quota.end(P, complete=True)
    assert quota.parked() == ()


async def test_a_finished_delivery_goes_out_again(bench: Bench, sink: Sink) -> None:
    """Twice replayed, it is sent twice more, under its id, each first try counted from one."""
    sender = await bench.start()
    delivery = bench.delivery(sink.on("/", scripts.answer(404)))
    sender.wake([delivery])
    await bench.outbox.finished(delivery.id)
    for number in (2, 3):
        delivery = replace(delivery, created_ns=delivery.created_ns + 1)
        bench.outbox.owe(delivery)
        sender.wake([delivery, delivery])
        await bench.outbox.wait_for(lambda n=number: len(bench.outbox.attempts) == n)
    told = [(one.headers["webhook-id"], one.headers["faultwire-attempt"]) for one in sink.requests]
    assert told == [(delivery.id, "1")] * 3


async def test_what_the_store_does_not_owe_is_not_sent_again(bench: Bench, sink: Sink) -> None:
    """The slower of two replays finds it delivered already: nothing goes out."""
    sender = await bench.start()
    delivery = bench.delivery(sink.url("/"))
    sender.wake([delivery])
    await bench.outbox.finished(delivery.id)
    sender.wake([replace(delivery, created_ns=delivery.created_ns + 1)])
    after = bench.delivery(sink.url("/"))
    sender.wake([after])
    await bench.outbox.finished(after.id)
    assert [one.headers["webhook-id"] for one in sink.requests] == [delivery.id, after.id]


BODY = b'{"alarm_id":"a-1","current":"alarm","reason":"hit\\n2 lines","x":1}'


@pytest.mark.parametrize(
    ("kind", "state", "outcome"),
    [
        ("log", DeliveryState.DELIVERED, "written to the log"),
        ("test", DeliveryState.DELIVERED, "counted"),
        ("carrier pigeon", DeliveryState.REFUSED, "carrier pigeon"),
    ],
)
async def test_what_is_no_webhook_needs_no_network(
    bench: Bench,
    sink: Sink,
    caplog: pytest.LogCaptureFixture,
    kind: str,
    state: DeliveryState,
    outcome: str,
) -> None:
    """Log and test actions are settled at once; a kind that nobody knows is refused, visibly."""
    caplog.set_level(logging.INFO, "faultwire.notifier")
    sender = await bench.start()
    made = replace(bench.delivery("log://me:secret@x/"), kind=kind, body=BODY)
    bench.outbox.owe(made)
    sender.wake([made])
    await bench.outbox.finished(made.id)
    assert bench.outbox.states() == {made.id: state}
    assert outcome in bench.outbox.attempts[-1].outcome
    assert not sink.requests
    assert "secret" not in caplog.text
    assert ("alarm a-1 is alarm: hit?2 lines" in caplog.text) == (kind == "log")


async def test_a_log_action_without_a_body_is_a_line_too(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever stands in the body, the alarm is named."""
    caplog.set_level(logging.INFO, "faultwire.notifier")
    sender = await bench.start()
    for body in (b"", b"[]", b"{"):
        made = replace(bench.delivery("log://", alarm="a-2"), kind="log", body=body)
        bench.outbox.owe(made)
        sender.wake([made])
        await bench.outbox.finished(made.id)
    assert caplog.text.count("alarm a-2 is") == 3


async def test_log_actions_keep_the_order_of_their_alarm(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    """Many at once are written in the order in which they became owed."""
    caplog.set_level(logging.INFO, "faultwire.notifier")
    sender = await bench.start()
    made = [
        replace(
            bench.delivery("log://", alarm="a"), kind="log", body=b'{"reason":"no %d."}' % number
        )
        for number in range(100)
    ]
    bench.outbox.owe(*made)
    sender.wake(made)
    await bench.outbox.finished(*(one.id for one in made))
    said = [line for line in caplog.messages if line.startswith("alarm a is")]
    assert [line.rpartition(" ")[2] for line in said] == [f"{n}." for n in range(100)]


class _SlowOutbox(MemoryOutbox):
    """Says when it is asked to settle, and does so when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.let = asyncio.Event(), asyncio.Event()

    async def settle(self, attempts: Sequence[Attempt]) -> None:
        self.asked.set()
        await self.let.wait()
        await super().settle(attempts)


async def test_a_share_is_busy_until_the_result_is_stored(sink: Sink) -> None:
    """Whoever took the share up before would send what is under way a second time."""
    outbox, gate, everything = _SlowOutbox(), asyncio.Event(), frozenset(range(64))
    bench = Bench(outbox)
    sender = await bench.start(load=False)
    await sender.adopt(everything)
    made = bench.delivery(sink.on("/", scripts.held(gate)))
    sender.wake([made])
    await sink.wait_for(lambda: len(sink.requests) == 1)
    (busy,) = sender.busy(everything)
    sender.release(everything)
    assert sender.busy(everything) == {busy}
    assert not sender.busy(everything - {busy})
    gate.set()
    await outbox.asked.wait()
    assert sender.busy(everything) == {busy}
    outbox.let.set()
    await outbox.finished(made.id)
    await sender.stop(1)
    assert not sender.busy(everything)


class _Jumping(SystemClock):
    """The system's clock, ahead by as much as is said."""

    ahead_ns = 0

    def mono_ns(self) -> int:
        """Return the time from which nothing jumps back."""
        return super().mono_ns() + self.ahead_ns


async def test_a_sender_that_writes_to_the_log_is_not_stuck(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Something comes of deliveries that are no webhooks too: a row of them is no standstill."""
    caplog.set_level(logging.INFO, "faultwire.notifier")
    clock = _Jumping()
    bench = Bench(clock=clock)
    sender = await bench.start()
    assert sender.stuck() is None
    rows = [replace(bench.delivery("log://"), kind="log") for _ in range(500)]
    sender.wake(rows)
    clock.ahead_ns = 60_000_000_000
    assert sender.stuck() == "webhooks wait, and for 60 s nothing came of any"
    for _ in range(500):
        await asyncio.sleep(0)
        if caplog.messages:
            break
    assert 0 < len(caplog.messages) < len(rows)
    assert sender.stuck() is None
    await bench.outbox.finished(*(one.id for one in rows))
    await sender.stop(1)

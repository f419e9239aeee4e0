"""The sender against consumers of every kind, over real sockets."""

import asyncio
import contextlib
import logging
import socket

import orjson
import pytest

from faultwire.domain import signature
from faultwire.domain.alarms import DeliveryState
from faultwire.domain.instants import rfc3339
from faultwire.telemetry.clock import SystemClock
from faultwire.testing import sink as sinks
from faultwire.testing.sink import Received, Sink
from faultwire_profiler.marks import UPPER_BOUND
from tests.contract.notifier.bench import Bench

PENDING, DELIVERED = DeliveryState.PENDING, DeliveryState.DELIVERED
REFUSED, DEAD = DeliveryState.REFUSED, DeliveryState.DEAD


async def test_a_webhook_is_signed_and_told_once(bench: Bench, sink: Sink) -> None:
    """The consumer gets the body and the headers of the interface, and can verify them."""
    sender = await bench.start()
    delivery = bench.delivery(sink.url("/hook?token=x"))
    sender.wake([delivery])
    await bench.outbox.finished(delivery.id)
    (got,) = sink.requests
    assert got.body == delivery.body
    now_s = SystemClock.wall_ns() / 1e9
    assert signature.verify(bench.secrets, got.headers, got.body, now_s) == delivery.id
    assert got.headers["content-type"] == "application/json"
    assert got.headers["faultwire-attempt"] == "1"
    assert got.headers["x-openstack-request-id"] == f"req-{delivery.id}"
    assert "cookie" not in got.headers
    (attempt,) = bench.outbox.attempts
    assert (attempt.state, attempt.attempt, attempt.status) == (DELIVERED, 1, 200)
    assert len(sender) == 0
    assert bench.meter.counted["faultwire_deliveries_total", (("outcome", "delivered"),)] == 1


async def test_the_consumers_times_become_t09_and_t10(bench: Bench, sink: Sink) -> None:
    """What a consumer answers is believed; T08 is when the request started (S68)."""

    async def script(request: Received, writer: asyncio.StreamWriter) -> None:
        del request
        times = {
            "received_at": rfc3339(SystemClock.wall_ns()),
            "handled_at": rfc3339(SystemClock.wall_ns()),
        }
        writer.write(sinks.reply(200, orjson.dumps(times)))

    sender = await bench.start()
    deliveries = [bench.delivery(sink.on(f"/{n}", script)) for n in range(5)]
    sender.wake(deliveries)
    await bench.outbox.finished(*(one.id for one in deliveries))
    points = bench.probe.points()
    assert points == {"T08": (5, "faultwire"), "T09": (5, "consumer"), "T10": (5, "consumer")}
    sent = min(first.wall_ns for _, p, first, *_ in bench.probe.marks if p == "T08")
    got = min(first.wall_ns for _, p, first, *_ in bench.probe.marks if p == "T09")
    assert got >= sent - 1000


async def test_without_times_the_end_of_the_answer_is_an_upper_bound(
    bench: Bench, sink: Sink
) -> None:
    """A consumer that says nothing leaves T09 as a bound and T10 unknown."""
    sender = await bench.start()
    delivery = bench.delivery(sink.url("/"))
    sender.wake([delivery])
    await bench.outbox.finished(delivery.id)
    assert bench.probe.points() == {"T08": (1, "faultwire"), "T09": (1, UPPER_BOUND)}


async def test_an_error_is_tried_again_with_the_same_id(bench: Bench, sink: Sink) -> None:
    """500 and 429, then 200: three tries of one id, numbered, T08 marked once."""
    sender = await bench.start()
    replies = sinks.answers(
        sinks.reply(500), sinks.reply(429, b"", "retry-after: 0"), sinks.reply(200)
    )
    delivery = bench.delivery(sink.on("/", replies))
    sender.wake([delivery])
    await bench.outbox.finished(delivery.id)
    assert {one.headers["webhook-id"] for one in sink.requests} == {delivery.id}
    assert [one.headers["faultwire-attempt"] for one in sink.requests] == ["1", "2", "3"]
    assert len({one.headers["traceparent"] for one in sink.requests}) == 1
    states = [(one.state, one.attempt, one.status) for one in bench.outbox.attempts]
    assert states[-1] == (DELIVERED, 3, 200)
    assert bench.probe.points()["T08"] == (1, "faultwire")


async def test_who_was_down_gets_its_alarms_when_it_returns(bench: Bench) -> None:
    """A refused connection is tried again; all that waited goes out when one got through."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    sender = await bench.start()
    deliveries = [bench.delivery(f"http://127.0.0.1:{port}/hook") for _ in range(50)]
    sender.wake(deliveries)
    await bench.outbox.wait_for(lambda: len(bench.outbox.attempts) >= 3)
    assert {attempt.state for attempt in bench.outbox.attempts} == {PENDING}
    assert len({attempt.delivery_id for attempt in bench.outbox.attempts}) < 10
    assert "no connection" in bench.outbox.attempts[0].outcome
    async with Sink(port) as back:
        await bench.outbox.finished(*(one.id for one in deliveries))
        assert len(back.requests) == 50


async def test_a_hung_destination_holds_one_slot_and_delays_nobody(
    bench: Bench, sink: Sink
) -> None:
    """Twenty deliveries to a hung URL hold one connection; others of the project go on."""
    sender = await bench.start()
    hung = [bench.delivery(sink.on("/hung", sinks.hang())) for _ in range(20)]
    good = [bench.delivery(sink.url("/good")) for _ in range(100)]
    sender.wake([*hung, *good])
    await bench.outbox.finished(*(one.id for one in good))
    assert sink.most_busy["/hung"] == 1
    assert not bench.outbox.states().keys() & {one.id for one in hung}


async def test_three_hundred_hung_hooks_do_not_delay_a_good_one(bench: Bench, sink: Sink) -> None:
    """First tries of hung URLs at the same origin leave room for a good one, and for a new one."""
    sender = await bench.start()
    proven = bench.delivery(sink.url("/proven"))
    sender.wake([proven])
    await bench.outbox.finished(proven.id)
    hung = [bench.delivery(sink.on(f"/hung{n}", sinks.hang())) for n in range(300)]
    late = [bench.delivery(sink.url("/proven")), bench.delivery(sink.url("/new"))]
    sender.wake([*hung, *late])
    await bench.outbox.finished(*(one.id for one in late))


async def test_a_hung_try_ends_at_its_deadline(bench: Bench, sink: Sink) -> None:
    """The deadline ends the request, and the next try may succeed."""
    answers = iter([sinks.hang(), sinks.answer()])

    async def script(request: Received, writer: asyncio.StreamWriter) -> None:
        await next(answers)(request, writer)

    sender = await bench.start(deadline_ms=100, slow_ms=50)
    delivery = bench.delivery(sink.on("/", script))
    sender.wake([delivery])
    await bench.outbox.finished(delivery.id)
    assert len(sink.requests) == 2
    assert bench.outbox.attempts[-1].attempt == 2


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{half",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{half",
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\nxxxx",
        b"HTTP/1.0 204 No Content\r\n\r\n",
    ],
)
async def test_a_2xx_is_a_receipt_whatever_follows(bench: Bench, sink: Sink, raw: bytes) -> None:
    """An answer that breaks off after its status was a receipt: nothing is sent twice."""
    sender = await bench.start()
    delivery = bench.delivery(sink.on("/", sinks.broken(raw)))
    sender.wake([delivery])
    await bench.outbox.finished(delivery.id)
    assert len(sink.requests) == 1
    assert bench.outbox.states()[delivery.id] is DELIVERED


@pytest.mark.parametrize(
    "raw", [b"", b"HTTP/1.1 2", b"SSH-2.0-x\r\n\r\n", b"HTTP/1.1 999999 x\r\n\r\n"]
)
async def test_no_answer_is_no_receipt(bench: Bench, sink: Sink, raw: bytes) -> None:
    """A connection that ends, or speaks otherwise, is tried again."""
    sender = await bench.start()
    delivery = bench.delivery(sink.on("/", sinks.broken(raw)))
    sender.wake([delivery])
    await bench.outbox.wait_for(lambda: bool(bench.outbox.attempts))
    assert bench.outbox.attempts[0].state is PENDING
    assert "127.0.0.1" not in bench.outbox.attempts[0].outcome


async def test_a_connection_that_closed_meanwhile_is_no_failure(bench: Bench, sink: Sink) -> None:
    """A pooled connection that the consumer closed silently costs no retry."""

    async def script(request: Received, writer: asyncio.StreamWriter) -> None:
        del request
        writer.write(sinks.reply(200))
        await writer.drain()
        writer.transport.abort()

    sender = await bench.start(retry_first_ms=60_000)
    for _ in range(20):
        delivery = bench.delivery(sink.on("/", script))
        sender.wake([delivery])
        await bench.outbox.finished(delivery.id)
    assert {attempt.attempt for attempt in bench.outbox.attempts} == {1}


@pytest.mark.parametrize(
    "target", ["http://169.254.169.254/latest/meta-data/", "/elsewhere", "http://[::1]:22/"]
)
async def test_a_redirect_is_refused_and_shown(bench: Bench, sink: Sink, target: str) -> None:
    """No redirect is followed, and the delivery says so."""
    sender = await bench.start()
    script = sinks.answer(302, b"", f"location: {target}")
    delivery = bench.delivery(sink.on("/", script))
    sender.wake([delivery])
    await bench.outbox.finished(delivery.id)
    assert [one.path for one in sink.requests] == ["/"]
    (attempt,) = bench.outbox.attempts
    assert (attempt.state, attempt.status) == (REFUSED, 302)
    assert "redirect refused" in attempt.outcome


async def test_a_name_of_a_private_address_is_refused_and_not_resolved_for_owners(
    bench: Bench,
) -> None:
    """No connection is made; what an owner reads does not tell which address it was."""
    asked = []

    def lookup(host: str, family: int) -> list[tuple[int, str]]:
        del family
        asked.append(host)
        return [(int(socket.AF_INET), "10.11.12.13")]

    sender = await bench.start(lookup)
    deliveries = [bench.delivery(f"http://evil.example/{n}") for n in range(3)]
    sender.wake(deliveries)
    await bench.outbox.finished(*(one.id for one in deliveries))
    for attempt in bench.outbox.attempts:
        assert attempt.state is REFUSED
        assert "an address that may not be reached" in attempt.outcome
        assert "10.11.12.13" not in attempt.outcome
    assert asked == ["evil.example"]


async def test_a_name_that_is_not_found_is_tried_again(bench: Bench) -> None:
    """DNS may come back; the outcome says what was wrong."""

    def lookup(host: str, family: int) -> list[tuple[int, str]]:
        raise socket.gaierror(socket.EAI_NONAME, f"unknown {family}")

    sender = await bench.start(lookup)
    sender.wake([bench.delivery("http://gone.example/")])
    await bench.outbox.wait_for(lambda: bool(bench.outbox.attempts))
    assert bench.outbox.attempts[0].state is PENDING
    assert bench.outbox.attempts[0].outcome == "the name was not resolved: unknown 0"


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/",
        "http://10.0.0.1/",
        "http://2130706433/",
        "ftp://a/",
        "http://[::ffff:a00:1]/",
    ],
)
async def test_a_url_that_the_rules_forbid_now_is_refused(bench: Bench, url: str) -> None:
    """A URL that was stored under other rules is judged again before it is used."""
    sender = await bench.start()
    delivery = bench.delivery(url)
    sender.wake([delivery])
    await bench.outbox.finished(delivery.id)
    assert bench.outbox.states()[delivery.id] is REFUSED


@pytest.mark.parametrize("length", ["", "content-length: 100000000\r\n"])
async def test_a_huge_answer_is_not_read(bench: Bench, sink: Sink, length: str) -> None:
    """At most a few kilobytes of an answer are read; the alarm is delivered."""
    written = asyncio.Event()

    async def script(request: Received, writer: asyncio.StreamWriter) -> None:
        del request
        writer.write(f"HTTP/1.1 200 OK\r\n{length}\r\n".encode())
        with contextlib.suppress(ConnectionError):
            for _ in range(100_000):
                writer.write(bytes(65_536))
                await writer.drain()
        written.set()

    sender = await bench.start()
    delivery = bench.delivery(sink.on("/", script))
    sender.wake([delivery])
    await bench.outbox.finished(delivery.id)
    assert bench.outbox.states()[delivery.id] is DELIVERED
    await asyncio.wait_for(written.wait(), 60)


async def test_an_answer_that_drips_is_left_at_the_deadline(bench: Bench, sink: Sink) -> None:
    """After a 2xx the rest is not waited for longer; before a status it is a timeout."""
    sender = await bench.start(deadline_ms=100, slow_ms=50)
    body = sinks.dripping(b"HTTP/1.1 200 OK\r\ncontent-length: 4000\r\n\r\n")
    head = sinks.dripping(b"HTTP/1.1 200 OK\r\nx-header: ")
    taken, left = bench.delivery(sink.on("/body", body)), bench.delivery(sink.on("/head", head))
    sender.wake([taken, left])
    await bench.outbox.finished(taken.id)
    await bench.outbox.wait_for(lambda: left.id in bench.outbox.states())
    assert len(sink.got("/body")) == 1
    assert next(a for a in bench.outbox.attempts if a.delivery_id == left.id).outcome == "timeout"


@pytest.mark.parametrize("status", [400, 401, 404, 410])
async def test_a_client_error_is_final(bench: Bench, sink: Sink, status: int) -> None:
    """What the consumer does not want is not sent again."""
    sender = await bench.start()
    delivery = bench.delivery(sink.on("/", sinks.answer(status)))
    sender.wake([delivery])
    await bench.outbox.finished(delivery.id)
    assert len(sink.requests) == 1
    assert bench.outbox.states()[delivery.id] is DEAD


async def test_what_is_too_old_is_given_up_and_shown(bench: Bench, sink: Sink) -> None:
    """A delivery of yesterday is dead without a request, and those behind it go on."""
    sender = await bench.start()
    old = bench.delivery(sink.url("/"), "alarm", age_s=86_401)
    new = bench.delivery(sink.url("/"), "alarm")
    sender.wake([old, new])
    await bench.outbox.finished(old.id, new.id)
    assert bench.outbox.states() == {old.id: DEAD, new.id: DELIVERED}
    assert [one.headers["webhook-id"] for one in sink.requests] == [new.id]


async def test_nothing_goes_out_unsigned(bench: Bench, sink: Sink) -> None:
    """Without a secret a delivery waits and says why; with one it goes out."""
    secrets, bench.secrets = bench.secrets, ()
    sender = await bench.start()
    delivery = bench.delivery(sink.url("/"))
    sender.wake([delivery])
    await bench.outbox.wait_for(lambda: bool(bench.outbox.attempts))
    assert "secret" in bench.outbox.attempts[0].outcome
    assert not sink.requests
    bench.secrets = secrets
    await bench.outbox.finished(delivery.id)
    assert len(sink.requests) == 1


async def test_urls_are_not_logged(
    bench: Bench, sink: Sink, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever goes wrong, the log holds no path, query or credential of a URL."""
    caplog.set_level(logging.DEBUG, logger="faultwire")
    sender = await bench.start()
    urls = [
        sink.on("/secret-path?token=hunter2", sinks.answer(404)),
        "http://user:hunter2@127.0.0.1/secret-path",
        "http://10.0.0.1/secret-path?hunter2",
    ]
    deliveries = [bench.delivery(url) for url in urls]
    sender.wake(deliveries)
    await bench.outbox.finished(*(one.id for one in deliveries))
    text = caplog.text + " ".join(attempt.outcome for attempt in bench.outbox.attempts)
    assert "hunter2" not in text
    assert "secret-path" not in text
    assert text.count("delivery ") >= 3

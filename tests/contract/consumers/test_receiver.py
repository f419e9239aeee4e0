"""The reference consumer over a real socket."""

import asyncio
import io
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

import aiohttp
import orjson
import pytest
from aiohttp import web

from faultwire.consumers.marks import Marks, fault_of
from faultwire.consumers.reaction import Reaction
from faultwire.consumers.receiver import BODY_BYTES, Receiver
from faultwire.consumers.records import Record
from faultwire.consumers.secrets import Secrets
from faultwire.domain import signature
from faultwire.domain.errors import Invalid
from faultwire.telemetry.clock import SystemClock
from faultwire.testing.sink import Sink, answers, reply

SECRET = signature.new_secret(bytes(range(32)))
FAULT = "11111111-2222-8333-8444-555555555555"
ALARM = {
    "alarm_name": "db-1 \x1b[2J",
    "alarm_id": "a1",
    "severity": "critical",
    "previous": "ok",
    "current": "alarm",
    "reason_data": {"event": {"traits": [["fault_id", 1, FAULT], ["state", 1, "error"]]}},
}
BODY = orjson.dumps(ALARM)


class Consumer:
    """A receiver that listens, and what it said."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self.session = session
        self.said: list[tuple[Record, bool]] = []
        self.news = asyncio.Condition()

    async def post(
        self, body: bytes = BODY, name: str = "d1", **headers: str
    ) -> tuple[int, dict[str, object]]:
        """Send an alarm; signed unless headers say otherwise."""
        now_s = SystemClock.wall_ns() // 1_000_000_000
        signed = {
            "webhook-id": name,
            "webhook-timestamp": str(now_s),
            "webhook-signature": signature.sign([SECRET], name, now_s, body),
        }
        async with self.session.post(
            f"{self.url}/hook", data=body, headers={**signed, **headers}
        ) as answer:
            return answer.status, orjson.loads(await answer.read())

    async def received(self, since: str = "") -> list[dict[str, object]]:
        """Ask what came."""
        async with self.session.get(f"{self.url}/received{since}") as answer:
            assert answer.status == 200
            records: list[dict[str, object]] = (await answer.json())["received"]
            return records


@asynccontextmanager
async def consumer(
    secrets: Sequence[str] = (SECRET,),
    reaction: Reaction | None = None,
    marks: Marks | None = None,
) -> AsyncIterator[Consumer]:
    """Run a consumer on a free port."""
    said: list[tuple[Record, bool]] = []
    receiver = Receiver(
        SystemClock(), Secrets(secrets), lambda *one: said.append(one), reaction, marks
    )
    runner = web.AppRunner(receiver.app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with aiohttp.ClientSession() as session:
        made = Consumer(f"http://127.0.0.1:{runner.addresses[0][1]}", session)
        made.said = said
        yield made
    await runner.cleanup()
    await receiver.close()


async def test_a_signed_alarm_is_taken_and_shown() -> None:
    """The answer says when; the record holds the alarm, its delivery and the attempt."""
    async with consumer() as one:
        status, times = await one.post(**{"faultwire-attempt": "3"})
        assert status == 200
        assert datetime.fromisoformat(str(times["received_at"])) <= datetime.fromisoformat(
            str(times["handled_at"])
        )
        (record,) = await one.received()
        assert record["delivery_id"] == "d1"
        assert record["alarm"] == ALARM
        assert (record["attempt"], record["repeats"], record["path"]) == (3, 0, "/hook")
        assert record["received_at"] == times["received_at"]


async def test_a_repeat_is_recorded_once() -> None:
    """The second copy of a delivery changes nothing but the number of repeats."""
    async with consumer() as one:
        _, first = await one.post()
        status, second = await one.post()
        assert (status, second) == (200, first)
        (record,) = await one.received()
        assert record["repeats"] == 1
        assert [new for _, new in one.said] == [True, False]


async def test_only_what_is_new_is_asked_for() -> None:
    """GET /received?since=N shows what came after record N."""
    async with consumer() as one:
        for number in range(5):
            await one.post(name=f"d{number}")
        assert [r["delivery_id"] for r in await one.received("?since=3")] == ["d3", "d4"]
        for bad in ("-1", "x", "9" * 30, "٣"):
            async with one.session.get(f"{one.url}/received", params={"since": bad}) as answer:
                assert answer.status == 400


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        ({"webhook-signature": "v1,AAAA"}, "webhook-signature"),
        ({"webhook-signature": ""}, "webhook-signature"),
        ({"webhook-id": "other"}, "webhook-signature"),
        ({"webhook-id": ""}, "webhook-id"),
        ({"webhook-timestamp": "1"}, "webhook-timestamp"),
    ],
)
async def test_what_is_not_signed_is_refused_with_a_reason(
    headers: dict[str, str], why: str
) -> None:
    """401 names the header that is wrong, and nothing is recorded."""
    async with consumer() as one:
        status, body = await one.post(**headers)
        assert status == 401
        assert why in str(body)
        assert await one.received() == []


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff", b'{"a":' * 5000])
async def test_what_is_no_alarm_is_refused(body: bytes) -> None:
    """400 for anything that is no JSON object."""
    async with consumer() as one:
        assert (await one.post(body))[0] == 400


async def test_too_long_a_body_is_refused() -> None:
    """413 as soon as the limit is passed."""
    async with consumer() as one:
        body = io.BytesIO(b" " * (BODY_BYTES + 1))
        async with one.session.post(one.url, data=body) as answer:
            assert answer.status == 413
            assert str(BODY_BYTES) in await answer.text()


async def test_without_a_secret_everything_is_taken() -> None:
    """A consumer without secrets takes unsigned alarms, with or without an id."""
    async with consumer(()) as one:
        for _ in range(2):
            async with one.session.post(f"{one.url}/x/y", data=BODY) as answer:
                assert answer.status == 200
        assert len(await one.received()) == 2
        async with one.session.get(f"{one.url}/healthcheck") as answer:
            assert answer.status == 200


def test_a_reaction_needs_a_secret() -> None:
    """A command is never run for what anybody may send."""
    with pytest.raises(Invalid, match="signed"):
        Receiver(SystemClock(), Secrets(), lambda *_: None, Reaction("true"))


async def test_a_command_gets_the_alarm_once_and_the_server_hears_of_it(tmp_path: Path) -> None:
    """The hook reads the alarm; when it is done a signed mark with T10 goes to the fault face."""
    script = tmp_path / "hook.py"
    out = tmp_path / "out"
    script.write_text(
        "import os, sys\n"
        f"with open({str(out)!r}, 'ab') as out:\n"
        "    out.write(os.environ['FAULTWIRE_DELIVERY_ID'].encode() + sys.stdin.buffer.read())\n"
    )
    async with Sink() as face:
        path = f"/fault/v1/faults/{FAULT}/marks"
        face.on(path, answers(reply(202)))
        marks = Marks(face.url("/fault"), SystemClock(), Secrets([SECRET]))
        reaction = Reaction(f"{sys.executable} {script}")
        async with consumer(reaction=reaction, marks=marks) as one:
            _, times = await one.post()
            assert times["handled_at"] is None
            await one.post()
            await face.wait_for(lambda: bool(face.got(path)))
            (record,) = await one.received()
        (got,) = face.got(path)
        assert out.read_bytes() == b"d1" + BODY
        now_s = SystemClock.wall_ns() / 1e9
        assert signature.verify([SECRET], got.headers, got.body, now_s) == "d1"
        told = orjson.loads(got.body)
        assert set(told) == {"delivery_id", "handled_at"}
        assert told["handled_at"] == record["handled_at"]


async def test_a_full_consumer_asks_to_come_again() -> None:
    """Beyond what may wait an alarm is not taken: 503, so that it is sent again."""
    reaction = Reaction(
        f"{sys.executable} -c 'import sys; sys.stdin.read(); input()'", at_once=1, waiting=0
    )
    async with consumer(reaction=reaction) as one:
        assert (await one.post(name="d1"))[0] == 200
        assert (await one.post(name="d2"))[0] == 503
        assert [r["delivery_id"] for r in await one.received()] == ["d1"]


@pytest.mark.parametrize(
    ("alarm", "fault"),
    [
        (ALARM, FAULT),
        ({}, None),
        ([], None),
        ({"reason_data": None}, None),
        ({"reason_data": {"event": {"traits": "fault_id"}}}, None),
        ({"reason_data": {"event": {"traits": [["fault_id", 1, "../../v3/users"]]}}}, None),
        ({"reason_data": {"event": {"traits": [["fault_id", 1]]}}}, None),
    ],
)
def test_the_fault_of_an_alarm(alarm: object, fault: str | None) -> None:
    """It is found in the event's traits; nothing else becomes part of a URL."""
    assert fault_of(alarm) == fault

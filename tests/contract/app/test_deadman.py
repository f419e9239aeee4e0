"""A server looks at itself before it says that it is well."""

import asyncio
from pathlib import Path

import orjson
import pytest

from faultwire.app import deadman
from faultwire.app.deadman import Check, DeadMan, checks_of
from faultwire.config.deadman import Settings, Unwell
from faultwire.domain import signature
from faultwire.domain.commands import Command
from faultwire.domain.errors import Invalid, Unavailable
from faultwire.domain.ids import HostName
from faultwire.telemetry.clock import SystemClock
from faultwire.testing.outbox import QuietMeter
from faultwire.testing.sink import Sink, answer

SECRET = signature.new_secret(bytes(range(32)))


class Parts:
    """Everything that a beat looks at, well or not."""

    def __init__(self) -> None:
        self.hung = self.away = False
        self.late = 0.0
        self.broken: str | None = None
        self.waits: str | None = None
        self.commands: list[Command] = []

    async def submit(self, command: Command) -> object:
        """Take a command."""
        if self.hung:
            await asyncio.Event().wait()
        self.commands.append(command)
        return None

    async def seen(self, hosts: list[tuple[HostName, int]]) -> None:
        """Write."""
        del hosts
        if self.away:
            message = "the database refuses: database or disk is full"
            raise Unavailable(message)

    def stuck(self) -> str | None:
        """Return what is wrong with the sender."""
        return self.waits

    def checks(self) -> dict[str, Check]:
        """Return how a server looks at these."""
        return checks_of(self, self, self, lambda: self.late, 500, lambda: self.broken)


def _secret_file(folder: Path) -> str:
    file = folder / "secret"
    file.write_text(f"# of the beat\n{SECRET}\n")
    return str(file)


def _dead_man(parts: Parts, settings: Settings, meter: QuietMeter) -> DeadMan:
    return DeadMan(settings, parts.checks(), SystemClock(), meter, "https://cloud")


async def test_a_server_that_is_well_beats_signed(tmp_path: Path) -> None:
    """Beats come one after the other, each with an id of its own, and say who sends them."""
    parts, meter = Parts(), QuietMeter()
    async with Sink() as sink:
        settings = Settings(sink.url("/"), 1, _secret_file(tmp_path))
        running = asyncio.create_task(_dead_man(parts, settings, meter).run())
        await sink.wait_for(lambda: len(sink.requests) == 2)
        running.cancel()
        await asyncio.wait((running,))
    names = {
        signature.verify([SECRET], one.headers, one.body, SystemClock.wall_ns() / 1e9)
        for one in sink.requests
    }
    assert len(names) == 2
    body = orjson.loads(sink.requests[0].body)
    assert (body["well"], body["name"], body["interval_seconds"]) == (True, "https://cloud", 1)
    assert parts.commands


@pytest.mark.parametrize(
    ("what", "named"),
    [
        ({"away": True}, "the database: the database refuses: database or disk is full"),
        ({"late": 900.0}, "the event loop: is 900 ms late"),
        ({"broken": "marks ended"}, "a task: marks ended"),
        ({"waits": "webhooks wait"}, "the sender: webhooks wait"),
        ({"hung": True}, "the lane: did not answer within 0.05 s"),
    ],
)
@pytest.mark.parametrize("unwell", Unwell)
async def test_one_that_does_no_work_is_silent_or_says_so(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    what: dict[str, object],
    named: str,
    unwell: Unwell,
) -> None:
    """Whatever part stands still: no beat that says all is well comes."""
    monkeypatch.setattr(deadman, "CHECK_SECONDS", 0.05)
    parts, meter = Parts(), QuietMeter()
    for name, value in what.items():
        setattr(parts, name, value)
    async with Sink() as sink:
        settings = Settings(sink.url("/"), 1, _secret_file(tmp_path), when_unwell=unwell)
        dead_man = _dead_man(parts, settings, meter)
        await dead_man.beat()
        assert await dead_man.reasons() == [named]
        await dead_man.close()
    said = [orjson.loads(one.body) for one in sink.requests]
    if unwell is Unwell.SAY:
        assert [(one["well"], one["reasons"]) for one in said] == [(False, [named])]
    else:
        assert said == []
        assert meter.counted == {
            ("faultwire_deadman_beats_total", (("result", "withheld"),)): 1,
        }


async def test_a_defect_in_a_look_is_not_well(tmp_path: Path) -> None:
    """A check that breaks counts as a part that is not well, and ends nothing."""

    async def broken() -> str | None:
        raise ZeroDivisionError

    settings = Settings("http://127.0.0.1:1/", 1, _secret_file(tmp_path))
    dead_man = DeadMan(settings, {"x": broken}, SystemClock(), QuietMeter(), "n")
    assert await dead_man.reasons() == ["x: could not be looked at"]
    await dead_man.close()


async def test_a_beat_that_nobody_takes_is_counted(tmp_path: Path) -> None:
    """An error of the watcher is not ours: it is logged and counted, and the next beat comes."""
    meter = QuietMeter()
    async with Sink() as sink:
        settings = Settings(sink.on("/", answer(500)), 1, _secret_file(tmp_path))
        dead_man = _dead_man(Parts(), settings, meter)
        await dead_man.beat()
        await dead_man.close()
    assert meter.counted == {("faultwire_deadman_beats_total", (("result", "failed"),)): 1}


async def test_without_a_url_nothing_is_done() -> None:
    """It only waits for the end."""
    parts = Parts()
    running = asyncio.create_task(_dead_man(parts, Settings(), QuietMeter()).run())
    await asyncio.sleep(0)
    running.cancel()
    await asyncio.wait((running,))
    assert running.cancelled()
    assert not parts.commands


@pytest.mark.parametrize(
    ("url", "content", "named"),
    [
        ("http://x/", None, "secret"),
        ("http://x/", "", "holds no secret"),
        ("http://x/", "word", "secret 1"),
        ("nowhere", SECRET, "url"),
    ],
)
def test_a_beat_that_cannot_be_is_an_error_at_the_start(
    tmp_path: Path, url: str, content: str | None, named: str
) -> None:
    """Secret and URL are checked before the server serves; the section is named."""
    file = tmp_path / "secret"
    if content is not None:
        file.write_text(content)
    with pytest.raises(Invalid, match=rf"\[deadman\].*{named}"):
        _dead_man(Parts(), Settings(url, 1, str(file)), QuietMeter())


def test_a_url_without_a_secret_is_refused() -> None:
    """Beats that anybody could send are worth nothing."""
    with pytest.raises(Invalid, match="secret_file"):
        Settings("http://x/")

"""The command that a consumer runs: real processes, bounded in time, number and output."""

import asyncio
import logging
import sys
from pathlib import Path

import pytest

from faultwire.consumers.reaction import OUTPUT_BYTES, Reaction


async def _react(reaction: Reaction, alarm: bytes = b"{}") -> bool:
    told: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    async def done(succeeded: bool) -> None:
        told.set_result(succeeded)

    reaction.start("d1", alarm, done)
    return await asyncio.wait_for(told, 60)


def _python(code: str) -> str:
    return f"{sys.executable} -c {code!r}"


@pytest.mark.parametrize(
    ("code", "succeeded"),
    [
        ("pass", True),
        ("import sys; sys.exit(len(sys.stdin.read()) - 1000000)", True),
        ("import sys; sys.exit(3)", False),
        ("print('x' * 1000000)", True),
        ("import os; os.close(0)", True),
    ],
)
async def test_a_command_succeeds_with_status_0(code: str, succeeded: bool) -> None:
    """Whatever it reads or writes, the status decides."""
    assert await _react(Reaction(_python(code)), b" " * 1_000_000) is succeeded


async def test_output_of_a_failure_is_logged_and_bounded(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The log holds the beginning, in characters that a terminal may be shown."""
    code = "import sys; print(chr(27) + 'no' + 'x' * 100000); sys.exit(1)"
    assert not await _react(Reaction(_python(code)))
    assert "status 1: ?no" in caplog.text
    assert len(caplog.text) < OUTPUT_BYTES + 500


async def test_a_command_that_is_not_there_fails(caplog: pytest.LogCaptureFixture) -> None:
    """A command that cannot be run is logged, and nothing else happens."""
    assert not await _react(Reaction("/nowhere/hook"))
    assert "cannot be run" in caplog.text


async def test_a_command_and_its_children_end_at_the_deadline(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What hangs is killed with everything that it started."""
    note = tmp_path / "pid"
    code = (
        "import subprocess, sys; "
        "child = subprocess.Popen([sys.executable, '-c', 'input()'], stdin=subprocess.PIPE); "
        f"open({str(note)!r}, 'w').write(str(child.pid)); child.wait()"
    )
    caplog.set_level(logging.ERROR)
    assert not await _react(Reaction(_python(code), deadline=0.5))
    assert "ended after 0.5 s" in caplog.text
    async with asyncio.timeout(60):
        while _lives(note):  # noqa: ASYNC110  the kernel tells it in no other way
            await asyncio.sleep(0)


def _lives(note: Path) -> bool:
    """Whether the process whose id was noted runs; a zombie waits for init only."""
    if not note.exists():
        return False
    status = Path(f"/proc/{note.read_text()}/stat")
    return status.exists() and status.read_text().split()[2] != "Z"


async def test_a_stop_ends_commands_that_do_not_end() -> None:
    """At a stop commands have some time, then they are killed."""
    reaction = Reaction(_python("import time; time.sleep(600)"))

    async def done(succeeded: bool) -> None:
        raise AssertionError(succeeded)

    reaction.start("d1", b"", done)
    await asyncio.sleep(0)
    async with asyncio.timeout(60):
        await reaction.stop(0.2)


async def test_so_many_run_at_once_and_no_more(tmp_path: Path) -> None:
    """Commands beyond the limit wait for a place."""
    code = (
        f"import os; d = {str(tmp_path)!r}; n = str(os.getpid()); "
        "open(os.path.join(d, n), 'w').close(); "
        "running = len([f for f in os.listdir(d) if f != 'most']); "
        "open(os.path.join(d, 'most'), 'a').write(f'{running} '); os.unlink(os.path.join(d, n))"
    )
    reaction = Reaction(_python(code), at_once=2)
    results = await asyncio.gather(*(_react(reaction) for _ in range(6)))
    assert all(results)
    most = max(map(int, (tmp_path / "most").read_text().split()))
    assert 1 <= most <= 2

"""The process that sweeps, as the server's loop has it: it starts, answers, says what it lacks."""

import asyncio

import pytest

from faultwire.domain.errors import Unavailable
from faultwire.liveness.parse import LONGEST_US, UNSENT
from faultwire.liveness.pings import SweepProcess
from faultwire.liveness.settings import Engine, Settings


async def test_without_the_program_every_sweep_says_what_to_do() -> None:
    """503 has these words; nothing is left behind, and the next sweep tries again (S195)."""
    sweeps = SweepProcess(Settings(engine=Engine.FPING, fping_path="/nowhere/fping"))
    for _ in range(2):
        with pytest.raises(Unavailable, match="fping_path"):
            await sweeps.sweep([0])
    await sweeps.stop()


async def test_it_sweeps_what_it_was_told_and_is_started_anew() -> None:
    """Slots that stand for nothing are unsent; one that was killed, or given up, is replaced."""
    sweeps = SweepProcess(Settings(engine=Engine.ICMP))
    sweeps.place(3, "127.0.0.1")
    try:
        found = await sweeps.sweep([3, 4])
    except Unavailable as error:
        pytest.skip(str(error))
    assert found[0] <= LONGEST_US
    assert found[1] == UNSENT
    given_up = asyncio.create_task(sweeps.sweep([3]))
    await asyncio.sleep(0)
    given_up.cancel()
    await asyncio.gather(given_up, return_exceptions=True)
    sweeps.clear(3)
    sweeps.place(4, "127.0.0.2")
    found = await sweeps.sweep([3, 4])
    assert found[0] == UNSENT
    assert found[1] <= LONGEST_US
    await sweeps.stop()

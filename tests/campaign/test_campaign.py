"""Nobody healthy is acted on, and every true fault is told: histories drawn from seeds.

``make campaign`` plays all of them; ``make test`` a dozen, one of each kind. A seed that fails
names itself: ``pytest tests/campaign --campaign 1 --seed N`` plays it alone.
"""

import logging
from pathlib import Path

import pytest

from tests.campaign.histories import KINDS, drawn
from tests.campaign.stage import Stage, spared, told_of


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Play as many seeds as the command line says, one of each kind where it says nothing."""
    count = metafunc.config.getoption("--campaign", default=len(KINDS))
    first = metafunc.config.getoption("--seed", default=0)
    if "seed" in metafunc.fixturenames:
        metafunc.parametrize("seed", range(first, first + count))


async def test_no_healthy_host_is_acted_on_and_every_death_is_told(
    seed: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever seems to happen: acts hit the dead alone, owners hear of deaths (S174, S178)."""
    caplog.set_level(logging.CRITICAL)
    history = drawn(seed)
    stage = Stage(history, tmp_path)
    await stage.play()
    about = f"seed {seed}: {', '.join(history.kinds)}"
    assert stage.wrong == [], f"{about}: healthy hosts were forced down"
    assert told_of(stage, history) == [], f"{about}: owners were not told"
    assert spared(stage, history) == [], f"{about}: dead hosts are still spared as if they lived"

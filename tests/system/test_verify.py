"""The verification job against real processes, as an operator runs it (S73, S81)."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.system.namespaces import needs_namespaces

pytestmark = [pytest.mark.system, pytest.mark.slow]


def test_runs_of_a_host_that_fails_again_and_again(tmp_path: Path) -> None:
    """S73, S80: each run tells its own owners, once; figures, slope and profile come of it."""
    path = tmp_path / "runs.json"
    command = [sys.executable, "-m", "faultwire.cli", "verify", "--runs", "2", "--servers", "3,1"]
    ended = subprocess.run(
        [*command, "--fault", "kill", "--json", str(path)],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr + ended.stdout
    document = json.loads(path.read_text(encoding="utf-8"))
    told = document["verification"]
    assert [(row["servers"], row["runs"], row["met"]) for row in told["sizes"]] == [
        (1, 2, 2),
        (3, 2, 2),
    ]
    assert len({row["fault"] for row in told["runs"]}) == 4
    assert told["slope"]["runs"] == 4
    for one in document["runs"]:
        known = {key for key, point in one["profile"]["checkpoints"].items() if point}
        assert known == {f"T{number:02}" for number in range(11)}
        assert one["profile"]["checkpoints"]["T09"]["count"] == one["servers"]
    assert "| Doctor, conservative, serial" in ended.stdout


@needs_namespaces
def test_a_host_is_cut_off_again_and_again() -> None:
    """S73: hosts that are probed, without agents: each cut is told, and the host returns."""
    command = [sys.executable, "-m", "faultwire.cli", "verify", "--runs", "2", "--servers", "2"]
    ended = subprocess.run(
        [*command, "--fault", "cut"], capture_output=True, text=True, timeout=100, check=False
    )
    assert ended.returncode == 0, ended.stderr + ended.stdout
    assert "PASSED  2 of 2 runs of cut" in ended.stdout

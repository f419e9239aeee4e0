"""Many consumers, each with an origin of its own, over HTTP and TLS, through the real server."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.system.children import environment

pytestmark = pytest.mark.system

ROOT = Path(__file__).parent.parent.parent
SECONDS = 240


def test_every_origin_is_told_once_and_sessions_are_taken_up(tmp_path: Path) -> None:
    """Cold, warm and connected anew all owners are told once; only the last resumes sessions."""
    file = tmp_path / "figures.json"
    done = subprocess.run(
        [sys.executable, "-m", "bench.origins", "--smoke", "--json", file],
        cwd=ROOT,
        env=environment(PYTHONPATH=str(ROOT)),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    figures = json.loads(file.read_text())
    assert [one["case"].split(" ", 1)[1] for one in figures] == [
        f"{scheme} {state}" for scheme in ("HTTP", "HTTPS") for state in ("cold", "warm", "again")
    ]
    for one in figures:
        assert all(shown["last"] > 0 for shown in one["ms"].values())
        assert set(one["of_each_round"]["repeated"]) == {0}
        origins = int(one["case"].split(" ")[0])
        resumed = origins if "HTTPS" in one["case"] else 0
        assert set(one["of_each_round"]["reused"]) == {resumed}

"""The demo in its three forms, as a newcomer runs it (S4, S8, S9, S76)."""

import json
import subprocess
import sys

import pytest

from tests.system.namespaces import needs_namespaces

pytestmark = [pytest.mark.system, pytest.mark.slow]

CHECKPOINTS = [f"T{number:02}" for number in range(11)]


@pytest.mark.parametrize("kind", ["kill", "freeze", "report"])
def test_every_owner_is_told_and_told_again_when_it_is_over(kind: str) -> None:
    """Exit status 0, all and only the expected alarms and clears, T00 where it is known."""
    command = [sys.executable, "-m", "faultwire.cli", "demo", "--hosts", "2", "--servers", "3"]
    ended = subprocess.run(
        [*command, "--fault", kind, "--json", "-"],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    assert (found["alarms_expected"], found["alarms_received"]) == (3, 3)
    assert (found["cleared_expected"], found["cleared_received"]) == (3, 3)
    assert found["unexpected"] == []
    assert found["passed"] is True
    assert set(found["detected_to_received_ms"]) == {"first", "median", "last"}
    unknown = [point for point in CHECKPOINTS if found["checkpoints"][point] is None]
    # A host whose agent still beats is not forced down on the word of a report alone.
    assert unknown == (["T00", "T03"] if kind == "report" else [])
    assert (found["occurred_to_detected_ms"] is None) is (kind == "report")


@needs_namespaces
def test_a_host_whose_link_is_cut_is_found_by_probes() -> None:
    """Hosts in namespaces without agents: one is cut off, its owners are told, and it returns."""
    command = [sys.executable, "-m", "faultwire.cli", "demo", "--hosts", "2", "--servers", "3"]
    ended = subprocess.run(
        [*command, "--fault", "cut", "--json", "-"],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    assert (found["fault"], found["passed"], found["unexpected"]) == ("cut", True, [])
    assert found["occurred_to_detected_ms"] > 0
    shown = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True)
    assert "fwd" not in shown.stdout

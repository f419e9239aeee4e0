"""Every scenario file, run against the whole chain in one process.

``pytest tests/scenarios --rewrite`` writes what is printed now into the files: read the diff.
"""

from pathlib import Path

import pytest

from tests.scenarios.script import rewritten
from tests.scenarios.world import World

FILES = sorted(Path(__file__).parent.glob("*.txt"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_scenario_prints_what_its_file_says(path: Path, rewrite: bool) -> None:
    """What happens in a scenario, and everything that follows from it, is what was agreed."""
    text = path.read_text(encoding="utf-8")
    actual = rewritten(text, World().do)
    if rewrite:
        path.write_text(actual, encoding="utf-8")
    assert actual.splitlines() == (actual if rewrite else text).splitlines()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_scenario_says_what_it_proves(path: Path) -> None:
    """Each file opens with a comment that names the seed items or decisions it proves."""
    first = path.read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith("# "), first
    head = path.read_text(encoding="utf-8").split("\n\n")[0]
    assert any(sign + digit in head for sign in "SD" for digit in "0123456789"), head

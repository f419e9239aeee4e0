"""What failed beside others is run once more alone in CI, and nothing else is forgiven."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house import tree

SCRIPT = tree.ROOT / ".ci/tests.py"

INI = "[pytest]\naddopts = --import-mode=importlib -p xdist.plugin\n"

ONCE = """\
from pathlib import Path

def test_fails_the_first_time():
    ran = Path("ran")
    before = ran.exists()
    ran.touch()
    assert before
"""
ALWAYS = """\
def test_fails():
    raise AssertionError
"""
ENDS = """\
import pytest

def test_ends_everything():
    pytest.exit("not now", 2)
"""


def _run(folder: Path, files: dict[str, str], *arguments: str) -> tuple[int, str, str]:
    """Run the script over these tests; return its status, what it said and what it kept."""
    for name, text in files.items():
        path = folder / "tests" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (folder / "pytest.ini").write_text(INI)
    done = subprocess.run(
        [sys.executable, SCRIPT, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        # The plug-ins that are installed here take seconds to load, in each of three processes.
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
    )
    kept = (folder / "build/again").read_text()
    return done.returncode, done.stdout + done.stderr, kept


def test_what_passes_alone_is_named_and_passes(tmp_path: Path) -> None:
    """A test of real processes that failed once is run again by itself, and is named."""
    status, said, kept = _run(tmp_path, {"system/test_once.py": ONCE})
    assert status == 0, said
    name = "tests/system/test_once.py::test_fails_the_first_time"
    assert kept == f"failed beside others, passed alone: {name}\n"


def test_a_real_clouds_tests_are_a_run_of_their_own(tmp_path: Path) -> None:
    """They are left out of the others, run in one process, and may fail once like those."""
    files = {"system/test_once.py": ONCE.replace("ran", "run"), "openstack/test_once.py": ONCE}
    status, said, first = _run(tmp_path, files)
    assert (status, "openstack" in first) == (0, False), said
    status, said, both = _run(tmp_path, {}, "openstack")
    assert status == 0, said
    name = "tests/openstack/test_once.py::test_fails_the_first_time"
    assert both == f"{first}failed beside others, passed alone: {name}\n"


@pytest.mark.parametrize(
    "files",
    [
        {"system/test_always.py": ALWAYS, "system/test_once.py": ONCE},
        {"unit/test_once.py": ONCE},
        {"system/test_once.py": ONCE, "system/test_ends.py": ENDS},
    ],
    ids=["one of two twice", "a unit test", "not run to the end"],
)
def test_nothing_else_is_forgiven(tmp_path: Path, files: dict[str, str]) -> None:
    """Failing twice, elsewhere, or before the end fails the whole."""
    status, said, _ = _run(tmp_path, files)
    assert status != 0, said


@pytest.mark.parametrize(
    ("tests", "may"),
    [
        ([], False),
        (["tests/system/test_a.py::test_b[c]"], True),
        ([f"tests/system/test_a.py::test_b[{number}]" for number in range(5)], True),
        ([f"tests/system/test_a.py::test_b[{number}]" for number in range(6)], False),
        (["tests/openstack/test_a.py::test_b"], True),
        (["tests/system/test_a.py::test_b", "tests/unit/test_a.py::test_b"], False),
        (["tests/system/test_that_cannot_be_read.py"], False),
    ],
)
def test_a_few_tests_of_real_processes_may_run_again(tests: list[str], may: bool) -> None:
    """Not more than five, none of another folder, no file that could not be read."""
    assert runpy.run_path(str(SCRIPT))["may_run_again"](tests) is may

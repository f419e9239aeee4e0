"""All the tests, or those of a real cloud; what failed of real processes is run once more, alone.

`tests.py` runs all but tests/openstack, `tests.py openstack` that. Tests of both that and
tests/system start real processes and wait in real time, and the machine may be busy with others.
What fails alone as well has failed; so has everything if more than MOST failed, if one did that
stands anywhere else, or if the run did not come to its end. `build/again` names what only failed
beside others: it is to be mended, though it holds nothing up.
"""

import json
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

MOST = 5
"""Tests that may fail beside others: where more do it is not the machine."""

SOME_FAILED = 1
"""What pytest ends with when it ran everything and something failed."""

CACHE = "build/again.cache"
TOLD = Path("build/again")

REAL = ("tests/system/", "tests/openstack/")
"""Folders of tests whose failures may be the machine's."""

RUNS = {
    "": ("-n", "2", "--dist", "worksteal", "--ignore=tests/openstack"),
    "openstack": ("-n", "0", "tests/openstack"),
}
"""What is run, by the argument; one real cloud is all that a machine can bear."""


def pytest(*arguments: str) -> int:
    """Run tests; return the exit status."""
    command = (sys.executable, "-m", "pytest", "-o", f"cache_dir={CACHE}", *arguments)
    return subprocess.run(command, check=False).returncode


def failed() -> list[str]:
    """Return the ids of the tests that failed in the last run."""
    found = Path(CACHE, "v/cache/lastfailed")
    return sorted(json.loads(found.read_text())) if found.exists() else []


def may_run_again(tests: Collection[str]) -> bool:
    """Return whether these failures may be the machine's: a few, of real processes."""
    return 0 < len(tests) <= MOST and all(one.startswith(REAL) and "::" in one for one in tests)


def main() -> int:
    """Run everything, and again what may; return the exit status."""
    TOLD.parent.mkdir(exist_ok=True)
    TOLD.touch()
    status = pytest("--cache-clear", *RUNS["".join(sys.argv[1:])])
    first = failed()
    if status != SOME_FAILED or not may_run_again(first):
        return status
    sys.stdout.write(f"\n== alone, once more: {' '.join(first)}\n")
    sys.stdout.flush()
    status = pytest("-n", "0", *first)
    passed = set(first) - set(failed())
    with TOLD.open("a") as told:
        told.writelines(f"failed beside others, passed alone: {one}\n" for one in sorted(passed))
    return status


if __name__ == "__main__":
    sys.exit(main())

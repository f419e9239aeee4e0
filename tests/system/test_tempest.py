"""OpenStack's own suite, as it is released, on a standalone server."""

import os
from pathlib import Path

import pytest

from tests.house import tree
from tests.system.served import Server
from tests.tempest.configure import configure
from tests.tempest.suite import run, told

ENVIRONMENT = tree.ROOT / "build" / "tempest"
MISSING = "the suite is not here, its environment is made by: make tempest"
NEWEST = "2.96"

pytestmark = [pytest.mark.system, pytest.mark.slow]


@pytest.fixture
def environment() -> Path:
    """Give the suite's environment; skip without it, or fail where nothing may be skipped."""
    if not (ENVIRONMENT / ".made").exists():
        if os.environ.get("FAULTWIRE_REQUIRE_PACKAGES") == "1":
            pytest.fail(MISSING, pytrace=False)
        pytest.skip(MISSING)
    return ENVIRONMENT


@pytest.mark.timeout(360)
def test_the_suite_passes_what_the_documentation_says(
    environment: Path, server: Server, tmp_path: Path
) -> None:
    """Each chosen test passes or fails as docs/compatibility.md tells, none more and none less."""
    results = run(environment, configure(server.clouds, tmp_path / "tempest", NEWEST))
    passed, failed = told(tree.ROOT / "docs" / "compatibility.md")
    now_passed = {name for name, status in results.items() if status == "success"}
    now_failed = {name for name, status in results.items() if status == "failure"}
    assert now_failed - failed == set(), "fails, and is not told of"
    assert now_passed ^ passed == set(), "passes in one of both: the page, this run"
    assert failed - now_failed == set(), "is told of, and does not fail"

"""The Makefile keeps its word: what `make help` lists is there, and alone it only tells."""

import re
import subprocess

import pytest

from tests.house import tree

TARGETS = (
    "demo",
    "test",
    "tempest",
    "minicloud",
    "test-openstack",
    "serve",
    "lint",
    "types",
    "bench",
    "docs",
    "clean",
)


def _make(*arguments: str) -> str:
    return subprocess.run(
        ["make", *arguments], cwd=tree.ROOT, capture_output=True, text=True, timeout=60, check=True
    ).stdout


def test_plain_make_tells_and_does_nothing() -> None:
    """`make` is `make help`."""
    assert _make() == _make("help")


@pytest.mark.parametrize("target", TARGETS)
def test_help_lists_the_target(target: str) -> None:
    """Each target that a newcomer is promised is listed with what it does."""
    assert re.search(rf"^  make {target} +\w", _make("help"), re.MULTILINE)

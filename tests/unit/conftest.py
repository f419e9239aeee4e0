"""What holds for every unit test."""

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def logs_stay() -> Iterator[None]:
    """Undo what a command that is run within the tests does to logging."""
    root, ours = logging.getLogger(), logging.getLogger("faultwire")
    levels, handlers = (root.level, ours.level), root.handlers[:]
    yield
    root.setLevel(levels[0])
    ours.setLevel(levels[1])
    root.handlers[:] = handlers

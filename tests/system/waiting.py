"""Waiting for what real processes do, bounded, with a reason when it does not come."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

SECONDS = 90.0
"""How long anything may take before the test fails: a busy machine is slow, and not wrong."""

EVERY = 0.02


def wait_for(true: Callable[[], T], what: str, seconds: float = SECONDS) -> T:
    """Return the first true answer; AssertionError saying `what` if there is none in time."""
    deadline = time.monotonic() + seconds
    while True:
        found = true()
        if found:
            return found
        assert time.monotonic() < deadline, f"did not happen within {seconds:.0f} s: {what}"
        time.sleep(EVERY)

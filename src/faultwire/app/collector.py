"""The garbage collector while many values come to stay."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

MANY_COME = (5_000, 100_000, 100_000)
"""Young objects are looked at in small lots, half a millisecond each; older ones not at all."""


@contextmanager
def many_come_to_stay() -> Iterator[None]:
    """Keep the collector's pauses short while hundreds of thousands of values are made.

    They are no garbage, so that looking at them is in vain. At the end all that lives then is
    set apart for good: it is freed by counting as ever, and never looked at again. What may stay
    by that is a cycle that was garbage at that moment and had survived the small lots. On the
    loop's thread; does nothing where the collector is off.
    """
    if not gc.isenabled():
        yield
        return
    before = gc.get_threshold()
    if before == MANY_COME:
        yield
        return
    gc.set_threshold(*MANY_COME)
    try:
        yield
    finally:
        gc.freeze()
        gc.set_threshold(*before)

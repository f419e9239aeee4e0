"""How soon an agent tries again."""

import math

FIRST_SECONDS = 0.02
"""A dropped connection is made again well within the server's agent_return_ms."""

LONGEST_SECONDS = 5.0

PUNCTUAL = 3
"""Attempts that leave nothing to chance."""

_STEPS = math.ceil(math.log2(LONGEST_SECONDS / FIRST_SECONDS))


def pause(attempt: int, chance: float) -> float:
    """Return the seconds before an attempt, counted from 0; `chance` is drawn from [0, 1).

    They double up to a few seconds. From the fourth attempt on half of them is left to chance,
    so that agents of a server that starts again do not all come at once.
    """
    seconds = min(LONGEST_SECONDS, math.ldexp(FIRST_SECONDS, min(attempt, _STEPS)))
    return seconds if attempt < PUNCTUAL else seconds * (0.5 + chance / 2)

"""What the program fping says, as numbers; pure."""

import re

SILENT, UNSENT, NEVER = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
"""In place of a time: asked and silent, not asked because the system refused, never looked at."""
LONGEST_US = 0xFFFFFFF0
"""The longest time; it stands for all that are longer."""

_ALIVE = re.compile(r"(\S+) is alive(?: \(([0-9.]+) ms\))?\s*\Z")
_DEAD = re.compile(r"(\S+) is unreachable\s*\Z")
_UNSENT = re.compile(r"(\S+): error while sending ping")


def read(said: str, complained: str) -> dict[str, int]:
    """Return microseconds, SILENT or UNSENT of each address that fping told of."""
    found: dict[str, int] = {}
    for line in said.splitlines():
        if alive := _ALIVE.match(line):
            took = round(float(alive[2] or 0) * 1000)
            found[alive[1]] = min(took, LONGEST_US)
        elif dead := _DEAD.match(line):
            found[dead[1]] = SILENT
    for line in complained.splitlines():
        unsent = _UNSENT.match(line)
        # One that answered another request was asked after all.
        if unsent and found.get(unsent[1]) == SILENT:
            found[unsent[1]] = UNSENT
    return found

"""The program fping as a second engine for sweeps: one process for all addresses (S195)."""

import os
import shutil
import subprocess
from array import array
from collections.abc import Iterable, Mapping, Sequence

from faultwire.domain.errors import Unavailable
from faultwire.liveness.icmp import family_of
from faultwire.liveness.parse import UNSENT, read

FOLDERS = ("/usr/sbin", "/usr/bin", "/sbin", "/bin")
"""Where it is looked for besides PATH: services have short ones."""
OPTIONS = ("-e", "-r1", "-t200", "-B1.5")
"""As patient as our own engine: half a second for a silent address, asked twice."""
PACE_MS, SLOW_PACE_MS = 0.1, 1.0
"""Between two requests; a faster one than the first loses answers, and is for root alone."""
PATIENCE_SECONDS = 5.0


def found_at(path: str) -> str:
    """Return where the program is; raises Unavailable saying what to do."""
    at = shutil.which(path) or shutil.which(path, path=os.pathsep.join(FOLDERS))
    if at is None:
        raise Unavailable(
            f"the program {path} is not there, or may not be executed: install fping, or set"
            " [liveness] fping_path or engine = icmp"
        )
    return at


class FpingEngine:
    """Implements `SweepEngine`."""

    name = "fping"

    def __init__(self, path: str) -> None:
        """Take the program's name or path; raises Unavailable where there is none."""
        self._path = found_at(path)
        self._pace = PACE_MS if os.geteuid() == 0 else SLOW_PACE_MS
        self._addresses: dict[int, str] = {}

    def place(self, slot: int, address: str) -> None:
        """Let a slot stand for an address; raises ValueError for what is no address."""
        self._addresses.pop(slot, None)
        family_of(address)
        self._addresses[slot] = address

    def clear(self, slot: int) -> None:
        """Let a slot stand for nothing."""
        self._addresses.pop(slot, None)

    def sweep(self, slots: Sequence[int]) -> "array[int]":
        """Return for each slot, in order, microseconds, SILENT, or UNSENT; raises Unavailable."""
        asked = {slot: self._addresses[slot] for slot in slots if slot in self._addresses}
        found = self._run(asked.values()) if asked else {}
        return array("I", [_of(found, asked.get(slot)) for slot in slots])

    def _run(self, addresses: Iterable[str]) -> Mapping[str, int]:
        names = "".join(f"{address}\n" for address in addresses)
        command = (self._path, *OPTIONS, f"-i{self._pace:g}")
        # All of it twice at that pace, and time to breathe.
        seconds = PATIENCE_SECONDS + names.count("\n") * 4 * self._pace / 1000
        try:
            done = subprocess.run(
                command, input=names, capture_output=True, text=True, check=False, timeout=seconds
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Unavailable(f"fping did not do its work: {error}") from None
        if done.returncode not in {0, 1, 2}:
            told = done.stderr.strip().splitlines()[-1:] or [f"status {done.returncode}"]
            raise Unavailable(f"fping did not do its work: {told[0][:200]}")
        return read(done.stdout, done.stderr)


def _of(found: Mapping[str, int], address: str | None) -> int:
    return UNSENT if address is None else found.get(address, UNSENT)

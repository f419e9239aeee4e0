"""Processes of a bench that are spoken to by lines."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent


class Lines:
    """A module run as a process: lines to its input, lines from its output.

    `within` is a command that runs another one, as in a network namespace.
    """

    def __init__(self, *arguments: str, within: Sequence[str] = ()) -> None:
        self._child = subprocess.Popen(
            [*within, sys.executable, "-m", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
        )
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._input, self._output = self._child.stdin, self._child.stdout

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._child.pid

    def say(self, *lines: str) -> None:
        """Write lines."""
        self._input.write("".join(f"{line}\n" for line in lines))
        self._input.flush()

    def line(self) -> str:
        """Return the next line; RuntimeError at the end."""
        found = self._output.readline()
        if not found:
            message = f"{self._child.args!r} ended"
            raise RuntimeError(message)
        return found.rstrip("\n")

    def finish(self) -> str:
        """End its input and return what it still printed."""
        self._input.close()
        rest = self._output.read()
        self._child.wait(60)
        self._close()
        return rest

    def kill(self) -> None:
        """End it, whatever it does; harmless when it has ended."""
        if self._child.poll() is None:
            self._child.kill()
        self._child.wait()
        self._close()

    def _close(self) -> None:
        for one in (self._input, self._output):
            # What was not read by the other side is lost with it.
            with contextlib.suppress(OSError):
                one.close()

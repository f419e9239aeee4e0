"""Real processes of the `faultwire` command, each with its output in a file."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.system.waiting import SECONDS, wait_for

STOP_SECONDS = 60.0
BINARY = Path(sys.executable).with_name("faultwire")


def environment(**more: str) -> dict[str, str]:
    """Return this process's environment without clouds or proxies of its own, and more."""
    left_out = ("OS_", "FAULTWIRE_WEBHOOK", "http_proxy", "https_proxy", "HTTP_PROXY")
    kept = {name: text for name, text in os.environ.items() if not name.startswith(left_out)}
    # The same host fails again and again, which guards on acts are there to stop.
    quiet = {"OS_GUARDS__FLAP_ACTS": "0", "PYTHONUNBUFFERED": "1"}
    return quiet | kept | {"COLUMNS": "200", "NO_COLOR": "1"} | more


class Child:
    """One running command; its standard output and errors go to one file."""

    def __init__(
        self,
        log: Path,
        *arguments: str | Path,
        env: Mapping[str, str] | None = None,
        command: Sequence[str | Path] = (BINARY,),
    ) -> None:
        self.log = log
        self._begin = log.stat().st_size if log.exists() else 0
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [*command, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment(**(env or {})),
            )

    @property
    def output(self) -> str:
        """What this run has printed so far."""
        return self.log.read_bytes()[self._begin :].decode(errors="replace")

    def line(self, prefix: str, seconds: float = SECONDS) -> str:
        """Return the rest of the first line that begins so; without one the child is ended."""

        def found() -> str | None:
            for line in self.output.splitlines(keepends=True):
                if line.startswith(prefix) and line.endswith("\n"):
                    return line.removeprefix(prefix).strip()
            if self.process.poll() is not None:
                message = f"ended with {self.process.returncode}:\n{self.output}"
                raise AssertionError(message)
            return None

        try:
            return wait_for(found, f"{prefix!r} of {self.log.name}", seconds) or ""
        except BaseException:
            # The test has no hold on it yet, and it would take others' time.
            self.kill()
            raise

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def wait(self, seconds: float = STOP_SECONDS) -> int:
        """Return the exit status; fails with what was printed if there is none in time."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            message = f"{self.log.name} did not end:\n{self.output[-4000:]}"
            raise AssertionError(message) from None

    def stop(self) -> int:
        """Ask it to end, as an operator does, and return the exit status."""
        self.signal(signal.SIGTERM)
        return self.wait()

    def kill(self) -> None:
        """End it at once, whatever it does; harmless when it has ended."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


def run(
    *arguments: str | Path, env: Mapping[str, str] | None = None, text: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command of `faultwire` to its end."""
    return subprocess.run(
        [BINARY, *arguments],
        env=environment(**(env or {})),
        capture_output=True,
        text=True,
        input=text,
        timeout=SECONDS,
        check=False,
    )

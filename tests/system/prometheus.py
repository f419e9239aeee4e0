"""A private Prometheus server with series of its own, ended with its test."""

import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.databases.servers import free_port
from tests.system.served import call
from tests.system.waiting import wait_for

STEP_S, BEFORE_S, AFTER_S = 15, 300, 1800
"""Series reach from before now to long after it: a test finds a value whenever it asks."""

Series = Mapping[str, float]
"""Constant values by name and labels: ``load{project="p"}``."""


class Prometheus:
    """The Debian package's server on a free port of 127.0.0.1; it scrapes nobody."""

    def __init__(self, folder: Path, series: Series, needs_package: Callable[..., str]) -> None:
        folder.mkdir(exist_ok=True)
        self._folder = folder
        self._binary = needs_package("prometheus", "prometheus")
        self._fill(series, needs_package("promtool", "prometheus"))
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"

    def _fill(self, series: Series, promtool: str) -> None:
        now = int(time.time())
        lines = []
        for name in sorted({one.partition("{")[0] for one in series}):
            lines.append(f"# TYPE {name} gauge")
            for one, value in series.items():
                if one.partition("{")[0] == name:
                    times = range(now - BEFORE_S, now + AFTER_S, STEP_S)
                    lines += [f"{one} {value} {at}" for at in times]
        text = self._folder / "series.txt"
        text.write_text("\n".join([*lines, "# EOF"]) + "\n")
        subprocess.run(
            [promtool, "tsdb", "create-blocks-from", "openmetrics", text, self._folder / "data"],
            check=True,
            capture_output=True,
            timeout=60,
        )

    def start(self) -> "Prometheus":
        """Start and return once it answers queries."""
        config = self._folder / "prometheus.yml"
        config.write_text("global: {}\n")
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *("setpriv", "--pdeathsig", "KILL", "--"),
                    self._binary,
                    f"--config.file={config}",
                    f"--storage.tsdb.path={self._folder / 'data'}",
                    "--storage.tsdb.retention.time=1y",
                    f"--web.listen-address=127.0.0.1:{self.port}",
                ],
                stdout=log,
                stderr=log,
            )
        wait_for(self._ready, "Prometheus answers")
        return self

    def _ready(self) -> bool:
        try:
            return call(f"{self.url}/-/ready", timeout=2).status == 200
        except OSError:
            return False

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

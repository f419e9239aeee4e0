"""The product's command, with the collector's pauses written to the file of BENCH_PAUSES."""

import atexit
import gc
import json
import os
import time
from pathlib import Path
from typing import Any

from faultwire.cli.main import main


class Pauses:
    """Every run of the collector: monotonic seconds of its end, generation, milliseconds.

    Milliseconds are those that the thread ran: what others do on the machine is not counted.
    """

    def __init__(self) -> None:
        self.found: list[tuple[float, int, float]] = []
        self._began = 0

    def note(self, phase: str, info: dict[str, Any]) -> None:
        """Be a callback of the collector."""
        if phase == "start":
            self._began = time.thread_time_ns()
        else:
            took = (time.thread_time_ns() - self._began) / 1e6
            self.found.append((time.monotonic(), info["generation"], took))


if __name__ == "__main__":
    pauses = Pauses()
    gc.callbacks.append(pauses.note)
    path = Path(os.environ["BENCH_PAUSES"])
    atexit.register(lambda: path.write_text(json.dumps(pauses.found)))
    main()

"""A message bus that a test takes away and gives back, and servers that publish to it.

`python -m tests.system.buses FOLDER serve …` is `faultwire serve …` with this bus. It is a folder,
so that several processes share it and the test sees what came.
"""

import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.system.waiting import wait_for

CONFIG = {"notifier": {"also_publish": "notifications", "deadline_ms": 300}}


class FolderBus:
    """Implements `ports.buses.Bus`: one line in a file for each notification."""

    folder: Path

    async def publish(self, body: bytes) -> None:
        """Take a notification; does not answer or raises Unavailable as the test wants."""
        from faultwire.domain.errors import Unavailable

        if (self.folder / "silent").exists():
            await asyncio.Event().wait()
        if (self.folder / "down").exists():
            raise Unavailable("the bus does not answer")
        with (self.folder / "taken").open("ab", buffering=0) as file:
            file.write(body + b"\n")


class Bus:
    """The test's hold on it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir()
        self.command: Sequence[str | Path] = (sys.executable, "-m", __name__, folder)

    def down(self, how: str = "down") -> None:
        """Let it take nothing: `down` refuses, `silent` never answers."""
        (self._folder / how).touch()

    def up(self) -> None:
        """Let it take what comes."""
        for how in ("down", "silent"):
            (self._folder / how).unlink(missing_ok=True)

    @property
    def taken(self) -> list[dict[str, Any]]:
        """What it took of ports, in order; other events are not these tests' matter."""
        file = self._folder / "taken"
        lines = file.read_bytes().splitlines() if file.exists() else []
        notes = [json.loads(line) for line in lines]
        return [note for note in notes if note["event_type"] == "port.update.end"]

    @property
    def changes(self) -> list[tuple[str, str | None, str | None]]:
        """Port, old and new data-plane status of what it took."""
        return [
            (
                one["payload"]["port"]["id"],
                one["payload"]["old_data_plane_status"],
                one["payload"]["port"]["data_plane_status"],
            )
            for one in self.taken
        ]

    def wait_count(self, count: int) -> None:
        """Return once so many were taken."""
        wait_for(lambda: len(self.taken) >= count, f"{count} notifications")


def main() -> None:
    """Run a command of `faultwire` whose bus is a folder."""
    from faultwire.app import sending
    from faultwire.cli.main import main as command

    FolderBus.folder = Path(sys.argv[1])
    sending.MemoryBus = FolderBus  # type: ignore[assignment,misc]
    command(sys.argv[2:])


if __name__ == "__main__":
    main()

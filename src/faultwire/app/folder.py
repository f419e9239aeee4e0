"""The state folder: one process at a time."""

import fcntl
import os
from pathlib import Path

from faultwire.domain.errors import Conflict, Invalid

LOCK_FILE = "lock"


class StateFolder:
    """A folder that this process alone may use until `release`."""

    def __init__(self, path: Path) -> None:
        """Make the folder (0700) if needed and lock it; raises Conflict where another holds it."""
        self.path = path
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(path / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise Invalid("--state-dir", f"cannot be used: {error}") from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            raise Conflict(f"another server uses the state folder {path}") from None

    def release(self) -> None:
        """Let others have it."""
        os.close(self._lock)

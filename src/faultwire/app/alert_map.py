"""The mapping of alerts in force; a newer file replaces it once it is found good."""

import asyncio
import contextlib
import logging
from pathlib import Path
from typing import Any

from faultwire.config import alert_map
from faultwire.domain.alertmaps import AlertMap
from faultwire.domain.errors import Invalid
from faultwire.domain.instants import rfc3339
from faultwire.ports import Clock, Meter, Reader

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
"""Between two looks at whether the file is another one."""


class AlertMaps:
    """Holds the mapping; on the event loop. The file is read on a reader thread."""

    def __init__(self, path: str, read: Reader, clock: Clock, meter: Meter) -> None:
        """Read the file, if any; raises Invalid naming file, line and field."""
        self._path = Path(path) if path else None
        self._read = read
        self._clock = clock
        self._meter = meter
        self._sign: object = None
        self._error: str | None = None
        self._map = AlertMap()
        self._loaded_ns: int | None = None
        self._nudged = asyncio.Event()
        if self._path is not None:
            self._sign = _sign_of(self._path)
            self._take(alert_map.read(self._path))

    def current(self) -> AlertMap:
        """Return the mapping that is in force."""
        return self._map

    def standing(self) -> dict[str, Any]:
        """Return what is in force, and what is wrong with a newer file."""
        return {
            "file": str(self._path) if self._path else None,
            "rows": len(self._map.rows),
            "loaded_at": None if self._loaded_ns is None else rfc3339(self._loaded_ns),
            "error": self._error,
        }

    async def run(self) -> None:
        """Look for a newer file until cancelled."""
        while True:
            asked = False
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    asked = await self._nudged.wait()
            self._nudged.clear()
            if self._path is not None:
                sign: Any = await self._read(_sign_of, self._path)
                if asked or sign != self._sign:
                    await self.reload()

    def nudge(self) -> None:
        """Have the file read again now."""
        self._nudged.set()

    async def reload(self) -> None:
        """Read the file again; a mistake in it is told, and the mapping before stays in force."""
        if self._path is None:
            return
        self._sign = await self._read(_sign_of, self._path)
        try:
            found: Any = await self._read(alert_map.read, self._path)
        except Invalid as error:
            self._error = str(error)
            self._meter.gauge("faultwire_alert_mapping_wrong", 1)
            log.warning("the mapping of alerts is wrong, the one before stays: %s", error)
            return
        self._take(found)
        log.info("the mapping of alerts has %d rows now", len(found.rows))

    def _take(self, found: AlertMap) -> None:
        self._map, self._error = found, None
        self._loaded_ns = self._clock.wall_ns()
        self._meter.gauge("faultwire_alert_mapping_wrong", 0)


def _sign_of(path: Path) -> tuple[int, ...] | None:
    """Return what tells one state of a file from another; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino

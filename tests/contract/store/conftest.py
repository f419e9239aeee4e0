"""Both stores, made the same way and read the same way."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from faultwire import ports, store
from faultwire.testing.store import MemoryLedger


@dataclass
class Kept:
    """A store as its users see it; `reopen` gives the same store to a new process."""

    ledger: ports.Ledger
    faults: store.StoredFaults | MemoryLedger
    alarms: store.StoredAlarms | MemoryLedger
    load: Callable[..., store.Snapshot]
    reopen: Callable[[], "Kept"]


def in_memory() -> Kept:
    """Return an empty store in memory."""
    ledger = MemoryLedger()
    kept = Kept(ledger, ledger, ledger, ledger.load, lambda: kept)
    return kept


def on_disk(folder: Path, opened: list[Callable[[], None]]) -> Kept:
    """Return the SQLite store of a folder; what closes it is added to `opened`."""
    engine = store.engine_in_folder(folder)
    ledger = store.Ledger(engine)

    def close() -> None:
        ledger.close()
        engine.dispose()

    def reopen() -> Kept:
        close()
        return on_disk(folder, opened)

    opened.append(close)
    store.upgrade(engine)
    return Kept(
        ledger,
        store.StoredFaults(engine),
        store.StoredAlarms(engine),
        lambda **options: store.load(engine, **options),
        reopen,
    )


@pytest.fixture(params=["memory", "sqlite"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kept]:
    """Give an empty store of each kind."""
    opened: list[Callable[[], None]] = []
    yield in_memory() if request.param == "memory" else on_disk(tmp_path / "state", opened)
    for close in opened:
        close()

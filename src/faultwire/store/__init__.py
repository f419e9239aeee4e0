"""The only door to SQL: one engine, one schema, one ledger that writes, readers that read.

Everything here is synchronous. `Ledger` belongs to one writer thread; `StoredFaults`,
`StoredAlarms` and `load` may be used from any thread. Foreign errors never leave this package:
see `engine.translated`.
"""

from sqlalchemy import Engine

from faultwire.store.alarms import StoredAlarms
from faultwire.store.engine import engine_from_url, engine_in_folder, tidy
from faultwire.store.faults import StoredFaults
from faultwire.store.ledger import Ledger
from faultwire.store.load import Snapshot, load
from faultwire.store.migrate import upgrade

__all__ = [
    "Engine",
    "Ledger",
    "Snapshot",
    "StoredAlarms",
    "StoredFaults",
    "engine_from_url",
    "engine_in_folder",
    "load",
    "tidy",
    "upgrade",
]

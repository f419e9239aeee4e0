"""The only door to SQL: one engine, one schema, one ledger that writes, readers that read.

Everything here is synchronous. `Ledger` belongs to one writer thread; `StoredFaults`,
`StoredAlarms` and `load` may be used from any thread. Foreign errors never leave this package:
see `engine.translated`.
"""

from sqlalchemy import Engine

from faultwire.store.alarms import StoredAlarms
from faultwire.store.engine import (
    embedded_file,
    engine_from_url,
    engine_in_folder,
    engine_of,
    reach,
    tidy,
)
from faultwire.store.faults import StoredFaults
from faultwire.store.ledger import Ledger
from faultwire.store.load import AlarmsTo, Snapshot, load, load_alarms, load_secrets
from faultwire.store.members import StoredMembers, StoredShares
from faultwire.store.migrate import HEAD as SCHEMA
from faultwire.store.migrate import prepare, revision_of, upgrade
from faultwire.store.retention import EXPIRED, expire, old, remove
from faultwire.store.samples import StoredSamples
from faultwire.store.seen import StoredSeen
from faultwire.store.settings import Retention
from faultwire.store.settings import Settings as DatabaseSettings
from faultwire.store.shared_ledger import SharedLedger
from faultwire.store.standing import StoredStanding
from faultwire.store.subscriptions import StoredSubscriptions
from faultwire.store.tasks import StoredTasks

__all__ = [
    "EXPIRED",
    "SCHEMA",
    "AlarmsTo",
    "DatabaseSettings",
    "Engine",
    "Ledger",
    "Retention",
    "SharedLedger",
    "Snapshot",
    "StoredAlarms",
    "StoredFaults",
    "StoredMembers",
    "StoredSamples",
    "StoredSeen",
    "StoredShares",
    "StoredStanding",
    "StoredSubscriptions",
    "StoredTasks",
    "embedded_file",
    "engine_from_url",
    "engine_in_folder",
    "engine_of",
    "expire",
    "load",
    "load_alarms",
    "load_secrets",
    "old",
    "prepare",
    "reach",
    "remove",
    "revision_of",
    "tidy",
    "upgrade",
]

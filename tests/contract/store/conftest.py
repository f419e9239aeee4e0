"""Every store, made the same way and read the same way."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from operator import attrgetter
from pathlib import Path

import pytest
from sqlalchemy import Engine

from faultwire import ports, store
from faultwire.store import schema
from faultwire.testing.store import MemoryLedger
from tests.databases.fixtures import SERVERS, Databases, databases

__all__ = ["databases"]

KINDS = ("memory", "sqlite", *SERVERS)


@dataclass
class Kept:
    """A store as its users see it; `reopen` gives the same store to a new process."""

    ledger: ports.Ledger
    faults: store.StoredFaults | MemoryLedger
    alarms: store.StoredAlarms | MemoryLedger
    load: Callable[..., store.Snapshot]
    reopen: Callable[[], "Kept"]
    subscriptions: store.StoredSubscriptions | MemoryLedger
    tasks: store.StoredTasks | MemoryLedger


def in_memory() -> Kept:
    """Return an empty store in memory."""
    ledger = MemoryLedger()
    kept = Kept(ledger, ledger, ledger, ledger.load, lambda: kept, ledger, ledger)
    return kept


def on_engine(opened: Callable[[], Engine], closing: list[Callable[[], None]]) -> Kept:
    """Return the store of a database that has our schema; what closes it goes to `closing`."""
    engine = opened()
    ledger = store.Ledger(engine)

    def close() -> None:
        ledger.close()
        engine.dispose()

    def reopen() -> Kept:
        close()
        return on_engine(opened, closing)

    closing.append(close)
    return Kept(
        ledger,
        store.StoredFaults(engine),
        store.StoredAlarms(engine),
        lambda **options: _ordered(store.load(engine, **options)),
        reopen,
        store.StoredSubscriptions(engine),
        store.StoredTasks(engine),
    )


def _ordered(snapshot: store.Snapshot) -> store.Snapshot:
    """Put in the order of their keys what a load gives in none."""
    by_id = attrgetter("id")
    return replace(
        snapshot,
        servers=tuple(sorted(snapshot.servers, key=by_id)),
        alarms=tuple(sorted(snapshot.alarms, key=by_id)),
    )


def empty(engine: Engine) -> None:
    """Remove every row, so that the database is as it was made."""
    with engine.begin() as connection:
        for table in schema.metadata.sorted_tables:
            if table is schema.commits:
                connection.execute(table.update().values(seq=0, decisions=0, alarm_edits=0))
            else:
                connection.execute(table.delete())


Opened = Callable[[str], Callable[[], Engine]]


@pytest.fixture(scope="session")
def opener(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    """Give a function from a kind of database to what opens an empty one of that kind.

    There is one for the whole session, emptied each time: making a schema takes a second.
    """
    urls: dict[str, str] = {}
    engines: dict[str, Engine] = {}

    def make(kind: str) -> None:
        folder: Path = tmp_path_factory.mktemp("state")
        urls[kind] = databases.new(kind) if kind in SERVERS else ""
        engines[kind] = store.engine_of(urls[kind], folder)
        store.upgrade(engines[kind])

    def opener(kind: str) -> Callable[[], Engine]:
        if kind not in engines:
            make(kind)
        engine = engines[kind]
        empty(engine)
        return lambda: store.engine_from_url(engine.url)

    yield opener
    for engine in engines.values():
        engine.dispose()


@pytest.fixture(params=KINDS)
def kept(request: pytest.FixtureRequest) -> Iterator[Kept]:
    """Give an empty store of each kind."""
    if request.param == "memory":
        yield in_memory()
        return
    opener: Opened = request.getfixturevalue("opener")
    closing: list[Callable[[], None]] = []
    yield on_engine(opener(request.param), closing)
    for close in closing:
        close()

"""The database at a start: reached, brought to the schema of this version, or refused."""

from pathlib import Path

from faultwire.store import Engine, engine_of, prepare
from faultwire.store.settings import Settings


def open_database(settings: Settings, state_dir: Path) -> Engine:
    """Return an engine on a database with our schema.

    Waits a while for one that is down; raises Unavailable then, Invalid for what cannot be
    reached that way, Conflict for a schema that is newer, or older where it may not be upgraded.
    """
    engine = engine_of(settings.connection, state_dir, settings)
    try:
        prepare(engine, settings)
    except BaseException:
        engine.dispose()
        raise
    return engine

"""Copies of the embedded database: taken while a server runs, checked, and put back.

A copy is one moment of the database: it is read within one read transaction, which in SQLite's
write-ahead mode neither waits for commits nor delays them. Whatever is put under its final name
is complete, checked and on disk.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from faultwire.domain.errors import Conflict, Invalid, Unavailable
from faultwire.store.migrate import refuse_newer

PAGES_AT_ONCE = 256
"""Pages (a megabyte) that are copied before others get their turn on the disk."""

PAUSE_SECONDS = 0.005

BEFORE = ".before-restore"
"""What the name of a database ends with once another one has taken its place."""

_COMPANIONS = ("-wal", "-shm")


def backup(database: Path, target: Path) -> int:
    """Write a checked copy of a database to a file of mode 0600; return its size in bytes.

    A server may go on with its work meanwhile. A file of that name is replaced, at once and only
    by a good copy. Raises Invalid for a target that cannot be written or is the database itself,
    Conflict for a database that is corrupt, Unavailable where it cannot be read.
    """
    if not database.exists():
        raise Invalid("[database] connection", f"there is no database at {database}")
    if target.resolve() in {database.resolve(), *_companions(database.resolve())}:
        raise Invalid(str(target), "is the database itself")
    with _reading(database, str(database)) as source, _made(target) as made:
        _copy(source, made)
        _check(made, str(database))
        return made.stat().st_size


def restore(database: Path, source: Path) -> Path | None:
    """Put a copy in the place of a database that nobody uses; return where the old one is now.

    None where there was none. The caller holds whatever keeps servers away. Raises Invalid for a
    file that is no copy of ours, Conflict for one that is corrupt or of a newer version; then
    nothing was changed.
    """
    if not source.is_file():
        raise Invalid(str(source), "there is no such file")
    if source.resolve() == database.resolve():
        raise Invalid(str(source), "is the database itself")
    # Without its companions the file alone is the database.
    _settle(source)
    kept = database.with_name(database.name + BEFORE)
    with _reading(source, str(source)) as opened, _made(database, keep=kept) as made:
        refuse_newer(_revision(opened, str(source)), str(source))
        _copy(opened, made)
        _check(made, str(source))
        _settle(database)
        for companion, aside in zip(_companions(database), _companions(kept), strict=True):
            aside.unlink(missing_ok=True)
            with suppress(FileNotFoundError):
                companion.rename(aside)
    return kept if kept.exists() else None


def _companions(path: Path) -> list[Path]:
    return [path.with_name(path.name + end) for end in _COMPANIONS]


def _settle(database: Path) -> None:
    """Bring the write-ahead log home; what is corrupt or absent is left as it is."""
    if not any(path.exists() for path in _companions(database)):
        return
    with suppress(sqlite3.Error), closing(sqlite3.connect(database, timeout=1)) as opened:
        opened.execute("PRAGMA wal_checkpoint(TRUNCATE)")


@contextmanager
def _reading(path: Path, name: str) -> Iterator[sqlite3.Connection]:
    """Give a connection that sees one moment of a database and cannot change it."""
    try:
        opened = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=10)
        with closing(opened):
            opened.isolation_level = None
            opened.execute("BEGIN")
            opened.execute("SELECT count(*) FROM sqlite_master").fetchone()
            yield opened
    except sqlite3.DatabaseError as error:
        _raise(error, name)


@contextmanager
def _made(target: Path, keep: Path | None = None) -> Iterator[Path]:
    """Give a new private file, which takes its final name if all goes well, and goes otherwise.

    A file that had the name is kept under `keep`, where that is given.
    """
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except OSError as error:
        raise Invalid(str(target), f"cannot be written: {error.strerror}") from error
    try:
        yield part
        _to_disk(part)
        if keep is not None and target.exists():
            keep.unlink(missing_ok=True)
            keep.hardlink_to(target)
        part.replace(target)
        _to_disk(target.parent)
    except OSError as error:
        raise Unavailable(f"{target} cannot be written: {error.strerror}") from error
    finally:
        for left in (part, *_companions(part), part.with_name(f"{part.name}-journal")):
            left.unlink(missing_ok=True)


def _to_disk(path: Path) -> None:
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _copy(source: sqlite3.Connection, target: Path) -> None:
    with closing(sqlite3.connect(target, isolation_level=None)) as copied:
        source.backup(copied, pages=PAGES_AT_ONCE, sleep=PAUSE_SECONDS)
        # One file, which may be looked at without leaving companions behind.
        copied.execute("PRAGMA journal_mode = DELETE")


def _check(path: Path, name: str) -> None:
    """Raise Conflict for a copy that is not whole."""
    with closing(sqlite3.connect(path)) as opened:
        found = [str(row[0]) for row in opened.execute("PRAGMA integrity_check(3)")]
    if found != ["ok"]:
        raise Conflict(f"{name} is corrupt: {'; '.join(found)}")


def _revision(opened: sqlite3.Connection, name: str) -> str:
    """Return the revision of the schema; Invalid for a database that is not ours."""
    try:
        row = opened.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.OperationalError:
        row = None
    if row is None:
        raise Invalid(name, "is a database, but none of Faultwire")
    return str(row[0])


_NOT_OURS = ("file is not a database", "file is encrypted")


def _raise(error: sqlite3.DatabaseError, name: str) -> None:
    """Say in our words what SQLite found."""
    text = str(error)
    if any(said in text for said in _NOT_OURS):
        raise Invalid(name, "is no SQLite database") from error
    if "malformed" in text:
        raise Conflict(f"{name} is corrupt: {text}") from error
    raise Unavailable(f"{name}: {text}") from error

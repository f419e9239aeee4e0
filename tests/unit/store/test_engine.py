"""How a database is opened, kept private, and complains."""

import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from sqlalchemy import Engine, exc

from faultwire.domain.errors import Broken, Conflict, FaultwireError, Invalid, Unavailable
from faultwire.store import engine_from_url, engine_in_folder, tidy
from faultwire.store.engine import FILE_NAME, translated, writing


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """Give the engine of a new state folder."""
    engine = engine_in_folder(tmp_path / "state")
    yield engine
    engine.dispose()


def mode(path: Path) -> int:
    """Return the permissions of a path."""
    return stat.S_IMODE(path.stat().st_mode)


def test_a_commit_is_on_disk_when_it_returns(engine: Engine) -> None:
    """Every connection writes ahead and waits for the disk."""
    with engine.connect() as first, engine.connect() as second:
        for connection in (first, second):
            pragmas = [
                connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
                for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
            ]
            assert pragmas == ["wal", 2, 1, 2000]


def test_the_database_is_its_owners_alone(engine: Engine, tmp_path: Path) -> None:
    """Folder, database and its companions are closed to everybody else."""
    with writing(engine) as connection, connection.begin():
        connection.exec_driver_sql("CREATE TABLE t (a)")
        files = sorted((tmp_path / "state").iterdir())
        assert [file.name for file in files] == [
            FILE_NAME,
            f"{FILE_NAME}-shm",
            f"{FILE_NAME}-wal",
        ]
        assert {mode(file) for file in files} == {0o600}
    assert mode(tmp_path / "state") == 0o700


def test_an_open_database_is_closed(tmp_path: Path) -> None:
    """A database file that others may read is made private when it is opened."""
    (tmp_path / FILE_NAME).touch(0o644)
    engine = engine_in_folder(tmp_path)
    engine.connect().close()
    engine.dispose()
    assert mode(tmp_path / FILE_NAME) == 0o600


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("sqlite://", "in memory"),
        ("sqlite:///:memory:", "in memory"),
        ("no url", "not a database URL"),
        ("mysql://ann:s3cret@host:port/name", "not a database URL"),
        ("nodb://host/name", "no such kind of database: nodb;"),
        ("mysql+nodriver://host/name", "no such kind of database"),
        ("postgresql+pg8000://host/name", "no such kind of database"),
        ("sqlite+aiosqlite:///file", "no such kind of database"),
    ],
)
def test_a_url_that_cannot_be_is_refused(url: str, why: str) -> None:
    """The error names the option and the reason, before anything is opened."""
    with pytest.raises(Invalid, match=why) as caught:
        engine_from_url(url)
    assert caught.value.field == "[database] connection"
    assert "s3cret" not in str(caught.value)


def test_a_folder_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    """A file in the way of the state folder is told as such."""
    (tmp_path / "file").touch()
    with pytest.raises(Unavailable):
        engine_in_folder(tmp_path / "file" / "state")


def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    """Something else under the database's name is refused, not overwritten."""
    path = tmp_path / FILE_NAME
    path.write_bytes(b"precious" * 1000)
    engine = engine_in_folder(tmp_path)
    with pytest.raises(Unavailable, match="not a database"), translated():
        engine.connect()
    assert path.read_bytes() == b"precious" * 1000


def test_tidying_brings_the_log_home(engine: Engine, tmp_path: Path) -> None:
    """After `tidy` the database file alone has what was committed."""
    with writing(engine) as connection:
        with connection.begin():
            connection.exec_driver_sql("CREATE TABLE t (a)")
        tidy(engine)
        tidy(engine)
        copy = tmp_path / "copy"
        copy.write_bytes((tmp_path / "state" / FILE_NAME).read_bytes())
    alone = sqlite3.connect(copy)
    assert alone.execute("SELECT name FROM sqlite_master").fetchall() == [("t",)]
    alone.close()


def test_tidying_waits_for_nobody(engine: Engine) -> None:
    """It leaves what a reader still needs and does not disturb a writer."""
    with writing(engine) as writer, engine.connect() as reader:
        with writer.begin():
            writer.exec_driver_sql("CREATE TABLE t (a)")
        assert reader.exec_driver_sql("SELECT count(*) FROM t").scalar_one() == 0
        with writer.begin():
            writer.exec_driver_sql("INSERT INTO t VALUES (1)")
            tidy(engine)
        assert reader.exec_driver_sql("SELECT count(*) FROM t").scalar_one() == 0


def test_tidying_is_no_business_of_other_databases() -> None:
    """Without SQLite there is nothing to do, and nothing is connected to."""

    class Elsewhere:
        class dialect:  # noqa: N801 - as the library names it
            name = "postgresql"

    tidy(Elsewhere())


@pytest.mark.parametrize(
    ("foreign", "ours"),
    [
        (exc.IntegrityError("", {}, Exception("UNIQUE")), Conflict),
        (exc.OperationalError("", {}, Exception("database is locked")), Unavailable),
        (exc.DatabaseError("", {}, Exception("malformed")), Unavailable),
        (exc.InterfaceError("", {}, Exception("gone")), Unavailable),
        (exc.InternalError("", {}, Exception("gone")), Unavailable),
        (exc.TimeoutError("no connection is free"), Unavailable),
        (OSError("no space"), Unavailable),
        (exc.ProgrammingError("", {}, Exception("no such column")), Broken),
        (exc.NotSupportedError("", {}, Exception("no")), Broken),
        (exc.DataError("", {}, Exception("too long")), Invalid),
        (OverflowError("too large"), Invalid),
        (orjson.JSONEncodeError("not JSON"), Invalid),
    ],
)
def test_foreign_errors_become_ours(foreign: Exception, ours: type[FaultwireError]) -> None:
    """Each kind of error of a database has its place in the tree."""
    with pytest.raises(FaultwireError) as caught, translated():
        raise foreign
    assert type(caught.value) is ours
    assert caught.value.__cause__ is foreign


def test_other_errors_pass() -> None:
    """A defect is not dressed up as an error of the database."""
    with pytest.raises(ZeroDivisionError), translated():
        raise ZeroDivisionError


def test_an_error_does_not_show_the_values(engine: Engine) -> None:
    """Neither the answer nor the log of an error holds what was to be written."""
    with engine.connect() as connection:
        connection.exec_driver_sql("CREATE TABLE t (a NOT NULL, b)")
        with pytest.raises(Conflict) as caught, translated():
            connection.exec_driver_sql("INSERT INTO t VALUES (?, ?)", (None, "s3cret"))
    assert "s3cret" not in str(caught.value) + str(caught.value.__cause__)
    assert str(caught.value) == "the database refuses: NOT NULL constraint failed: t.a"

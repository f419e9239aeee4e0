"""Copies of the embedded database: one moment, whole, private; and back, or nothing at all."""

import sqlite3
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from faultwire import store
from faultwire.domain import changes as c
from faultwire.domain.errors import Conflict, FaultwireError, Invalid
from faultwire.domain.resources import Project, Server
from faultwire.store.backup import backup, restore
from faultwire.store.engine import FILE_NAME

FIRST, SECOND = Project("p-1", "first"), Project("p-2", "second")


@pytest.fixture
def engine(tmp_path: Path, with_schema: Callable[..., store.Engine]) -> Iterator[store.Engine]:
    """Give the engine of a database that has our schema."""
    engine = with_schema(tmp_path / "state")
    yield engine
    engine.dispose()


@pytest.fixture
def database(engine: store.Engine) -> Path:
    """Give its file."""
    found = store.embedded_file(engine)
    assert found is not None
    return found


@pytest.fixture
def ledger(engine: store.Engine) -> Iterator[store.Ledger]:
    """Give a ledger that has committed the first project."""
    ledger = store.Ledger(engine)
    ledger.commit([c.ProjectsSaved((FIRST,))])
    yield ledger
    ledger.close()


def held(path: Path) -> tuple[Project, ...]:
    """Return the projects of a database file."""
    engine = store.engine_from_url(f"sqlite:///{path}")
    projects = store.load(engine).projects
    engine.dispose()
    return projects


def test_a_copy_of_an_open_database_is_whole(
    ledger: store.Ledger, database: Path, tmp_path: Path
) -> None:
    """What is still in the write-ahead log is in the copy, which is one private file."""
    target = tmp_path / "copy"
    ledger.commit([c.ProjectsSaved((SECOND,))])
    assert backup(database, target) == target.stat().st_size
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["copy"]
    assert held(target) == (FIRST, SECOND)


def test_commits_go_on_during_a_copy(
    ledger: store.Ledger, database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pairs that are committed together are in the copy together, and no commit is refused."""
    monkeypatch.setattr("faultwire.store.backup.PAGES_AT_ONCE", 4)
    many = tuple(Server(f"vm-{number}", "x" * 200, "p", "h") for number in range(3000))
    ledger.commit([c.ServersSaved(many)])
    stop, done = threading.Event(), []

    def write() -> None:
        while not stop.is_set():
            done.append(len(done))
            pair = (Project(f"a-{done[-1]}", "x"), Project(f"b-{done[-1]}", "x"))
            ledger.commit([c.ProjectsSaved(pair[:1]), c.ProjectsSaved(pair[1:])])

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(3):
            before = len(done)
            backup(database, tmp_path / "copy")
            names = {project.id for project in held(tmp_path / "copy")} - {FIRST.id}
            assert {name[2:] for name in names if name[0] == "a"} == {
                name[2:] for name in names if name[0] == "b"
            }
            assert len(done) > before
    finally:
        stop.set()
        writer.join()


def test_a_copy_replaces_an_older_one_only_when_it_is_good(
    ledger: store.Ledger, database: Path, tmp_path: Path
) -> None:
    """A copy that fails leaves the one that was there, and nothing half made."""
    target = tmp_path / "copy"
    backup(database, target)
    ledger.commit([c.ProjectsSaved((SECOND,))])
    backup(database, target)
    assert held(target) == (FIRST, SECOND)
    good = target.read_bytes()
    junk = tmp_path / "junk"
    junk.write_bytes(b"junk" * 5000)
    with pytest.raises(Invalid, match="no SQLite database"):
        backup(junk, target)
    assert target.read_bytes() == good
    assert {path.name for path in tmp_path.iterdir()} == {"state", "copy", "junk"}


def corrupt(path: Path) -> None:
    """Spoil the inside of a database."""
    raw = bytearray(path.read_bytes())
    raw[8192 : len(raw) - 4096] = b"\xff" * (len(raw) - 12288)
    path.write_bytes(bytes(raw))


def refusals(tmp_path: Path, copy: Path) -> dict[str, tuple[Path, type[FaultwireError]]]:
    """Return files that must not be put back, with how they are refused."""
    made = {
        "missing": Invalid,
        "folder": Invalid,
        "empty": Invalid,
        "junk": Invalid,
        "foreign": Invalid,
        "short": Conflict,
        "spoilt": Conflict,
        "newer": Conflict,
    }
    found = {name: (tmp_path / f"bad-{name}", error) for name, error in made.items()}
    raw = copy.read_bytes()
    found["folder"][0].mkdir()
    found["empty"][0].touch()
    found["junk"][0].write_bytes(b"junk" * 5000)
    found["short"][0].write_bytes(raw[: len(raw) // 2])
    found["spoilt"][0].write_bytes(raw)
    corrupt(found["spoilt"][0])
    found["newer"][0].write_bytes(raw)
    for name, text in (
        ("foreign", "CREATE TABLE t (a)"),
        ("newer", "UPDATE alembic_version SET version_num = '9999'"),
    ):
        with closing(sqlite3.connect(found[name][0])) as opened:
            opened.execute(text)
            opened.commit()
    return found


def test_only_a_good_copy_is_put_back(
    ledger: store.Ledger, engine: store.Engine, database: Path, tmp_path: Path
) -> None:
    """Every bad file is refused with its name, and the database stays as it is."""
    backup(database, tmp_path / "copy")
    ledger.close()
    engine.dispose()
    for name, (path, error) in refusals(tmp_path, tmp_path / "copy").items():
        with pytest.raises(error, match="bad-"):
            restore(database, path)
        assert held(database) == (FIRST,), name
    assert not list(database.parent.glob("*.part*"))
    assert not list(database.parent.glob("*restore*"))


def test_what_was_there_is_kept(
    ledger: store.Ledger, engine: store.Engine, database: Path, tmp_path: Path
) -> None:
    """The copy is the database, the one before is beside it, and both are whole and private."""
    copy = tmp_path / "copy"
    backup(database, copy)
    ledger.commit([c.ProjectsSaved((SECOND,))])
    ledger.close()
    engine.dispose()
    kept = restore(database, copy)
    assert kept == database.with_name(f"{FILE_NAME}.before-restore")
    assert (held(database), held(kept)) == ((FIRST,), (FIRST, SECOND))
    assert {stat.S_IMODE(path.stat().st_mode) for path in (database, kept)} == {0o600}
    assert restore(database, kept) == kept
    assert (held(database), held(kept)) == ((FIRST, SECOND), (FIRST,))


def test_a_spoilt_database_can_be_replaced(
    ledger: store.Ledger, engine: store.Engine, database: Path, tmp_path: Path
) -> None:
    """What a copy is for: the database is corrupt, the copy takes its place."""
    copy = tmp_path / "copy"
    backup(database, copy)
    ledger.close()
    engine.dispose()
    corrupt(database)
    with pytest.raises(Conflict, match="corrupt"):
        backup(database, tmp_path / "other")
    database.write_bytes(b"junk" * 5000)
    database.with_name(f"{FILE_NAME}-wal").write_bytes(b"junk")
    restore(database, copy)
    assert held(database) == (FIRST,)


def test_a_copy_is_put_where_none_was(
    ledger: store.Ledger, database: Path, tmp_path: Path
) -> None:
    """On a new machine there is nothing to keep."""
    backup(database, tmp_path / "copy")
    assert restore(tmp_path / "new", tmp_path / "copy") is None
    assert held(tmp_path / "new") == (FIRST,)


def test_a_database_is_no_copy_of_itself(ledger: store.Ledger, database: Path) -> None:
    """Neither it nor its log is overwritten by a copy, and it is not put back upon itself."""
    for name in ("", "-wal", "-shm"):
        with pytest.raises(Invalid, match="the database itself"):
            backup(database, database.with_name(f"{FILE_NAME}{name}"))
    with pytest.raises(Invalid, match="the database itself"):
        restore(database, database)
    assert held(database) == (FIRST,)


def test_a_place_that_cannot_be_written_is_said(
    ledger: store.Ledger, database: Path, tmp_path: Path
) -> None:
    """A missing folder is the caller's error, with the file's name."""
    with pytest.raises(Invalid, match=r"gone/copy: cannot be written"):
        backup(database, tmp_path / "gone" / "copy")
    with pytest.raises(Invalid, match="there is no database"):
        backup(tmp_path / "none", tmp_path / "copy")

"""`faultwire db`: what it prints, its exit statuses, and what it keeps to itself."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from faultwire import store
from faultwire.app.folder import StateFolder
from faultwire.cli.main import main
from faultwire.domain import changes as c
from faultwire.domain.resources import Project

FIRST, SECOND = Project("p-1", "first"), Project("p-2", "second")


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Give the state folder of a server that is not running and knows one project."""
    folder = tmp_path / "state"
    commit(folder, FIRST)
    return folder


def commit(folder: Path, project: Project) -> None:
    """Write a project as a server would."""
    engine = store.engine_in_folder(folder)
    store.upgrade(engine)
    ledger = store.Ledger(engine)
    ledger.commit([c.ProjectsSaved((project,))])
    ledger.close()
    engine.dispose()


def held(folder: Path) -> tuple[Project, ...]:
    """Return the projects that a server would find."""
    engine = store.engine_in_folder(folder)
    projects = store.load(engine).projects
    engine.dispose()
    return projects


def run(*words: object, connection: str | None = None) -> Result:
    """Run the command."""
    environment = {} if connection is None else {"OS_DATABASE__CONNECTION": connection}
    return CliRunner(env=environment).invoke(main, ["db", *map(str, words)])


def test_version_tells_both_schemas(state: Path, tmp_path: Path) -> None:
    """Exit status 0 where they are the same, 1 where they differ or there is no database."""
    told = run("version", "--state-dir", state)
    assert (told.exit_code, told.output.splitlines()[1:]) == (
        0,
        [f"schema {store.SCHEMA}", f"this version needs {store.SCHEMA}"],
    )
    told = run("version", "--state-dir", tmp_path / "none")
    assert told.exit_code == 1
    assert "there is no database yet" in told.output
    assert not (tmp_path / "none" / "faultwire.sqlite").exists()


def test_upgrade_makes_the_schema_once(tmp_path: Path) -> None:
    """It says what was there before; a second time there is nothing to do."""
    assert run("upgrade", "--state-dir", tmp_path).output == f"schema {store.SCHEMA}, was none\n"
    told = run("upgrade", "--state-dir", tmp_path)
    assert (told.exit_code, told.output) == (0, f"schema {store.SCHEMA}, as it was\n")


def test_backup_and_restore(state: Path, tmp_path: Path) -> None:
    """A copy can be taken beside a running server, and put back only without one."""
    copy = tmp_path / "copy"
    folder = StateFolder(state)
    assert run("backup", "--state-dir", state, copy).exit_code == 0
    commit(state, SECOND)
    for refused in (
        run("restore", "--state-dir", state, copy),
        run("upgrade", "--state-dir", state),
    ):
        assert refused.exit_code == 1
        assert "another server uses the state folder" in refused.output
    folder.release()
    assert held(state) == (FIRST, SECOND)
    told = run("restore", "--state-dir", state, copy)
    assert told.exit_code == 0
    assert "faultwire.sqlite.before-restore" in told.output
    assert held(state) == (FIRST,)


@pytest.mark.parametrize(
    ("url", "tools"),
    [
        ("postgresql://ann:s3cret@127.0.0.1:1/x", {"backup": "pg_dump", "restore": "pg_restore"}),
        ("mariadb://ann:s3cret@127.0.0.1:1/x", {"backup": "mariadb-dump", "restore": "mariadb"}),
    ],
)
def test_copies_of_a_server_are_its_own_tools_work(url: str, tools: dict[str, str]) -> None:
    """Wrong usage, exit status 2, with the name of the right tool; nothing is connected to."""
    for command, tool in tools.items():
        told = run(command, "copy", connection=url)
        assert told.exit_code == 2
        assert tool in told.output
        assert "s3cret" not in told.output


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_a_database_that_is_down_is_one_line(kind: str) -> None:
    """Exit status 1, one line that says why, and no password in it."""
    told = run("version", connection=f"{kind}://ann:s3cret@127.0.0.1:1/x")
    assert told.exit_code == 1
    (line,) = told.output.splitlines()
    assert "the database refuses" in line
    assert "s3cret" not in line


def test_a_url_that_cannot_be_read_is_not_shown() -> None:
    """It may hold a password."""
    told = run("version", connection="postgresql://ann:s3cret@[1::2/x")
    assert told.exit_code == 1
    assert "s3cret" not in told.output


def test_settings_do_not_show_the_url() -> None:
    """Whoever logs settings logs no password."""
    assert "s3cret" not in repr(store.DatabaseSettings(connection="mariadb://ann:s3cret@h/x"))

"""The schema on every kind of database: made once, by one of many, never by an older version."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, make_url

from faultwire import store
from faultwire.domain.errors import Conflict, Invalid, Unavailable
from faultwire.store import schema, servers
from faultwire.store.settings import Settings
from tests.contract.store.conftest import KINDS
from tests.databases.fixtures import SERVERS, Databases

Opens = Callable[..., Engine]


@pytest.fixture(params=KINDS[1:])
def fresh(
    request: pytest.FixtureRequest, databases: Databases, tmp_path: Path
) -> Iterator[Callable[[], Engine]]:
    """Give a function that opens one new database without our schema, as each process would."""
    url = databases.new(request.param) if request.param in SERVERS else ""
    made: list[Engine] = []

    def fresh() -> Engine:
        made.append(store.engine_of(url, tmp_path))
        return made[-1]

    yield fresh
    for engine in made:
        engine.dispose()


def test_migrations_make_the_schema(fresh: Callable[[], Engine]) -> None:
    """What the revisions made is what the code names, in the eyes of alembic."""
    engine = fresh()
    assert store.revision_of(engine) is None
    assert store.upgrade(engine)
    assert not store.upgrade(engine)
    assert store.revision_of(engine) == store.SCHEMA
    with engine.connect() as connection:
        found = compare_metadata(MigrationContext.configure(connection), schema.metadata)
    assert found == []


def test_of_several_processes_one_upgrades(fresh: Callable[[], Engine]) -> None:
    """Those that start at once wait for the one that makes the schema, and none fails."""
    engines = [fresh() for _ in range(4)]
    start = Barrier(len(engines))

    def begin(engine: Engine) -> bool:
        start.wait(100)
        return store.upgrade(engine)

    with ThreadPoolExecutor(len(engines)) as others:
        assert sorted(others.map(begin, engines)) == [False, False, False, True]


def test_a_newer_schema_is_refused(fresh: Callable[[], Engine]) -> None:
    """A start names both revisions and the way back, and changes nothing."""
    engine = fresh()
    store.upgrade(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    for settings in (Settings(), Settings(upgrade_on_start=False)):
        with pytest.raises(Conflict, match=rf"9999.*{store.SCHEMA}.*backup"):
            store.prepare(engine, settings)
    assert store.revision_of(engine) == "9999"


def test_an_upgrade_may_be_left_to_the_operator(fresh: Callable[[], Engine]) -> None:
    """With upgrade_on_start off a start on an older schema says what to do."""
    engine = fresh()
    with pytest.raises(Conflict, match="faultwire db upgrade"):
        store.prepare(engine, Settings(upgrade_on_start=False))
    store.upgrade(engine)
    store.prepare(engine, Settings(upgrade_on_start=False))


def test_a_session_is_set_up_the_same(fresh: Callable[[], Engine]) -> None:
    """Time zone, isolation, deadlines and strictness do not depend on the server's defaults."""
    engine = fresh()
    if engine.dialect.name == "sqlite":
        return
    asked = {
        "postgresql": (
            (
                "SELECT current_setting('timezone'), current_setting('transaction_isolation'),"
                " current_setting('lock_timeout'), current_setting('statement_timeout')"
            ),
            ("UTC", "read committed", "2s", "10s"),
        ),
        "mariadb": (
            (
                "SELECT @@time_zone, @@tx_isolation, @@innodb_lock_wait_timeout,"
                " @@max_statement_time, @@sql_mode LIKE 'STRICT_ALL_TABLES%%'"
            ),
            ("+00:00", "READ-COMMITTED", 2, 10.0, 1),
        ),
    }
    text, expected = asked[engine.dialect.name]
    with engine.connect() as connection:
        assert tuple(connection.exec_driver_sql(text).one()) == expected


@pytest.fixture(params=SERVERS)
def url(request: pytest.FixtureRequest, databases: Databases) -> str:
    """Give the URL of a new database on each kind of server."""
    return databases.new(request.param)


@pytest.mark.parametrize("wrong", [{"password": "guessed"}, {"database": "not_there"}])
def test_a_wrong_name_or_password_is_said_at_once(url: str, wrong: dict[str, str]) -> None:
    """Nobody waits half a minute for what no wait brings; the password is not in the answer."""
    engine = store.engine_from_url(make_url(url).set(**wrong))
    with pytest.raises(Invalid, match=r"\[database\] connection: the database refuses") as caught:
        store.prepare(engine, Settings(connect_retry_seconds=3600))
    assert "guessed" not in str(caught.value)
    engine.dispose()


def test_an_option_that_the_driver_lacks_is_invalid(url: str) -> None:
    """A misspelt option of the URL ends the start with the option's name."""
    engine = store.engine_from_url(make_url(url).update_query_dict({"no_such": "1"}))
    with pytest.raises(Invalid, match="no_such"):
        store.prepare(engine, Settings(connect_retry_seconds=0))
    engine.dispose()


def test_a_server_that_is_too_old_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A release older than the statements were written for is named."""
    monkeypatch.setattr(servers, "OLDEST", {"postgresql": (99, 0), "mariadb": (99, 0)})
    engine = store.engine_from_url(url)
    with pytest.raises(Invalid, match=r"is too old: 99.0 or newer"):
        store.prepare(engine, Settings())
    engine.dispose()


def test_a_statement_without_end_is_ended(url: str) -> None:
    """The server ends what takes longer than statement_seconds, and that is Unavailable."""
    engine = store.engine_from_url(url, Settings(statement_seconds=1))
    long = {
        "postgresql": "SELECT pg_sleep(60)",
        "mariadb": "SELECT count(*) FROM seq_1_to_1000000 a, seq_1_to_1000000 b",
    }[engine.dialect.name]
    with pytest.raises(Unavailable), store.engine.translated(), engine.connect() as connection:
        connection.exec_driver_sql(long)
    engine.dispose()

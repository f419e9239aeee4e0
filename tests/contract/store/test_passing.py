"""What passes on a database server: restarts, deadlocks, lost answers. A commit survives it."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, event, make_url

from faultwire import store
from faultwire.domain import changes as c
from faultwire.domain.errors import Unavailable
from faultwire.domain.resources import Project
from faultwire.store.servers import is_transient
from faultwire.store.settings import Settings
from tests.contract.store import values as v
from tests.contract.store.cases import EVERYTHING
from tests.contract.store.conftest import Kept, Opened, in_memory, on_engine
from tests.contract.store.test_changes import everything
from tests.databases.fixtures import SERVERS, Databases
from tests.databases.proxy import CUT_AFTER, CUT_BEFORE, SILENT, Proxy
from tests.system.waiting import wait_for

FIRST, SECOND = Project("p-1", "first"), Project("p-2", "second")
PATIENT = Settings(retry_seconds=60.0, connect_seconds=20)


@pytest.fixture(params=SERVERS)
def kind(request: pytest.FixtureRequest) -> str:
    """Give each kind of server."""
    return str(request.param)


@pytest.fixture
def url(kind: str, opener: Opened) -> str:
    """Give the URL of an empty database of that kind, with its password."""
    engine = opener(kind)()
    engine.dispose()
    return engine.url.render_as_string(hide_password=False)


Opens = Callable[..., Engine]


@pytest.fixture
def opens() -> Iterator[Opens]:
    """Give a function that makes engines, which end with the test."""
    made: list[Engine] = []

    def opens(url: str, settings: Settings = PATIENT) -> Engine:
        made.append(store.engine_from_url(url, settings))
        return made[-1]

    yield opens
    for engine in made:
        engine.dispose()


def refused(engine: Engine) -> list[BaseException]:
    """Return a list that collects what the database refuses from now on."""
    found: list[BaseException] = []

    @event.listens_for(engine, "handle_error")
    def note(context: object) -> None:
        found.append(context.sqlalchemy_exception)  # type: ignore[attr-defined]

    return found


# ---------------------------------------------------------------- restarts


@pytest.mark.slow
def test_a_commit_survives_a_restart_of_its_server(
    kind: str, url: str, opens: Opens, databases: Databases
) -> None:
    """A server that is killed and comes back has what was committed, and takes what waited."""
    server, engine = databases.server(kind), opens(url)
    ledger = store.Ledger(engine)
    ledger.commit([c.ProjectsSaved((FIRST,))])
    server.kill()
    with ThreadPoolExecutor(1) as other:
        errors = refused(engine)
        waiting = other.submit(ledger.commit, [c.ProjectsSaved((SECOND,))])
        wait_for(lambda: len(errors) > 1, "the commit is refused and tried again")
        server.start()
        waiting.result(100)
    assert all(is_transient(error) for error in errors)
    assert store.load(engine).projects == (FIRST, SECOND)
    ledger.close()


@pytest.mark.slow
def test_a_server_that_stays_away_is_unavailable(
    kind: str, url: str, opens: Opens, databases: Databases
) -> None:
    """Without its server every port says so, not where it stands, and works again with it."""
    server, engine = databases.server(kind), opens(url, Settings(retry_seconds=0.1))
    ledger = store.Ledger(engine)
    ledger.commit([c.ProjectsSaved((FIRST,))])
    server.kill()
    try:
        for call in (
            lambda: ledger.commit([c.ProjectsSaved((SECOND,))]),
            lambda: ledger.settle([v.ARRIVED]),
            lambda: store.load(engine),
            lambda: store.upgrade(engine),
            lambda: store.StoredFaults(engine).audit(1),
        ):
            with pytest.raises(Unavailable, match="cannot be reached") as caught:
                call()
            assert str(engine.url.port) not in str(caught.value)
            assert str(engine.url.host) not in str(caught.value)
            assert str(engine.url.host) in caught.value.detail
            assert "s3cret" not in caught.value.detail
            assert "\n" not in caught.value.detail
        with pytest.raises(Unavailable, match="the database refuses"):
            store.prepare(engine, Settings(connect_retry_seconds=0))
    finally:
        server.start()
    ledger.commit([c.ProjectsSaved((SECOND,))])
    assert store.load(engine).projects == (FIRST, SECOND)
    ledger.close()


@pytest.mark.slow
def test_a_start_waits_for_its_server(
    kind: str, url: str, opens: Opens, databases: Databases, caplog: pytest.LogCaptureFixture
) -> None:
    """A server that comes up a little later than we do costs a warning, not a failed start."""
    server = databases.server(kind)
    server.kill()
    with ThreadPoolExecutor(1) as other:
        waiting = other.submit(store.prepare, opens(url), Settings(connect_retry_seconds=120))
        try:
            wait_for(lambda: "waiting for the database" in caplog.text, "it waits")
        finally:
            server.start()
        waiting.result(100)


# ---------------------------------------------------------------- deadlocks


def blocked(engine: Engine) -> bool:
    """Return whether some transaction of the server waits for a lock."""
    asked = {
        "postgresql": "SELECT count(*) FROM pg_locks WHERE NOT granted",
        # Its table of lock waits, read while a deadlock is looked for, can end the server.
        "mariadb": (
            "SELECT variable_value FROM information_schema.global_status"
            " WHERE variable_name = 'INNODB_ROW_LOCK_CURRENT_WAITS'"
        ),
    }
    with engine.connect() as connection:
        found = connection.exec_driver_sql(asked[engine.dialect.name]).scalar_one()
    return int(found) > 0


def test_a_deadlock_is_tried_again(url: str, opens: Opens) -> None:
    """A commit that the server takes back for a deadlock is made again, without its caller."""
    many = tuple(Project(f"x-{number}", "x") for number in range(300))
    engine, watching = opens(url), opens(url)
    ledger, errors = store.Ledger(engine), refused(engine)
    ledger.commit([c.ProjectsSaved((FIRST, SECOND, *many))])
    touch = "UPDATE projects SET name = 'other' WHERE id"
    with watching.connect() as rival, ThreadPoolExecutor(1) as other:
        if rival.dialect.name == "postgresql":
            # Who looks for deadlocks is who finds himself in one.
            rival.exec_driver_sql("SET LOCAL deadlock_timeout = '60s'")
        # MariaDB takes back the work of him who has changed less.
        rival.exec_driver_sql(f"{touch} > 'x'")
        rival.exec_driver_sql(f"{touch} = 'p-2'")
        crossing: list[Future[object]] = []

        @event.listens_for(engine, "before_cursor_execute")
        def cross(_: object, __: object, text: str, *___: object) -> None:
            """Let the rival wait for the ledger's first row before the ledger asks for his."""
            began.append(text)
            if len(began) == 2:
                crossing.append(other.submit(rival.exec_driver_sql, f"{touch} = 'p-1'"))
                wait_for(lambda: blocked(watching), "the rival waits for the ledger")
            if len(errors) == 1 and len(began) == 3:
                crossing[0].result(100)
                rival.commit()

        began: list[str] = []
        ledger.commit([c.ProjectsSaved((Project(one, "new"),)) for one in ("p-1", "p-2")])
    assert [is_transient(error) for error in errors] == [True]
    assert len(began) == 4
    assert store.load(engine).projects[:2] == (Project("p-1", "new"), Project("p-2", "new"))
    ledger.close()


def test_two_ledgers_that_cross_both_commit(url: str, opens: Opens) -> None:
    """Two processes that write the same rows in opposite order both get through, every time."""
    rows = tuple(Project(f"p-{number}", "x") for number in range(40))
    start = threading.Barrier(2)

    def write(order: tuple[Project, ...]) -> None:
        ledger = store.Ledger(opens(url))
        for _ in range(15):
            start.wait(100)
            ledger.commit([c.ProjectsSaved((row,)) for row in order])
        ledger.close()

    with ThreadPoolExecutor(2) as others:
        for done in [others.submit(write, rows), others.submit(write, rows[::-1])]:
            done.result(250)
    assert len(store.load(opens(url)).projects) == len(rows)


# ---------------------------------------------------------------- lost answers


@pytest.fixture
def proxy(url: str) -> Iterator[Proxy]:
    """Give a network to that database."""
    port = make_url(url).port
    assert port is not None
    proxy = Proxy(port)
    yield proxy
    proxy.close()


def through(url: str, proxy: Proxy) -> str:
    """Return the URL of the database at the end of the network."""
    return make_url(url).set(port=proxy.port).render_as_string(hide_password=False)


@pytest.mark.parametrize("failure", [CUT_BEFORE, CUT_AFTER])
def test_a_lost_commit_is_made_once(url: str, proxy: Proxy, opens: Opens, failure: str) -> None:
    """Cut before or after the server commits, the same commit again leaves the state of one."""
    engine = opens(through(url, proxy))
    closing: list[Callable[[], None]] = []
    stored, memory = on_engine(lambda: engine, closing), in_memory()
    errors = refused(engine)
    proxy.fail(failure)
    for kept in (stored, memory):
        kept.ledger.commit(EVERYTHING)
    assert (proxy.failed, len(errors)) == (1, 1)
    assert everything(stored) == everything(memory)
    for call in settling(stored), settling(memory):
        proxy.fail(failure if call[0] is stored else "")
        call[1]()
    assert proxy.failed == 2
    assert everything(stored) == everything(memory)
    for close in closing:
        close()


def settling(kept: Kept) -> tuple[Kept, Callable[[], None]]:
    """Return a store and what settles deliveries there."""
    return kept, lambda: kept.ledger.settle([v.RETRY, v.ARRIVED])


@pytest.mark.slow
def test_a_silent_server_is_given_up_on(url: str, proxy: Proxy, opens: Opens) -> None:
    """An answer that never comes ends as Unavailable, and the next commit works."""
    engine = opens(through(url, proxy), Settings(statement_seconds=1, retry_seconds=0.0))
    ledger = store.Ledger(engine)
    ledger.commit([c.ProjectsSaved((FIRST,))])
    proxy.fail(SILENT)
    with pytest.raises(Unavailable):
        ledger.commit([c.ProjectsSaved((SECOND,))])
    ledger.commit([c.ProjectsSaved((SECOND,))])
    assert store.load(opens(url)).projects == (FIRST, SECOND)
    ledger.close()

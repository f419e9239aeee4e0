"""Databases for tests: one private server of each kind for a session, or given by a URL.

FAULTWIRE_TEST_POSTGRESQL and FAULTWIRE_TEST_MARIADB name a server to use instead: its URL with
the name of a database that exists and an account that may make others.
"""

import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

import pytest
from sqlalchemy import Engine, create_engine, make_url

from faultwire.store.servers import DRIVERS
from tests.databases import servers

SERVERS = tuple(servers.KINDS)
"""The kinds of databases that are servers."""

_numbers = itertools.count(1)


class Databases:
    """Makes databases, and starts the server for the first of a kind."""

    def __init__(self, needs_package: Callable[..., str]) -> None:
        self._needs_package = needs_package
        self._running: dict[str, servers.PostgreSQL | servers.MariaDB] = {}
        self._made: list[tuple[str, str]] = []

    def server(self, kind: str) -> servers.PostgreSQL | servers.MariaDB:
        """Return a private server, which may be killed and started again.

        Skips the test where its package is missing, or another server is to be used instead.
        """
        if self._given(kind):
            pytest.skip("a server that is given is not restarted")
        if kind not in self._running:
            binary, package = servers.PACKAGES[kind]
            self._needs_package(binary, package, servers.program(binary))
            # Short, since a path of a socket may have 107 bytes; open for the server's own user.
            folder = Path(mkdtemp(prefix="faultwire-", dir="/tmp"))
            folder.chmod(0o711)
            # Kept before it runs, so that whatever happens it is removed.
            self._running[kind] = servers.KINDS[kind](folder / kind)
        # Whatever became of it in the test before.
        self._running[kind].ensure()
        return self._running[kind]

    def _given(self, kind: str) -> str:
        return os.environ.get(f"FAULTWIRE_TEST_{kind.upper()}", "")

    def new(self, kind: str) -> str:
        """Return the URL of an empty database."""
        name = f"test_{os.getpid()}_{next(_numbers)}"
        given = self._given(kind)
        if not given:
            return self.server(kind).create(name)
        with _plain(given) as engine, engine.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
        self._made.append((given, name))
        return make_url(given).set(database=name).render_as_string(hide_password=False)

    def close(self) -> None:
        """End the servers and remove what was made on others."""
        for server in self._running.values():
            server.close()
            shutil.rmtree(server.folder.parent, ignore_errors=True)
        for given, name in self._made:
            force = " WITH (FORCE)" if given.startswith("postgres") else ""
            with _plain(given) as engine, engine.connect() as connection:
                connection.exec_driver_sql(f"DROP DATABASE {name}{force}")


@contextmanager
def _plain(url: str) -> Iterator[Engine]:
    parsed = make_url(url)
    driver = DRIVERS.get(parsed.drivername, parsed.drivername)
    engine = create_engine(parsed.set(drivername=driver), isolation_level="AUTOCOMMIT")
    try:
        yield engine
    finally:
        engine.dispose()


@pytest.fixture(scope="session")
def databases(needs_package: Callable[..., str]) -> Iterator[Databases]:
    """Give what makes databases on private servers, which end with the session."""
    made = Databases(needs_package)
    yield made
    made.close()

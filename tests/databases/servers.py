"""Private servers of PostgreSQL and MariaDB: started for the tests, gone with them.

Each has its data in a folder of its own and listens on a free port of 127.0.0.1. Commits are as
durable as in production: what is switched off is what a test never looks at.
"""

import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psycopg
import pymysql

from tests.system.waiting import wait_for

PASSWORD = "s3cret/of:tests"
QUOTED = "s3cret%2Fof%3Atests"
PACKAGES = {"postgresql": ("postgres", "postgresql"), "mariadb": ("mariadbd", "mariadb-server")}
"""The program that must be there, and the Debian package that brings it."""


def program(name: str) -> str | None:
    """Return where a program of a database is; Debian keeps PostgreSQL's off the PATH."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version, reverse=True)
    places = [*map(str, versions), "/usr/sbin", os.environ.get("PATH", "")]
    return shutil.which(name, path=os.pathsep.join(places))


def _version(folder: Path) -> int:
    return int(folder.parent.name) if folder.parent.name.isdigit() else 0


class _Ports:
    """Ports that the system does not hand out, in blocks of which each process has its own."""

    FIRST, LAST, BLOCK = 15000, 32000, 500

    def __init__(self) -> None:
        self._held: socket.socket | None = None
        self._block = range(self.FIRST, self.LAST)
        self._next = 0

    def take(self) -> int:
        """Return the next port of the block that nobody uses."""
        if self._held is None:
            self._hold()
        for _ in self._block:
            port = self._block[self._next % len(self._block)]
            self._next += 1
            with socket.socket() as found, suppress(OSError):
                found.bind(("127.0.0.1", port))
                return port
        raise AssertionError(f"no port is free in {self._block}")

    def _hold(self) -> None:
        """Take a block for as long as this process lives, by a name that ends with it."""
        blocks = list(range(self.FIRST, self.LAST, self.BLOCK))
        random.SystemRandom().shuffle(blocks)
        for first in blocks:
            held = socket.socket(socket.AF_UNIX)
            try:
                held.bind(f"\0faultwire-tests-ports-{first}")
            except OSError:
                held.close()
            else:
                self._held, self._block = held, range(first, first + self.BLOCK)
                return
        raise AssertionError("too many processes run tests on this machine")


_ports = _Ports()


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody uses now.

    No other test is given it at the same time, and it is none that the system hands out: a server
    finds it again when it starts anew.
    """
    return _ports.take()


def nobody_at(port: int) -> bool:
    """Return whether nobody takes connections at a port of 127.0.0.1."""
    with socket.socket() as asking:
        asking.settimeout(5.0)
        return asking.connect_ex(("127.0.0.1", port)) != 0


class _Server:
    """A server process that ends, at the latest, with the process that started it."""

    user = ""

    def __init__(self, folder: Path) -> None:
        """Make the data in an empty folder; `start` runs the server."""
        self.folder = folder
        self.data = folder / "data"
        self.log = folder / "log"
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._started = False
        folder.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0:
            # The server runs as its own user, who has to get through to its folder.
            account = pwd.getpwnam(self.user)
            os.chown(folder, account.pw_uid, account.pw_gid)
        self._make()

    def _make(self) -> None:
        raise AssertionError

    def _command(self) -> Sequence[object]:
        raise AssertionError

    def _answers(self) -> bool:
        raise AssertionError

    def _run(self, *command: object) -> None:
        done = subprocess.run(
            self._as_user(command),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=self.folder,
            timeout=200,
            check=False,
        )
        assert done.returncode == 0, done.stdout.decode(errors="replace")[-4000:]

    def _as_user(self, command: Sequence[object]) -> list[str]:
        words = ["setpriv", "--pdeathsig", "KILL"]
        if os.geteuid() == 0:
            account = pwd.getpwnam(self.user)
            words += [f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]
        return [*words, "--", *map(str, command)]

    def start(self) -> None:
        """Run the server and return once it takes connections.

        Its port is taken at the first start and kept; if somebody else has it by then, it takes
        another one.
        """
        for last in (False, False, True):
            with self.log.open("ab") as log:
                self._process = subprocess.Popen(
                    self._as_user(self._command()), stdout=log, stderr=log, cwd=self.folder
                )
            wait_for(self._ended_or_ready, f"{type(self).__name__} answers")
            if self._process.poll() is None:
                self._started = True
                return
            said = self.log.read_text(errors="replace")[-4000:]
            assert not last, said
            assert "ddress already in use" in said, said
            if not self._started:
                self.port = free_port()

    def ensure(self) -> None:
        """Run the server if it does not run."""
        if self._process is None or self._process.poll() is not None:
            self.start()

    def _ended_or_ready(self) -> bool:
        assert self._process is not None
        return self._process.poll() is not None or self._answers()

    def signal(self, number: int) -> None:
        """Send the server a signal and wait for its end."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(100)
            self._process = None

    def kill(self) -> None:
        """End it as a power cut does, as far as its clients can tell."""
        self.signal(signal.SIGKILL)

    def close(self) -> None:
        """End it at once and remove its data."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


class PostgreSQL(_Server):
    """A private PostgreSQL."""

    user = "postgres"

    def _make(self) -> None:
        secret = self.folder / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        self._run(
            program("initdb"), "-D", self.data, "-U", "faultwire", f"--pwfile={secret}",
            "-A", "scram-sha-256", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync",
        )  # fmt: skip

    def _command(self) -> Sequence[object]:
        options = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": self.folder,
            "max_connections": 200,
            "shared_buffers": "128MB",
            "autovacuum_naptime": "10s",
            "log_min_messages": "fatal",
            "deadlock_timeout": "100ms",
        }
        given = (word for name, value in options.items() for word in ("-c", f"{name}={value}"))
        return [program("postgres"), "-D", self.data, *given]

    def kill(self) -> None:
        """End it without a checkpoint (`pg_ctl stop -m immediate`).

        SIGKILL would leave its children and the shared memory they hold.
        """
        self.signal(signal.SIGQUIT)

    def _answers(self) -> bool:
        try:
            self._open("postgres").close()
        except psycopg.OperationalError:
            return False
        return True

    def _open(self, database: str) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(
            host="127.0.0.1", port=self.port, user="faultwire", password=PASSWORD,
            dbname=database, autocommit=True, connect_timeout=30,
        )  # fmt: skip

    def create(self, database: str) -> str:
        """Make an empty database and return its URL."""
        with self._open("postgres") as connection:
            connection.execute(f'CREATE DATABASE "{database}"')
        return self.url(database)

    def url(self, database: str, port: int = 0) -> str:
        """Return the URL of a database, at another port where one is given."""
        return f"postgresql://faultwire:{QUOTED}@127.0.0.1:{port or self.port}/{database}"


class MariaDB(_Server):
    """A private MariaDB."""

    user = "mysql"

    def _make(self) -> None:
        self._run(
            program("mariadb-install-db"), "--no-defaults", f"--datadir={self.data}",
            "--auth-root-authentication-method=normal", "--skip-test-db",
            "--skip-name-resolve", "--innodb-log-file-size=64M", f"--tmpdir={self.folder}",
        )  # fmt: skip
        first = self.folder / "first.sql"
        first.write_text(
            f"CREATE USER IF NOT EXISTS faultwire@'%' IDENTIFIED BY '{PASSWORD}';\n"
            "GRANT ALL ON *.* TO faultwire@'%' WITH GRANT OPTION;\n"
        )
        first.chmod(0o644)

    def _command(self) -> Sequence[object]:
        return [
            program("mariadbd"), "--no-defaults", f"--datadir={self.data}",
            f"--init-file={self.folder / 'first.sql'}", f"--port={self.port}",
            "--bind-address=127.0.0.1", f"--socket={self.folder / 'socket'}",
            f"--pid-file={self.folder / 'pid'}", "--skip-name-resolve",
            # Two servers with one folder for this remove each other's tables.
            f"--tmpdir={self.folder}",
            "--innodb-log-file-size=64M", "--innodb-buffer-pool-size=256M",
            "--innodb-fast-shutdown=2", "--max-connections=200", "--performance-schema=off",
        ]  # fmt: skip

    def _answers(self) -> bool:
        try:
            self._open().close()
        except pymysql.OperationalError:
            return False
        return True

    def _open(self) -> "pymysql.connections.Connection[pymysql.cursors.Cursor]":
        return pymysql.connect(
            host="127.0.0.1", port=self.port, user="faultwire", password=PASSWORD,
            connect_timeout=30,
        )  # fmt: skip

    def create(self, database: str) -> str:
        """Make an empty database and return its URL."""
        with self._open() as connection, connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE `{database}`")
        return self.url(database)

    def url(self, database: str, port: int = 0) -> str:
        """Return the URL of a database, at another port where one is given."""
        return f"mariadb://faultwire:{QUOTED}@127.0.0.1:{port or self.port}/{database}"


KINDS = {"postgresql": PostgreSQL, "mariadb": MariaDB}

"""A private RabbitMQ for tests: started for a session, gone with it.

It is Debian's package run on ports, an epmd, a node name and a folder of its own, so that the
broker of the machine, if there is one, is never asked anything. FAULTWIRE_TEST_RABBIT names a
broker to use instead: `rabbit://USER:PASSWORD@HOST:PORT/VHOST`.
"""

import itertools
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import mkdtemp
from urllib.parse import quote, urlsplit

import pytest

from faultwire.messaging.link import REFUSED_WAIT_SECONDS
from tests.databases.servers import free_port
from tests.system.certificates import self_signed
from tests.system.waiting import wait_for

SERVER = "/usr/lib/rabbitmq/bin/rabbitmq-server"
"""The broker itself; the program of this name on the PATH becomes another user and logs."""

USER = "faultwire"
PASSWORD = "s3cret-of-tests"
COOKIE = "faultwiretests"
STARTS_IN = 200.0
STOPS_IN = 100.0
LOGINS = 8
"""Logins of all processes of one server, where they are refused, in each AGAIN seconds."""

AGAIN = REFUSED_WAIT_SECONDS

PROTOCOL = b"AMQP\x00\x00\x09\x01"

_numbers = itertools.count(1)

CONFIG = """\
listeners.tcp.1 = 127.0.0.1:{port}
default_user = {user}
default_pass = {password}
loopback_users = none
log.console = true
log.console.level = warning
disk_free_limit.absolute = 50MB
listeners.ssl.1 = 127.0.0.1:{tls}
listeners.ssl.2 = 127.0.0.2:{tls}
ssl_options.cacertfile = {folder}/certificate.pem
ssl_options.certfile = {folder}/certificate.pem
ssl_options.keyfile = {folder}/key.pem
ssl_options.verify = verify_none
"""


class Rabbit:
    """One broker. Call it from the test's own thread: it ends with the thread that started it."""

    def __init__(self, given: str = "") -> None:
        """Take the URL of a broker that runs, or nothing for a private one."""
        self._given = given
        self._running: list[subprocess.Popen[bytes]] = []
        if given:
            return
        # Short, since Erlang makes long paths below it; open for the broker's own user.
        self.folder = Path(mkdtemp(prefix="faultwire-rabbit-", dir="/tmp"))
        self.port, self._epmd, self._dist = free_port(), free_port(), free_port()
        self.tls_port = free_port()
        self.node = f"faultwire{self.port}@localhost"
        self._prepare()

    def _prepare(self) -> None:
        home = self.folder / "home"
        home.mkdir()
        cookie = home / ".erlang.cookie"
        cookie.write_text(COOKIE)
        cookie.chmod(0o400)
        (self.folder / "plugins").write_text("[].\n")
        self_signed(self.folder)
        config = CONFIG.format(
            port=self.port, tls=self.tls_port, folder=self.folder, user=USER, password=PASSWORD
        )
        (self.folder / "rabbitmq.conf").write_text(config)
        if os.geteuid() == 0:
            account = pwd.getpwnam("rabbitmq")
            for path in (self.folder, *self.folder.rglob("*")):
                os.chown(path, account.pw_uid, account.pw_gid)

    @property
    def _environment(self) -> dict[str, str]:
        folder = str(self.folder)
        return {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "HOME": f"{folder}/home",
            "ERL_EPMD_PORT": str(self._epmd),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": self.node,
            "RABBITMQ_DIST_PORT": str(self._dist),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
                "-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none"
            ),
            "RABBITMQ_MNESIA_BASE": f"{folder}/mnesia",
            "RABBITMQ_LOG_BASE": f"{folder}/logs",
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_PID_FILE": f"{folder}/pid",
            "RABBITMQ_CONFIG_FILE": f"{folder}/rabbitmq",
            "RABBITMQ_CONF_ENV_FILE": f"{folder}/none",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{folder}/plugins",
            # It then becomes the broker, and no shell stands between it and a signal.
            "RUNNING_UNDER_SYSTEMD": "true",
        }

    def _run(self, *command: str) -> subprocess.Popen[bytes]:
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                self._as_user(command), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                cwd=self.folder, env=self._environment,
            )  # fmt: skip

    def _as_user(self, command: Sequence[str]) -> list[str]:
        words = ["setpriv", "--pdeathsig", "KILL"]
        if os.geteuid() == 0:
            account = pwd.getpwnam("rabbitmq")
            words += [f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]
        return [*words, "--", *command]

    def _own(self) -> None:
        if self._given:
            pytest.skip("a broker that is given is not changed")

    def start(self) -> "Rabbit":
        """Run it and return once it takes connections; nothing for one that is given."""
        if self._given or self._running:
            return self
        self._running.append(self._run("epmd", "-port", str(self._epmd)))
        wait_for(lambda: _answers(self._epmd, b""), "epmd answers")
        self._running.append(self._run(SERVER))
        wait_for(self._ended_or_ready, "RabbitMQ answers", STARTS_IN)
        if self._running[-1].poll() is not None:
            self._running.clear()
            raise AssertionError(self.log[-4000:])
        return self

    def _ended_or_ready(self) -> bool:
        return self._running[-1].poll() is not None or _answers(self.port, PROTOCOL)

    def stop(self, number: int = signal.SIGTERM) -> None:
        """End it in order, or by another signal, and return when it has ended."""
        self._own()
        while self._running:
            process = self._running.pop()
            process.send_signal(number)
            try:
                process.wait(STOPS_IN)
            finally:
                process.kill()

    def kill(self) -> None:
        """End it as a power cut does.

        RabbitMQ 3.10 forgets the leader of a quorum queue that was made less than about a second
        before, and then nobody gets anything from it: tests of such queues use `stop`.
        """
        self.stop(signal.SIGKILL)

    def restart(self) -> None:
        """End it in order and start it again; what is durable is still there."""
        self.stop()
        self.start()

    @property
    def log(self) -> str:
        """What it logged."""
        return (self.folder / "log").read_text(errors="replace")

    def url(self, vhost: str = "", user: str = USER, password: str = PASSWORD) -> str:
        """Return a transport_url; of the given broker's own virtual host where one is given."""
        if self._given:
            parts = urlsplit(self._given)
            if (user, password) == (USER, PASSWORD):
                return self._given
            return f"rabbit://{user}:{password}@{parts.hostname}:{parts.port or 5672}{parts.path}"
        return f"rabbit://{user}:{quote(password)}@127.0.0.1:{self.port}/{quote(vhost, safe='')}"

    def secure(self, vhost: str, host: str = "127.0.0.1") -> str:
        """Return a transport_url for TLS; the certificate is that of localhost and 127.0.0.1."""
        self._own()
        return f"amqps://{USER}:{quote(PASSWORD)}@{host}:{self.tls_port}/{quote(vhost, safe='')}"

    @property
    def certificate(self) -> Path:
        """The file of the certificate that vouches for it."""
        return self.folder / "certificate.pem"

    def vhost(self) -> str:
        """Make a virtual host of the test's own and return its name."""
        name = f"test{next(_numbers)}"
        if not self._given:
            self.evaluate(f'rabbit_vhost:add(<<"{name}">>, <<"tests">>)')
            self.allow(USER, name)
        return name

    def fresh(self) -> str:
        """Return the transport_url of a virtual host of the test's own."""
        return self.url(self.vhost())

    def user(self, name: str, password: str, vhost: str = "", topics: str = ".*") -> None:
        """Make a user who may use what this regular expression matches in a virtual host."""
        self.evaluate(
            f'rabbit_auth_backend_internal:add_user(<<"{name}">>, <<"{password}">>, <<"tests">>)'
        )
        if vhost:
            self.allow(name, vhost, topics)

    def allow(self, user: str, vhost: str, topics: str = ".*") -> None:
        """Let a user configure, write and read what this regular expression matches."""
        names = ", ".join(f'<<"{one}">>' for one in (user, vhost, topics, topics, topics, "tests"))
        self.evaluate(f"rabbit_auth_backend_internal:set_permissions({names})")

    def queues(self, vhost: str) -> dict[str, int]:
        """Return the queues of a virtual host, each with how many messages it holds."""
        said = self.evaluate(
            'lists:flatten([io_lib:format("~s ~w~n", [N, M]) || '
            "[{name, {resource, _, queue, N}}, {messages, M}] <- "
            f'rabbit_amqqueue:info_all(<<"{vhost}">>, [name, messages])])'
        )
        lines = str(json.loads(said) or "").splitlines()
        return {name: int(count) for name, count in (line.rsplit(" ", 1) for line in lines)}

    def close_connections(self) -> None:
        """Cut every client off; they may come back at once."""
        self.evaluate('rabbit_networking:close_all_connections("cut by a test")')

    def evaluate(self, expression: str) -> str:
        """Return what an Erlang expression gives inside the broker, printed.

        Skips the test where the broker is a given one.
        """
        self._own()
        done = subprocess.run(
            ["erl_call", "-sname", self.node, "-c", COOKIE, "-timeout", "100", "-e"],
            input=f"{expression}.\n".encode(), env=self._environment, timeout=110,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
        said = done.stdout.decode(errors="replace")
        assert done.returncode == 0, said
        assert said.startswith("{ok, "), said
        return said.removeprefix("{ok, ").removesuffix("}")

    def close(self) -> None:
        """End it at once and remove its data."""
        if self._given:
            return
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


class Stranger:
    """A user of one test, with whose name a wrong password is given; his logins are counted."""

    def __init__(self, rabbit: Rabbit) -> None:
        """Make the user and his virtual host."""
        self._rabbit = rabbit
        self._name = f"stranger{next(_numbers)}"
        vhost = rabbit.vhost()
        rabbit.user(self._name, "right", vhost)
        self.url = rabbit.url(vhost, self._name, "wrong")
        self._began = time.monotonic()

    @property
    def refused(self) -> int:
        """How often the broker refused him, as far as it has logged."""
        return self._rabbit.log.count(f"PLAIN login refused: user '{self._name}'")

    def makes_no_storm(self) -> None:
        """Fail if he came more often than a few processes do that ask twice a minute."""
        wait_for(lambda: self.refused, "the broker logs it")
        seconds = time.monotonic() - self._began
        assert self.refused <= LOGINS * (1 + seconds // AGAIN)


def _answers(port: int, said: bytes) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 5.0) as connection:
            connection.sendall(said)
            return not said or connection.recv(1) != b""
    except OSError:
        return False


def installed() -> str | None:
    """Return the path of the broker; None without it."""
    return SERVER if Path(SERVER).exists() else None


def broker(needs_package: Callable[..., str]) -> Iterator[Rabbit]:
    """Give a broker that ends with the session, for a fixture."""
    given = os.environ.get("FAULTWIRE_TEST_RABBIT", "")
    if not given:
        needs_package("rabbitmq-server", "rabbitmq-server", installed())
    made = Rabbit(given)
    try:
        yield made.start()
    finally:
        made.close()

"""A small real cloud on loopback: Keystone, Placement, Nova, Neutron and, if asked, Aodh.

All are the released services of `make minicloud`, unmodified; only Nova's hypervisor is its fake
driver, Glance is one image, and no agent binds ports. MariaDB and RabbitMQ are private. Everything
listens on free ports of 127.0.0.1 and ends with the process that started it.

`python -m tests.openstack.minicloud FOLDER [HOSTS]` runs one until it is interrupted.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from tests.databases.servers import PASSWORD, MariaDB, free_port, nobody_at
from tests.openstack import settings
from tests.system.rabbit import Rabbit
from tests.system.waiting import wait_for

HERE = Path(__file__).parent
ENVIRONMENT = HERE.parents[1] / "build" / "minicloud"
"""Where `make minicloud` installs the services."""

TABLES = ENVIRONMENT / "tables.sql"
"""The empty tables of all services, kept from the first run."""

NAME = "minicloud"
STARTS_IN = 120.0
DATABASES = ("keystone", "placement", "nova_api", "nova", "nova_cell0", "neutron", "aodh")


class CloudDatabase(MariaDB):
    """MariaDB with room for every worker of every service; the cloud may lose its last second."""

    def _command(self) -> Sequence[object]:
        more = ("--max-connections=500", "--innodb-flush-log-at-trx-commit=2")
        return [*super()._command(), *more]

    def prepare(self) -> str:
        """Make the databases of all services; return the part of their URLs that is the same."""
        with self._open() as connection, connection.cursor() as cursor:
            for name in DATABASES:
                cursor.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb3")
        return self.url("").rstrip("/").replace("mariadb://", "mysql+pymysql://")


class Process:
    """One service; its output is in `FOLDER/log/NAME.log`."""

    def __init__(
        self, folder: Path, name: str, command: Sequence[object], env: Mapping[str, str]
    ) -> None:
        """Run it; it ends at the latest with this process."""
        self.name = name
        self.log = folder / "log" / f"{name}.log"
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", "--", *map(str, command)],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=folder,
                env={**os.environ, **env}, start_new_session=True,
            )  # fmt: skip

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def alive(self) -> bool:
        """Return whether it still runs."""
        return self._process.poll() is None

    def send(self, number: int) -> None:
        """Send a signal to it and to its workers."""
        os.killpg(self._process.pid, number)

    def end(self, number: int = signal.SIGTERM) -> None:
        """End it and return when it has ended; one that does not is killed."""
        if self.alive():
            self.send(number)
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self.send(signal.SIGKILL)
                self._process.wait(20)


class MiniCloud:
    """The cloud. Use it from one thread: what it started ends with that thread's process."""

    def __init__(self, folder: Path, hosts: int = 2, *, aodh: bool = False) -> None:
        """Lay out a cloud of so many compute hosts, cmp1 and up; `start` runs it."""
        self.folder = folder
        self.aodh = aodh
        self.hosts = [f"cmp{number}" for number in range(1, hosts + 1)]
        self.bin = ENVIRONMENT / "bin"
        self.running: dict[str, Process] = {}
        for part in ("log", "state", "fernet", "credential", "etc"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        for part in ("fernet", "credential"):
            (folder / part).chmod(0o700)
        ports = {name: free_port() for name in ("identity", "placement", "image", "compute")}
        ports |= {name: free_port() for name in ("network", "alarming")}
        self.ports = ports
        self.identity = f"http://127.0.0.1:{ports['identity']}/v3"
        self.urls = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
        self.database = CloudDatabase(folder / "mariadb")
        self.rabbit = Rabbit()
        self.transport = ""
        self.laps: list[tuple[str, float]] = []
        self._began = time.monotonic()

    @property
    def clouds_yaml(self) -> Path:
        """The file with which clients find this cloud, by the name `minicloud`."""
        return self.folder / "clouds.yaml"

    def _lap(self, what: str) -> None:
        self.laps.append((what, time.monotonic() - self._began))

    def start(self) -> "MiniCloud":
        """Make all databases and run all services; return when they answer."""
        self.database.start()
        self.rabbit.start()
        self.transport = self.rabbit.fresh()
        self._lap("database and broker")
        self._configure(self.database.prepare())
        self._schemas()
        self._lap("schemas")
        self._services()
        self._lap("services")
        for host in self.hosts:
            self.start_compute(host)
        wait_for(lambda: self.computes() >= len(self.hosts), "computes register", STARTS_IN)
        self._manage("nova", "cell_v2", "discover_hosts")
        self._lap("computes")
        return self

    def stop(self) -> None:
        """End all that was started and remove the data of the database."""
        for process in reversed(self.running.values()):
            process.end(signal.SIGKILL)
        self.running.clear()
        self.rabbit.close()
        self.database.close()

    # What tests do to it.

    def compute(self, host: str) -> Process:
        """Return the nova-compute of a host."""
        return self.running[f"nova-compute-{host}"]

    def kill_compute(self, host: str) -> None:
        """End a nova-compute as the death of its host does."""
        self.compute(host).end(signal.SIGKILL)

    def start_compute(self, host: str) -> None:
        """Run a host's nova-compute, for the first time or again."""
        state = self.folder / "state" / host
        state.mkdir(parents=True, exist_ok=True)
        own = self.folder / "etc" / f"{host}.conf"
        own.write_text(settings.text({"DEFAULT": {"host": host, "state_path": state}}))
        self._run(
            f"nova-compute-{host}", self.bin / "python", HERE / "fakecompute.py",
            "--config-file", self._conf("nova"), "--config-file", own,
        )  # fmt: skip

    def restart(self, name: str) -> None:
        """Run a service again that was ended."""
        # What it started may hold its port for a moment longer than itself.
        wait_for(lambda: nobody_at(self.ports[name]), f"the port of {name} is free")
        self._starters()[name]()
        self._answers(name)

    def sql(self, statement: str) -> list[tuple[object, ...]]:
        """Run a statement in the database of the services and return its rows."""
        with self.database._open() as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            rows = list(cursor.fetchall())
            connection.commit()
        return rows

    def computes(self) -> int:
        """Return how many hypervisors Nova knows."""
        return int(
            str(self.sql("SELECT COUNT(*) FROM nova.compute_nodes WHERE deleted = 0")[0][0])
        )

    # How it comes up.

    def _conf(self, service: str) -> Path:
        return self.folder / "etc" / service / f"{service}.conf"

    def _configure(self, database: str) -> None:
        folder, identity, transport = self.folder, self.identity, self.transport
        aodh_paste = self._conf("aodh").with_name("api-paste.ini")
        neutron_paste = ENVIRONMENT / "etc" / "neutron" / "api-paste.ini"
        files = {
            "keystone": settings.keystone(folder, database),
            "placement": settings.placement(folder, database, identity),
            "nova": settings.nova(folder, database, identity, transport, self.urls),
            "neutron": settings.neutron(folder, database, identity, transport, neutron_paste),
            "aodh": settings.aodh(folder, database, identity, transport, aodh_paste),
        }
        for name, sections in files.items():
            self._conf(name).parent.mkdir(exist_ok=True)
            self._conf(name).write_text(settings.text(sections))
        shutil.copy(ENVIRONMENT / "etc" / "nova" / "api-paste.ini", self._conf("nova").parent)
        released = next(ENVIRONMENT.glob("lib/python3*/site-packages/aodh/api/api-paste.ini"))
        # Who checks its tokens would look for a file of /etc.
        own = f"[filter:authtoken]\noslo_config_file = {self._conf('aodh')}"
        aodh_paste.write_text(released.read_text().replace("[filter:authtoken]", own))
        self._tables = f"{database}/neutron"
        self._cell0 = f"{database}/nova_cell0"
        self.clouds_yaml.write_text(settings.clouds(NAME, identity))

    def _do(self, *command: object) -> None:
        done = subprocess.run(
            list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            cwd=self.folder, timeout=STARTS_IN, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}: {done.stdout.decode(errors='replace')[-4000:]}"

    def _manage(self, service: str, *words: object) -> None:
        self._do(self.bin / f"{service}-manage", "--config-file", self._conf(service), *words)

    def _schemas(self) -> None:
        """Make all tables; those of an earlier run are copied, which takes a tenth of the time."""
        if TABLES.exists():
            with TABLES.open("rb") as tables:
                self._database("mariadb", stdin=tables)
        else:
            self._at_once(
                lambda: self._manage("keystone", "db_sync"),
                lambda: self._manage("nova", "api_db", "sync"),
                lambda: self._manage("nova", "db", "sync", "--local_cell"),
                lambda: self._manage("placement", "db", "sync"),
                lambda: self._do(self.bin / "python", HERE / "neutron_tables.py", self._tables),
                lambda: self._do(self.bin / "aodh-dbsync", "--config-file", self._conf("aodh")),
            )
            made = TABLES.with_name(f"tables.{os.getpid()}")
            with made.open("wb") as tables:
                self._database("mariadb-dump", "--databases", *DATABASES, stdout=tables)
            made.rename(TABLES)
        self._at_once(self._nova_cells, self._keystone_keys)

    def _database(self, program: str, *words: str, **files: BinaryIO) -> None:
        host = ("--no-defaults", "--host=127.0.0.1", f"--port={self.database.port}")
        account = ("--user=faultwire", f"--password={PASSWORD}")
        command = [program, *host, *account, *words]
        subprocess.run(command, check=True, timeout=STARTS_IN, **files)  # type: ignore[call-overload]

    def _at_once(self, *jobs: Callable[[], None]) -> None:
        with ThreadPoolExecutor(2) as pool:
            for job in [pool.submit(job) for job in jobs]:
                job.result()

    def _nova_cells(self) -> None:
        self._manage("nova", "cell_v2", "map_cell0", "--database_connection", self._cell0)
        if not self.sql("SHOW TABLES IN nova_cell0"):
            self._manage("nova", "db", "sync")
        self._manage("nova", "cell_v2", "create_cell", "--name", "cell1")

    def _keystone_keys(self) -> None:
        user = subprocess.run(["id", "-un"], capture_output=True, check=True).stdout.decode()
        owner = ("--keystone-user", user.strip(), "--keystone-group", user.strip())
        self._manage("keystone", "fernet_setup", *owner)
        self._manage("keystone", "credential_setup", *owner)
        self._manage(
            "keystone", "bootstrap", "--bootstrap-password", settings.PASSWORD,
            "--bootstrap-public-url", self.identity, "--bootstrap-admin-url", self.identity,
            "--bootstrap-internal-url", self.identity,
            "--bootstrap-region-id", settings.REGION,
        )  # fmt: skip

    def _run(self, name: str, *command: object, **env: str) -> None:
        self.running[name] = Process(self.folder, name, command, env)

    def _uwsgi(self, name: str, module: str, processes: int, **env: str) -> None:
        self._run(
            name, self.bin / "uwsgi", "--http-socket", f"127.0.0.1:{self.ports[name]}",
            "--http-keepalive", "--so-keepalive", "--module", module, "--callable", "application",
            "--master", "--die-on-term", "--processes", processes, "--threads", 8,
            "--enable-threads", "--thunder-lock", "--lazy-apps", "--buffer-size", 65535,
            "--need-app", "--disable-logging", "--add-header", "Connection: close",
            "--home", ENVIRONMENT, **env,
        )  # fmt: skip

    def _starters(self) -> dict[str, Callable[[], None]]:
        etc = self.folder / "etc"
        return {
            "image": lambda: self._run(
                "image", sys.executable, HERE / "glance.py", self.ports["image"]
            ),
            "identity": lambda: self._uwsgi(
                "identity", "keystone.wsgi.api", 2,
                OS_KEYSTONE_CONFIG_DIR=str(etc / "keystone"),
                OS_KEYSTONE_CONFIG_FILES="keystone.conf",
            ),
            "placement": lambda: self._uwsgi(
                "placement", "placement.wsgi.api", 1,
                OS_PLACEMENT_CONFIG_DIR=str(etc / "placement"),
            ),
            "compute": lambda: self._uwsgi(
                "compute", "nova.wsgi.osapi_compute", 2,
                OS_NOVA_CONFIG_DIR=str(etc / "nova"),
                OS_NOVA_CONFIG_FILES="api-paste.ini;nova.conf",
            ),
            "network": lambda: self._uwsgi(
                "network", "neutron.wsgi.api", 1,
                OS_NEUTRON_CONFIG_DIR=str(etc / "neutron"),
                OS_NEUTRON_CONFIG_FILES="neutron.conf",
            ),
            "alarming": lambda: self._run(
                "alarming", self.bin / "python", HERE / "aodh_api.py", self._conf("aodh"),
                self.ports["alarming"],
            ),
        }  # fmt: skip

    def _services(self) -> None:
        starters = self._starters()
        wanted = [name for name in starters if self.aodh or name != "alarming"]
        # Whoever finds the catalogue empty remembers it so.
        starters.pop("identity")()
        self._answers("identity")
        self._catalogue({name: url for name, url in self.urls.items() if name in wanted})
        for name in wanted:
            if name in starters:
                starters[name]()
        for part in ("conductor", "scheduler"):
            self._run(
                f"nova-{part}", self.bin / f"nova-{part}", "--config-file", self._conf("nova")
            )
        if self.aodh:
            for part in ("listener", "notifier"):
                self._run(
                    f"aodh-{part}", self.bin / f"aodh-{part}", "--config-file", self._conf("aodh")
                )
        for name in wanted:
            self._answers(name)

    def _answers(self, name: str) -> None:
        def up() -> bool:
            process = self.running[name]
            assert process.alive(), process.log.read_text(errors="replace")[-4000:]
            try:
                urlopen(self.urls[name], timeout=10).close()  # noqa: S310 -- ours, on loopback
            except HTTPError:
                return True
            except (URLError, OSError):
                return False
            return True

        wait_for(up, f"{name} answers", STARTS_IN)

    def _catalogue(self, urls: Mapping[str, str]) -> None:
        from tests.openstack.client import Client

        client = Client(self)
        # Nova shows its own token beside the user's, and Neutron asks whose it is.
        client.grant("service")
        paths = {"compute": "/v2.1", "identity": "/v3"}
        for kind, url in urls.items():
            if kind != "identity":
                client.register(kind, url + paths.get(kind, ""))


def main() -> None:
    """Run a cloud until it is interrupted."""
    folder = Path(sys.argv[1])
    cloud = MiniCloud(folder, int(sys.argv[2]) if len(sys.argv) > 2 else 2, aodh=True)
    try:
        cloud.start()
        for what, when in cloud.laps:
            print(f"{when:6.1f} s  {what}", flush=True)
        print(f"OS_CLIENT_CONFIG_FILE={cloud.clouds_yaml} OS_CLOUD={NAME}", flush=True)
        signal.pause()
    except KeyboardInterrupt:
        pass
    finally:
        cloud.stop()


if __name__ == "__main__":
    main()

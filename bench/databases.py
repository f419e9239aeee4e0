"""The commit of a host with 1,000 servers on each database, against the embedded one.

`python -m bench.databases [ROUNDS]`: the rows that such a fault brings are written in one
transaction, in turns on all databases, so that a busy machine slows them alike. Private servers
are started for it; their commits wait for the disk as SQLite's do.
"""

import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from faultwire import store
from faultwire.domain import changes
from faultwire.domain.alarms import Alarm, AlarmState, Attempt, Delivery, DeliveryState, Transition
from faultwire.domain.causes import Cause, ResourceKind
from faultwire.domain.faults import FAULT_TYPES, HOST_DOWN, Fault, FaultState
from faultwire.domain.resources import Host, Server
from faultwire.domain.rules import Clause, EventRule
from faultwire.domain.states import VmState
from tests.databases.servers import KINDS

COUNT = 1000
ROUNDS = 15
BODY = b'{"alarm_id": "%s", "reason": "' + b"x" * 850 + b'"}'
IDS = tuple(f"{number:08x}-6a1e-4c3f-9d0b-5f7c2e8a9b{number:04x}"[:36] for number in range(COUNT))


class Stand:
    """One database with a host of servers, each watched by one alarm."""

    def __init__(self, name: str, engine: store.Engine) -> None:
        self.name = name
        self._engine = engine
        self._round = 0
        store.prepare(engine, store.DatabaseSettings())
        self._ledger = store.Ledger(engine)
        self._servers = tuple(Server(one, one, f"p-{one}", "compute-1") for one in IDS)
        alarms = tuple(
            Alarm(one, f"p-{one}", "u", "", "event", EventRule(Clause("compute.*"))) for one in IDS
        )
        self._ledger.commit([changes.ServersSaved(self._servers), changes.AlarmsSaved(alarms)])
        self._ledger.warm()

    def times(self) -> tuple[float, float, float]:
        """Return milliseconds of the fault's commit, of its settling, and the client's own."""
        self._round += 1
        commit = self._hot()
        attempts = [
            Attempt(
                f"{one}-{self._round}", DeliveryState.DELIVERED, 1, 5, 0, "", 200, created_ns=1
            )
            for one in IDS
        ]
        began, own = time.perf_counter(), time.thread_time()
        self._ledger.commit(commit)
        took, own = time.perf_counter() - began, time.thread_time() - own
        began = time.perf_counter()
        self._ledger.settle(attempts)
        return took * 1e3, (time.perf_counter() - began) * 1e3, own * 1e3

    def _hot(self) -> list[changes.Change]:
        number = self._round
        fault = f"{number:08}-fault"
        at = 1_800_000_000_000_000_000 + number
        down = [
            Cause(ResourceKind.SERVER, one, fault, "error", "active", "running") for one in IDS
        ]
        return [
            changes.FaultsSaved(
                (
                    Fault(
                        fault,
                        FAULT_TYPES[HOST_DOWN],
                        {"hostname": "compute-1"},
                        FaultState.OPEN,
                        at,
                        at,
                        "compute-1",
                    ),
                )
            ),
            changes.HostsSaved((Host("compute-1", forced_down=True, revision=number),)),
            changes.ServersMoved(
                "compute-1",
                tuple(
                    Server(one.id, one.name, one.project, one.host, VmState.ERROR, revision=number)
                    for one in self._servers
                ),
            ),
            changes.CausesSaved(tuple(down)),
            changes.AlarmsMoved(
                tuple(
                    Transition(one, f"p-{one}", AlarmState.OK, AlarmState.ALARM, "hit", at, number)
                    for one in IDS
                )
            ),
            changes.DeliveriesQueued(
                tuple(
                    Delivery(
                        f"{one}-{number}",
                        f"p-{one}",
                        f"http://192.0.2.1:8080/hooks/{one}",
                        one,
                        BODY % one.encode(),
                        at,
                        fault,
                    )
                    for one in IDS
                )
            ),
        ]

    def close(self) -> None:
        self._ledger.close()
        self._engine.dispose()


@contextmanager
def stands() -> Iterator[list[Stand]]:
    """Give every database."""
    folder = Path(tempfile.mkdtemp(prefix="faultwire-bench-"))
    folder.chmod(0o711)
    made = [Stand("sqlite", store.engine_of("", folder / "state"))]
    servers = []
    try:
        for name, kind in KINDS.items():
            server = kind(folder / name)
            servers.append(server)
            server.start()
            made.append(Stand(name, store.engine_from_url(server.create("bench"))))
        yield made
    finally:
        for stand in made:
            stand.close()
        for server in servers:
            server.close()
        shutil.rmtree(folder, ignore_errors=True)


def main(rounds: int) -> None:
    with stands() as made:
        times: dict[str, list[tuple[float, float, float]]] = {stand.name: [] for stand in made}
        for _ in range(rounds):
            for stand in made:
                times[stand.name].append(stand.times())
    print(f"{COUNT} servers, alarms, causes and deliveries; medians of {rounds}")
    floor = [statistics.median(column) for column in zip(*times["sqlite"], strict=True)]
    for name, rows in times.items():
        commit, settle, own = (statistics.median(column) for column in zip(*rows, strict=True))
        print(
            f"{name:11} commit {commit:6.1f} ms ({commit / floor[0]:4.2f}x, of it our own thread"
            f" {own:5.1f} ms)  settle {settle:6.1f} ms ({settle / floor[1]:4.2f}x)"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)

"""The floor: a bare relay on the same libraries.

It accepts one HTTP POST, makes the same commits with the same durability, and sends the same
bodies with the same pooled client to the same receiver. It decides nothing: batches, bodies and
signed headers are made before the clock starts.
"""

import asyncio
import gc
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import aiohttp
import uvicorn
import uvloop
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from bench.cloud import HOST, Cloud
from faultwire.app.core import Indexes, deciders
from faultwire.app.memory import Followers
from faultwire.controllers.embedded.compute import EmbeddedController
from faultwire.domain import changes, signature
from faultwire.domain.accounts import Actor
from faultwire.domain.alarms import Attempt, Delivery, DeliveryState
from faultwire.domain.commands import ReportFaults
from faultwire.domain.faults import FAULT_TYPES, HOST_DOWN, Evidence, Report
from faultwire.domain.ids import FaultId, derived
from faultwire.inspector.settings import Settings
from faultwire.notifier.delivery.message import headers_of
from faultwire.notifier.evaluator.engine import EventEvaluator
from faultwire.pipeline import Chain, Stages
from faultwire.store import Ledger, Snapshot, engine_in_folder, upgrade
from faultwire.telemetry.clock import SystemClock
from faultwire.telemetry.probe import RecordingProbe
from faultwire_profiler import Recorder

SLOTS = 32
Batch = Sequence[changes.Change]


class Rehearsed:
    """Stands for ledger and outbox while the batches are made: keeps what it is given."""

    def __init__(self) -> None:
        self.batch: Batch = ()
        self.deliveries: list[Delivery] = []

    async def commit(self, batch: Batch) -> None:
        """Keep the batch."""
        self.batch = tuple(batch)

    def expect(self, deliveries: Iterable[Delivery]) -> None:
        """Make nothing ready."""

    def wake(self, deliveries: Iterable[Delivery]) -> None:
        """Keep the deliveries."""
        self.deliveries = list(deliveries)


async def rehearse(cloud: Cloud, rounds: int) -> list[tuple[Batch, list[Delivery], Batch]]:
    """Return, for each round, what a raise commits and sends, and what its clear commits."""
    indexes = Indexes.of(
        Snapshot(
            projects=tuple(cloud.projects()),
            hosts=(cloud.host(),),
            servers=tuple(cloud.instances()),
            alarms=tuple(cloud.alarms()),
        )
    )
    clock, kept = SystemClock(), Rehearsed()
    memory = Followers(indexes.inventory, indexes.holds, indexes.alarms, indexes.directory)
    chain = Chain(
        Stages(
            deciders(indexes, Settings()),
            EmbeddedController(),
            EventEvaluator(indexes.alarms),
            kept,
            memory,
            kept,
            RecordingProbe(Recorder()),
            clock,
            lambda: asyncio.sleep(0),
        )
    )
    found = []
    for number in range(rounds):
        batches = []
        for raised in (True, False):
            now = clock.instant()
            evidence = Evidence("posted:bench", "bench", "down", now.wall_ns, "now", {})
            report = Report(
                FaultId(derived("floor", number, raised)),
                FAULT_TYPES[HOST_DOWN],
                raised,
                {"hostname": HOST},
                evidence,
                now,
            )
            await chain.run(ReportFaults((report,), Actor("bench")))
            batches.append(kept.batch)
            if raised:
                deliveries = kept.deliveries
        found.append((batches[0], deliveries, batches[1]))
    return found


class Relay:
    """The relay itself."""

    def __init__(self, folder: Path, cloud: Cloud) -> None:
        engine = engine_in_folder(folder)
        upgrade(engine)
        self._ledger = Ledger(engine)
        self._ledger.commit(
            [
                changes.HostsSaved((cloud.host(),)),
                changes.ServersSaved(tuple(cloud.instances())),
                changes.AlarmsSaved(tuple(cloud.alarms())),
            ]
        )
        self._ledger.warm()
        self._thread = ThreadPoolExecutor(1)
        self.rounds: list[tuple[Batch, list[Delivery], Batch]] = []
        self.headers: list[list[object]] = []
        self._next = 0
        self._sending: asyncio.Task[None] | None = None
        self._session: aiohttp.ClientSession | None = None

    def prepare(self, rounds: list[tuple[Batch, list[Delivery], Batch]]) -> None:
        """Take the rehearsed rounds; make headers and sign beforehand."""
        secret = signature.new_secret(bytes(32))
        self.rounds = rounds
        self.headers = [
            [headers_of(delivery, [secret], 1, 0) for delivery in deliveries]
            for _, deliveries, _ in rounds
        ]

    async def relay(self, request: Request) -> Response:
        """Commit, answer 202, send."""
        await request.body()
        number, self._next = self._next, self._next + 1
        batch, deliveries, _ = self.rounds[number]
        await self._run(self._ledger.commit, batch)
        self._sending = asyncio.create_task(self._send(deliveries, self.headers[number]))
        return Response(b'{"faults":[]}', 202, media_type="application/json")

    async def undo(self, request: Request) -> Response:
        """Commit what the clear commits."""
        await request.body()
        await self._run(self._ledger.commit, self.rounds[self._next - 1][2])
        return Response(b'{"faults":[]}', 202, media_type="application/json")

    async def _send(self, deliveries: list[Delivery], headers: list[object]) -> None:
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=0, limit_per_host=0)
            self._session = aiohttp.ClientSession(connector=connector, trust_env=False)
        session, queue = self._session, iter(zip(deliveries, headers, strict=True))

        async def worker() -> None:
            for delivery, head in queue:
                async with session.post(
                    delivery.url, data=delivery.body, headers=head, allow_redirects=False
                ) as answer:
                    await answer.read()

        await asyncio.gather(*(worker() for _ in range(min(SLOTS, len(deliveries)))))
        attempts = [
            Attempt(d.id, DeliveryState.DELIVERED, 1, 0, 0, "200", 200, created_ns=d.created_ns)
            for d in deliveries
        ]
        await self._run(self._ledger.settle, attempts)

    async def _run(self, call: object, argument: object) -> None:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, call, argument)  # type: ignore[arg-type]


async def main(folder: str, servers: str, rounds: str, url: str) -> None:
    """Serve on a free port, which is printed."""
    cloud = Cloud(int(servers), url)
    relay = Relay(Path(folder), cloud)
    relay.prepare(await rehearse(cloud, int(rounds)))
    app = FastAPI(openapi_url=None)
    app.add_api_route("/relay", relay.relay, methods=["POST"], response_model=None)
    app.add_api_route("/undo", relay.undo, methods=["POST"], response_model=None)
    config = uvicorn.Config(
        app, "127.0.0.1", 0, http="httptools", lifespan="off", access_log=False, log_config=None
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110  uvicorn tells it in no other way
        await asyncio.sleep(0.01)
    gc.freeze()
    port = server.servers[0].sockets[0].getsockname()[1]
    print(f"listening on http://127.0.0.1:{port}", flush=True)
    await task


if __name__ == "__main__":
    sys.setswitchinterval(0.0005)
    uvloop.run(main(*sys.argv[1:]))

"""Remote calls over RabbitMQ: one ping through HTTP, and two hundred at once.

`python -m bench.rpc [--smoke]`. Each is held against oslo.messaging's own client, which calls the
same guests in the same run; what a plain AMQP client reaches is told beside. The guests of a
fan-out share one process here, whose Python is what limits all of these.
"""

import argparse
import asyncio
import json
import logging
import os
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from bench.chain import _Child
from bench.million import show
from faultwire.client import Session
from faultwire.messaging import transport
from faultwire.messaging.addresses import Broker, broker_of
from faultwire.messaging.caps import Caps
from faultwire.messaging.link import connect
from faultwire.messaging.peers import Peers
from faultwire.messaging.rabbit_client import RabbitClient
from faultwire.messaging.rabbit_server import GUESTS_EXCHANGE, passing
from faultwire.messaging.settings import Settings
from faultwire.telemetry.clock import SystemClock
from tests.system.rabbit import Rabbit, installed

SINGLE, BULK, DEAD_SECONDS = 1.5, 1.2, 3.3
TROVE_MS = 14.0
"""The fastest rpc_ping of a real Trove on a machine of two cores, with Nova as a stub."""
SETTLE_SECONDS = 1.0
DEADLINE_MS = 3000
BULK_DEADLINE_MS = 20_000


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    blocks: int
    block: int
    guests: int
    rounds: int
    dead: int
    limits: bool


FULL, SMOKE = Size(12, 50, 200, 5, 20, limits=True), Size(2, 5, 8, 2, 2, limits=False)


class Bare:
    """oslo.messaging's own client."""

    def __init__(self, broker: Broker) -> None:
        """Open a transport, with connections for as many threads as call at once."""
        opened = transport.rpc_transport(passing(broker), GUESTS_EXCHANGE)
        target = transport.library.Target(namespace="guestagent", version="1.0")
        self._client = transport.library.get_rpc_client(opened, target, timeout=20)

    def ping(self, guest: str) -> None:
        """Call one guest."""
        self._client.prepare(topic=f"guestagent.{guest}").call({}, "rpc_ping")

    def fan_out_ms(self, guests: list[str]) -> float:
        """Call all, each by a thread of its own."""
        with ThreadPoolExecutor(len(guests)) as threads:
            began = time.monotonic_ns()
            list(threads.map(self.ping, guests))
            return (time.monotonic_ns() - began) / 1e6


class Stand:
    """A server on the broker with guests in its map, and a connection to it."""

    def __init__(self, folder: Path, url: str, guests: list[str]) -> None:
        """Start it, and put the guests there."""
        config = folder / "faultwire.conf"
        config.write_text(f"[DEFAULT]\ntransport_url = {url}\n")
        where = ("--state-dir", str(folder), "--listen", "127.0.0.1:0", "--config", str(config))
        self.server = _Child("faultwire.cli", "serve", *where)
        os.environ["OS_CLIENT_CONFIG_FILE"] = str(folder / "clouds.yaml")
        self._token = Session("faultwire").token()
        found = json.loads(self._call("GET", "/identity/v3/auth/projects"))
        self._face = f"/database/v1.0/{found['projects'][0]['id']}/mgmt/instances"
        project = {"id": "d" * 32, "name": "databases"}
        rows = [{"id": guest, "name": guest, "project": "databases"} for guest in guests]
        document = {"projects": [project], "guests": rows}
        self._call("PUT", "/fault/v1/inventory", document)

    def ping(self, guest: str) -> None:
        """Ping one guest; raises unless it answered."""
        self._call("GET", f"{self._face}/{guest}/rpc_ping")

    def ping_all_ms(self, guests: list[str], deadline_ms: int) -> tuple[float, dict[str, int]]:
        """Ping all in one request; return how long it took, and how many had each verdict."""
        body = {"instances": guests, "deadline_ms": deadline_ms}
        began = time.monotonic_ns()
        answer = json.loads(self._call("POST", f"{self._face}/rpc_ping", body))
        took = (time.monotonic_ns() - began) / 1e6
        said = [one["verdict"] for one in answer["rpc_ping"]["instances"]]
        return took, {word: said.count(word) for word in set(said)}

    def cpu_ms(self) -> float:
        """Return the processor time of the server so far."""
        fields = Path(f"/proc/{self.server.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")

    def _call(self, method: str, path: str, body: object = None) -> bytes:
        sent = b"" if body is None else json.dumps(body).encode()
        return self.server.call(method, path, sent, self._token)


def run(*, smoke: bool) -> list[dict[str, Any]]:
    """Return the figures of every case; smoke sizes have no limits."""
    size = SMOKE if smoke else FULL
    given = os.environ.get("FAULTWIRE_TEST_RABBIT", "")
    if not given and installed() is None:
        print("rpc: rabbitmq-server is not installed, so nothing is measured")
        return []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="faultwire-bench-")))
        rabbit = Rabbit(given).start()
        stack.callback(rabbit.close)
        url = rabbit.fresh()
        broker = broker_of(Settings(transport_url=url))
        assert broker is not None
        dead = [f"dead-{number}" for number in range(size.dead)]
        many = [f"many-{number}" for number in range(size.guests)]
        plain = [f"plain-{number}" for number in range(size.guests)]
        stand = Stand(folder, url, ["one-0", *many, *plain, *dead])
        stack.callback(stand.server.stop)
        bare = Bare(broker)
        one = _fleet(url, "oslo", "one", 1)
        stack.callback(one.stop)
        logging.disable(logging.WARNING)
        stack.callback(logging.disable, logging.NOTSET)
        found = [_single(size, stand, bare)]
        fleet = _fleet(url, "oslo", "many", size.guests)
        stack.callback(fleet.stop)
        _silent(broker, dead)
        found.append(_dead(size, stand, many[: size.guests - size.dead] + dead))
        found.append(_bulk(size, stand, bare, many))
        raw = _fleet(url, "plain", "plain", size.guests)
        stack.callback(raw.stop)
        found.append(_plain(size, stand, broker, plain))
    return found


def _fleet(url: str, kind: str, name: str, count: int) -> _Child:
    return _Child("bench.rpc_fleet", url, kind, name, str(count))


def _silent(broker: Broker, guests: list[str]) -> None:
    """Make the queues of guests that are there and never answer."""
    connection = connect(broker, broker.hosts[0], "silent")
    channel = connection.channel()
    for guest in guests:
        channel.queue_declare(f"guestagent.{guest}", auto_delete=False)
    connection.close()


def _single(size: Size, stand: Stand, bare: Bare) -> dict[str, Any]:
    """Ping one guest both ways, in turns."""
    ours: list[float] = []
    theirs: list[float] = []
    for call in (stand.ping, bare.ping):
        for _ in range(5):
            call("one-0")
    spent = 0.0
    for _ in range(size.blocks):
        before = stand.cpu_ms()
        ours += _times(stand.ping, size.block)
        spent += stand.cpu_ms() - before
        theirs += _times(bare.ping, size.block)
    figures = {
        "rpc_ping through HTTP, ms": statistics.median(ours),
        "bare oslo.messaging call, ms": statistics.median(theirs),
        "ratio": statistics.median(ours) / statistics.median(theirs),
        "processor time of the server, ms": spent / len(ours),
        "of the fastest real Trove's time": spent / len(ours) / TROVE_MS,
    }
    limits = {"ratio": SINGLE, "of the fastest real Trove's time": 1 / 3}
    return _result("one guest", figures, limits if size.limits else {})


def _times(call: Any, count: int) -> list[float]:
    found = []
    for _ in range(count):
        began = time.monotonic_ns()
        call("one-0")
        found.append((time.monotonic_ns() - began) / 1e6)
    return found


def _bulk(size: Size, stand: Stand, bare: Bare, guests: list[str]) -> dict[str, Any]:
    """Ping all guests both ways, in turns; the first round of each is not counted."""
    ours: list[float] = []
    theirs: list[float] = []
    spent = 0.0
    for number in range(size.rounds + 1):
        before = stand.cpu_ms()
        took, verdicts = stand.ping_all_ms(guests, BULK_DEADLINE_MS)
        assert verdicts == {"ok": len(guests)}, verdicts
        cost = stand.cpu_ms() - before
        theirs_took = bare.fan_out_ms(guests)
        # Connections of theirs that were too many for its pool are being closed.
        time.sleep(SETTLE_SECONDS)
        if number:
            spent += cost
            ours.append(took)
            theirs.append(theirs_took)
    figures = {
        "bulk ping through HTTP, ms": statistics.median(ours),
        "oslo.messaging, a thread each, ms": statistics.median(theirs),
        "ratio": statistics.median(ours) / statistics.median(theirs),
        "processor time of the server, ms": spent / size.rounds,
    }
    return _result(f"{len(guests)} guests", figures, {"ratio": BULK} if size.limits else {})


def _dead(size: Size, stand: Stand, guests: list[str]) -> dict[str, Any]:
    """Ping guests of which some never answer."""
    stand.ping_all_ms(guests[: -size.dead], BULK_DEADLINE_MS)
    took, verdicts = stand.ping_all_ms(guests, DEADLINE_MS)
    figures = {
        "seconds in all": took / 1000,
        "answered": float(verdicts.get("ok", 0)),
        "timed out": float(verdicts.get("timeout", 0)),
    }
    case = f"{len(guests)} guests, {size.dead} dead, deadline {DEADLINE_MS / 1000:g} s"
    return _result(case, figures, {"seconds in all": DEAD_SECONDS} if size.limits else {})


def _plain(size: Size, stand: Stand, broker: Broker, guests: list[str]) -> dict[str, Any]:
    """Ping guests that are plain AMQP consumers: through HTTP, and by our client alone."""
    through = [stand.ping_all_ms(guests, BULK_DEADLINE_MS)[0] for _ in range(size.rounds + 1)]
    alone = asyncio.run(_alone(size, broker, guests))
    figures = {
        "bulk ping through HTTP, ms": statistics.median(through[1:]),
        "our client alone, ms": statistics.median(alone[1:]),
    }
    return _result(f"{len(guests)} guests that are plain AMQP consumers", figures, {})


async def _alone(size: Size, broker: Broker, guests: list[str]) -> list[float]:
    clock = SystemClock()
    peers = Peers(clock)
    client = RabbitClient(broker, "bench", Caps({}, peers), peers, clock)
    await client.start()
    await client.survey("taskmanager")
    found = []
    for _ in range(size.rounds + 1):
        began = time.monotonic_ns()
        answers = await client.fan_out("guestagent", "rpc_ping", {}, to=guests, deadline_s=20)
        found.append((time.monotonic_ns() - began) / 1e6)
        assert all(answer.error is None for answer in answers.values())
    await client.stop()
    return found


def _result(case: str, figures: dict[str, float], limits: dict[str, float]) -> dict[str, Any]:
    met = all(figures[name] <= limit for name, limit in limits.items())
    return {"case": case, "figures": figures, "limits": limits, "met": met}


def main() -> int:
    """Return 0 if every limit was met."""
    parser = argparse.ArgumentParser(prog="python -m bench.rpc")
    parser.add_argument("--smoke", action="store_true", help="few guests, no limits")
    found = run(smoke=parser.parse_args().smoke)
    show(found, Console())
    return 0 if all(one["met"] for one in found) else 1


if __name__ == "__main__":
    raise SystemExit(main())

"""Guards and their record on the fault path, on against off; histories replayed a second.

Both sides run the same lane over SQLite, in one process, in turns: a posted fault of a host with
one server and one alarm, and its clear. "Off" asks no guard and records no act. What that costs is
told against the whole chain of the same run, from the posted event to the webhook received.
"""

import asyncio
import gc
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from bench import chain
from faultwire.app import history
from faultwire.app.core import Core, Indexes, Tools
from faultwire.app.database import open_database
from faultwire.app.replaying import replay
from faultwire.config import configuration
from faultwire.domain.accounts import WebhookSecret
from faultwire.domain.alarms import Alarm
from faultwire.domain.commands import ImportInventory, ReportFaults, SaveAlarm
from faultwire.domain.faults import FAULT_TYPES, Evidence, Report
from faultwire.domain.ids import AlarmId, FaultId, HostName, ProjectId, ServerId, UserId, derived
from faultwire.domain.resources import Host, InventoryDocument, Project, Server
from faultwire.domain.rules import Clause, Condition, EventRule, Operator
from faultwire.faces.fault.shape import fault_record
from faultwire.inspector import acting, decide, guard_settings
from faultwire.inspector.settings import Settings
from faultwire.store import Ledger, load
from faultwire.store.settings import Settings as Database
from faultwire.testing.chain import ACTOR, InProcess

LIMIT_PERCENT = 5.0
REPLAYED_A_SECOND = 1000.0
FREE = guard_settings.Settings(flap_acts=0, limit_hosts=1_000_000, storm_hosts=0)
"""Guards that are all asked and refuse nothing: one host fails thousands of times here."""


class _Unasked(acting.Acting):
    """The same without guards: plans pass as they are."""

    def ask(self, plan: Any, fault: Any, rule: str, view: Any) -> Any:
        """Ask nobody."""
        del fault, rule, view
        return plan, ()


class _Silent:
    """An outbox that sends nothing."""

    def expect(self, deliveries: object) -> None:
        """Expect nothing."""

    def wake(self, deliveries: object) -> None:
        """Send nothing."""


def run(*, smoke: bool) -> list[dict[str, Any]]:
    """Return both figures."""
    samples = 60 if smoke else 800
    on, off = asyncio.run(_paired(samples))
    case = chain.Case("one server, one alarm", 1, 20 if smoke else 200, 10, {})
    whole = chain.run((case,))[0]["ms"]["ours"]["median"]
    percent = (on - off) / whole * 100
    rate = asyncio.run(_replayed(200 if smoke else 5000))
    limits: dict[str, float] = {} if smoke else {"percent of the chain": LIMIT_PERCENT}
    return [
        {
            "case": "guards and record on the fault path, 1 server",
            "samples": samples,
            "figures": {
                "lane with guards, ms": on,
                "lane without, ms": off,
                "whole chain, ms": whole,
                "percent of the chain": percent,
            },
            "limits": limits,
            "met": smoke or percent <= LIMIT_PERCENT,
        },
        {
            "case": "replay",
            "samples": 1,
            "figures": {"faults a second": rate},
            "limits": {} if smoke else {"faults a second": REPLAYED_A_SECOND},
            "met": smoke or rate >= REPLAYED_A_SECOND,
        },
    ]


async def _paired(samples: int) -> tuple[float, float]:
    """Return the medians of a posted fault through the lane with guards and without, in ms."""
    with tempfile.TemporaryDirectory(prefix="faultwire-bench-") as folder:
        sides = {"on": await _side(Path(folder) / "on"), "off": await _side(Path(folder) / "off")}
        times: dict[str, list[float]] = {"on": [], "off": []}
        asked, unasked = acting.Acting, _Unasked
        gc.collect()
        gc.freeze()
        for number in range(samples + samples // 10):
            for name in ("on", "off") if number % 2 else ("off", "on"):
                decide.Acting = asked if name == "on" else unasked  # type: ignore[attr-defined]
                submit, _ = sides[name]
                began = time.perf_counter_ns()
                await submit(_report(number, raised=True))
                took = (time.perf_counter_ns() - began) / 1e6
                await submit(_report(number, raised=False))
                if number >= samples // 10:
                    times[name].append(took)
        decide.Acting = asked  # type: ignore[attr-defined]
        for _, close in sides.values():
            await close()
    return statistics.median(times["on"]), statistics.median(times["off"])


async def _side(
    folder: Path,
) -> tuple[Callable[[Any], Awaitable[object]], Callable[[], Awaitable[None]]]:
    folder.mkdir()  # noqa: ASYNC240 - a bench
    engine = open_database(Database(), folder)
    ledger = Ledger(engine)
    core = Core(Tools.new(), Indexes.read(lambda to: load(engine, alarms_to=to)), ledger)
    core.guards = acting.Guards(FREE, core.indexes.acts)
    outbox: Any = _Silent()
    lane = core.connect(outbox, Settings())
    running = asyncio.create_task(lane.run())
    project, name = ProjectId("p"), HostName("h")
    document = InventoryDocument(
        projects=(Project(project, "p"),),
        hosts=(Host(name, rack="r1", zone="z1"),),
        servers=(Server(ServerId("vm"), "vm", project, name),),
    )
    await lane.submit(ImportInventory(document, replace=False, actor=ACTOR))
    conditions = (
        Condition("traits.instance_id", Operator.EQ, "string", "vm"),
        Condition("traits.state", Operator.EQ, "string", "error"),
    )
    alarm = Alarm(
        AlarmId("a"),
        project,
        UserId("u"),
        "a",
        "event",
        EventRule(Clause("compute.instance.update", conditions)),
        repeat_actions=True,
        alarm_actions=("http://owner/",),
    )
    secret = WebhookSecret(project, "whsec_none", 0)
    await lane.submit(SaveAlarm(alarm, new=True, actor=ACTOR, secret=secret))

    async def close() -> None:
        lane.close()
        await running
        core.writer.close()
        core.reader.close()
        ledger.close()
        engine.dispose()

    return lane.submit, close


def _report(number: int, *, raised: bool) -> ReportFaults:
    now = _CLOCK.instant()
    said = Evidence("posted:bench", "bench", "down" if raised else "up", now.wall_ns)
    fault = FaultId(derived("bench", number, raised))
    kind = FAULT_TYPES["compute.host.down"]
    report = Report(fault, kind, raised, {"hostname": "h"}, said, now)
    return ReportFaults((report,), ACTOR)


_CLOCK = Tools.new().clock


async def _replayed(count: int) -> float:
    """Return how many faults of hosts with one server are decided again in a second."""
    hosts = 200
    product = InProcess(guards=FREE)
    document = InventoryDocument(
        projects=(Project(ProjectId("p"), "p"),),
        hosts=tuple(Host(HostName(f"h{n}"), rack=f"r{n % 10}") for n in range(hosts)),
        servers=tuple(
            Server(ServerId(f"vm{n}"), f"vm{n}", ProjectId("p"), HostName(f"h{n}"))
            for n in range(hosts)
        ),
    )
    product.run(ImportInventory(document, replace=False, actor=ACTOR))
    rows = []
    for number in range(count):
        name = f"h{number % hosts}"
        fault = product.report("compute.host.down", hostname=name).id
        product.report("compute.host.up", hostname=name)
        product.clock.advance(1)
        rows.append(fault_record(product.fault(fault)))
    inventory = {
        "projects": [{"id": "p", "name": "p"}],
        "hosts": [{"name": one.name, "rack": one.rack} for one in document.hosts],
        "servers": [
            {"id": one.id, "name": one.name, "project": "p", "host": one.host}
            for one in document.servers
        ],
    }
    lines = [*history.written(inventory, rows, "2026-01-01T00:00:00Z")]
    began = time.perf_counter()
    found = await replay(history.read(lines), configuration.read())
    if found.faults != count:
        raise RuntimeError(f"{found.faults} of {count} faults were replayed")
    return count / (time.perf_counter() - began)

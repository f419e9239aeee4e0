"""The periodic evaluator on the product in memory, with a Prometheus server that is a function."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from faultwire.app.looks import SAMPLES, Tools
from faultwire.app.periodic import Periodic
from faultwire.domain.alarms import Alarm, AlarmState
from faultwire.domain.changes import AlarmsSaved
from faultwire.domain.commands import Command
from faultwire.domain.errors import Unavailable
from faultwire.domain.ids import AlarmId, ProjectId, UserId
from faultwire.domain.rules import (
    Operator,
    PrometheusRule,
    ThresholdRule,
)
from faultwire.domain.samples import Sample
from faultwire.domain.shares import ALL_SHARES
from faultwire.telemetry.metrics import Metrics
from faultwire.testing.chain import InProcess

OK, ALARM, UNKNOWN = AlarmState.OK, AlarmState.ALARM, AlarmState.INSUFFICIENT_DATA
P, Q = ProjectId("p"), ProjectId("q")
CPU = ThresholdRule("cpu", 90.0, Operator.GT)
LOAD = PrometheusRule("load", 5.0, Operator.GT)


def alarm(name: str = "a1", rule: Any = CPU, project: ProjectId = P, **more: Any) -> Alarm:
    """Return an alarm that calls a webhook."""
    kind = "prometheus" if isinstance(rule, PrometheusRule) else "threshold"
    given = {"alarm_actions": ("http://alarm/",), "version": 1, **more}
    return Alarm(AlarmId(name), project, UserId("u"), name, kind, rule, **given)


class _Intake:
    """Implements `ports.Intake` by what the world has for it now."""

    def __init__(self, world: "World") -> None:
        self._world = world

    async def submit(self, command: Command) -> object:
        """Run a command."""
        return await self._world.submit(command)


@dataclass
class World:
    """The product with a periodic evaluator whose Prometheus server is a function."""

    answers: Callable[[str], Awaitable[tuple[float, ...]]] | None = None
    owned: frozenset[int] = ALL_SHARES
    queries: int = 2
    deadline_s: float = 30.0
    product: InProcess = field(default_factory=InProcess)
    commands: list[Command] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    reads: int = 0
    unreadable: frozenset[int] = frozenset()
    metrics: Metrics = field(default_factory=Metrics)

    def __post_init__(self) -> None:
        self.periodic = Periodic(
            Tools(
                self.product.indexes.alarms,
                _Intake(self),
                self.product.clock,
                self.metrics,
                self.product.ledger,
                self._read,
                self._ask if self.answers else None,
                "project",
                self.queries,
                self.deadline_s,
                60,
                lambda: self.owned,
            )
        )
        self.product.memory.follow(self.periodic.follow)

    async def submit(self, command: Command) -> object:
        """Run a command, as the lane does."""
        self.commands.append(command)
        return self.product.run(command)

    async def _read(self, call: Any, *args: Any, **named: Any) -> object:
        self.reads += 1
        if self.reads in self.unreadable:
            raise Unavailable("the database does not answer")
        return call(*args, **named)

    async def _ask(self, query: str) -> tuple[float, ...]:
        self.asked.append(query)
        assert self.answers is not None
        return await self.answers(query)

    def save(self, *alarms: Alarm) -> None:
        """Make alarms."""
        self.product.commit(AlarmsSaved(alarms))

    def sample(self, value: float, ago_s: int = 0, project: ProjectId = P) -> None:
        """Keep a sample of the meter cpu."""
        at_ns = self.product.clock.wall_ns() - ago_s * 1_000_000_000
        self.product.ledger.sample([Sample("cpu", project, "r1", at_ns, value)])

    async def look(self, kind: str = SAMPLES, *, whole: bool = True) -> None:
        """Do one round."""
        await self.periodic.round(kind, whole=whole)

    def state(self, name: str = "a1") -> AlarmState:
        """Return an alarm's state."""
        found = self.product.indexes.alarms.get(AlarmId(name))
        assert found is not None
        return found.state

    def counted(self, kind: str, result: str) -> float:
        """Return how many looks had a result."""
        labels = {"kind": kind, "result": result}
        name = "faultwire_periodic_evaluations_total"
        return self.metrics.registry.get_sample_value(name, labels) or 0


def answering(*values: float) -> Callable[[str], Awaitable[tuple[float, ...]]]:
    """Return a server that answers every query with these values."""

    async def answer(query: str) -> tuple[float, ...]:
        del query
        return values

    return answer


async def away(query: str) -> tuple[float, ...]:
    """Be a server that cannot be reached."""
    del query
    raise Unavailable("the Prometheus server cannot be asked", "connection refused")

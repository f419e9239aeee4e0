"""The chain: the order of its steps, its marks, its pauses, and what an error leaves behind."""

from collections.abc import Iterable, Sequence
from typing import Any

import pytest

from faultwire.domain.alarms import Delivery
from faultwire.domain.changes import Audited, Change, DeliveriesQueued, HostsSaved, ServersSaved
from faultwire.domain.commands import ImportInventory, ReportFaults, RetryUnmatched
from faultwire.domain.decided import Decided, Deciding, Fired, Realised, Work
from faultwire.domain.errors import Broken, Invalid, Unavailable
from faultwire.domain.events import Event
from faultwire.domain.ids import DeliveryId, FaultId, HostName, ProjectId, ServerId
from faultwire.domain.instants import Instant
from faultwire.domain.plans import Plan, ReturnPlan
from faultwire.domain.resources import Host, InventoryDocument, Server
from faultwire.pipeline import SLICE_NS, Chain, Stages, decider_for
from faultwire.ports import View
from faultwire.testing.chain import ACTOR, InProcess, Marked, finished
from faultwire.testing.clock import ManualClock

H1 = HostName("h1")
DELIVERY = Delivery(DeliveryId("d"), ProjectId("p"), "http://a/", "a", b"{}", 0)
COMMAND = RetryUnmatched()


class Recorded:
    """Every stage in one: each call is a line of `log`."""

    def __init__(self, error: Exception | None = None, slices: int = 0) -> None:
        self.log: list[str] = []
        self.clock = ManualClock()
        self.error = error
        self.slices = slices
        self.chain = Chain(
            Stages(
                {RetryUnmatched: self},
                self,
                self,
                self,
                self,
                self,
                self,
                self.clock,
                self.breathe,
            )
        )

    def decide(self, command: object, view: View, now: Instant) -> Deciding:
        self.log.append("decide")
        for _ in range(self.slices):
            self.clock.advance(SLICE_NS / 1e9)
            yield None
        yield Decided(changes=(Audited(()),))
        realised = yield ReturnPlan(H1, None)
        assert isinstance(realised, Realised)
        if isinstance(self.error, Invalid):
            raise self.error
        return Decided(answer="answer", then=(RetryUnmatched(),))

    def realise(self, plan: Plan, view: View, now: Instant) -> Work[Realised]:
        self.log.append("realise")
        yield
        return Realised()

    def evaluate(self, events: Sequence[Event], now: Instant) -> Work[Fired]:
        self.log.append("evaluate")
        for _ in range(self.slices):
            self.clock.advance(SLICE_NS / 1e9)
            yield
        return Fired((DeliveriesQueued((DELIVERY,)),), 0, 1)

    async def commit(self, changes: Sequence[Change]) -> None:
        self.log.append(f"commit {' '.join(type(change).__name__ for change in changes)}")
        if isinstance(self.error, Unavailable):
            raise self.error

    def scratch(self) -> Any:
        self.log.append("scratch")
        return self

    def absorb(self, changes: Iterable[Change]) -> None:
        self.log.append(f"absorb {len(tuple(changes))}")

    def apply(self, changes: Iterable[Change]) -> None:
        self.log.append(f"apply {len(tuple(changes))}")

    def steps(self, changes: Iterable[Change]) -> Work[None]:
        self.apply(changes)
        yield

    def expect(self, deliveries: Sequence[Delivery]) -> None:
        self.log.append(f"expect {len(deliveries)}")

    def wake(self, deliveries: Iterable[Delivery]) -> None:
        self.log.append(f"wake {len(tuple(deliveries))}")

    def mark(self, *args: object, **named: object) -> None:
        self.log.append("mark")

    async def breathe(self) -> None:
        self.log.append("breathe")


def test_the_steps_of_a_command_come_in_order() -> None:
    """Decide, make true, evaluate, commit, apply, wake; then the answer and what follows."""
    stages = Recorded()
    assert finished(stages.chain.run(COMMAND)) == ("answer", (RetryUnmatched(),))
    assert stages.log == [
        "scratch",
        "decide",
        "absorb 1",
        "realise",
        "absorb 0",
        "absorb 0",
        "evaluate",
        "expect 1",
        "commit Audited DeliveriesQueued",
        "apply 2",
        "wake 1",
    ]


@pytest.mark.parametrize("error", [Invalid("a", "is wrong"), Unavailable("no")])
def test_an_error_leaves_nothing_behind(error: Exception) -> None:
    """Neither a refusal nor a failed commit is applied, told or marked (promise 1)."""
    stages = Recorded(error)
    with pytest.raises(type(error)):
        finished(stages.chain.run(COMMAND))
    assert not [line for line in stages.log if line.split()[0] in {"apply", "wake", "mark"}]
    assert ("commit" in " ".join(stages.log)) is isinstance(error, Unavailable)


def test_others_are_served_between_two_slices() -> None:
    """Work that takes longer than a slice pauses, wherever it is done (promise 3)."""
    assert Recorded().log.count("breathe") == 0
    stages = Recorded(slices=4)
    finished(stages.chain.run(COMMAND))
    assert stages.log.count("breathe") == 8


def test_a_command_that_nobody_decides_on_is_a_defect() -> None:
    """The composition forgot somebody: Broken, not the caller's fault."""
    with pytest.raises(Broken, match="nobody decides on RetryUnmatched"):
        decider_for({}, COMMAND)


def test_a_command_that_changes_nothing_is_no_transaction() -> None:
    """No change, no commit; a heartbeat that is news to nobody costs no disk."""
    product = InProcess()
    product.run(RetryUnmatched())
    assert product.ledger.commits == 0


# ---------------------------------------------------------------- marks


def _marked(product: InProcess) -> dict[str, int]:
    return {mark.point: mark.count for mark in product.marks}


@pytest.fixture
def product() -> InProcess:
    """Give a product with a host of two servers."""
    made = InProcess()
    servers = [Server(ServerId(f"vm{n}"), "x", ProjectId("p"), H1) for n in range(2)]
    made.commit(HostsSaved((Host(H1),)), ServersSaved(tuple(servers)))
    return made


@pytest.mark.parametrize(
    ("type_name", "resource", "marks"),
    [
        (
            "compute.host.down",
            {"hostname": "h1"},
            {"T01": 1, "T02": 1, "T03": 1, "T04": 2, "T05": 2, "T06": 2, "T07": 2},
        ),
        (
            "compute.instance.down",
            {"instance_id": "vm0"},
            {"T01": 1, "T02": 1, "T04": 1, "T05": 1, "T06": 1, "T07": 1},
        ),
        ("compute.host.hung", {"hostname": "h1"}, {"T01": 1, "T02": 1}),
        ("compute.host.down", {"hostname": "nowhere"}, {"T01": 1}),
    ],
)
def test_what_happened_is_marked_and_nothing_else(
    product: InProcess, type_name: str, resource: dict[str, str], marks: dict[str, int]
) -> None:
    """A point that was not passed is a gap, never an instant (S58-S68, S75, D5)."""
    product.report(type_name, **resource)
    assert _marked(product) == marks


def test_clears_and_repeats_leave_no_marks(product: InProcess) -> None:
    """Only the raise of a fault has a timeline."""
    product.report("compute.host.down", hostname="h1")
    product.marks.clear()
    product.report("compute.host.down", hostname="h1")
    product.report("compute.host.up", hostname="h1")
    assert product.marks == []


def test_a_fault_of_a_host_without_servers_marks_the_host_alone() -> None:
    """Nobody is told, so nothing was transformed or evaluated."""
    product = InProcess()
    product.commit(HostsSaved((Host(H1),)))
    product.report("compute.host.down", hostname="h1")
    assert _marked(product) == {"T01": 1, "T02": 1, "T03": 1}


def test_detected_is_when_it_was_reported(product: InProcess) -> None:
    """T01 is the report's own, for a waiting fault too; the rest is when it was done (D2, D22)."""
    report = product.reported("compute.host.down", hostname="late")
    product.clock.advance(3)
    product.run(ReportFaults((report,), ACTOR))
    product.clock.advance(4)
    document = InventoryDocument(hosts=(Host(HostName("late")),))
    product.run(ImportInventory(document, replace=False, actor=ACTOR))
    start = report.detected.wall_ns
    assert [(mark.point, (mark.last.wall_ns - start) // 10**9) for mark in product.marks] == [
        ("T01", 0),
        ("T01", 0),
        ("T02", 7),
        ("T03", 7),
    ]
    assert product.marks[0] == Marked(
        FaultId(report.id), "T01", report.detected, report.detected, 1
    )

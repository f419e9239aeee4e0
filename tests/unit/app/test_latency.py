"""The standing figures of a running server."""

from faultwire.app.latency import TAKEN, Latency
from faultwire.domain.errors import Unavailable
from faultwire.domain.ids import FaultId
from faultwire.telemetry.metrics import Metrics
from faultwire.telemetry.profiler_settings import Figure, Settings
from faultwire_profiler import Instant, Mark, Recorder
from faultwire_profiler.budgets import Crossing


def marked(recorder: Recorder, name: str, ms: int) -> FaultId:
    """Mark a fault whose owner was told after so many milliseconds."""
    fault = FaultId(name)
    for point, at in (("T01", 0), ("T09", ms * 1_000_000)):
        recorder.mark(fault, Mark(point, Instant(at, at), Instant(at, at)))
    return fault


async def test_figures_stand_and_are_gauges() -> None:
    """What was marked is in the figures and in the metrics, in seconds there."""
    recorder, metrics = Recorder(), Metrics()
    latency = Latency(recorder, metrics)
    await latency.changed([marked(recorder, f"f{n}", n) for n in range(1, 11)])
    told = latency.show()
    assert told["faults"] == 10
    assert told["verdicts"]["met"] == 10
    assert {row["name"] for row in told["figures"]} == {"law", "total", "delivery"}
    labels = {"span": "law", "figure": "p50"}
    assert metrics.registry.get_sample_value("faultwire_latency_seconds", labels) == 0.005
    labels["figure"] = "max"
    assert metrics.registry.get_sample_value("faultwire_latency_seconds", labels) == 0.01


async def test_of_a_burst_the_newest_are_looked_at() -> None:
    """A thousand faults of one moment cost no more than a hundred; forgotten ones nothing."""
    recorder = Recorder()
    latency = Latency(recorder, Metrics())
    burst = [marked(recorder, f"f{n}", 5) for n in range(3 * TAKEN)]
    await latency.changed([*burst, FaultId("unknown")])
    assert latency.show()["faults"] == TAKEN - 1


async def test_who_could_not_be_told_of_a_budget_is_told_later() -> None:
    """An event that cannot be made now is made at the next fault, and once."""
    recorder, metrics = Recorder(), Metrics()
    told: list[Crossing] = []
    away = [True]

    async def tell(crossing: Crossing) -> None:
        if away[0]:
            message = "the server is stopping"
            raise Unavailable(message)
        told.append(crossing)

    settings = Settings(budgets=("law=3",), budget_figure=Figure.MAX)
    latency = Latency(recorder, metrics, settings, tell)
    labels = {"span": "law"}
    gauge = "faultwire_latency_budget_exceeded"
    await latency.changed([marked(recorder, "f1", 5)])
    assert metrics.registry.get_sample_value(gauge, labels) == 0
    away[0] = False
    for name in ("f2", "f3"):
        await latency.changed([marked(recorder, name, 2)])
    assert told == [Crossing("law", 3.0, 5.0, exceeded=True)]
    assert latency.show()["over_budget"] == ["law"]
    assert metrics.registry.get_sample_value(gauge, labels) == 1
    assert metrics.registry.get_sample_value("faultwire_latency_budgets_total", labels) == 1


async def test_a_budget_that_is_kept_again_is_no_event() -> None:
    """The gauge falls once the newest faults are fast again; nobody is told."""
    recorder, metrics = Recorder(), Metrics()
    latency = Latency(recorder, metrics, Settings(budgets=("law=3",), budget_figure=Figure.P50))
    await latency.changed([marked(recorder, "f0", 5)])
    labels = {"span": "law"}
    assert metrics.registry.get_sample_value("faultwire_latency_budget_exceeded", labels) == 1
    await latency.changed([marked(recorder, f"f{n}", 1) for n in range(1, 4)])
    assert metrics.registry.get_sample_value("faultwire_latency_budget_exceeded", labels) == 0
    assert latency.show()["over_budget"] == []

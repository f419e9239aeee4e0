"""The standing figures of a running server."""

from faultwire.app.latency import TAKEN, Latency
from faultwire.domain.ids import FaultId
from faultwire.telemetry.metrics import Metrics
from faultwire_profiler import Instant, Mark, Recorder


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

"""Metrics by prometheus-client; every name stands in one table with its meaning."""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

COUNTERS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "faultwire_commands_total": (
        "Commands through the lane, by type and result.",
        ("command", "result"),
    ),
    "faultwire_deliveries_total": ("Tries of deliveries, by outcome.", ("outcome",)),
    "faultwire_verdicts_total": ("Verdicts of monitors, by kind.", ("kind",)),
    "faultwire_verdicts_suspended_total": ("Verdicts put off because the loop was late.", ()),
    "faultwire_agent_second_sessions_total": ("Second sessions refused under one credential.", ()),
    "faultwire_marks_late_total": ("Checkpoints that could not be stored at the first try.", ()),
}
GAUGES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "faultwire_resources": ("Resources in the map, by kind.", ("kind",)),
    "faultwire_alarms": ("Alarms in the index.", ()),
    "faultwire_open_faults": ("Faults that are open or wait for their resource.", ()),
    "faultwire_lane_queue": ("Commands that wait for the lane.", ()),
    "faultwire_deliveries_pending": ("Deliveries held in memory by the sender.", ()),
    "faultwire_agents_connected": ("Sessions of agents.", ()),
}
BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
HISTOGRAMS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "faultwire_loop_lag_seconds": ("Lateness of timers on the event loop.", ()),
    "faultwire_command_seconds": ("Submission of a command to its durable answer.", ("command",)),
    "faultwire_commit_seconds": ("One transaction on the writer thread.", ()),
    "faultwire_delivery_seconds": ("One try of a delivery, start to end.", ()),
}


class Metrics:
    """Implements `ports.Meter` with a registry of its own; unknown names raise KeyError."""

    def __init__(self) -> None:
        """Register every metric of the tables."""
        self.registry = CollectorRegistry()
        self._counters = {
            name: Counter(name, text, labels, registry=self.registry)
            for name, (text, labels) in COUNTERS.items()
        }
        self._gauges = {
            name: Gauge(name, text, labels, registry=self.registry)
            for name, (text, labels) in GAUGES.items()
        }
        self._histograms = {
            name: Histogram(name, text, labels, registry=self.registry, buckets=BUCKETS)
            for name, (text, labels) in HISTOGRAMS.items()
        }

    def count(self, name: str, amount: int = 1, **labels: str) -> None:
        """Add to a counter."""
        counter = self._counters[name]
        (counter.labels(**labels) if labels else counter).inc(amount)

    def observe(self, name: str, seconds: float, **labels: str) -> None:
        """Add a duration to a histogram."""
        histogram = self._histograms[name]
        (histogram.labels(**labels) if labels else histogram).observe(seconds)

    def gauge(self, name: str, value: float, **labels: str) -> None:
        """Set a gauge."""
        gauge = self._gauges[name]
        (gauge.labels(**labels) if labels else gauge).set(value)

    def page(self) -> bytes:
        """Return the exposition in Prometheus' text format."""
        return generate_latest(self.registry)

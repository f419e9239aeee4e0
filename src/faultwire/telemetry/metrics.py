"""Metrics by prometheus-client; every name stands in one table with its meaning."""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

COUNTERS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "faultwire_commands_total": (
        "Commands through the lane, by type and result.",
        ("command", "result"),
    ),
    "faultwire_commands_behind_total": (
        "Commands decided again because another process was faster.",
        (),
    ),
    "faultwire_members_lost_total": ("Other processes that were taken for gone.", ("role",)),
    "faultwire_deliveries_total": ("Tries of deliveries, by outcome.", ("outcome",)),
    "faultwire_acts_total": (
        "Acts by kind and what guards let come of them.",
        ("kind", "result"),
    ),
    "faultwire_verdicts_total": ("Verdicts of monitors, by kind.", ("kind",)),
    "faultwire_votes_expired_total": ("Votes void because their monitor was lost.", ()),
    "faultwire_shelved_total": ("Things that come and go, shelved, by type.", ("type",)),
    "faultwire_monitor_second_sessions_total": (
        "Second sessions of monitors refused under one credential.",
        (),
    ),
    "faultwire_pings_total": ("Addresses of servers that sweeps asked.", ()),
    "faultwire_probes_total": ("Probes of hosts and their answers, by result.", ("result",)),
    "faultwire_verdicts_suspended_total": ("Verdicts put off because the loop was late.", ()),
    "faultwire_agent_second_sessions_total": ("Second sessions refused under one credential.", ()),
    "faultwire_guest_verdicts_total": ("Verdicts on database guests, by kind.", ("kind",)),
    "faultwire_guest_second_agents_total": ("Second agents of one guest, refused.", ()),
    "faultwire_rpc_casts_failed_total": (
        "Casts that a peer took and did not do, by verdict.",
        ("verdict",),
    ),
    "faultwire_guest_pings_total": ("Pings of database guests, by verdict.", ("verdict",)),
    "faultwire_tasks_total": ("Tasks that ended, by kind and state.", ("kind", "state")),
    "faultwire_connections_refused_total": (
        "Connections refused or cut, by what they were too much of.",
        ("reason",),
    ),
    "faultwire_datagram_beats_total": ("Datagrams that came as beats, by result.", ("result",)),
    "faultwire_notifications_total": (
        "Notifications of others, by what became of them.",
        ("result",),
    ),
    "faultwire_expired_rows_total": ("Old rows that were removed, by kind.", ("kind",)),
    "faultwire_deadman_beats_total": ("Beats to the dead-man's watcher, by result.", ("result",)),
    "faultwire_periodic_evaluations_total": (
        "Looks at alarms that no event concerns, by kind and result.",
        ("kind", "result"),
    ),
    "faultwire_alerts_total": ("Alerts of other systems, by what they meant.", ("result",)),
    "faultwire_bmc_subscriptions_total": ("Subscriptions that BMCs had lost, or never had.", ()),
    "faultwire_bmc_failures_total": ("Questions to BMCs that failed, by kind.", ("kind",)),
    "faultwire_fencings_total": (
        "Hosts that were switched, by what was wanted and what came of it.",
        ("wanted", "outcome"),
    ),
    "faultwire_keystone_tokens_total": (
        "Tokens shown to us, by what Keystone said of them, or said before.",
        ("result",),
    ),
    "faultwire_map_drift_total": (
        "Resources of the map that a look at a cloud mended.",
        ("cloud",),
    ),
    "faultwire_map_untold_total": (
        "Changes that a look found and no notification told of, by kind.",
        ("cloud", "kind"),
    ),
    "faultwire_remote_acts_total": (
        "Acts that clouds were asked for, by kind and what came of them.",
        ("kind", "outcome"),
    ),
    "faultwire_events_left_out_total": ("Events that evaluators cannot evaluate.", ()),
    "faultwire_latency_budgets_total": (
        "How often a span began to take longer than its budget.",
        ("span",),
    ),
    "faultwire_spans_total": ("Spans for the collector, by what came of them.", ("result",)),
    "faultwire_marks_late_total": ("Checkpoints that could not be stored at the first try.", ()),
}
GAUGES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "faultwire_resources": ("Resources in the map, by kind.", ("kind",)),
    "faultwire_alarms": ("Alarms in the index.", ()),
    "faultwire_open_faults": ("Faults that are open or wait for their resource.", ()),
    "faultwire_latency_seconds": (
        "How long a span took over the newest faults; figure is p50, p95, p99 or max.",
        ("span", "figure"),
    ),
    "faultwire_latency_budget_exceeded": (
        "1 while a span takes longer than its budget over the newest faults.",
        ("span",),
    ),
    "faultwire_lane_queue": ("Commands that wait for the lane.", ()),
    "faultwire_deliveries_pending": ("Deliveries held in memory by the sender.", ()),
    "faultwire_agents_connected": ("Sessions of agents.", ()),
    "faultwire_guests_connected": ("Database guests that are heard here.", ()),
    "faultwire_members": ("Processes on this database that live, by role.", ("role",)),
    "faultwire_shares": ("Shares of work that this process owns, by kind.", ("kind",)),
    "faultwire_connections": ("HTTP connections, sessions of agents apart.", ()),
    "faultwire_certificate_expires_seconds": (
        "When the certificate of the listener ends, in seconds since the epoch.",
        (),
    ),
    "faultwire_periodic_last_round_seconds": (
        "When the last whole round over periodic alarms ended, in seconds since the epoch.",
        ("kind",),
    ),
    "faultwire_probed_hosts": ("Hosts that are probed, by state.", ("state",)),
    "faultwire_monitors": ("Monitors that have a seat here, by how they stand.", ("state",)),
    "faultwire_acts_held": ("1 while an operator holds all acts.", ()),
    "faultwire_isolated": ("1 while no host is held to be dead because we are cut off.", ()),
    "faultwire_bus_up": ("1 while the message broker takes what we publish.", ()),
    "faultwire_cloud_look_seconds": (
        "How long the last look at a cloud took, mending the map included.",
        ("cloud",),
    ),
    "faultwire_cloud_read_seconds": ("When a cloud was last read whole.", ("cloud",)),
    "faultwire_cloud_heard": ("1 while a cloud's notifications can be heard.", ("cloud",)),
    "faultwire_cloud_heard_seconds": ("When a cloud's notifications were last heard.", ("cloud",)),
    "faultwire_remote_acts_owed": ("Acts that clouds are yet to be asked for.", ()),
    "faultwire_alert_mapping_wrong": ("1 while a newer mapping of alerts has a mistake.", ()),
    "faultwire_fencings_owed": ("Hosts that are yet to be switched.", ()),
    "faultwire_listener_up": ("1 while this server hears the notifications of others.", ()),
    "faultwire_stalled": ("1 while verdicts are put off because the loop was late.", ()),
}
BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
HISTOGRAMS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "faultwire_loop_lag_seconds": ("Lateness of timers on the event loop.", ()),
    "faultwire_gave_way_seconds": ("How long bulk work waited for faults on their way.", ()),
    "faultwire_probing_lag_seconds": ("Latest turn of the process that probes hosts.", ()),
    "faultwire_sweep_seconds": ("One sweep of servers' addresses.", ()),
    "faultwire_command_seconds": ("Submission of a command to its durable answer.", ("command",)),
    "faultwire_commit_seconds": ("One transaction on the writer thread.", ()),
    "faultwire_periodic_round_seconds": ("One whole round over periodic alarms.", ("kind",)),
    "faultwire_delivery_seconds": ("One try of a delivery, start to end.", ()),
}

FROM_ZERO: Mapping[str, tuple[str, ...]] = {
    "faultwire_notifications_total": (
        "taken",
        "ours",
        "passed_over",
        "dead",
        "retried",
        "old",
    ),
    "faultwire_deadman_beats_total": ("sent", "withheld", "failed"),
    "faultwire_deliveries_total": ("delivered", "pending", "dead", "refused"),
    "faultwire_members_lost_total": (
        "serve",
        "evaluator",
        "sender",
        "taskmanager",
        "conductor",
    ),
    "faultwire_connections_refused_total": ("connections", "source", "strangers"),
    "faultwire_fencings_total": ("off proven", "off failed", "on proven", "on failed"),
    "faultwire_bmc_failures_total": (
        "unreachable", "certificate", "credentials", "refused", "unsupported", "protocol",
    ),
}  # fmt: skip
"""Values of labels that stand at zero from the start: of a counter that appears with its first
count, no rule sees that it grew."""


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

        for name, values in FROM_ZERO.items():
            for value in values:
                self._counters[name].labels(*value.split())

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

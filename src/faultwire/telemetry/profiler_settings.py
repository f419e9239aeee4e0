"""Settings of the profiler within the server."""

from dataclasses import dataclass, field
from enum import StrEnum

from faultwire.domain.errors import Invalid
from faultwire_profiler.budgets import read_budgets


class Figure(StrEnum):
    """Which figure of the newest faults is held against a budget."""

    P50 = "p50"
    P95 = "p95"
    P99 = "p99"
    MAX = "max"


@dataclass(frozen=True, slots=True)
class Settings:
    """`[profiler]`; raises Invalid for a budget that is none."""

    enabled: bool = field(
        default=True,
        metadata={
            "help": "Trace points of every fault are kept: its timeline, the standing figures. "
            "Without them the log has them still, at log_level DEBUG."
        },
    )
    budgets: tuple[str, ...] = field(
        default=("law=1000",),
        metadata={
            "help": "How long a span may take, SPAN=MILLISECONDS each. One that takes longer is "
            "the event faultwire.latency.budget, once. Spans: law, total, occurred to detected, "
            "received to handled, monitor, inspector, controller, notifier, evaluator, delivery."
        },
    )
    budget_figure: Figure = field(
        default=Figure.P95,
        metadata={"help": "The figure of the newest faults that is held against the budget."},
    )

    otlp_endpoint: str = field(
        default="",
        metadata={
            "help": "Where spans of faults and webhooks are posted, OTLP as JSON: "
            "http://127.0.0.1:4318/v1/traces. Empty: nowhere."
        },
    )
    otlp_headers_file: str = field(
        default="",
        metadata={"help": "File with headers for the collector, NAME: VALUE each, as tokens."},
    )
    otlp_ca_file: str = field(
        default="",
        metadata={"help": "PEM file of authorities that are trusted besides the system's."},
    )

    def __post_init__(self) -> None:
        """Refuse what could never be exceeded by anything, and spans without trace points."""
        if self.otlp_endpoint and not self.otlp_endpoint.startswith(("http://", "https://")):
            raise Invalid("[profiler] otlp_endpoint", "must begin with http:// or https://")
        if self.otlp_endpoint and not self.enabled:
            raise Invalid("[profiler] otlp_endpoint", "there are no spans where enabled is false")
        try:
            read_budgets(self.budgets)
        except ValueError as error:
            raise Invalid("[profiler] budgets", str(error)) from None

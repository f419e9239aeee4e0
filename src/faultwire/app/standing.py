"""The status, wired to what a server holds."""

import os
import socket
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from faultwire import __version__
from faultwire.app.acts import guarded
from faultwire.app.busline import BusLine
from faultwire.app.certificate import ends_ns
from faultwire.app.cluster import Cluster
from faultwire.app.core import Core
from faultwire.app.looks import KINDS
from faultwire.config.configuration import Configuration
from faultwire.domain.standing import Line, Process
from faultwire.domain.vantage import MonitorStatus
from faultwire.faces.fault.status import StatusPorts
from faultwire.ports import Authenticator, Bus, Enforcer
from faultwire.store import Engine, StoredStanding

_MS = 1_000_000
_NS = 1_000_000_000

EVALUATOR = "evaluator"
LAST_ROUND = "faultwire_periodic_last_round_seconds"


@dataclass(frozen=True, slots=True)
class Watched:
    """What the status looks at besides memory and metrics.

    `cluster` is None where the process is alone with its database, `certificate` (PEM) where the
    listener has none. `bus` is where events are published, `monitors` tells of those that vote.
    """

    engine: Engine
    late: Callable[[], tuple[float, float]]
    cluster: Cluster | None
    certificate: str | None
    bus: Bus | None = None
    monitors: Callable[[], Iterable[MonitorStatus]] = tuple


def status_ports(
    core: Core,
    watched: Watched,
    unhealthy: Callable[[], str | None],
    configuration: Configuration,
    authenticator: Authenticator,
    enforcer: Enforcer,
) -> StatusPorts:
    """Return what the status of this server is made of."""
    bus = watched.bus
    clock, registry = core.tools.clock, core.tools.metrics.registry

    def sample(name: str) -> float:
        return registry.get_sample_value(name) or 0.0

    return StatusPorts(
        authenticator,
        enforcer,
        clock,
        core.indexes.inventory,
        core.reader,
        __version__,
        StoredStanding(watched.engine),
        _processes(watched.cluster, configuration.server.listen, clock.wall_ns()),
        configuration.cluster.silence_ms * _MS,
        unhealthy,
        core.indexes.holds.live,
        watched.late,
        lambda: int(sample("faultwire_lane_queue")),
        lambda: bool(sample("faultwire_stalled")),
        lambda: int(sample("faultwire_agents_connected")),
        lambda: int(sample("faultwire_deliveries_pending")),
        ends_ns(watched.certificate, core.tools.metrics),
        _rounds(watched.cluster, registry.get_sample_value),
        watched.monitors,
        lambda: Line(bus.trouble) if isinstance(bus, BusLine) else None,
        guarded(core.indexes.acts, core.indexes.directory.user),
        core.follows.looks,
    )


def _rounds(
    cluster: Cluster | None, sample: Callable[[str, dict[str, str]], float | None]
) -> Callable[[], Mapping[str, int | None]]:
    """Return what tells when this process's rounds over periodic alarms ended, if it makes any."""

    def rounds() -> Mapping[str, int | None]:
        if cluster is not None and any(one.role == EVALUATOR for one, _ in cluster.silences()):
            return dict.fromkeys(KINDS)
        found = {kind: sample(LAST_ROUND, {"kind": kind}) for kind in KINDS}
        return {kind: None if at is None else round(at * _NS) for kind, at in found.items()}

    return rounds


def _processes(
    cluster: Cluster | None, address: str, started_ns: int
) -> Callable[[], tuple[Process, ...]]:
    name = f"{socket.gethostname()}:{os.getpid()}"
    alone = (Process("serve", name, address, started_ns),)

    def processes() -> tuple[Process, ...]:
        if cluster is None:
            return alone
        return tuple(
            Process(one.role, one.name, one.address, one.started_ns, silent)
            for one, silent in cluster.silences()
        )

    return processes

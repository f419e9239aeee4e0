"""The hosts' monitor, joined to the map and the lane."""

import socket
from collections.abc import Coroutine
from typing import Any

from faultwire.app.cluster import Cluster
from faultwire.app.core import Core
from faultwire.app.lane import Lane
from faultwire.app.life import Life
from faultwire.app.seats import Seats
from faultwire.config.configuration import Configuration
from faultwire.domain.accounts import CredentialKind
from faultwire.domain.changes import Change, HostsRemoved, HostsSaved
from faultwire.domain.enrolment import CredentialsRemoved
from faultwire.domain.faults import HOST_DOWN, MONITOR_ISOLATED, UNREACHABLE, identity_of
from faultwire.domain.ids import HostName
from faultwire.liveness.probes import Probes
from faultwire.liveness.settings import Engine
from faultwire.monitors.hosts import Before, HostMonitor, Judging
from faultwire.monitors.vantage import VantagePoints
from faultwire.monitors.votes import SOURCE


def host_monitor(core: Core, lane: Lane, configuration: Configuration) -> HostMonitor:
    """Return what votes for this server, if it probes, and counts everybody's votes."""
    settings, tools = configuration.liveness, core.tools
    probes = None
    if settings.engine is Engine.ICMP:
        probes = Probes(settings, tools.clock, tools.metrics, asks=True)
    judging = Judging(
        configuration.quorum,
        configuration.damping,
        settings.isolation_percent,
        settings.isolation_hosts,
        settings.probe_addresses,
    )
    name = settings.monitor or socket.gethostname()
    return HostMonitor(probes, lane, tools.clock, tools.metrics, name, judging)


def vantage_points(hosts: HostMonitor, core: Core, configuration: Configuration) -> VantagePoints:
    """Return the register of monitors on other machines."""
    tools = core.tools
    return VantagePoints(hosts, tools.clock, tools.metrics, configuration.quorum)


def vantage_terms(configuration: Configuration) -> dict[str, int]:
    """Return what monitors on other machines are told in their welcome."""
    liveness, quorum = configuration.liveness, configuration.quorum
    return {
        "heartbeat_ms": quorum.heartbeat_ms,
        "silence_ms": quorum.silence_ms,
        "probe_ms": liveness.probe_ms,
        "confirm_ms": liveness.confirm_ms,
        "recover_answers": liveness.recover_answers,
        "isolation_percent": liveness.isolation_percent,
        "isolation_hosts": liveness.isolation_hosts,
    }


def watch_vantage(
    points: VantagePoints,
    hosts: HostMonitor,
    core: Core,
    life: Life,
    lane: Lane,
    cluster: Cluster | None,
) -> None:
    """Take votes for as long as the process lives; enrolled monitors are expected.

    Before `watch_hosts`: their seats are kept before what was held is looked at.
    """
    points.expect(core.indexes.directory.bound(CredentialKind.MONITOR))
    core.memory.follow(lambda change: _leave(points, change))
    hosts.votes.here = points.here
    life.watch(points.run(), "monitors")
    if cluster is not None:
        seats = Seats(cluster, hosts.votes, lane, core.tools.clock, points.silence_ns)
        points.elsewhere = seats.elsewhere
        core.memory.follow(seats.follow)
        life.watch(seats.run(), "seats")
    life.release.callback(points.stop)


def _leave(points: VantagePoints, change: Change) -> None:
    if isinstance(change, CredentialsRemoved) and change.kind is CredentialKind.MONITOR:
        points.revoked(change.names)


def watch_hosts(monitor: HostMonitor, core: Core, life: Life) -> None:
    """Probe the hosts of the map, and count votes, for as long as the process lives."""
    inventory, holds = core.indexes.inventory, core.indexes.holds
    open_faults = {fault.identity: fault for fault in holds.live()}

    def ours(kind: str) -> tuple[HostName, ...]:
        return tuple(
            HostName(fault.resource["hostname"])
            for fault in open_faults.values()
            if fault.type.name == kind and all(one.source == SOURCE for one in fault.evidence)
        )

    isolated = identity_of(MONITOR_ISOLATED, {"monitor": monitor.name}) in open_faults
    before = Before(ours(HOST_DOWN), ours(UNREACHABLE), isolated)
    monitor.begin(inventory.hosts(), before, lambda one: holds.open_fault(one) is not None)
    core.memory.follow(lambda change: _follow(monitor, change))
    works: list[tuple[Coroutine[Any, Any, None], str]] = [
        (monitor.run(inventory.hosts), "hosts' monitor"),
        *((work(), called) for work, called in monitor.works()),
    ]
    for one, called in works:
        life.watch(one, called)
    life.release.push_async_callback(monitor.stop)


def _follow(monitor: HostMonitor, change: Change) -> None:
    if isinstance(change, HostsSaved):
        monitor.saved(change.hosts)
    elif isinstance(change, HostsRemoved):
        monitor.removed(change.hosts)

"""The hosts' monitor, joined to the map and the lane."""

import socket
from collections.abc import Coroutine
from typing import Any

from faultwire.app.core import Core
from faultwire.app.lane import Lane
from faultwire.app.life import Life
from faultwire.domain.changes import Change, HostsRemoved, HostsSaved
from faultwire.domain.faults import HOST_DOWN, identity_of
from faultwire.domain.ids import HostName
from faultwire.liveness.probes import Probes
from faultwire.liveness.settings import Engine, Settings
from faultwire.monitors.hosts import ISOLATED, SOURCE, HostMonitor


def watch_hosts(core: Core, lane: Lane, settings: Settings, life: Life) -> HostMonitor | None:
    """Probe the hosts of the map for as long as the process lives; None where that is off."""
    if settings.engine is not Engine.ICMP:
        return None
    tools = core.tools
    name = settings.monitor or socket.gethostname()
    probes = Probes(settings, tools.clock, tools.metrics)
    monitor = HostMonitor(probes, lane, tools.clock, tools.metrics, name)
    inventory = core.indexes.inventory
    open_faults = {fault.identity: fault for fault in core.indexes.holds.live()}
    dead = [
        HostName(fault.resource["hostname"])
        for fault in open_faults.values()
        if fault.type.name == HOST_DOWN and all(one.source == SOURCE for one in fault.evidence)
    ]
    isolated = identity_of(ISOLATED, {"monitor": name}) in open_faults
    monitor.begin(inventory.hosts(), dead, isolated=isolated)
    core.memory.follow(lambda change: _follow(monitor, change))
    work: tuple[tuple[Coroutine[Any, Any, None], str], ...] = (
        (probes.run(), "probes"),
        (monitor.run(inventory.hosts), "hosts' monitor"),
    )
    for one, called in work:
        life.watch(one, called)
    life.release.push_async_callback(monitor.stop)
    return monitor


def _follow(monitor: HostMonitor, change: Change) -> None:
    if isinstance(change, HostsSaved):
        monitor.saved(change.hosts)
    elif isinstance(change, HostsRemoved):
        monitor.removed(change.hosts)

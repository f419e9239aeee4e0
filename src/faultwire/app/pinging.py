"""Pings of servers, joined to the map, the lane and what is known of hosts."""

import socket

from faultwire.app.acts import hear_servers
from faultwire.app.core import Core
from faultwire.app.lane import Lane
from faultwire.app.life import Life
from faultwire.config.configuration import Configuration
from faultwire.domain.faults import INSTANCE_DOWN
from faultwire.domain.ids import HostName, ServerId
from faultwire.domain.states import AgentState
from faultwire.liveness.isolation import Limits
from faultwire.liveness.pings import SweepProcess
from faultwire.liveness.settings import Engine, Settings
from faultwire.liveness.suspicion import State
from faultwire.monitors.hosts import HostMonitor
from faultwire.monitors.instances import Established, InstanceMonitor, Terms
from faultwire.monitors.pinged import ServerPings

_MS = 1_000_000


def ping_servers(core: Core, configuration: Configuration, life: Life) -> ServerPings:
    """Ping the servers of the map for as long as the process lives, or when somebody asks."""
    settings, tools = configuration.liveness, core.tools
    pings = ServerPings(
        SweepProcess(settings),
        core.indexes.inventory,
        tools.clock,
        tools.metrics,
        every_ms=0 if settings.engine is Engine.NONE else settings.sweep_ms,
        per_minute=configuration.compute.sweeps_per_minute,
    )
    core.memory.follow(pings.follow)
    pings.begin()
    life.watch(pings.run(), "pings of servers")
    return pings


def watch_instances(
    core: Core,
    lane: Lane,
    settings: Settings,
    life: Life,
    pings: ServerPings,
    hosts: HostMonitor,
) -> None:
    """Report servers that fall silent while their hosts are alive, where that is wanted.

    And let those that answer speak for their hosts.
    """
    hear_servers(core, pings.seen, settings.sweep_ms)
    if not settings.raise_instance_down:
        return
    tools = core.tools
    terms = Terms(
        settings.monitor or socket.gethostname(),
        settings.instance_silent_sweeps,
        settings.recover_answers,
        Limits(settings.isolation_percent, settings.isolation_hosts, 0),
        _established(core, settings, hosts),
    )
    monitor = InstanceMonitor(
        pings,
        core.indexes.inventory,
        lane,
        tools.clock,
        tools.metrics,
        terms,
    )
    monitor.begin(
        ServerId(fault.resource["instance_id"])
        for fault in core.indexes.holds.live()
        if fault.type.name == INSTANCE_DOWN
        and all(one.source == pings.engine for one in fault.evidence)
    )
    life.release.push_async_callback(monitor.stop)


def _established(core: Core, settings: Settings, hosts: HostMonitor) -> Established:
    """Return what is known of hosts: by probes of them, or else by their agents.

    A probed host that is dead shows within a fraction of a sweep; an agent's only after its
    silence.
    """
    silence = (settings.agent_silence_ms + 2 * settings.heartbeat_ms) * _MS

    def established(name: HostName) -> int | None:
        host = core.indexes.inventory.host(name)
        if host is None or not host.up:
            return None
        state = hosts.state(name)
        if state is State.ALIVE:
            return 0
        # Nothing is known of a host that is not probed, or that drops pings.
        told = state is State.UNKNOWN and host.agent is AgentState.CONNECTED
        return silence if told else None

    return established

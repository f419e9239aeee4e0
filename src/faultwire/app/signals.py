"""What machines and monitoring tell us, and hosts that are switched, joined to the lane."""

from dataclasses import dataclass

from faultwire.app.alert_map import AlertMaps
from faultwire.app.bmcs import RedfishBmcs
from faultwire.app.core import Core
from faultwire.app.fencing import Fencer, place_of
from faultwire.app.lane import Lane
from faultwire.app.life import Life
from faultwire.app.neighbours import Neighbours
from faultwire.config.configuration import Configuration
from faultwire.domain.faults import HOST_DOWN
from faultwire.monitors.redfish import SOURCE, RedfishMonitor


@dataclass(frozen=True, slots=True)
class Signals:
    """The mapping of alerts, who speaks to BMCs, what hears them; `key` makes their addresses."""

    maps: AlertMaps
    bmcs: RedfishBmcs
    redfish: RedfishMonitor
    key: bytes


def signals_of(core: Core, lane: Lane, configuration: Configuration, key: bytes) -> Signals:
    """Return all of it, at rest; raises Invalid for a mapping that is wrong."""
    tools, settings = core.tools, configuration.redfish
    maps = AlertMaps(configuration.alertmanager.mapping, core.reader, tools.clock, tools.metrics)
    bmcs = RedfishBmcs(settings, tools.clock, tools.metrics)
    redfish = RedfishMonitor(lane, core.indexes.inventory, bmcs, settings, key)
    return Signals(maps, bmcs, redfish.by(tools.clock, tools.metrics, lambda: True), key)


def watch_signals(
    core: Core,
    lane: Lane,
    configuration: Configuration,
    others: Neighbours | None,
    signals: Signals,
    life: Life,
) -> None:
    """Fence hosts, ask their BMCs and follow the mapping of alerts, as far as that is set."""
    life.watch(signals.maps.run(), "mapping of alerts")
    life.reloads.append(signals.maps.nudge)
    life.release.push_async_callback(signals.bmcs.close)
    cluster = others.cluster if others else None
    if configuration.fencing.terms().driver:
        fencer = Fencer.of(core, lane, configuration.fencing, signals.bmcs, cluster)
        life.watch(fencer.run(), "fencing")
    redfish = configuration.redfish
    if redfish.poll_seconds or redfish.event_url:
        monitor = signals.redfish.by(core.tools.clock, core.tools.metrics, place_of(cluster).ours)
        monitor.begin(
            (fault.host, fault.type.name)
            for fault in core.indexes.holds.live()
            if fault.host is not None
            and fault.type.name != HOST_DOWN
            and any(one.source == SOURCE for one in fault.evidence)
        )
        life.watch(monitor.run(), "BMCs")

"""What machines and monitoring tell us, and hosts that are switched, joined to the lane."""

from faultwire.app.alert_map import AlertMaps
from faultwire.app.bmcs import RedfishBmcs
from faultwire.app.core import Core
from faultwire.app.fencing import Fencer
from faultwire.app.lane import Lane
from faultwire.app.life import Life
from faultwire.app.neighbours import Neighbours
from faultwire.config.configuration import Configuration


def watch_signals(
    core: Core,
    lane: Lane,
    configuration: Configuration,
    others: Neighbours | None,
    maps: AlertMaps,
    life: Life,
) -> None:
    """Fence hosts, ask their BMCs and follow the mapping of alerts, as far as that is set."""
    life.watch(maps.run(), "mapping of alerts")
    life.reloads.append(maps.nudge)
    tools = core.tools
    bmcs = RedfishBmcs(configuration.redfish, tools.clock, tools.metrics)
    life.release.push_async_callback(bmcs.close)
    if configuration.fencing.terms().driver:
        cluster = others.cluster if others else None
        fencer = Fencer.of(core, lane, configuration.fencing, bmcs, cluster)
        life.watch(fencer.run(), "fencing")

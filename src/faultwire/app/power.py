"""All that concerns the power of hosts, joined to the lane: fencing, and what BMCs are asked."""

from faultwire.app.bmcs import RedfishBmcs
from faultwire.app.cluster import Cluster
from faultwire.app.core import Core
from faultwire.app.fencing import Fencer
from faultwire.app.lane import Lane
from faultwire.app.life import Life
from faultwire.config.configuration import Configuration


def watch_power(
    core: Core, lane: Lane, configuration: Configuration, cluster: Cluster | None, life: Life
) -> None:
    """Fence hosts and ask their BMCs for as long as the process lives, as far as that is set."""
    terms = configuration.fencing.terms()
    tools = core.tools
    bmcs = RedfishBmcs(configuration.redfish, tools.clock, tools.metrics)
    life.release.push_async_callback(bmcs.close)
    if terms.driver:
        fencer = Fencer.of(core, lane, configuration.fencing, bmcs, cluster)
        life.watch(fencer.run(), "fencing")

"""A cloud beside us: how plans and wishes are made true in it; pure.

Every process that decides needs this, also one that asks no cloud for anything.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from faultwire.controllers.openstack.acts import CloudController, CloudOf
from faultwire.controllers.openstack.leaving import LeaveDecider
from faultwire.domain.computing import EvacuateServer
from faultwire.domain.ids import HostName
from faultwire.domain.remote_acts import Notify
from faultwire.ports import Controller, Decider, Judge
from faultwire.resourcemap.remote_acts import RemoteBook


@dataclass(frozen=True, slots=True)
class Beside:
    """Which cloud a host is in, when owners hear of a fault, and what is disabled."""

    cloud_of: CloudOf
    book: RemoteBook
    notify: Notify = Notify.IMMEDIATELY
    disable: bool = False

    def controller(self, inner: Controller) -> Controller:
        """Return who makes plans true, over the one that moves the map."""
        return CloudController(inner, self.cloud_of, self.book, self.notify, disable=self.disable)

    def evacuating(self, guards: Judge) -> Decider[EvacuateServer]:
        """Return who decides on evacuations."""
        return LeaveDecider(self.cloud_of, self.book, guards)


def cloud_among(clouds: Sequence[str]) -> CloudOf:
    """Return what gives the cloud of a host: the only one, or the one that it is named for."""

    def cloud_of(host: HostName) -> str:
        if not host:
            return ""
        if len(clouds) == 1:
            return clouds[0]
        name = host.partition("/")[0]
        return name if name in clouds else ""

    return cloud_of

"""Decides on networks and subnets: stored, so that ports have something to be on."""

import ipaddress
from dataclasses import replace
from typing import Any

from faultwire.controllers.embedded.ports import (
    CreatePortsDecider,
    RemovePortDecider,
    ReportDecider,
    Rewired,
    UpdatePortDecider,
    refuse_stale,
)
from faultwire.domain.accounts import Actor, AuditRecord
from faultwire.domain.changes import Audited, Change
from faultwire.domain.decided import Decided, Deciding
from faultwire.domain.errors import Conflict, NotFound
from faultwire.domain.ids import NetworkId, SubnetId
from faultwire.domain.instants import Instant
from faultwire.domain.network_changes import (
    NetworksRemoved,
    NetworksSaved,
    SubnetsRemoved,
    SubnetsSaved,
)
from faultwire.domain.network_commands import (
    CreatePorts,
    RecheckPorts,
    RemoveNetwork,
    RemovePort,
    RemoveSubnet,
    ReportDataPlane,
    SaveNetwork,
    SaveSubnet,
    UpdatePort,
)
from faultwire.domain.networks import Network, Subnet
from faultwire.domain.services import StatusTerms
from faultwire.ports import Decider, View


class SaveNetworkDecider:
    """Creates and changes networks."""

    def decide(self, command: SaveNetwork, view: View, now: Instant) -> Deciding:
        """Answer the network as stored; what changes nothing is written nowhere."""
        yield None
        said, there = command.network, view.plugs.network(command.network.id)
        if command.new:
            if there is not None:
                raise Conflict(f"Network {said.id} exists already.")
            made = replace(said, created_ns=now.wall_ns, updated_ns=now.wall_ns)
            return _saved(made, NetworksSaved((made,)), "network.create", command.actor, now)
        if there is None:
            raise NotFound(f"Network {said.id} could not be found.")
        refuse_stale("network", there.revision, command.if_revision)
        news = {name: getattr(said, name) for name in command.fields}
        made = replace(there, **news)
        if made == there:
            return Decided(answer=there)
        made = replace(made, updated_ns=now.wall_ns, revision=there.revision + 1)
        decided = _saved(made, NetworksSaved((made,)), "network.update", command.actor, now)
        # Where its ports leave their hosts may be another physical network now.
        return replace(decided, then=(RecheckPorts(),))


class RemoveNetworkDecider:
    """Deletes networks without ports."""

    def decide(self, command: RemoveNetwork, view: View, now: Instant) -> Deciding:
        """Answer None."""
        yield None
        there = view.plugs.network(command.network)
        if there is None:
            raise NotFound(f"Network {command.network} could not be found.")
        refuse_stale("network", there.revision, command.if_revision)
        if view.plugs.ports_in(there.id):
            raise Conflict(
                f"Unable to complete operation on network {there.id}. There are one or more "
                "ports still in use on the network."
            )
        gone = NetworksRemoved((NetworkId(there.id),))
        return _saved(None, gone, "network.delete", command.actor, now, there.id)


class SaveSubnetDecider:
    """Creates and changes subnets."""

    def decide(self, command: SaveSubnet, view: View, now: Instant) -> Deciding:
        """Answer the subnet as stored; what changes nothing is written nowhere."""
        yield None
        said, there = command.subnet, view.plugs.subnet(command.subnet.id)
        if command.new:
            made = _new(said, view, now)
            return _saved(made, SubnetsSaved((made,)), "subnet.create", command.actor, now)
        if there is None:
            raise NotFound(f"Subnet {said.id} could not be found.")
        refuse_stale("subnet", there.revision, command.if_revision)
        made = replace(there, **{name: getattr(said, name) for name in command.fields})
        if made == there:
            return Decided(answer=there)
        made = replace(made, updated_ns=now.wall_ns, revision=there.revision + 1)
        return _saved(made, SubnetsSaved((made,)), "subnet.update", command.actor, now)


def _new(said: Subnet, view: View, now: Instant) -> Subnet:
    if view.plugs.subnet(said.id) is not None:
        raise Conflict(f"Subnet {said.id} exists already.")
    if view.plugs.network(said.network) is None:
        raise NotFound(f"Network {said.network} could not be found.")
    block = ipaddress.ip_network(said.cidr)
    for other in view.plugs.subnets_in(said.network):
        there = ipaddress.ip_network(other.cidr)
        if there.version == block.version and there.overlaps(block):
            raise Conflict(f"Requested subnet with cidr: {said.cidr} overlaps with {other.cidr}.")
    return replace(said, created_ns=now.wall_ns, updated_ns=now.wall_ns)


class RemoveSubnetDecider:
    """Deletes subnets of which no port has an address."""

    def decide(self, command: RemoveSubnet, view: View, now: Instant) -> Deciding:
        """Answer None."""
        yield None
        there = view.plugs.subnet(command.subnet)
        if there is None:
            raise NotFound(f"Subnet {command.subnet} could not be found.")
        refuse_stale("subnet", there.revision, command.if_revision)
        block = ipaddress.ip_network(there.cidr)
        for port in view.plugs.ports_in(there.network):
            if any(ipaddress.ip_address(address) in block for address in port.addresses):
                raise Conflict(
                    f"Unable to complete operation on subnet {there.id}: One or more ports have "
                    "an IP allocation from this subnet."
                )
        gone = SubnetsRemoved((SubnetId(there.id),))
        return _saved(None, gone, "subnet.delete", command.actor, now, there.id)


def _saved(
    made: Network | Subnet | None,
    change: Change,
    action: str,
    actor: Actor,
    now: Instant,
    name: str = "",
) -> Decided:
    line = AuditRecord(now.wall_ns, actor, action, name or (made.id if made else ""), "")
    return Decided(answer=made, changes=(change, Audited((line,))))


def deciders(rewired: Rewired, terms: StatusTerms) -> dict[type, Decider[Any]]:
    """Return who decides on which command of the network face."""
    return {
        CreatePorts: CreatePortsDecider(rewired, terms),
        UpdatePort: UpdatePortDecider(rewired, terms),
        RemovePort: RemovePortDecider(terms),
        ReportDataPlane: ReportDecider(terms),
        SaveNetwork: SaveNetworkDecider(),
        RemoveNetwork: RemoveNetworkDecider(),
        SaveSubnet: SaveSubnetDecider(),
        RemoveSubnet: RemoveSubnetDecider(),
    }

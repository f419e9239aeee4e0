"""The faces that speak for a cloud: Nova's, Neutron's, Glance's and Trove's.

Beside a real cloud its own services do that, and here is left what only we know.
"""

from dataclasses import dataclass
from typing import Any

from starlette.types import ASGIApp

from faultwire.app.core import Core
from faultwire.app.guests import GuestParts
from faultwire.app.lane import Lane
from faultwire.config.configuration import Configuration
from faultwire.domain.ids import HostName
from faultwire.faces.compute import app as compute
from faultwire.faces.compute import fping
from faultwire.faces.compute.ports import ComputePorts, LastSeen
from faultwire.faces.database import app as database
from faultwire.faces.database.ports import DatabasePorts
from faultwire.faces.image import app as image
from faultwire.faces.image.app import ImagePorts
from faultwire.faces.network import app as network
from faultwire.faces.network.ports import NetworkPorts
from faultwire.faces.stack import off
from faultwire.monitors.agents import AgentMonitor
from faultwire.ports import Authenticator, Enforcer, Pinger
from faultwire.store import StoredSeen

FACES = ("compute", "network", "image", "database")
ELSEWHERE = "is not served here beside a real cloud, whose own {} has it ([openstack] serve)."


@dataclass(frozen=True, slots=True)
class CloudParts:
    """What stands already when these faces are built."""

    core: Core
    lane: Lane
    monitor: AgentMonitor
    pinger: Pinger
    guests: GuestParts


def cloud_faces(
    parts: CloudParts,
    configuration: Configuration,
    authenticator: Authenticator,
    enforcer: Enforcer,
    stored: StoredSeen,
) -> dict[str, ASGIApp]:
    """Return them by prefix, whole or what is left of them."""
    settings = configuration.openstack
    whole = set(settings.serve) if settings.names else set(FACES)
    inventory, directory = parts.core.indexes.inventory, parts.core.indexes.directory
    compute_ports = ComputePorts(
        authenticator,
        enforcer,
        parts.lane,
        parts.core.tools.clock,
        inventory,
        directory,
        configuration.compute,
        _last_seen(parts, stored),
        parts.pinger,
    )
    network_ports = NetworkPorts(
        authenticator, enforcer, parts.lane, inventory, directory, configuration.network
    )
    pings = _database_ports(parts, configuration, authenticator, enforcer)
    return {
        "/compute": compute.create(compute_ports)
        if "compute" in whole
        else compute.create(compute_ports, (fping.routes,), f"This path {_elsewhere('Nova')}"),
        "/network": network.create(network_ports)
        if "network" in whole
        else off(f"This API {_elsewhere('Neutron')}"),
        "/image": image.create(ImagePorts(authenticator, enforcer))
        if "image" in whole
        else off(f"This API {_elsewhere('Glance')}"),
        "/database": database.create(pings)
        if "database" in whole
        else database.create(pings, f"This path {_elsewhere('Trove')}"),
    }


def _elsewhere(service: str) -> str:
    return ELSEWHERE.format(service)


def _database_ports(
    parts: CloudParts,
    configuration: Configuration,
    authenticator: Authenticator,
    enforcer: Enforcer,
) -> DatabasePorts:
    core, guests, settings = parts.core, parts.guests, configuration.guests
    return DatabasePorts(
        authenticator,
        enforcer,
        parts.lane,
        core.tools.clock,
        core.indexes.inventory,
        guests.heard,
        guests.pinger,
        guests.keeper,
        settings.ping_ms / 1000,
        settings.bulk_limit,
    )


def _last_seen(parts: CloudParts, stored: StoredSeen) -> LastSeen:
    """Return who tells when hosts were last heard: by the database, and by our own sessions."""

    async def last_seen() -> dict[HostName, int]:
        found: Any = await parts.core.reader(stored.all)
        for status in parts.monitor.statuses():
            if status.seen_ns is not None:
                found[status.host] = status.seen_ns
        return dict(found)

    return last_seen

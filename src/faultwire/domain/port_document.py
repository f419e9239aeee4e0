"""A port as Neutron writes it: for answers of the network face and for message buses."""

import ipaddress
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache

from faultwire.domain.ids import HostName
from faultwire.domain.networks import DOWN, Subnet
from faultwire.domain.resources import Port

Document = dict[str, object]


@lru_cache(maxsize=1024)
def timestamp(at_ns: int) -> str | None:
    """Return a time as Neutron writes it, to the second; None for one that nobody noted."""
    if not at_ns:
        return None
    return datetime.fromtimestamp(at_ns // 1_000_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@lru_cache(maxsize=1024)
def since(at_ns: int) -> str | None:
    """Return a time to the microsecond; None for one that nobody noted."""
    if not at_ns:
        return None
    moment = datetime.fromtimestamp(at_ns // 1_000_000_000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{at_ns // 1000 % 1_000_000:06d}Z"


def fixed_ips(port: Port, subnets: Iterable[Subnet]) -> list[Document]:
    """Return a port's addresses, each with the subnet of its network that has it, if one does."""
    if not port.addresses:
        return []
    ranges = [(one.id, ipaddress.ip_network(one.cidr)) for one in subnets]
    found: list[Document] = []
    for text in port.addresses:
        address = ipaddress.ip_address(text)
        within = next((name for name, block in ranges if address in block), "")
        found.append({"subnet_id": within, "ip_address": text})
    return found


def port_document(port: Port, place: HostName | None, subnets: Iterable[Subnet] = ()) -> Document:
    """Return everything of a port; `place` is the host that it is on.

    Its data-plane status stands there twice, as upstream has it and as a truth (D7).
    """
    details, told = port.details, port.data_plane
    return {
        "id": port.id,
        "name": port.name,
        "network_id": port.network or "",
        "tenant_id": port.project,
        "project_id": port.project,
        "mac_address": details.mac_address,
        "admin_state_up": details.admin_state_up,
        "status": port.status,
        "device_id": port.server or "",
        "device_owner": details.device_owner,
        "fixed_ips": fixed_ips(port, subnets),
        "allowed_address_pairs": [],
        "extra_dhcp_opts": [],
        "security_groups": [],
        "tags": [],
        "description": details.description,
        "port_security_enabled": True,
        "binding:vnic_type": details.vnic_type,
        "binding:profile": {},
        "binding:host_id": place or "",
        "binding:vif_type": "other" if place else "unbound",
        "binding:vif_details": {},
        "data_plane_status": port.data_plane_status,
        "dp_down": port.data_plane_status == DOWN,
        "data_plane_status_reason": told.reason or None,
        "data_plane_status_source": told.source or None,
        "data_plane_status_since": since(told.since_ns),
        "revision_number": port.revision,
        "created_at": timestamp(details.created_ns),
        "updated_at": timestamp(details.updated_ns or details.created_ns),
    }

"""Networks and subnets: from bodies to values, and as Neutron writes them."""

import ipaddress
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from faultwire.domain.errors import Invalid
from faultwire.domain.networks import Network, Subnet
from faultwire.domain.port_document import timestamp
from faultwire.faces.network.port_bodies import boolean, invalid, one_project, words
from faultwire.faces.network.requests import Document

_TYPES = frozenset({"local", "flat", "vlan", "vxlan", "gre", "geneve"})
_NO_PUT = frozenset({"project_id", "tenant_id"})


def network_row(network: Network, subnets: Sequence[str]) -> Document:
    """Return a network as Neutron writes it."""
    return {
        "id": network.id,
        "name": network.name,
        "tenant_id": network.project,
        "project_id": network.project,
        "description": network.description,
        "admin_state_up": network.admin_state_up,
        "status": "ACTIVE",
        "shared": network.shared,
        "router:external": network.external,
        "is_default": False,
        "mtu": network.mtu,
        "subnets": list(subnets),
        "tags": [],
        "port_security_enabled": True,
        "availability_zone_hints": [],
        "availability_zones": [],
        "ipv4_address_scope": None,
        "ipv6_address_scope": None,
        "provider:network_type": network.network_type,
        "provider:physical_network": network.physical_network,
        "provider:segmentation_id": network.segmentation_id,
        "revision_number": network.revision,
        "created_at": timestamp(network.created_ns),
        "updated_at": timestamp(network.updated_ns),
    }


def subnet_row(subnet: Subnet) -> Document:
    """Return a subnet as Neutron writes it."""
    return {
        "id": subnet.id,
        "name": subnet.name,
        "network_id": subnet.network,
        "tenant_id": subnet.project,
        "project_id": subnet.project,
        "description": subnet.description,
        "cidr": subnet.cidr,
        "ip_version": subnet.ip_version,
        "gateway_ip": subnet.gateway_ip,
        "enable_dhcp": subnet.enable_dhcp,
        "allocation_pools": _pools(subnet),
        "dns_nameservers": [],
        "host_routes": [],
        "service_types": [],
        "subnetpool_id": None,
        "segment_id": None,
        "ipv6_address_mode": None,
        "ipv6_ra_mode": None,
        "tags": [],
        "revision_number": subnet.revision,
        "created_at": timestamp(subnet.created_ns),
        "updated_at": timestamp(subnet.updated_ns),
    }


def _pools(subnet: Subnet) -> list[Document]:
    """Return the addresses that ports may have: all but the gateway, if that is the first one."""
    block = ipaddress.ip_network(subnet.cidr)
    if block.num_addresses < 4:
        return []
    first = block.network_address + 1
    if subnet.gateway_ip == str(first):
        first += 1
    last = block.broadcast_address if block.version == 6 else block.broadcast_address - 1
    return [{"start": str(first), "end": str(last)}]


def network_values(said: Document, *, new: bool) -> dict[str, Any]:
    """Return what a body says of a network, by the names of `Network`; raises Invalid."""
    if not new:
        _refuse_fixed(said, _NO_PUT)
    return _values(said, _NETWORK)


def new_subnet(said: Document) -> dict[str, Any]:
    """Return what a body says of a new subnet, by the names of `Subnet`; raises Invalid."""
    for name in ("network_id", "cidr"):
        if name not in said:
            reason = f"Failed to parse request. Required attribute '{name}' not specified"
            raise Invalid("", reason)
    values = _values(said, _SUBNET)
    block = ipaddress.ip_network(values["cidr"])
    version = values.pop("ip_version", block.version)
    if version != block.version:
        raise invalid("ip_version", f"{version} does not fit the cidr {block}")
    if "gateway_ip" not in said:
        values["gateway_ip"] = str(block.network_address + 1) if block.num_addresses > 2 else None
    else:
        _check_gateway(values["gateway_ip"], str(block))
    return values


def changed_subnet(said: Document, there: Subnet) -> dict[str, Any]:
    """Return what a body changes of a subnet; raises Invalid."""
    _refuse_fixed(said, {*_NO_PUT, "network_id", "cidr", "ip_version"})
    values = _values(said, _SUBNET)
    if "gateway_ip" in values:
        _check_gateway(values["gateway_ip"], there.cidr)
    return values


def _refuse_fixed(said: Document, fixed: frozenset[str] | set[str]) -> None:
    found = sorted(said.keys() & fixed)
    if found:
        raise Invalid("", f"Cannot update read-only attribute {found[0]}")


def _check_gateway(text: str | None, cidr: str) -> None:
    if text is not None and ipaddress.ip_address(text) not in ipaddress.ip_network(cidr):
        raise invalid("gateway_ip", f"{text} is not in {cidr}")


_Readers = Mapping[str, tuple[str, Callable[[Any, str], Any]]]


def _values(said: Document, readers: _Readers) -> dict[str, Any]:
    unknown = sorted(said.keys() - readers.keys())
    if unknown:
        raise Invalid("", f"Unrecognized attribute(s) '{', '.join(unknown)[:200]}'")
    found = {}
    for key, value in said.items():
        name, read = readers[key]
        read_value = read(value, key)
        if name:
            found[name] = read_value
    one_project(said)
    return found


def _number(least: int, most: int) -> Callable[[Any, str], int]:
    def read(value: Any, name: str) -> int:
        if isinstance(value, str) and value.isdecimal() and len(value) < 10:
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise invalid(name, f"it is no number from {least} to {most}")
        return value

    return read


def _maybe(read: Callable[[Any, str], Any]) -> Callable[[Any, str], Any]:
    return lambda value, name: None if value is None else read(value, name)


def _type(value: Any, name: str) -> str:
    text = words(value, name)
    if text not in _TYPES:
        raise invalid(name, f"{text[:64]} is not in valid_values")
    return text


def _physical(value: Any, name: str) -> str:
    text = words(value, name)
    if not text:
        raise invalid(name, "it is empty")
    return text


def _cidr(value: Any, name: str) -> str:
    text = words(value, name, 64)
    try:
        return str(ipaddress.ip_network(text))
    except ValueError:
        raise invalid(name, f"'{text}' is not a valid IP subnet") from None


def _address(value: Any, name: str) -> str:
    text = words(value, name, 64)
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise invalid(name, f"'{text}' is not a valid IP address") from None


def _nothing(value: Any, name: str) -> None:
    if value:
        raise invalid(name, "it is not kept here: leave it out or empty")


_COMMON: _Readers = {
    "name": ("name", words),
    "description": ("description", words),
    "project_id": ("project", words),
    "tenant_id": ("project", words),
}
_NETWORK: _Readers = {
    **_COMMON,
    "admin_state_up": ("admin_state_up", boolean),
    "shared": ("shared", boolean),
    "router:external": ("external", boolean),
    "mtu": ("mtu", _number(68, 65535)),
    "provider:physical_network": ("physical_network", _maybe(_physical)),
    "provider:network_type": ("network_type", _maybe(_type)),
    "provider:segmentation_id": ("segmentation_id", _maybe(_number(1, 16_777_215))),
    "port_security_enabled": ("", boolean),
    "is_default": ("", _nothing),
    "availability_zone_hints": ("", _nothing),
}
_SUBNET: _Readers = {
    **_COMMON,
    "network_id": ("network", words),
    "cidr": ("cidr", _cidr),
    "ip_version": ("ip_version", _number(4, 6)),
    "gateway_ip": ("gateway_ip", _maybe(_address)),
    "enable_dhcp": ("enable_dhcp", boolean),
    "dns_nameservers": ("", _nothing),
    "host_routes": ("", _nothing),
    "allocation_pools": ("", _nothing),
    "service_types": ("", _nothing),
}

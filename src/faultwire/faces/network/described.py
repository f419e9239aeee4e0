"""What the OpenAPI page says of bodies; the readers in the modules of bodies decide."""

from typing import Any

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string", "maxLength": 255}
_TRUTH: Schema = {"type": ["boolean", "string"]}
_ADDRESS: Schema = {"anyOf": [{"type": "string", "format": form} for form in ("ipv4", "ipv6")]}
_STATUS: Schema = {"enum": [None, "ACTIVE", "DOWN"]}
_COMMON: Schema = {"name": _TEXT, "description": _TEXT}
_OWNED: Schema = {"project_id": _TEXT}

_NETWORK: Schema = {
    **_COMMON,
    "admin_state_up": _TRUTH,
    "shared": _TRUTH,
    "router:external": _TRUTH,
    "mtu": {"type": "integer", "minimum": 68, "maximum": 65535},
    "provider:network_type": {"enum": ["local", "flat", "vlan", "vxlan", "gre", "geneve"]},
    "provider:physical_network": _TEXT,
    "provider:segmentation_id": {"type": "integer"},
}
_SUBNET: Schema = {
    **_COMMON,
    "gateway_ip": {"anyOf": [*_ADDRESS["anyOf"], {"type": "null"}]},
    "enable_dhcp": _TRUTH,
}
_NEW_SUBNET: Schema = {
    **_SUBNET,
    **_OWNED,
    "network_id": _TEXT,
    "cidr": {
        "type": "string",
        "pattern": r"^(10\.[0-9]{1,3}\.[0-9]{1,3}\.0/24|fd00:[0-9]+::/64)$",
    },
    "ip_version": {"enum": [4, 6]},
}
_PORT: Schema = {
    **_COMMON,
    "admin_state_up": _TRUTH,
    "device_id": _TEXT,
    "device_owner": _TEXT,
    "fixed_ips": {
        "type": "array",
        "maxItems": 4,
        "items": {
            "type": "object",
            "properties": {"subnet_id": _TEXT, "ip_address": _ADDRESS},
        },
    },
    "binding:host_id": _TEXT,
    "binding:vnic_type": {"enum": ["normal", "direct", "macvtap", "baremetal"]},
    "mac_address": {"type": "string", "pattern": "^([0-9a-f]{2}:){5}[0-9a-f]{2}$"},
}
_REPORT: Schema = {
    "data_plane_status": _STATUS,
    "dp_down": _TRUTH,
    "data_plane_status_reason": _TEXT,
}


def _one(name: str, properties: Schema, *required: str) -> Schema:
    inner: Schema = {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }
    return {"type": "object", "properties": {name: inner}, "required": [name]}


NEW: dict[str, Schema] = {
    "network": _one("network", {**_NETWORK, **_OWNED}),
    "subnet": _one("subnet", _NEW_SUBNET, "network_id", "cidr"),
    "port": _one("port", {**_PORT, **_OWNED, "network_id": _TEXT}, "network_id"),
}
"""Bodies of what is made, by its kind."""

CHANGED: dict[str, Schema] = {
    "network": _one("network", _NETWORK),
    "subnet": _one("subnet", _SUBNET),
    "port": _one("port", {**_PORT, **_REPORT}),
}
"""Bodies of what is changed, by its kind."""

REPORT: Schema = {
    "type": "object",
    "properties": {
        "ports": {"type": "array", "items": {"type": "string"}},
        "host": {"type": "string"},
        "data_plane_status": _STATUS,
        "dp_down": {"type": "boolean"},
        "reason": {"type": "string"},
    },
}
"""Body of a report on many ports at once."""

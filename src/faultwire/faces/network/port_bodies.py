"""What clients say of a port: from the body's attributes to values, in Neutron's words."""

import ipaddress
import re
from collections.abc import Callable, Mapping
from typing import Any

from faultwire.domain.errors import Invalid
from faultwire.domain.networks import ACTIVE, DOWN
from faultwire.faces.network.requests import Document

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,253}[A-Za-z0-9])?\Z")
_MAC = re.compile(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\Z")
MOST_ADDRESSES = 64

STATUSES = (None, ACTIVE, DOWN)
STATUS = frozenset({"data_plane_status", "dp_down"})
"""The two views of one stored value (D7)."""

REPORT = STATUS | {"data_plane_status_reason"}
"""Attributes of a report; the reason goes with one of the others."""

READ_ONLY = frozenset(
    {
        "id",
        "status",
        "revision_number",
        "created_at",
        "updated_at",
        "data_plane_status_source",
        "data_plane_status_since",
        "binding:vif_type",
        "binding:vif_details",
    }
)
_NO_PUT = frozenset({"network_id", "tenant_id", "project_id", "mac_address"})
_EMPTY_ONLY = frozenset(
    {"security_groups", "allowed_address_pairs", "extra_dhcp_opts", "tags", "binding:profile"}
)
_VNIC_TYPES = frozenset(
    {"normal", "direct", "macvtap", "baremetal", "direct-physical", "virtio-forwarder"}
    | {"smart-nic", "vdpa", "remote-managed"}
)


def invalid(name: str, reason: str) -> Invalid:
    """Return Neutron's sentence on a value that cannot be."""
    return Invalid("", f"Invalid input for {name}. Reason: {reason}.")


def words(value: Any, name: str, most: int = 255) -> str:
    """Return a text; raises Invalid."""
    if not isinstance(value, str):
        raise invalid(name, f"'{_shown(value)}' is not a valid string")
    if len(value) > most:
        raise invalid(name, f"'{value[:40]}...' exceeds maximum length of {most}")
    if "\x00" in value:
        raise invalid(name, "it holds a NUL character")
    return value


def one_project(said: Mapping[str, Any]) -> None:
    """Refuse a body that names two projects under the two names of one field."""
    if len({said[name] for name in ("project_id", "tenant_id") if name in said}) > 1:
        raise Invalid("", "'project_id' and 'tenant_id' do not match")


def boolean(value: Any, name: str) -> bool:
    """Return a truth: a boolean, or its text in any case (D13); raises Invalid."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in {"true", "false"}:
        return value.lower() == "true"
    raise invalid(name, f"'{_shown(value)}' is not a valid boolean value")


def _shown(value: Any) -> str:
    return str(value)[:100].replace("\x00", "?")


def report_of(said: Mapping[str, Any]) -> tuple[str | None, str] | None:
    """Return the status and reason of a report, None where a body has none (D7).

    Raises Invalid, also for a reason alone.
    """
    if not REPORT & said.keys():
        return None
    if not STATUS & said.keys():
        raise invalid("data_plane_status_reason", "it goes with a data_plane_status")
    reason = said.get("data_plane_status_reason")
    return status_of(said), reason_of(reason, "data_plane_status_reason")


def status_of(said: Mapping[str, Any]) -> str | None:
    """Return the status that a report sets: ``dp_down`` true is DOWN and false ACTIVE (D7).

    Raises Invalid for a body without one, and where the two contradict each other.
    """
    found: dict[str, str | None] = {}
    if "data_plane_status" in said:
        value = said["data_plane_status"]
        if not (value is None or isinstance(value, str)) or value not in STATUSES:
            raise invalid("data_plane_status", f"{_shown(value)} is not in valid_values")
        found["data_plane_status"] = value
    if "dp_down" in said:
        found["dp_down"] = DOWN if boolean(said["dp_down"], "dp_down") else ACTIVE
    if not found:
        raise invalid("data_plane_status", "it is missing")
    if len(set(found.values())) > 1:
        raise invalid("dp_down", f"it contradicts data_plane_status {found['data_plane_status']}")
    return next(iter(found.values()))


def reason_of(value: Any, name: str) -> str:
    """Return why; nothing is the empty text."""
    return "" if value is None else words(value, name)


def created(said: Document) -> dict[str, Any]:
    """Return the values of a new port by the names of `Port` and `PortDetails`."""
    refused = sorted((REPORT | READ_ONLY) & said.keys())
    if refused:
        raise Invalid("", f"Attribute '{refused[0]}' not allowed in POST")
    found = _values(said)
    if "network_id" not in said:
        raise Invalid("", "Failed to parse request. Required attribute 'network_id' not specified")
    return found


def changed(said: Document) -> dict[str, Any]:
    """Return the values that a body gives anew, reports aside."""
    read_only = sorted(READ_ONLY & said.keys())
    if read_only:
        raise Invalid("", f"Cannot update read-only attribute {read_only[0]}")
    fixed = sorted(_NO_PUT & said.keys())
    if fixed:
        raise Invalid("", f"Cannot update read-only attribute {fixed[0]}")
    return _values({key: value for key, value in said.items() if key not in REPORT})


def _values(said: Document) -> dict[str, Any]:
    unknown = sorted(key for key in said if key not in _READERS and key not in _EMPTY_ONLY)
    if unknown:
        raise Invalid("", f"Unrecognized attribute(s) '{', '.join(unknown)[:200]}'")
    for name in sorted(_EMPTY_ONLY & said.keys()):
        if said[name]:
            raise invalid(name, "it is not kept here: leave it out or empty")
    found: dict[str, Any] = {}
    for key, value in said.items():
        if key not in _EMPTY_ONLY:
            name, read = _READERS[key]
            if name:
                found[name] = read(value, key)
            else:
                read(value, key)
    one_project(said)
    return found


def subnets_of(said: Document) -> list[tuple[str | None, str | None]]:
    """Return subnet and address of each of a body's fixed_ips, which were read before."""
    return [(one.get("subnet_id"), one.get("ip_address")) for one in said.get("fixed_ips") or ()]


def _device(value: Any, name: str) -> str | None:
    text = words(value, name) if value is not None else ""
    if text and not _ID.match(text):
        raise invalid(name, f"'{text[:64]}' is no id")
    return text or None


def _identity(value: Any, name: str) -> str:
    text = words(value, name)
    if not _ID.match(text):
        raise invalid(name, f"'{text[:64]}' is not a valid id")
    return text


def _host(value: Any, name: str) -> str | None:
    text = words(value, name) if value is not None else ""
    if text and not _HOST.match(text):
        raise invalid(name, f"'{text[:64]}' is no name of a host")
    return text or None


def _mac(value: Any, name: str) -> str:
    text = words(value, name).lower()
    if not _MAC.match(text):
        raise invalid(name, f"'{text[:64]}' is not a valid MAC address")
    return text


def _vnic(value: Any, name: str) -> str:
    text = words(value, name)
    if text not in _VNIC_TYPES:
        raise invalid(name, f"{text[:64]} is not in valid_values")
    return text


def _fixed_ips(value: Any, name: str) -> tuple[str, ...]:
    """Return the addresses; a subnet alone is left to the network's own order."""
    if not isinstance(value, list) or len(value) > MOST_ADDRESSES:
        raise invalid(name, f"it is no list of at most {MOST_ADDRESSES} addresses")
    found = []
    for one in value:
        if not isinstance(one, dict) or not one.keys() <= {"subnet_id", "ip_address"}:
            raise invalid(name, "each is an object with subnet_id and ip_address")
        if one.get("subnet_id") is not None:
            _identity(one["subnet_id"], name)
        if one.get("ip_address") is None:
            continue
        text = words(one["ip_address"], name, 45)
        try:
            found.append(str(ipaddress.ip_address(text)))
        except ValueError:
            raise invalid(name, f"'{text}' is not a valid IP address") from None
    if len(set(found)) != len(found):
        raise invalid(name, "an address stands there twice")
    return tuple(found)


_READERS: dict[str, tuple[str, Callable[[Any, str], Any]]] = {
    "name": ("name", words),
    "description": ("description", words),
    "admin_state_up": ("admin_state_up", boolean),
    "network_id": ("network", _identity),
    "project_id": ("project", _identity),
    "tenant_id": ("project", _identity),
    "device_id": ("server", _device),
    "device_owner": ("device_owner", words),
    "mac_address": ("mac_address", _mac),
    "fixed_ips": ("addresses", _fixed_ips),
    "binding:host_id": ("host", _host),
    "binding:vnic_type": ("vnic_type", _vnic),
    "port_security_enabled": ("", boolean),
}
"""Attributes, the fields that they are, and who reads them; an empty name is only checked."""

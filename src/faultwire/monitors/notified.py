"""What the services' own notifications mean for the map: one table of event types; pure.

Nova's legacy notifications (`compute.instance.*`) and its versioned ones (`instance.*`,
`service.*`, with `nova_object.data`), Neutron's `port.*` and Trove's `trove.instance.*`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from faultwire.domain.errors import Invalid
from faultwire.domain.notices import GuestNotice, Notice, PortNotice, ServerNotice, ServiceNotice
from faultwire.domain.services import BINARY
from faultwire.domain.states import VmState

Payload = Mapping[str, Any]

_STATES = frozenset(VmState)
_GONE = frozenset({"deleted"})
_NO_HOST = frozenset({VmState.SHELVED_OFFLOADED})
"""States of servers that have no host any more, rather than none yet."""


def notices(event_type: str, payload: object) -> tuple[Notice, ...] | None:
    """Return what a notification says of resources; None for one that says nothing of any.

    Raises Invalid for a payload that is not of its type's shape.
    """
    read = _reader(event_type)
    if read is None:
        return None
    if not isinstance(payload, Mapping):
        raise Invalid(event_type, "its payload is no object")
    return read(event_type, payload)


def _reader(event_type: str) -> Callable[[str, Payload], tuple[Notice, ...]] | None:
    if event_type in _READERS:
        return _READERS[event_type]
    for prefix, read in _PREFIXES.items():
        # What only begins, or failed, says nothing that the end or an update does not say.
        if event_type.startswith(prefix) and not event_type.endswith((".start", ".error")):
            return read
    return None


def _legacy_server(event_type: str, payload: Payload) -> tuple[Notice, ...]:
    return _server(
        event_type,
        payload,
        _needed(event_type, payload, "instance_id"),
        metadata=_metadata(payload.get("metadata")),
    )


def _versioned_server(event_type: str, payload: Payload) -> tuple[Notice, ...]:
    data = _data(event_type, payload)
    found = data.get("metadata")
    metadata = _metadata(found) if isinstance(found, Mapping) else None
    return _server(event_type, data, _needed(event_type, data, "uuid"), metadata=metadata)


def _server(
    event_type: str, told: Payload, name: str, *, metadata: Mapping[str, str] | None
) -> tuple[Notice, ...]:
    state = str(told.get("state") or "").lower()
    gone = event_type.endswith(".delete.end") or state in _GONE or bool(told.get("deleted_at"))
    if gone:
        return (ServerNotice(name, gone=True),)
    vm_state = VmState(state) if state in _STATES else None
    host = _text(told.get("host")) or ("" if vm_state in _NO_HOST else None)
    return (
        ServerNotice(
            name,
            _text(told.get("tenant_id")) or None,
            _text(told.get("display_name")),
            host,
            vm_state,
            metadata,
        ),
    )


def _service(event_type: str, payload: Payload) -> tuple[Notice, ...]:
    data = _data(event_type, payload)
    if data.get("binary") != BINARY:
        return ()
    return (
        ServiceNotice(
            _needed(event_type, data, "host"),
            _flag(data.get("forced_down")),
            _flag(data.get("disabled")),
            _text(data.get("disabled_reason")),
        ),
    )


def _ports(event_type: str, payload: Payload) -> tuple[Notice, ...]:
    many = payload.get("ports")
    found = many if isinstance(many, Sequence) else (payload.get("port"),)
    return tuple(_port(event_type, one) for one in found)


def _port(event_type: str, port: object) -> Notice:
    if not isinstance(port, Mapping):
        raise Invalid(event_type, "its payload has no port")
    owner = str(port.get("device_owner") or "")
    fixed = port.get("fixed_ips")
    addresses = None
    if isinstance(fixed, Sequence):
        addresses = tuple(str(one.get("ip_address")) for one in fixed if isinstance(one, Mapping))
    return PortNotice(
        _needed(event_type, port, "id"),
        _text(port.get("project_id") or port.get("tenant_id")) or None,
        _text(port.get("name")),
        # Devices of routers and of DHCP are no servers.
        (_text(port.get("device_id")) or "") if owner.startswith("compute:") else "",
        _text(port.get("binding:host_id")),
        _text(port.get("network_id")),
        _text(port.get("status")),
        addresses,
    )


def _port_gone(event_type: str, payload: Payload) -> tuple[Notice, ...]:
    port = payload.get("port")
    name = payload.get("port_id") or (port.get("id") if isinstance(port, Mapping) else None)
    return (PortNotice(_needed(event_type, {"port_id": name}, "port_id"), gone=True),)


def _guest(event_type: str, payload: Payload) -> tuple[Notice, ...]:
    name = _needed(event_type, payload, "instance_id")
    if event_type == "trove.instance.delete":
        return (GuestNotice(name, gone=True),)
    return (
        GuestNotice(
            name,
            _text(payload.get("tenant_id")) or None,
            _text(payload.get("name") or payload.get("display_name")),
            _text(payload.get("nova_instance_id")),
        ),
    )


_READERS: Mapping[str, Callable[[str, Payload], tuple[Notice, ...]]] = {
    **dict.fromkeys((f"service.{verb}" for verb in ("create", "update")), _service),
    "port.create.end": _ports,
    "port.update.end": _ports,
    "port.delete.end": _port_gone,
    "trove.instance.create": _guest,
    "trove.instance.modify_flavor": _guest,
    "trove.instance.modify_volume": _guest,
    "trove.instance.delete": _guest,
}
_PREFIXES: Mapping[str, Callable[[str, Payload], tuple[Notice, ...]]] = {
    "compute.instance.": _legacy_server,
    "instance.": _versioned_server,
}
"""Every notification of a server has all of it, whatever it is about."""


def _data(event_type: str, payload: Payload) -> Payload:
    found = payload.get("nova_object.data")
    if not isinstance(found, Mapping):
        raise Invalid(event_type, "its payload has no nova_object.data")
    return found


def _needed(event_type: str, payload: Payload, key: str) -> str:
    found = payload.get(key)
    if not isinstance(found, str) or not found:
        raise Invalid(event_type, f"its payload has no {key}")
    return found


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _metadata(value: object) -> Mapping[str, str] | None:
    """Return metadata; old Novas tell a list where there is none."""
    if isinstance(value, Mapping):
        return {str(key): str(item) for key, item in value.items()}
    return {} if value == [] else None

"""Lists of ports: found by what they are filtered by, so that a hundred thousand cost nothing."""

import ipaddress
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Any

import orjson
from starlette.responses import Response, StreamingResponse

from faultwire.domain.errors import Invalid
from faultwire.domain.ids import HostName, PortId, ProjectId, ServerId, SubnetId
from faultwire.domain.networks import ACTIVE, DOWN
from faultwire.domain.resources import Port
from faultwire.faces.http import json_response
from faultwire.faces.network.requests import truth
from faultwire.ports import Breathe, Plugs

SLICE = 500
"""Ports worked on before others are served."""

REVISION_DIGITS = 18

Value = Callable[[Port, Plugs], Any]

VALUES: Mapping[str, Value] = {
    "id": lambda port, _: port.id,
    "name": lambda port, _: port.name,
    "project_id": lambda port, _: port.project,
    "tenant_id": lambda port, _: port.project,
    "network_id": lambda port, _: port.network or "",
    "device_id": lambda port, _: port.server or "",
    "device_owner": lambda port, _: port.details.device_owner,
    "mac_address": lambda port, _: port.details.mac_address,
    "description": lambda port, _: port.details.description,
    "status": lambda port, _: port.status,
    "admin_state_up": lambda port, _: port.details.admin_state_up,
    "revision_number": lambda port, _: port.revision,
    "binding:host_id": lambda port, plugs: plugs.place(port) or "",
    "binding:vnic_type": lambda port, _: port.details.vnic_type,
    "data_plane_status": lambda port, _: port.data_plane_status,
    "dp_down": lambda port, _: port.data_plane_status == DOWN,
}
"""Fields by which ports are filtered and sorted."""

FILTERS = (*VALUES, "fixed_ips")
_MARKS = {DOWN: DOWN, ACTIVE: ACTIVE, "": None, "null": None}


def wanted_of(said: Mapping[str, list[str]]) -> dict[str, frozenset[Any]]:
    """Return the values that a list is filtered by; raises Invalid.

    An empty data_plane_status is that of a port of which nothing was reported.
    """
    found: dict[str, frozenset[Any]] = {}
    for name, texts in said.items():
        if name == "data_plane_status":
            wrong = [text for text in texts if text not in _MARKS]
            if wrong:
                reason = f"{wrong[0][:100]} is not in valid_values"
                raise Invalid("", f"Invalid input for data_plane_status. Reason: {reason}.")
            found[name] = frozenset(_MARKS[text] for text in texts)
        elif name in {"dp_down", "admin_state_up"}:
            found[name] = frozenset(truth(text, name) for text in texts)
        elif name == "revision_number":
            found[name] = frozenset(_revision(text) for text in texts)
        else:
            found[name] = frozenset(texts)
    return found


def _revision(text: str) -> int | str:
    """Return a number where it can be one; any other text is no port's."""
    return int(text) if text.isdecimal() and len(text) <= REVISION_DIGITS else text


def candidates(
    wanted: Mapping[str, frozenset[Any]], plugs: Plugs, project: ProjectId | None
) -> list[Port]:
    """Return ports by the filter that leaves fewest; the others are for `fits` to look at.

    Where none of them finds ports at once, those of a project, or (None) all.
    """
    for name, find in _FINDERS.items():
        if name in wanted:
            rows = (port for value in wanted[name] for port in find(plugs, value))
            return list({port.id: port for port in rows}.values())
    marks = _marks(wanted)
    if marks is not None:
        return [port for mark in marks for port in plugs.ports_marked(mark)]
    if project is not None:
        return list(plugs.ports_owned(project))
    return list(plugs.ports())


def _marks(wanted: Mapping[str, frozenset[Any]]) -> frozenset[str] | None:
    """Return the data-plane statuses to look for; None where ports without one count."""
    if wanted.get("dp_down") == frozenset({True}):
        return frozenset({DOWN})
    marks = wanted.get("data_plane_status")
    return None if marks is None or None in marks else marks


_FINDERS: Mapping[str, Callable[[Plugs, str], Iterable[Port]]] = {
    "id": lambda plugs, value: filter(None, (plugs.port(PortId(value)),)),
    "device_id": lambda plugs, value: plugs.ports_of(ServerId(value)) if value else plugs.ports(),
    "binding:host_id": lambda plugs, value: (
        plugs.ports_on(HostName(value)) if value else plugs.ports()
    ),
}


async def fitting(
    ports: list[Port],
    wanted: Mapping[str, frozenset[Any]],
    sees: Callable[[Port], bool],
    plugs: Plugs,
    breathe: Breathe,
) -> list[Port]:
    """Return the ports that a caller sees and that pass every filter."""
    checks = [(VALUES[name], some) for name, some in wanted.items() if name != "fixed_ips"]
    addresses = [_address_of(text, plugs) for text in wanted.get("fixed_ips", ())]
    found = []
    for number, port in enumerate(ports, 1):
        if (
            sees(port)
            and all(value(port, plugs) in some for value, some in checks)
            and (not addresses or any(check(port) for check in addresses))
        ):
            found.append(port)
        if number % (4 * SLICE) == 0:
            await breathe()
    return found


def _address_of(text: str, plugs: Plugs) -> Callable[[Port], bool]:
    """Return what ``ip_address=A``, ``ip_address_substr=A`` or ``subnet_id=S`` asks."""
    key, _, value = text.partition("=")
    match key:
        case "ip_address":
            return lambda port: value in port.addresses
        case "ip_address_substr":
            return lambda port: any(value in one for one in port.addresses)
        case "subnet_id":
            subnet = plugs.subnet(SubnetId(value))
            if subnet is None:
                return lambda _: False
            block, network = ipaddress.ip_network(subnet.cidr), subnet.network
            return lambda port: (
                port.network == network
                and any(ipaddress.ip_address(one) in block for one in port.addresses)
            )
        case _:
            raise Invalid("", f"Invalid input for fixed_ips. Reason: '{text[:100]}'.")


def answer(
    key: str,
    rows: list[Port],
    document: Callable[[Port], Mapping[str, Any]],
    links: dict[str, Any],
    breathe: Breathe,
) -> Response:
    """Return a list; a long one goes out piece by piece, so that others are served meanwhile."""
    if len(rows) <= SLICE:
        return json_response({key: [document(row) for row in rows], **links})
    return StreamingResponse(
        _pieces(key, rows, document, links, breathe), 200, media_type="application/json"
    )


async def _pieces(
    key: str,
    rows: list[Port],
    document: Callable[[Port], Mapping[str, Any]],
    links: dict[str, Any],
    breathe: Breathe,
) -> AsyncIterator[bytes]:
    yield b'{"' + key.encode() + b'":['
    for start in range(0, len(rows), SLICE):
        piece = orjson.dumps([document(row) for row in rows[start : start + SLICE]])
        yield (b"," if start else b"") + piece[1:-1]
        await breathe()
    rest = orjson.dumps(links)[1:-1]
    yield b"]" + (b"," + rest if rest else b"") + b"}"

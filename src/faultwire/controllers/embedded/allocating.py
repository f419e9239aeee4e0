"""Addresses of new ports: taken from their network's subnets, and refused where they clash."""

import ipaddress
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

from faultwire.domain.errors import Conflict, NotFound
from faultwire.domain.ids import NetworkId, derived
from faultwire.domain.instants import Instant
from faultwire.domain.resources import Port
from faultwire.ports import View

LOOKED_AT = 65_536
"""Addresses of a subnet that are looked at before it counts as full."""


def completed(
    ports: tuple[Port, ...], view: View, now: Instant | None, known: Port | None = None
) -> tuple[Port, ...]:
    """Return new ports with addresses and times, all or none.

    With `known`, the port as it is, nothing is completed and only clashes are looked for. Raises
    NotFound for a network, Conflict for an id, MAC address or IP address that is taken.
    """
    taken: dict[str, _Taken] = {}
    made = []
    names = set()
    for port in ports:
        if known is None and (port.id in names or view.port(port.id) is not None):
            raise Conflict(f"Port {port.id} exists already.")
        names.add(port.id)
        network = port.network or ""
        if known is None and view.plugs.network(NetworkId(network)) is None:
            raise NotFound(f"Network {network} could not be found.")
        if network not in taken:
            taken[network] = _Taken(network, view, known)
        made.append(taken[network].take(port, now))
    return tuple(made)


class _Taken:
    """The addresses of one network that are in use."""

    def __init__(self, network: str, view: View, known: Port | None) -> None:
        there = [
            one for one in view.plugs.ports_in(network) if known is None or one.id != known.id
        ]
        self._network = network
        self._macs = {one.details.mac_address for one in there} - {""}
        self._addresses = {address for one in there for address in one.addresses}
        self._subnets = view.plugs.subnets_in(network)
        self._known = known

    def take(self, port: Port, now: Instant | None) -> Port:
        details = port.details
        mac = details.mac_address or _mac(port.id)
        if mac in self._macs:
            raise Conflict(f"MAC address {mac} is in use on network {self._network}.")
        for address in port.addresses:
            if address in self._addresses:
                raise Conflict(f"IP address {address} is in use on network {self._network}.")
        addresses = port.addresses
        if not addresses and self._known is None:
            addresses = tuple(self._given())
        self._macs.add(mac)
        self._addresses.update(addresses)
        if now is None:
            return port
        made = replace(details, mac_address=mac, created_ns=now.wall_ns, updated_ns=now.wall_ns)
        return replace(port, addresses=addresses, details=made)

    def _given(self) -> Iterator[str]:
        for subnet in self._subnets:
            if subnet.ip_version != 4:
                continue
            hosts = map(str, ipaddress.ip_network(subnet.cidr).hosts())
            free = (
                one
                for one in islice(hosts, LOOKED_AT)
                if one != subnet.gateway_ip and one not in self._addresses
            )
            found = next(free, None)
            if found is None:
                raise Conflict(f"No more IP addresses available on network {self._network}.")
            yield found


def _mac(port: str) -> str:
    """Return an address that is the same for the same port, of OpenStack's own range."""
    digits = derived("mac", port).replace("-", "")
    return f"fa:16:3e:{digits[0:2]}:{digits[2:4]}:{digits[4:6]}"

"""Which faults cut which ports off: bonds, uplinks and switches (S84-S86, S108).

A host reaches a physical network over the links of the interfaces that carry it. Members of one
bond, and several interfaces of one physical network, are ways beside each other: one that lives
is enough (S86). A link is dead when its interface or its bond is, when the port of the switch at
its other end is, or when that switch has no way on: it is down itself, or all of its uplinks are
(S85). What a fault holds is worked out from the faults that are open, never from what was done
before, so that their order does not matter.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping

from faultwire.domain import deeds
from faultwire.domain.acts import ActKind
from faultwire.domain.faults import (
    LINK_DOWN,
    NIC_ERROR,
    PORT_DOWN,
    SWITCH_DOWN,
    Fault,
    FaultState,
    identity_of,
)
from faultwire.domain.ids import FaultId, HostName, PortId
from faultwire.domain.resources import Host, Interface, Port, Switch
from faultwire.ports import View

Faults = dict[FaultId, None]
"""Ids of faults, in the order in which they were found."""

NO_FAULTS: Mapping[FaultId, None] = {}


class Cuts:
    """What open faults cut, at one moment; it remembers what it has worked out.

    `opening` is a fault that the view does not have as open yet, `closing` one that it has for
    the last time.
    """

    def __init__(
        self, view: View, opening: Fault | None = None, closing: FaultId | None = None
    ) -> None:
        """Take the view, which is only read."""
        self._view = view
        self._opening = opening
        self._closing = closing
        self._fabric = Fabric(view.switches(), self._open)
        self._networks: dict[tuple[HostName, str | None], tuple[Faults, str]] = {}

    def holders(self, port: Port) -> tuple[FaultId, ...]:
        """Return the faults that hold a port down; empty where it has its data plane."""
        found: Faults = {}
        found.update(self._open(PORT_DOWN, port_id=port.id))
        place = self._view.plugs.place(port)
        if place is not None:
            found.update(self.network(place, self._view.plugs.physical_network(port))[0])
        return tuple(found)

    def network(self, host: HostName, physical_network: str | None) -> tuple[Faults, str]:
        """Return what cuts a host off a physical network, and what is left where nothing does.

        The text is empty where all links live, and says how many do otherwise. None is what
        ports leave by that name no physical network.
        """
        key = (host, physical_network)
        found = self._networks.get(key)
        if found is None:
            known = self._view.host(host)
            found = ({}, "") if known is None else self._network(known, physical_network)
            self._networks[key] = found
        return found

    def _network(self, host: Host, physical_network: str | None) -> tuple[Faults, str]:
        found: Faults = {}
        if physical_network is not None:
            cut = self._open(LINK_DOWN, hostname=host.name, physical_network=physical_network)
            found.update(cut)
        ways = links(host, physical_network)
        dead = [faults for one in ways if (faults := self._dead(host, one))]
        if ways and len(dead) == len(ways):
            for faults in dead:
                found.update(faults)
        if found or not dead:
            return found, ""
        name = f" {physical_network}" if physical_network else ""
        return found, f"{host.name}{name}: {len(ways) - len(dead)} of {len(ways)} links live"

    def _dead(self, host: Host, interface: Interface) -> Faults:
        found: Faults = {}
        for name in filter(None, (interface.name, interface.bond)):
            for kind in (NIC_ERROR, LINK_DOWN):
                found.update(self._open(kind, hostname=host.name, interface=name))
        if interface.switch:
            found.update(self._fabric.cut(interface.switch))
            if interface.switch_port:
                found.update(self._fabric.cut_port(interface.switch, interface.switch_port))
        return found

    def _open(self, kind: str, **resource: str) -> Mapping[FaultId, None]:
        identity = identity_of(kind, resource)
        opening = self._opening
        if opening is not None and opening.identity == identity:
            return {opening.id: None}
        fault = self._view.open_fault(identity)
        if fault is None or fault.state is not FaultState.OPEN or fault.id == self._closing:
            return NO_FAULTS
        if deeds.undone(fault, ActKind.MARK_PORTS) is not None:
            return NO_FAULTS
        return {fault.id: None}


def links(host: Host, physical_network: str | None) -> tuple[Interface, ...]:
    """Return the interfaces over which a host reaches a physical network, members for bonds.

    Without a physical network: those that name none, or all where each names one. A bond may
    stand in the list itself, to say what it carries: it is no link of its own.
    """
    members: dict[str, list[Interface]] = {}
    for one in host.interfaces:
        if one.bond:
            members.setdefault(one.bond, []).append(one)
    carried: dict[str, set[str]] = {}
    for one in host.interfaces:
        carried.setdefault(one.bond or one.name, set()).update(
            {one.physical_network} if one.physical_network else ()
        )
    ways = [one for one in host.interfaces if one.name not in members]
    if physical_network is not None:
        return tuple(one for one in ways if physical_network in carried[one.bond or one.name])
    plain = tuple(one for one in ways if not carried[one.bond or one.name])
    return plain or tuple(ways)


class Fabric:
    """Switches and their uplinks, and what cuts them off."""

    def __init__(
        self,
        switches: Iterable[Switch],
        is_open: Callable[..., Mapping[FaultId, None]],
    ) -> None:
        """Take the switches, and what tells of open faults."""
        self._uplinks = {one.name: one.uplinks for one in switches}
        self._open = is_open
        self._above: dict[str, frozenset[str]] = {}
        self._lives: dict[str, bool] = {}

    def cut(self, switch: str) -> Faults:
        """Return what leaves a switch without a way on; empty where it has one."""
        found: Faults = {}
        if not self._alive(switch):
            self._gather(switch, found, set())
        return found

    def cut_port(self, switch: str, port: str) -> Mapping[FaultId, None]:
        """Return what cuts one port of a switch."""
        return self._open(LINK_DOWN, switch=switch, switch_port=port)

    def below(self, switch: str, port: str | None = None) -> set[str]:
        """Return the switches that may reach others over a switch, or over one port of it."""
        found: set[str] = set()
        if port is None:
            found.add(switch)
        else:
            for name, uplinks in self._uplinks.items():
                if any((one.switch, one.port) == (switch, port) for one in uplinks):
                    found.add(name)
        return {name for name in self._uplinks if self._reach(name) & found} | found

    def _gather(self, switch: str, found: Faults, seen: set[str]) -> None:
        seen.add(switch)
        found.update(self._open(SWITCH_DOWN, switch=switch))
        for one in self._uplinks.get(switch, ()):
            found.update(self.cut_port(one.switch, one.port))
            if one.switch not in seen and not self._alive(one.switch):
                self._gather(one.switch, found, seen)

    def _alive(self, switch: str) -> bool:
        """Whether a switch is up and reaches one that needs no uplink."""
        known = self._lives.get(switch)
        if known is None:
            self._work_out(self._reach(switch))
            known = self._lives[switch]
        return known

    def _work_out(self, names: frozenset[str]) -> None:
        """Settle switches all of whose uplinks lead to others of them."""
        up = [one for one in names if not self._open(SWITCH_DOWN, switch=one)]
        lives = {one for one in up if self._is_core(one)}
        grown = True
        while grown:
            grown = False
            for one in up:
                if one not in lives and any(self._carries(link, lives) for link in self._of(one)):
                    lives.add(one)
                    grown = True
        self._lives.update((one, one in lives) for one in names)

    def _of(self, switch: str) -> Iterator[tuple[str, str]]:
        return ((one.switch, one.port) for one in self._uplinks.get(switch, ()))

    def _carries(self, link: tuple[str, str], lives: set[str]) -> bool:
        return link[0] in lives and not self.cut_port(*link)

    def _is_core(self, switch: str) -> bool:
        """Whether no uplink leads away from a switch, or all lead back to it: a ring, a pair."""
        return all(switch in self._reach(other) for other in self._reach(switch))

    def _reach(self, switch: str) -> frozenset[str]:
        """Return a switch and all that its uplinks lead to."""
        found = self._above.get(switch)
        if found is None:
            seen, ahead = {switch}, [switch]
            while ahead:
                for other, _ in self._of(ahead.pop()):
                    if other not in seen:
                        seen.add(other)
                        ahead.append(other)
            found = self._above[switch] = frozenset(seen)
        return found


def hosts_of(fault: Fault, view: View) -> tuple[HostName, ...]:
    """Return the hosts that a fault of a link or a switch may cut off; none for a port's."""
    resource = fault.resource
    if "hostname" in resource:
        return (HostName(resource["hostname"]),)
    switch, port = resource.get("switch"), resource.get("switch_port")
    if switch is None:
        return ()
    found: dict[HostName, None] = {}
    if port is not None:
        found.update(dict.fromkeys(view.plugs.wired(switch)))
    fabric = Fabric(view.switches(), lambda *_, **__: NO_FAULTS)
    for name in sorted(fabric.below(switch, port)):
        found.update(dict.fromkeys(view.plugs.wired(name)))
    return tuple(found)


def ports_of(fault: Fault, view: View) -> Iterator[Port]:
    """Return the ports that a fault may take the data plane from."""
    if fault.type.name == PORT_DOWN:
        port = view.port(PortId(fault.resource["port_id"]))
        if port is not None:
            yield port
        return
    for host in hosts_of(fault, view):
        yield from view.plugs.ports_on(host)

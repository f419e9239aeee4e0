"""Which thing of the map a report speaks of."""

from collections.abc import Mapping
from dataclasses import dataclass

from faultwire.domain.faults import (
    GUEST_DOWN,
    INSTANCE_DOWN,
    PORT_DOWN,
    Decision,
    FaultType,
    Outcome,
)
from faultwire.domain.ids import GuestId, HostName, PortId, ServerId
from faultwire.ports import View


@dataclass(frozen=True, slots=True)
class Match:
    """The resource by its canonical name; `found` is false where the map lacks it (D22)."""

    resource: Mapping[str, str]
    found: bool
    host: HostName | None
    decision: Decision


def match(kind: FaultType, resource: Mapping[str, str], view: View) -> Match:
    """Find the resource; a host by exact name first, else by a short name that is unique (D21)."""
    if "hostname" in resource:
        return _match_host(resource, view)
    if kind.name == INSTANCE_DOWN:
        server = view.server(ServerId(resource["instance_id"]))
        if server is None:
            why = f"no server {resource['instance_id']} in the map"
            return Match(resource, False, None, Decision("match", Outcome.SKIPPED, why))
        why = f"server {server.id} on {server.host or 'no host'}"
        decision = Decision("match", Outcome.APPLIED, why)
        return Match(resource, True, server.host or None, decision)
    if kind.name == PORT_DOWN:
        return _match_port(resource, view)
    if kind.name == GUEST_DOWN:
        return _match_guest(resource, view)
    why = "named by its reporter; not looked up"
    return Match(resource, True, None, Decision("match", Outcome.PASSED, why))


def _match_port(resource: Mapping[str, str], view: View) -> Match:
    port = view.port(PortId(resource["port_id"]))
    if port is None:
        why = f"no port {resource['port_id']} in the map"
        return Match(resource, False, None, Decision("match", Outcome.SKIPPED, why))
    place = view.plugs.place(port)
    decision = Decision("match", Outcome.APPLIED, f"port {port.id} on {place or 'no host'}")
    return Match(resource, True, place, decision)


def _match_guest(resource: Mapping[str, str], view: View) -> Match:
    guest = view.guest(GuestId(resource["guest_id"]))
    if guest is None:
        why = f"no guest {resource['guest_id']} in the map"
        return Match(resource, False, None, Decision("match", Outcome.SKIPPED, why))
    server = view.server(guest.server) if guest.server is not None else None
    place = (server.host or None) if server is not None else None
    decision = Decision("match", Outcome.APPLIED, f"guest {guest.id} on {place or 'no host'}")
    return Match(resource, True, place, decision)


def _match_host(resource: Mapping[str, str], view: View) -> Match:
    name = resource["hostname"]
    found = view.match_host(name)
    if len(found) == 1:
        host = found[0]
        how = "by its exact name" if host == name else f"by the short name {name}"
        decision = Decision("match", Outcome.APPLIED, f"host {host} {how}")
        return Match({**resource, "hostname": host}, True, host, decision)
    if not found:
        why = f"no host {name} in the map"
    else:
        why = f"{name} is the short name of {' and '.join(sorted(found))}"
    return Match(resource, False, None, Decision("match", Outcome.SKIPPED, why))

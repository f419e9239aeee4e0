"""Where servers go: the host that a client names, or the one with the fewest servers."""

from collections import Counter
from collections.abc import Iterator

from faultwire.domain.computing import Placement
from faultwire.domain.decided import Steps
from faultwire.domain.errors import Invalid, NotFound
from faultwire.domain.ids import HostName
from faultwire.domain.resources import Host
from faultwire.ports import View

SLICE = 256
"""Hosts looked at between two breathing points."""

DEFAULT_ZONE = "nova"
"""Zone of hosts that are in none, as Nova calls it."""

NO_ROOM = "No valid host was found. There are not enough hosts available."


def zone_of(host: Host) -> str:
    """Return the availability zone of a host, as clients know it."""
    return host.zone or DEFAULT_ZONE


def ready(host: Host) -> bool:
    """Whether new servers may be put on a host: it is up and not disabled."""
    return host.up and not host.disabled


def places(wanted: Placement, number: int, view: View) -> Steps[list[HostName]]:
    """Return a host for each of `number` servers; raises Invalid where there is none."""
    if wanted.host is not None:
        return [_named(wanted, view)] * number
    hosts = yield from _candidates(view, wanted.zone)
    if not hosts:
        raise Invalid("", NO_ROOM)
    chosen = []
    for _ in range(number):
        best = min(hosts, key=lambda name: (hosts[name], name))
        hosts[best] += 1
        chosen.append(best)
    return chosen


def elsewhere(leaving: HostName, view: View) -> Steps[HostName]:
    """Return the ready host with the fewest servers but one; raises Invalid for none."""
    hosts = yield from _candidates(view, None)
    hosts.pop(leaving, None)
    if not hosts:
        raise Invalid("", NO_ROOM)
    return min(hosts, key=lambda name: (hosts[name], name))


def target(name: str, leaving: HostName, view: View, *, forced: bool) -> HostName:
    """Return the host that a client names for an evacuation, if it can take the server.

    Raises NotFound, and Invalid for the host that the server is to leave and for one that is not
    up, or (unless `forced`) disabled.
    """
    host = view.host(HostName(name))
    if host is None:
        raise NotFound(f"Compute host {name} not found.")
    if host.name == leaving:
        raise Invalid("", "The target host can't be the same one.")
    if not host.up or (host.disabled and not forced):
        raise Invalid("", f"No valid host was found. Host {name} is down or disabled.")
    return host.name


def _named(wanted: Placement, view: View) -> HostName:
    host = view.host(HostName(wanted.host or ""))
    if host is None:
        raise Invalid("", f"Compute host {wanted.host} could not be found.")
    if wanted.zone is not None and wanted.zone != zone_of(host):
        raise Invalid("", f"Host {host.name} is not in availability zone {wanted.zone}.")
    if not host.up or (host.disabled and not wanted.forced):
        raise Invalid("", f"No valid host was found. Host {host.name} is down or disabled.")
    return host.name


def _candidates(view: View, zone: str | None) -> Steps[Counter[HostName]]:
    """Return the ready hosts (of a zone) with how many servers each has."""
    found: Counter[HostName] = Counter()
    known = zone is None
    for number, host in enumerate(_all(view), 1):
        here = zone is None or zone == zone_of(host)
        known = known or here
        if here and ready(host):
            entry = view.entry(host.name)
            found[host.name] = len(entry.servers) if entry else 0
        if number % SLICE == 0:
            yield None
    if not known:
        raise Invalid("", "The requested availability zone is not available")
    return found


def _all(view: View) -> Iterator[Host]:
    return iter(tuple(view.hosts()))

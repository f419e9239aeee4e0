"""Parts of a document: whole hosts, nothing lost, nothing twice."""

from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from faultwire.domain.changes import PortsRemoved, ServersRemoved
from faultwire.domain.ids import GuestId, HostName, PortId, ProjectId, ServerId
from faultwire.domain.resources import (
    Guest,
    Host,
    InventoryDocument,
    Port,
    Project,
    Server,
    Switch,
)
from faultwire.resourcemap import parts

P = ProjectId("p")


def cut(document: InventoryDocument) -> list[InventoryDocument]:
    """Return the parts of a document."""
    work = parts.parted(document)
    while True:
        try:
            next(work)
        except StopIteration as stop:
            found: list[InventoryDocument] = stop.value
            return found


@st.composite
def documents(draw: st.DrawFn) -> InventoryDocument:
    """Give documents whose references lead inside, outside, or nowhere."""
    hosts = [HostName(f"h{n}") for n in range(draw(st.integers(0, 5)))]
    homes = st.sampled_from([*hosts, HostName(""), HostName("elsewhere")])
    count = draw(st.integers(0, 30))
    servers = [Server(ServerId(f"vm{n}"), "x", P, draw(homes)) for n in range(count)]
    owners = st.sampled_from([None, ServerId("there"), *(server.id for server in servers)])
    places = st.none() | homes
    ports = [
        Port(PortId(f"p{n}"), P, server=draw(owners), host=draw(places))
        for n in range(draw(st.integers(0, 9)))
    ]
    guests = [Guest(GuestId(f"g{n}"), "g", P, draw(owners)) for n in range(count % 4)]
    return InventoryDocument(
        tuple(Project(ProjectId(f"p{n}"), f"n{n}") for n in range(count % 5)),
        tuple(map(Host, hosts)),
        tuple(Switch(f"s{n}") for n in range(count % 3)),
        tuple(servers),
        tuple(ports),
        tuple(guests),
        frozenset(server.id for server in servers[::2]),
    )


KINDS = ("projects", "hosts", "switches", "servers", "ports", "guests", "statuses")


@given(document=documents(), size=st.integers(1, 12))
def test_parts_together_are_the_document(document: InventoryDocument, size: int) -> None:
    """Every resource stands in one part, and what was said of its status with it."""
    was, parts.PART = parts.PART, size
    try:
        found = cut(document)
    finally:
        parts.PART = was
    for kind in KINDS:
        values: list[Any] = [value for part in found for value in getattr(part, kind)]
        assert Counter(map(repr, values)) == Counter(map(repr, getattr(document, kind)))


@given(document=documents(), size=st.integers(1, 12))
def test_a_host_and_all_on_it_stand_in_one_part(document: InventoryDocument, size: int) -> None:
    """Nobody finds a host without its servers, or a server without its ports and guests."""
    was, parts.PART = parts.PART, size
    try:
        found = cut(document)
    finally:
        parts.PART = was
    named = {host.name for host in document.hosts}
    place = {one.id: number for number, part in enumerate(found) for one in part.servers}
    for number, part in enumerate(found):
        for host in part.hosts:
            here = [one.id for one in document.servers if one.host == host.name]
            assert all(place[server] == number for server in here)
        for held in (*part.ports, *part.guests):
            home = next((s.host for s in document.servers if s.id == held.server), None)
            if home in named:
                assert place[held.server] == number  # type: ignore[index]


def test_large_and_small_hosts() -> None:
    """Small hosts share a part, a large one is a part of its own size."""
    hosts = tuple(Host(HostName(f"h{n}")) for n in range(20))
    big = [Server(ServerId(f"big{n}"), "x", P, hosts[3].name) for n in range(3 * parts.PART)]
    small = [Server(ServerId(f"vm{n}"), "x", P, hosts[n % 20].name) for n in range(200)]
    found = cut(InventoryDocument(hosts=hosts, servers=(*big, *small)))
    assert len(found) == 2
    assert len(found[0].servers) > 3 * parts.PART


def test_removals_are_cut_in_their_order() -> None:
    """What depends on another goes before it, as in the whole."""
    ports = tuple(PortId(f"p{n}") for n in range(parts.PART + 1))
    servers = tuple(ServerId(f"vm{n}") for n in range(2))
    found = list(parts.in_parts([PortsRemoved(ports), ServersRemoved(servers)]))
    assert found == [
        PortsRemoved(ports[: parts.PART]),
        PortsRemoved(ports[parts.PART :]),
        ServersRemoved(servers),
    ]

"""Memory that follows the ledger: at once or in slices, it ends the same."""

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from faultwire.app.memory import AT_ONCE, Followers
from faultwire.domain import changes as c
from faultwire.domain.ids import HostName, ProjectId, ServerId
from faultwire.domain.resources import Host, Server
from faultwire.resourcemap.holds import Holds
from faultwire.resourcemap.index import ResourceMap


class Told:
    """A follower that keeps what it is told."""

    def __init__(self) -> None:
        self.changes: list[c.Change] = []

    def apply(self, change: c.Change) -> None:
        """Keep it."""
        self.changes.append(change)


def followed(changes: Iterable[c.Change], *, sliced: bool) -> tuple[ResourceMap, Told, int]:
    """Return a map and a follower that took the changes, and the number of slices."""
    inventory, told = ResourceMap(), Told()
    memory = Followers(inventory, Holds(), told)
    if not sliced:
        memory.apply(changes)
        return inventory, told, 1
    return inventory, told, sum(1 for _ in memory.steps(changes))


def large(count: int) -> list[c.Change]:
    """Return changes of many servers on few hosts, some moved and some removed."""
    hosts = tuple(Host(HostName(f"h{n}")) for n in range(7))
    servers = tuple(
        Server(ServerId(f"vm{n}"), "x", ProjectId("p"), HostName(f"h{n % 7}"))
        for n in range(count)
    )
    moved = tuple(server for server in servers[::3])
    elsewhere = tuple(Server(one.id, "x", one.project, HostName("h0")) for one in moved)
    gone = tuple(server.id for server in servers[1::5])
    return [
        c.HostsSaved(hosts),
        c.ServersSaved(servers),
        c.ServersSaved(elsewhere),
        c.ServersRemoved(gone),
        c.ServersMoved(HostName("h0"), elsewhere[: count // 9]),
        c.RunningReported(HostName("h1"), frozenset(f"vm{n}" for n in range(count))),
    ]


@given(count=st.integers(0, 4 * AT_ONCE))
def test_slices_end_where_one_call_does(count: int) -> None:
    """Every host has the same servers in the same order, whichever way changes were taken."""
    changes = large(count)
    at_once, _, _ = followed(changes, sliced=False)
    sliced, _, slices = followed(changes, sliced=True)
    assert slices >= count // AT_ONCE
    assert list(sliced.servers()) == list(at_once.servers())
    for host in at_once.hosts():
        mine, other = sliced.entry(host.name), at_once.entry(host.name)
        assert mine is not None
        assert other is not None
        assert {one.id for one in mine.servers} == {one.id for one in other.servers}
        assert sliced.running(host.name) == at_once.running(host.name)


def test_every_follower_hears_every_value_once() -> None:
    """A large change becomes several of its kind; one that is more than a list stays whole."""
    changes = large(2 * AT_ONCE + 1)
    _, told, _ = followed(changes, sliced=True)
    saved = [change for change in told.changes if isinstance(change, c.ServersSaved)]
    assert max(len(change.servers) for change in saved) == AT_ONCE
    named = [server for change in saved for server in change.servers]
    assert named == [*changes[1].servers, *changes[2].servers]  # type: ignore[union-attr]
    assert told.changes[-2:] == changes[-2:]

"""What clients ask of servers, decided: placement, legal moves, evacuation."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultwire.controllers.embedded.requests import deciders
from faultwire.domain.accounts import Actor
from faultwire.domain.changes import (
    EvacuationsSaved,
    HostsSaved,
    ServersMoved,
    ServersSaved,
)
from faultwire.domain.computing import (
    ActOnServer,
    CreateServers,
    EvacuateServer,
    Placement,
    ServerAction,
)
from faultwire.domain.decided import Decided
from faultwire.domain.errors import Conflict, Invalid
from faultwire.domain.ids import HostName, ProjectId, ServerId
from faultwire.domain.instants import Instant
from faultwire.domain.moves import EVACUATE, MOVES
from faultwire.domain.resources import Host, Server
from faultwire.domain.states import PowerState, VmState
from faultwire.resourcemap.holds import Holds
from faultwire.resourcemap.index import ResourceMap
from faultwire.resourcemap.scratch import MapScratch

NOW = Instant(1_800_000_000_000_000_000, 1)
ADMIN = Actor("admin")
FIRST, SECOND = HostName("compute-1"), HostName("compute-2")
PROJECT = ProjectId("p-1")
DECIDERS = deciders()


def view_of(hosts: list[Host], servers: list[Server]) -> MapScratch:
    """Return a view of a small cloud."""
    index = ResourceMap()
    index.apply(HostsSaved(tuple(hosts)))
    index.apply(ServersSaved(tuple(servers)))
    return MapScratch(index, Holds())


def decided(command: Any, view: MapScratch) -> Decided:
    """Run a decision to its end."""
    steps = DECIDERS[type(command)].decide(command, view, NOW)
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            found: Decided = stop.value
            return found


def server(
    vm_state: VmState = VmState.ACTIVE, host: HostName = FIRST, number: int = 1, **more: Any
) -> Server:
    """Return a server in a state."""
    return Server(ServerId(f"vm-{number}"), "one", PROJECT, host, vm_state, **more)


@pytest.mark.parametrize("action", ServerAction)
@given(vm_state=st.sampled_from(VmState), power=st.sampled_from(PowerState), busy=st.booleans())
def test_a_move_follows_its_table_or_changes_nothing(
    action: ServerAction, vm_state: VmState, power: PowerState, busy: bool
) -> None:
    """From any state an action leads where its row says, with one event, or is a 409 and none."""
    row, task = MOVES[action], "rebuilding" if busy else None
    before = server(vm_state, power_state=power, task_state=task)
    view = view_of([Host(FIRST)], [before])
    legal = vm_state in row.allowed and not (busy and row.idle)
    if not legal:
        with pytest.raises(Conflict, match=f"Cannot '{row.name}' instance vm-1"):
            decided(ActOnServer(before.id, action, ADMIN), view)
        return
    found = decided(ActOnServer(before.id, action, ADMIN), view)
    after = found.answer
    assert isinstance(after, Server)
    expected = (row.vm_state, row.power or power, None)
    assert (after.vm_state, after.power_state, after.task_state) == expected
    changed = after != before
    assert len(found.events) == int(changed)
    assert any(isinstance(one, ServersMoved) for one in found.changes) is changed
    assert after.revision == before.revision + int(changed)


@given(
    vm_state=st.sampled_from(VmState),
    task=st.sampled_from([None, "rebuilding"]),
    forced=st.booleans(),
    other_down=st.booleans(),
    other_disabled=st.booleans(),
)
def test_evacuation_goes_where_a_server_can_run_or_nowhere(
    vm_state: VmState, task: str | None, forced: bool, other_down: bool, other_disabled: bool
) -> None:
    """A server leaves a dead host alone, from three states, for a host that is up and enabled."""
    before = server(vm_state, task_state=task)
    hosts = [
        Host(FIRST, forced_down=forced),
        Host(SECOND, forced_down=other_down, disabled=other_disabled),
    ]
    view = view_of(hosts, [before])
    fit = vm_state in EVACUATE.allowed and task is None
    possible = fit and forced and not other_down and not other_disabled
    if not possible:
        with pytest.raises(Invalid if fit else Conflict):
            decided(EvacuateServer(before.id, ADMIN), view)
        return
    found = decided(EvacuateServer(before.id, ADMIN), view)
    after = found.answer
    assert isinstance(after, Server)
    assert after.host == SECOND
    assert (after.vm_state is VmState.STOPPED) is (vm_state is VmState.STOPPED)
    (noted,) = [one for one in found.changes if isinstance(one, EvacuationsSaved)]
    assert [(one.host, one.server, one.target) for one in noted.evacuations] == [
        (FIRST, before.id, SECOND)
    ]
    (event,) = found.events
    assert (event.traits["old_host_status"], event.traits["host_status"]) == ("DOWN", "UP")
    assert not {FIRST, SECOND} & set(map(str, event.traits.values()))


@given(st.lists(st.integers(0, 8), min_size=1, max_size=6), st.integers(1, 20))
def test_new_servers_fill_the_emptiest_hosts(loads: list[int], count: int) -> None:
    """However full the hosts are, those that take new servers end as level as can be."""
    hosts = [Host(HostName(f"h-{number}")) for number in range(len(loads))]
    there = [
        server(host=host.name, number=100 * at + number)
        for at, (host, load) in enumerate(zip(hosts, loads, strict=True))
        for number in range(load)
    ]
    drafts = tuple(server(host=HostName(""), number=10_000 + one) for one in range(count))
    found = decided(CreateServers(drafts, Placement(), ADMIN), view_of(hosts, there))
    made = found.answer
    assert isinstance(made, tuple)
    after = {host.name: load for host, load in zip(hosts, loads, strict=True)}
    for one in made:
        after[one.host] += 1
    chosen = {one.host for one in made}
    assert max(after[host] for host in chosen) <= min(after.values()) + 1
    assert len(found.events) == count

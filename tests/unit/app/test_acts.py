"""Who is heard of a host, for the guards on acts."""

from types import SimpleNamespace
from typing import Any

import pytest

from faultwire.app.acts import Ears, hear_servers
from faultwire.domain import changes as c
from faultwire.domain.ids import HostName, ProjectId, ServerId
from faultwire.domain.pings import UNKNOWN, Ping, PingState
from faultwire.domain.resources import Host, Server
from faultwire.inspector.acting import Guards
from faultwire.inspector.guard_settings import Settings
from faultwire.resourcemap.acts import ActBook
from faultwire.resourcemap.index import ResourceMap
from faultwire.testing.clock import ManualClock

H1 = HostName("h1")
S = 1_000_000_000


@pytest.mark.parametrize(
    ("wanted", "age_s", "state", "heard"),
    [
        (True, 1, PingState.ALIVE, True),
        (True, 2, PingState.ALIVE, False),
        (True, 1, PingState.DEAD, False),
        (False, 1, PingState.ALIVE, False),
    ],
)
def test_a_server_that_answered_the_last_sweep_speaks_for_its_host(
    wanted: bool,
    age_s: int,
    state: PingState,
    heard: bool,
) -> None:
    """Where that is wanted, one answer of any of its servers is a sign; an older one is none."""
    clock, inventory, ears = ManualClock(), ResourceMap(), Ears()
    servers = [Server(ServerId(f"vm{n}"), "", ProjectId("p"), H1) for n in range(3)]
    inventory.apply(c.HostsSaved((Host(H1),)))
    inventory.apply(c.ServersSaved(tuple(servers)))
    guards = Guards(Settings(vantage_servers=wanted), ActBook(), ears)
    core: Any = SimpleNamespace(
        guards=guards,
        tools=SimpleNamespace(clock=clock),
        indexes=SimpleNamespace(inventory=inventory),
    )
    checked = clock.wall_ns() - age_s * S
    hear_servers(
        core, lambda name: Ping(state, checked) if name == "vm2" else UNKNOWN, sweep_ms=1000
    )
    assert bool(ears(H1)) is heard
    assert ears(HostName("h2")) == ()

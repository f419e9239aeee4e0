"""Settings of damping and of the quorum: what cannot be is refused, naming the option."""

import pytest

from faultwire.domain.errors import Invalid
from faultwire.domain.faults import AGENT_DOWN, HOST_DOWN
from faultwire.liveness import damping_settings, quorum_settings
from faultwire.liveness.damping import DEFAULTS, OutOf, Terms
from faultwire.liveness.suspicion import State, combined


def test_rows_stand_in_place_of_the_usual_terms() -> None:
    """A row changes its type and no other."""
    settings = damping_settings.Settings(rows=("compute.agent.down 2/3 4/5",))
    assert settings.terms[AGENT_DOWN] == Terms(OutOf(2, 3), OutOf(4, 5))
    assert settings.terms[HOST_DOWN] == DEFAULTS[HOST_DOWN]


@pytest.mark.parametrize(
    "row",
    [
        "compute.agent.down",
        "compute.agent.down 2/3",
        "compute.agent.down 3/2 1/1",
        "compute.agent.down 0/3 1/1",
        "compute.agent.down 1/101 1/1",
        "compute.agent.down x/3 1/1",
        "monitor.isolated 1/1 1/1",
        "",
    ],
)
def test_rows_that_cannot_be_met_are_refused(row: str) -> None:
    """The option is named."""
    with pytest.raises(Invalid, match=r"\[damping\] rows"):
        damping_settings.Settings(rows=(row,))


def test_a_silence_that_a_healthy_monitor_reaches_is_refused() -> None:
    """silence_ms is at least twice heartbeat_ms."""
    with pytest.raises(Invalid, match=r"\[quorum\] silence_ms"):
        quorum_settings.Settings(heartbeat_ms=2000)


@pytest.mark.parametrize(
    ("states", "host"),
    [
        ((), State.UNKNOWN),
        ((State.UNKNOWN, State.UNKNOWN), State.UNKNOWN),
        ((State.ALIVE, State.DEAD_FROM_HERE), State.ALIVE),
        ((State.SUSPECT, State.DEAD_FROM_HERE), State.SUSPECT),
        ((State.UNKNOWN, State.DEAD_FROM_HERE), State.DEAD_FROM_HERE),
        ((State.DEAD, State.DEAD_FROM_HERE), State.DEAD_FROM_HERE),
        ((State.DEAD, State.UNREACHABLE), State.UNREACHABLE),
        ((State.DEAD, State.DEAD), State.DEAD),
    ],
)
def test_a_host_of_several_addresses_lives_by_any(states: tuple[State, ...], host: State) -> None:
    """An address of which nothing is known speaks neither for its host nor against it."""
    assert combined(states) is host

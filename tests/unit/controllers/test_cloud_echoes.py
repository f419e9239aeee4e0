"""What a cloud tells late of our own resets is known as that, and nothing else is."""

from dataclasses import replace

import pytest

from faultwire.controllers.openstack.echoes import LATE_NS, Echoes
from faultwire.domain.remote_acts import RemoteAct, RemoteActsSaved, RemoteKind, RemoteState
from faultwire.domain.states import VmState
from faultwire.resourcemap.remote_acts import RemoteBook

ACT = RemoteAct("a", "east", RemoteKind.RESET_STATE, "vm1", "active", None, 1)


def heard(act: RemoteAct) -> Echoes:
    """Return what has heard of an act."""
    book = RemoteBook()
    echoes = Echoes(book.on)
    change = RemoteActsSaved((act,))
    book.apply(change)
    echoes.follow(change)
    return echoes


@pytest.mark.parametrize(
    ("kind", "wanted", "state", "echo"),
    [
        (RemoteKind.RESET_STATE, "active", VmState.ERROR, True),
        (RemoteKind.RESET_STATE, "active", VmState.ACTIVE, False),
        (RemoteKind.RESET_STATE, "stopped", VmState.ACTIVE, True),
        (RemoteKind.RESET_STATE, "error", VmState.ACTIVE, False),
        (RemoteKind.EVACUATE, "stopped", VmState.ACTIVE, False),
        (RemoteKind.EVACUATE, "", VmState.ERROR, False),
    ],
)
def test_what_is_owed_tells_what_is_an_echo(
    kind: RemoteKind, wanted: str, state: VmState, *, echo: bool
) -> None:
    """What came before the state that a server is given back to; of one that leaves, nothing."""
    echoes = heard(replace(ACT, kind=kind, wanted=wanted))
    assert echoes.is_echo("vm1", state, 2) is echo
    assert not echoes.is_echo("vm2", state, 2)


def test_an_echo_dies_away() -> None:
    """What is told long after a reset is news."""
    echoes = heard(replace(ACT, state=RemoteState.DONE, settled_ns=10))
    assert echoes.is_echo("vm1", VmState.ERROR, 10 + LATE_NS - 1)
    assert not echoes.is_echo("vm1", VmState.ERROR, 10 + LATE_NS)


def test_of_what_failed_nothing_is_an_echo() -> None:
    """A reset that the cloud refused has made no state."""
    echoes = heard(replace(ACT, state=RemoteState.FAILED, settled_ns=10))
    assert not echoes.is_echo("vm1", VmState.ERROR, 11)

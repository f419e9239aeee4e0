"""How causes move a server: the arithmetic of holding and letting go (design, causes)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from faultwire.domain.causes import Cause, ResourceKind
from faultwire.domain.ids import FaultId
from faultwire.domain.resources import Server
from faultwire.domain.states import POWER_AFTER, UNTOUCHED_BY_HOST_DOWN, PowerState, VmState

_STRENGTH = {VmState.STOPPED: 1, VmState.ERROR: 2}
"""Which of several wanted states wins; a state that is not listed never overrules another."""

RUNS = frozenset({PowerState.RUNNING, PowerState.PAUSED})
"""Power states in which an agent lists a server among those that run."""


@dataclass(frozen=True, slots=True)
class Held:
    """What comes of a server: its value afterwards, causes to write, causes to drop."""

    server: Server
    saved: tuple[Cause, ...] = ()
    dropped: tuple[Cause, ...] = ()


def _untouched_since(server: Server, held: Sequence[Cause]) -> bool:
    """Whether nobody but causes changed the server since the first of them took hold."""
    return bool(held) and all(cause.revision == server.revision for cause in held)


def _moved(server: Server, wanted: VmState) -> Server:
    if server.vm_state is wanted:
        return server
    return server.in_state(wanted, POWER_AFTER.get(wanted) or server.power_state)


def take(server: Server, fault_id: FaultId, wanted: VmState | None, held: Sequence[Cause]) -> Held:
    """Let a fault take hold of a server; S119's states are left alone and not held.

    What a server returns to is inherited from the causes that hold it already, unless somebody
    else has changed it meanwhile. `wanted` None holds it without a change.
    """
    inherited = _untouched_since(server, held)
    if inherited:
        prior, prior_power = held[0].prior_states()
    else:
        prior, prior_power = server.vm_state, server.power_state
    if prior in UNTOUCHED_BY_HOST_DOWN:
        return Held(server)
    keep = tuple(c for c in held if inherited and not c.awaiting_report)
    drop = tuple(c for c in held if c not in keep)
    strongest = max(
        (VmState(c.wanted) for c in keep),
        key=lambda state: _STRENGTH.get(state, 0),
        default=server.vm_state,
    )
    if wanted is not None and _STRENGTH.get(wanted, 0) >= _STRENGTH.get(strongest, 0):
        strongest = wanted
    after = _moved(server, strongest)
    cause = Cause(
        ResourceKind.SERVER,
        server.id,
        fault_id,
        (wanted or server.vm_state).value,
        prior.value,
        prior_power.value,
        after.revision,
    )
    renewed = tuple(replace(c, revision=after.revision) for c in keep if after is not server)
    return Held(after, (*renewed, cause), drop)


def let_go(
    server: Server, mine: Cause, held: Sequence[Cause], running: frozenset[str] | None
) -> Held:
    """Let a closed fault go; give the state back if no other fault holds the server.

    A server that used to run returns only once it is known to run (`running` None: the word of
    whoever cleared it is enough, D20); until then its cause waits for the agent.
    """
    others = tuple(c for c in held if c.fault_id != mine.fault_id and not c.awaiting_report)
    if not _untouched_since(server, (mine,)):
        return Held(server, dropped=(mine,))
    if others:
        wanted = max((VmState(c.wanted) for c in others), key=lambda s: _STRENGTH.get(s, 0))
        after = _moved(server, wanted)
        renewed = tuple(replace(c, revision=after.revision) for c in others)
        return Held(after, renewed if after is not server else (), (mine,))
    prior, power = mine.prior_states()
    if running is not None and power in RUNS and server.id not in running:
        return Held(server, (replace(mine, awaiting_report=True),))
    dropped = tuple({c.key: c for c in (*held, mine)}.values())
    if (server.vm_state, server.power_state) == (prior, power):
        return Held(server, dropped=dropped)
    return Held(server.in_state(prior, power), dropped=dropped)

"""How causes move a server: the arithmetic of holding and letting go (design, causes)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from faultwire.domain.causes import Cause, ResourceKind, standing
from faultwire.domain.faults import Fault, Severity
from faultwire.domain.ids import FaultId
from faultwire.domain.making import maker
from faultwire.domain.resources import Server
from faultwire.domain.states import POWER_AFTER, UNTOUCHED_BY_HOST_DOWN, PowerState, VmState

_cause = maker(Cause)

_STRENGTH = {VmState.STOPPED: 1, VmState.ERROR: 2}
"""Which of several wanted states wins; a state that is not listed never overrules another."""

RUNS = frozenset({PowerState.RUNNING, PowerState.PAUSED})
"""Power states in which an agent lists a server among those that run."""


TOLD = VmState.ERROR
"""What owners are told of a server as long as it is held without a change (D6, unchanged)."""


@dataclass(frozen=True, slots=True)
class Held:
    """What comes of a server: its value afterwards, causes to write, causes to drop.

    `shown` is what its owner is still told where that is not its true state.
    """

    server: Server
    saved: tuple[Cause, ...] = ()
    dropped: tuple[Cause, ...] = ()
    shown: VmState | None = None


def _untouched_since(server: Server, held: Sequence[Cause]) -> bool:
    """Whether nobody but causes changed the server since the first of them took hold."""
    return bool(held) and all(cause.revision == server.revision for cause in held)


def _strongest(wanted: Sequence[str], also: VmState | None = None) -> VmState | None:
    """Return the state that wins; None where nobody asks for any."""
    states = [VmState(one) for one in wanted if one]
    if also is not None:
        states.append(also)
    return max(states, key=_strength) if len(states) > 1 else states[0] if states else None


def _strength(state: VmState) -> int:
    return _STRENGTH.get(state, 0)


def _renewed(causes: Sequence[Cause], before: Server, after: Server) -> tuple[Cause, ...]:
    """Return the causes that still hold a server which another one of them has moved."""
    if after is before:
        return ()
    return tuple([replace(cause, revision=after.revision) for cause in causes])


def _moved(server: Server, wanted: VmState | None, at_ns: int) -> Server:
    if wanted is None or server.vm_state is wanted:
        return server
    return server.in_state(wanted, POWER_AFTER.get(wanted) or server.power_state, at_ns)


def _returned(server: Server, prior: tuple[VmState, PowerState], at_ns: int) -> Server:
    if (server.vm_state, server.power_state) == prior:
        return server
    return server.in_state(*prior, at_ns)


def severity(
    held: Held, before: Sequence[Cause], fault_of: Callable[[FaultId], Fault | None]
) -> Severity:
    """Return how bad the server stands by what holds it afterwards, given what held it before."""
    gone = {cause.fault_id for cause in held.dropped}
    after = {cause.fault_id: cause for cause in before if cause.fault_id not in gone}
    after.update((cause.fault_id, cause) for cause in held.saved)
    return standing(after.values(), fault_of)


def take(
    server: Server,
    fault_id: FaultId,
    wanted: VmState | None,
    held: Sequence[Cause],
    at_ns: int = 0,
) -> Held:
    """Let a fault take hold of a server; S119's states are left alone and not held.

    What a server returns to is inherited from the causes that hold it already, unless somebody
    else has changed it meanwhile. `wanted` None holds it without a change, and only its owner is
    told. A cause that waits for the agent has nothing to wait for any more: the new one takes its
    place, and keeps the state in which it waited if it asks for none itself.
    """
    inherited = _untouched_since(server, held)
    if inherited:
        prior, prior_power = held[0].prior_states()
    else:
        prior, prior_power = server.vm_state, server.power_state
    if prior in UNTOUCHED_BY_HOST_DOWN:
        return Held(server)
    if held:
        # A fault that only told so far, and now acts, takes the place of its own cause.
        held = [c for c in held if c.fault_id != fault_id]
    keep = tuple([c for c in held if not c.awaiting_report]) if inherited else ()
    drop = tuple([c for c in held if c not in keep])
    waited_in = drop[0].wanted if inherited and drop else ""
    asked = wanted._value_ if wanted else waited_in
    after = _moved(server, _strongest([c.wanted for c in keep], wanted), at_ns)
    cause = _cause(
        ResourceKind.SERVER,
        server.id,
        fault_id,
        asked,
        prior._value_,
        prior_power._value_,
        after.revision,
        False,
    )
    return Held(after, (*_renewed(keep, server, after), cause), drop)


def let_go(
    server: Server,
    mine: Cause,
    held: Sequence[Cause],
    running: frozenset[str] | None,
    at_ns: int = 0,
) -> Held:
    """Let a closed fault go; give the state back if no other fault holds the server.

    A server that used to run returns only once it is known to run (`running` None: the word of
    whoever cleared it is enough, D20); until then its cause waits for the agent.
    """
    others = tuple(c for c in held if c.fault_id != mine.fault_id and not c.awaiting_report)
    if not _untouched_since(server, (mine,)):
        return Held(server, dropped=(mine,))
    prior = mine.prior_states()
    if others:
        wanted = _strongest([c.wanted for c in others])
        after = _moved(server, wanted, at_ns) if wanted else _returned(server, prior, at_ns)
        shown = None if wanted else TOLD
        return Held(after, _renewed(others, server, after), (mine,), shown)
    if running is not None and prior[1] in RUNS and server.id not in running:
        shown = None if mine.wanted else TOLD
        return Held(server, (replace(mine, awaiting_report=True),), shown=shown)
    return Held(_returned(server, prior, at_ns), dropped=tuple(held))

"""Decisions on fencing: what is asked of a controller, what came of it, what it proves (D17, D23).

A dead host is fenced by the commit that opens its fault: what is owed then is durable, and owners
are told without waiting for it.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from faultwire.domain.acts import ALLOWED, Act, ActKind, Verdict
from faultwire.domain.changes import Change, FaultsSaved
from faultwire.domain.computing import EvacuateServer
from faultwire.domain.decided import Decided, Deciding, Realised, Steps
from faultwire.domain.errors import Conflict, Refused
from faultwire.domain.faults import HOST_DOWN, Decision, Fault, FaultState, Outcome
from faultwire.domain.fencing import (
    Fencing,
    FencingsSaved,
    FencingState,
    FencingTerms,
    Power,
)
from faultwire.domain.ids import HostName, derived
from faultwire.domain.instants import Instant
from faultwire.domain.resources import Host
from faultwire.domain.states import AgentState
from faultwire.ports import Decider, Judge, View

FENCE = "act.fence"
"""Name of the decisions on whether a host is fenced."""

PROOF = "proof"
"""Name of the decisions on what its controller said."""

Known = Callable[[HostName], Fencing | None]
"""What is known of a host's power; the book of memory."""


def proven(host: Host, known: Fencing | None) -> bool:
    """Return whether a host has no power, by its controller and against nobody's word.

    An agent that is connected disproves what a controller said of another machine or day.
    """
    return known is not None and known.proven and host.agent is not AgentState.CONNECTED


class Unguarded:
    """Implements `ports.Judge` where there are no guards: everything is allowed."""

    def judge(self, act: Act, view: View, now: Instant, about: Fault | None = None) -> Verdict:
        """Allow it."""
        del act, view, now, about
        return ALLOWED

    def asked(self, act: Act, view: View, now: Instant) -> Steps[Verdict]:
        """Allow it."""
        del act, view, now
        yield None
        return ALLOWED

    def noted(self, act: Act, now: Instant) -> tuple[Change, ...]:
        """Return nothing: nobody counts."""
        del act, now
        return ()


class FencingDecider:
    """Implements `ports.Decider` by another one, and has hosts fenced that it holds to be dead.

    A host is fenced once for each fault, after it was forced down: where guards let that not be
    done, it is not switched off either.
    """

    def __init__(
        self, inner: Decider[Any], known: Known, terms: FencingTerms, guards: Judge
    ) -> None:
        """Take who decides on faults, what is known of power, and who is asked before acts."""
        self._inner = inner
        self._known = known
        self._terms = terms
        self._guards = guards

    def decide(self, command: object, view: View, now: Instant) -> Deciding:
        """Decide as the other does; a host whose fault is opened may be switched off for it."""
        deciding = self._inner.decide(command, view, now)
        reply: Realised | None = None
        while True:
            try:
                item = deciding.send(reply)
            except StopIteration as stop:
                last: Decided = stop.value
                return last
            if isinstance(item, Decided) and self._terms.driver:
                item = self._fenced(item, view, now)
            reply = yield item

    def _fenced(self, decided: Decided, view: View, now: Instant) -> Decided:
        changes: list[Change] = []
        for change in decided.changes:
            if isinstance(change, FaultsSaved):
                further: list[Change] = []
                told = [self._told(fault, further, view, now) for fault in change.faults]
                changes += [FaultsSaved(tuple(told)), *further]
            else:
                changes.append(change)
        return replace(decided, changes=tuple(changes))

    def _told(self, fault: Fault, further: list[Change], view: View, now: Instant) -> Fault:
        """Return the fault with what is decided on its host; `further` takes what is owed."""
        host = view.host(fault.host) if fault.host is not None else None
        dead = fault.type.name == HOST_DOWN and fault.state is FaultState.OPEN
        if host is None or not dead or not host.forced_down:
            return fault
        if any(one.name == FENCE for one in fault.decisions):
            return fault
        decision, changes = self._want(host, fault, view, now)
        further.extend(changes)
        return replace(fault, decisions=(*fault.decisions, decision))

    def _want(
        self, host: Host, fault: Fault, view: View, now: Instant
    ) -> tuple[Decision, tuple[Change, ...]]:
        """Return what is decided on the power of a dead host, and what is owed for it."""
        known = self._known(host.name)
        if proven(host, known):
            why = f"{host.name} has no power already: its BMC said so"
            return Decision(FENCE, Outcome.PASSED, why), ()
        why = self._reason_not_to(host, known)
        if why:
            return Decision(FENCE, Outcome.SKIPPED, why), ()
        act = Act(ActKind.FENCE, host.name, fault.id, f"fault {fault.id}: the host is dead")
        verdict = self._guards.judge(act, view, now, fault)
        if not verdict.allowed:
            why = f"{verdict.guard}: {verdict.words}"
            return Decision(FENCE, Outcome.VETOED, why), ()
        name = derived(FENCE, host.name, fault.id, now.wall_ns)
        wanted = Fencing(
            name, host.name, Power.OFF, FencingState.WANTED, act.why, now.wall_ns, fault.id
        )
        why = f"the BMC of {host.name} is asked to switch it off"
        owed = (FencingsSaved((wanted,)), *self._guards.noted(act, now))
        return Decision(FENCE, Outcome.APPLIED, why), owed

    def _reason_not_to(self, host: Host, known: Fencing | None) -> str:
        if not self._terms.automatic:
            return "[fencing] on_host_down is off: an operator may fence the host"
        if host.bmc is None:
            return f"the inventory names no BMC of {host.name}: nobody can switch it off"
        if known is not None and known.state is FencingState.WANTED:
            return f"a power-{known.wanted.value} of {host.name} is under way"
        return ""


class ProofDecider:
    """Refuses evacuations from hosts that may still run what is to be brought up elsewhere (D23).

    What the inner decider refuses for reasons of its own, it refuses first.
    """

    def __init__(self, inner: Decider[EvacuateServer], known: Known, terms: FencingTerms) -> None:
        """Take who decides on evacuations."""
        self._inner = inner
        self._known = known
        self._terms = terms

    def decide(self, command: EvacuateServer, view: View, now: Instant) -> Deciding:
        """Raise Conflict naming the host where a proof is required and there is none."""
        decided = yield from self._inner.decide(command, view, now)
        if isinstance(decided.answer, Refused):
            return decided
        server = view.server(command.server)
        host = view.host(server.host) if server is not None else None
        if host is None or command.no_fence or not self._terms.require_proof:
            return decided
        if self._terms.driver and not proven(host, self._known(host.name)):
            known = self._known(host.name)
            tried = f" ({known.error})" if known is not None and known.error else ""
            raise Conflict(
                f"There is no proof that host {host.name} has no power{tried}. Fence it first, "
                "or take the responsibility with --no-fence."
            )
        return decided

"""Decisions on records of fencing: an operator's wish, who is at it, what came of it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from faultwire.domain.accounts import Actor, AuditRecord
from faultwire.domain.acts import Act, ActKind
from faultwire.domain.changes import Audited, Change, FaultsSaved
from faultwire.domain.decided import Decided, Deciding
from faultwire.domain.errors import Conflict, NotFound
from faultwire.domain.faults import (
    HOST_DOWN,
    Decision,
    Evidence,
    Outcome,
    identity_of,
)
from faultwire.domain.fencing import (
    FenceHost,
    Fencing,
    FencingsRemoved,
    FencingsSaved,
    FencingState,
    FencingTerms,
    Power,
    PowerProof,
    PowerSeen,
    SettleFencing,
    TakeFencing,
)
from faultwire.domain.ids import derived
from faultwire.domain.instants import Instant
from faultwire.domain.resources import Host
from faultwire.domain.states import AgentState
from faultwire.inspector.decide import with_evidence
from faultwire.inspector.fencing import PROOF, Known, proven
from faultwire.ports import Decider, Judge, View

OURSELVES = Actor("fencing")
"""Who settles what was asked for, in the audit record."""


class Fences:
    """The deciders, over one book; each is a method, made a `ports.Decider` by `deciders`."""

    def __init__(self, known: Known, terms: FencingTerms, guards: Judge) -> None:
        """Take what is known of power, the settings, and who is asked before acts."""
        self._known = known
        self._terms = terms
        self._guards = guards

    # ------------------------------------------------------------ an operator's wish

    def fence(self, command: FenceHost, view: View, now: Instant) -> Decided:
        """Answer the record as it is then; see `FenceHost`."""
        host = view.host(command.host)
        if host is None:
            raise NotFound(f"no host {command.host}")
        known = self._known(host.name)
        if command.record_only:
            return self._forgotten(command, host, known, now)
        self._refuse(command, host, known, view)
        under_way = known is not None and known.state is FencingState.WANTED
        done = known is not None and proven(host, known) and command.wanted is Power.OFF
        if known is not None and (under_way or done):
            return Decided(known)
        why = f"wanted by {command.actor.user}"
        counted: tuple[Change, ...] = ()
        if command.wanted is Power.OFF:
            act = Act(ActKind.FENCE, host.name, self._fault(host, view), why, command.actor.user)
            verdict = self._guards.judge(act, view, now)
            if not verdict.allowed:
                raise Conflict(f"host {host.name} is not fenced: {verdict.guard}: {verdict.words}")
            counted = self._guards.noted(act, now)
        fencing = Fencing(
            derived("fence", host.name, command.wanted, now.wall_ns),
            host.name,
            command.wanted,
            FencingState.WANTED,
            why,
            now.wall_ns,
            self._fault(host, view),
            command.actor.user,
        )
        action = "host.fence" if command.wanted is Power.OFF else "host.unfence"
        line = AuditRecord(now.wall_ns, command.actor, action, host.name, "asked")
        return Decided(fencing, (FencingsSaved((fencing,)), Audited((line,)), *counted))

    def _refuse(self, command: FenceHost, host: Host, known: Fencing | None, view: View) -> None:
        if not self._terms.driver:
            raise Conflict("[fencing] driver is none: nobody can switch hosts")
        if host.bmc is None:
            raise Conflict(f"the inventory names no BMC of host {host.name}")
        if (
            known is not None
            and known.state is FencingState.WANTED
            and known.wanted is not command.wanted
        ):
            raise Conflict(f"a power-{known.wanted.value} of host {host.name} is under way")
        left = len(view.evacuated(host.name))
        if command.wanted is Power.ON and left and host.agent is AgentState.NEVER:
            raise Conflict(
                f"{left} servers were evacuated from host {host.name} and no agent keeps it from "
                f"starting their old copies: confirm by host-confirm {host.name} that these are "
                "gone"
            )

    def _forgotten(
        self, command: FenceHost, host: Host, known: Fencing | None, now: Instant
    ) -> Decided:
        if known is None:
            return Decided()
        line = AuditRecord(now.wall_ns, command.actor, "host.unfence", host.name, "forgotten")
        return Decided(None, (FencingsRemoved((host.name,)), Audited((line,))))

    @staticmethod
    def _fault(host: Host, view: View) -> Any:
        fault = view.open_fault(identity_of(HOST_DOWN, {"hostname": host.name}))
        return fault.id if fault is not None else None

    # ------------------------------------------------------------ the work

    def take(self, command: TakeFencing, view: View, now: Instant) -> Decided:
        """Answer the record as taken, or None; see `TakeFencing`."""
        row = self._known(command.host)
        if row is None or row.id != command.id or row.state is not FencingState.WANTED:
            return Decided()
        if row.holder and row.holder != command.member and row.holder in command.living:
            return Decided()
        if row.wanted is Power.OFF:
            act = Act(ActKind.FENCE, row.host, row.fault, row.why, row.asked_by)
            verdict = self._guards.judge(act, view, now)
            if not verdict.allowed:
                error = f"{verdict.guard}: {verdict.words}"
                waits = replace(row, error=error)
                return Decided(changes=(FencingsSaved((waits,)),) if waits != row else ())
        taken = replace(row, holder=command.member, attempt=row.attempt + 1)
        return Decided(taken, (FencingsSaved((taken,)),))

    def settle(self, command: SettleFencing, view: View, now: Instant) -> Decided:
        """Answer whether it was still wanted; see `SettleFencing`."""
        row = self._known(command.host)
        if row is None or row.id != command.id or row.state is not FencingState.WANTED:
            return Decided(answer=False)
        if command.proof is not None:
            return Decided(True, self._proven(row, command.proof, view, now))
        if command.again:
            return Decided(True, (FencingsSaved((replace(row, error=command.error),)),))
        failed = replace(
            row,
            state=FencingState.FAILED,
            error=command.error,
            settled_ns=now.wall_ns,
            holder="",
        )
        words = f"no proof of power-{row.wanted.value}: {command.error}"
        told = self._told(row, Decision(PROOF, Outcome.SKIPPED, words), None, view, now)
        line = AuditRecord(now.wall_ns, OURSELVES, "host.fence_failed", row.host, words)
        return Decided(True, (FencingsSaved((failed,)), *told, Audited((line,))))

    def seen(self, command: PowerSeen, view: View, now: Instant) -> Decided:
        """Take a monitor's word; answers None."""
        proof, row = command.proof, self._known(command.host)
        if view.host(command.host) is None or proof.power is Power.UNKNOWN:
            return Decided()
        if row is not None and row.state is FencingState.WANTED:
            settled = row.wanted is proof.power
            return Decided(changes=self._proven(row, proof, view, now) if settled else ())
        if proof.power is Power.ON:
            if row is None or not row.proven:
                return Decided()
            back = replace(row, state=FencingState.RETURNED, proof=proof, settled_ns=now.wall_ns)
            why = f"{row.host} has power again: there is no proof any more"
            told = self._told(row, Decision(PROOF, Outcome.SKIPPED, why), proof, view, now)
            return Decided(changes=(FencingsSaved((back,)), *told))
        if row is not None and row.proven:
            return Decided()
        name = derived("fence", command.host, proof.at_ns)
        found = row or Fencing(
            name, command.host, Power.OFF, FencingState.WANTED, "found without power", now.wall_ns
        )
        return Decided(changes=self._proven(found, proof, view, now))

    def _proven(
        self, row: Fencing, proof: PowerProof, view: View, now: Instant
    ) -> tuple[Change, ...]:
        off = proof.power is Power.OFF
        state = FencingState.PROVEN if off else FencingState.RETURNED
        settled = replace(
            row, state=state, proof=proof, error="", holder="", settled_ns=now.wall_ns
        )
        why = f"its BMC at {proof.source} says that {row.host} is {proof.power.value}"
        told = self._told(row, Decision(PROOF, Outcome.APPLIED, why), proof, view, now)
        action = "host.fenced" if off else "host.unfenced"
        line = AuditRecord(now.wall_ns, OURSELVES, action, row.host, why)
        return (FencingsSaved((settled,)), *told, Audited((line,)))

    @staticmethod
    def _told(
        row: Fencing, decision: Decision, proof: PowerProof | None, view: View, now: Instant
    ) -> tuple[FaultsSaved, ...]:
        """Return the open fault of the host with the decision, and the proof as evidence."""
        fault = view.open_fault(identity_of(HOST_DOWN, {"hostname": row.host}))
        if fault is None:
            return ()
        told = replace(fault, decisions=(*fault.decisions, decision), updated_ns=now.wall_ns)
        if proof is not None:
            told = replace(told, evidence=with_evidence(fault.evidence, _evidence(proof, now)))
        return (FaultsSaved((told,)),)


def _evidence(proof: PowerProof, now: Instant) -> Evidence:
    details = {
        "power_state": proof.power.value,
        "bmc": proof.source,
        "system": proof.system,
        "proof": proof.power is Power.OFF,
    }
    vote = "down" if proof.power is Power.OFF else "up"
    return Evidence("redfish", proof.heard_by, vote, now.wall_ns, None, details)


class _Simple:
    """A decider of one step."""

    def __init__(self, step: Callable[[Any, View, Instant], Decided]) -> None:
        self._step = step

    def decide(self, command: Any, view: View, now: Instant) -> Deciding:
        yield None
        return self._step(command, view, now)


def deciders(known: Known, terms: FencingTerms, guards: Judge) -> dict[type, Decider[Any]]:
    """Return who decides on commands of fencing."""
    fences = Fences(known, terms, guards)
    return {
        FenceHost: _Simple(fences.fence),
        TakeFencing: _Simple(fences.take),
        SettleFencing: _Simple(fences.settle),
        PowerSeen: _Simple(fences.seen),
    }

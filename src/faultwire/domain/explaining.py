"""Why what was done was done, and what was not: a fault's record as sentences."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from faultwire.domain import deeds
from faultwire.domain.acts import ActKind
from faultwire.domain.faults import (
    Decision,
    Evidence,
    Fault,
    FaultState,
    Outcome,
    identity_of,
)
from faultwire.domain.instants import rfc3339

DETAILS_SHOWN = 6
"""Details of one statement that are named."""

_DEEDS = {
    ActKind.FORCE_DOWN: "force the host down",
    ActKind.FENCE: "switch the host off",
    ActKind.EVACUATE: "start its servers elsewhere",
    ActKind.MARK_PORTS: "mark ports as without a data plane",
}
_OF_THE_REPORT = frozenset({"match", "stalled", "join", "unmatched"})
_OF_THE_END = frozenset({"clear", "return", "unforce"})
_PROOF = ("proof", "fence", "power")
_WORDS = {
    Outcome.APPLIED: "applied",
    Outcome.PASSED: "had nothing against it",
    Outcome.SKIPPED: "was not applied",
    Outcome.VETOED: "refused",
}


@dataclass(frozen=True, slots=True)
class Section:
    """One part of an explanation; each line is a sentence."""

    title: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """A fault in words: one sentence that says it all, and the parts that bear it out."""

    summary: str
    sections: tuple[Section, ...]


def explain(fault: Fault) -> Explanation:
    """Return a fault's votes, vetoes, rules, guards, proof, and acts done and not done."""
    parts = (
        ("Votes", _votes(fault.evidence, fault.repeats)),
        ("Vetoes", _vetoes(fault.decisions)),
        ("What it is about", _about(fault)),
        ("Rules", _rules(fault.decisions)),
        ("Guards", _guards(fault)),
        ("Done", _done(fault)),
        ("Not done", _not_done(fault)),
        ("Proof", _proof(fault.decisions)),
        ("The end", _end(fault)),
    )
    return Explanation(_summary(fault), tuple(Section(name, tuple(some)) for name, some in parts))


def _summary(fault: Fault) -> str:
    what = identity_of(fault.type.name, fault.resource).replace("|", " ")
    acts = deeds.of(fault)
    left = deeds.left(fault)
    if fault.state is FaultState.UNMATCHED:
        return f"{what} waits for its resource to appear in the map; nobody was told."
    if fault.closed_by == "guard":
        return f"{what} was vetoed: nobody was told, and nothing was done."
    if left:
        by = ", ".join(sorted({deeds.undone(fault, kind) or "" for kind in left}))
        names = ", ".join(_DEEDS[kind] for kind in left)
        return f"{what}: owners were told; it was left undone to {names} ({by})."
    if acts:
        names = ", ".join(_DEEDS[kind] for kind in acts)
        return f"{what}: owners were told, and the plan was carried out: {names}."
    return f"{what}: no act follows from it."


def _votes(evidence: Iterable[Evidence], repeats: int) -> Iterator[str]:
    for one in evidence:
        shown = list(one.details.items())[:DETAILS_SHOWN]
        named = ", ".join(f"{key}={value}" for key, value in shown)
        says = f"{one.source} ({one.reporter}) says {one.vote}"
        yield f"{rfc3339(one.received_ns)} {says}{': ' + named if named else ''}"
    if repeats:
        yield f"It was repeated {repeats} times; the first and the newest statements are kept."


def _vetoes(decisions: Iterable[Decision]) -> Iterator[str]:
    found = [one for one in decisions if one.outcome is Outcome.VETOED and not deeds.is_act(one)]
    for one in found:
        yield f"{one.name} refused the report: {one.why}"
    asked = [one for one in decisions if one.name == "stalled" and one not in found]
    for one in asked:
        yield f"{one.name} {_WORDS[one.outcome]}: {one.why}"


def _about(fault: Fault) -> Iterator[str]:
    for one in fault.decisions:
        if one.name in _OF_THE_REPORT and one.name != "stalled":
            yield f"{one.name} {one.outcome.value}: {one.why}"
    if fault.host is not None:
        yield f"It is about host {fault.host}."


def _rules(decisions: Iterable[Decision]) -> Iterator[str]:
    for one in decisions:
        other = one.name in _OF_THE_REPORT | _OF_THE_END or _is_proof(one) or deeds.is_act(one)
        if not other:
            yield f"Rule {one.name} {_WORDS[one.outcome]}: {one.why}"


def _guards(fault: Fault) -> Iterator[str]:
    for kind, one in deeds.of(fault).items():
        if deeds.undone(fault, kind) is None:
            yield f"To {_DEEDS[kind]}: {one.why}."
        else:
            guard, _, words = one.why.partition(": ")
            said = "would let it pass" if guard == deeds.SHADOW else "refuses"
            yield f"To {_DEEDS[kind]}: {guard} {said}: {words}."


def _done(fault: Fault) -> Iterator[str]:
    for kind, one in deeds.of(fault).items():
        if one.outcome is Outcome.APPLIED:
            yield f"It was allowed to {_DEEDS[kind]}."
    plan = fault.plan
    if plan is None:
        return
    if plan.forced_down is not None:
        state = "was forced down" if plan.forced_down else "was forced down already"
        yield f"Host {plan.host} {state}."
    if plan.servers:
        yield f"Owners of {plan.servers} servers were told; {plan.changed} changed their state."
    if plan.untouched:
        yield f"{len(plan.untouched)} servers were left as they are, for the state they are in."
    if plan.ports:
        yield f"{plan.ports} ports lost their data plane."


def _not_done(fault: Fault) -> Iterator[str]:
    for kind, one in deeds.of(fault).items():
        guard = deeds.undone(fault, kind)
        if guard is not None:
            yield f"To {_DEEDS[kind]}: {one.why}."
    left = set(deeds.left(fault))
    if fault.live and ActKind.EVACUATE in left:
        yield "Ask for the evacuation again once that is over."
    if fault.live and left - {ActKind.EVACUATE}:
        yield f"`faultwire act {fault.id}` does it at your own word, if nothing is held."


def _proof(decisions: Iterable[Decision]) -> Iterator[str]:
    for one in decisions:
        if _is_proof(one):
            yield f"{one.name} {one.outcome.value}: {one.why}"


def _is_proof(one: Decision) -> bool:
    return one.name.startswith(_PROOF)


def _end(fault: Fault) -> Iterator[str]:
    for one in fault.decisions:
        if one.name in _OF_THE_END:
            yield f"{one.name} {one.outcome.value}: {one.why}"
    if fault.closed_ns is not None:
        yield f"Closed at {rfc3339(fault.closed_ns)} by {fault.closed_by}."
    elif fault.state is FaultState.OPEN:
        yield "It is open."

"""What a cloud refuses for good: administrators are told once, and may have it asked again."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from itertools import chain

from faultwire.domain.accounts import AuditRecord
from faultwire.domain.acts import Act, ActKind
from faultwire.domain.changes import Audited
from faultwire.domain.decided import Decided, Deciding, Steps
from faultwire.domain.errors import Conflict
from faultwire.domain.faults import (
    CLOUD_REFUSED,
    Evidence,
    Fault,
    identity_of,
)
from faultwire.domain.guard_commands import ActOnFault
from faultwire.domain.ids import HostName
from faultwire.domain.instants import Instant
from faultwire.domain.remote_acts import (
    RemoteAct,
    RemoteActsSaved,
    RemoteKind,
    RemoteState,
    SettleRemoteActs,
    act_id,
    refusal_of,
)
from faultwire.inspector import clearing, telling
from faultwire.inspector.again import undone
from faultwire.inspector.settings import Settings
from faultwire.ports import Decider, Judge, View
from faultwire.resourcemap.remote_acts import RemoteBook

SOURCE = "cloud"

GUARDED = {
    RemoteKind.FORCE_DOWN: ActKind.FORCE_DOWN,
    RemoteKind.RESET_STATE: ActKind.FORCE_DOWN,
    RemoteKind.MARK_PORT: ActKind.MARK_PORTS,
}
"""What guards call what is asked again; to let a host up is no act."""

AGAIN = (*GUARDED, RemoteKind.LET_UP)
"""What is asked again at an operator's word; an evacuation has a command of its own."""


class RefusalsDecider:
    """Decides on `SettleRemoteActs` by another one, and tells of what is refused for good.

    One fault is open for each fault and kind of act, however many servers it is about. It is over
    once a later act was granted, or its thing is gone, for each of them; or with its fault.
    """

    def __init__(
        self, inner: Decider[SettleRemoteActs], book: RemoteBook, settings: Settings
    ) -> None:
        """Take who settles acts, and the book, which is only read."""
        self._inner = inner
        self._book = book
        self._settings = settings

    def decide(self, command: SettleRemoteActs, view: View, now: Instant) -> Deciding:
        """Decide as the other does."""
        over = [
            act
            for act in command.acts
            if act.state is not RemoteState.OWED and self._book.get(act.id) is not None
        ]
        failed: dict[tuple[str, RemoteKind], list[RemoteAct]] = {}
        for act in over:
            if act.state is RemoteState.FAILED:
                failed.setdefault(refusal_of(act), []).append(act)
        decided = yield from self._inner.decide(command, view, now)
        yield from self._made_good(over, failed, view, now)
        for key, acts in failed.items():
            said = tuple(_said(act, now) for act in acts)
            resource = {"fault": key[0], "act": key[1].value}
            yield from telling.counted(CLOUD_REFUSED, resource, said, view, now)
        return decided

    def _made_good(
        self,
        over: Iterable[RemoteAct],
        failed: dict[tuple[str, RemoteKind], list[RemoteAct]],
        view: View,
        now: Instant,
    ) -> Steps[None]:
        """Void what was refused before where it is over now, and end what nothing is left of."""
        moot: dict[str, RemoteAct] = {}
        by: dict[tuple[str, RemoteKind], str] = {}
        for act in over:
            before = self._book.refused(act.matter)
            if before is not None:
                moot[before.id] = replace(before, state=RemoteState.VOID, settled_ns=now.wall_ns)
                by[refusal_of(before)] = f"cloud {act.cloud}"
        if not moot:
            return
        yield Decided(changes=(RemoteActsSaved(tuple(moot.values())),))
        gone = Counter(refusal_of(act) for act in moot.values())
        for key, cloud in by.items():
            told = view.open_fault(_identity(*key))
            left = self._book.refusals(key) - gone[key] + len(failed.get(key, ()))
            if told is not None and left <= 0:
                yield from clearing.close(told, cloud, view, now, self._settings)


class AskingDecider:
    """Decides on `ActOnFault` by another one, and asks clouds again at an operator's word."""

    def __init__(self, inner: Decider[ActOnFault], book: RemoteBook, guards: Judge) -> None:
        """Take who has done what guards refused, and the book, which is only read."""
        self._inner = inner
        self._book = book
        self._guards = guards

    def decide(self, command: ActOnFault, view: View, now: Instant) -> Deciding:
        """Answer the fault as it is then; raises what the other does where there is nothing."""
        fault, actor = view.live_fault(command.fault), command.actor
        again = self._refused(fault) if fault is not None and actor is not None else []
        if not again or fault is None or actor is None:
            return (yield from self._inner.decide(command, view, now))
        for kind in dict.fromkeys(GUARDED[act.kind] for act in again if act.kind in GUARDED):
            act = Act(kind, fault.host or HostName(""), fault.id, "asked again", actor.user)
            verdict = self._guards.judge(act, view, now, fault)
            if not verdict.allowed:
                raise Conflict(f"{verdict.guard}: {verdict.words}")
        asked = RemoteActsSaved(tuple(_anew(act, now) for act in again))
        line = AuditRecord(now.wall_ns, actor, "fault.act", fault.id, f"{len(again)} asked again")
        yield Decided(changes=(asked, Audited((line,))))
        if undone(fault):
            return (yield from self._inner.decide(command, view, now))
        return Decided(fault)

    def _refused(self, fault: Fault) -> list[RemoteAct]:
        """Return what was refused of a fault, or of the one that a fault of ours tells of."""
        if fault.type.name == CLOUD_REFUSED:
            found = self._book.refused_of(fault.resource["fault"], fault.resource["act"])
        else:
            each = (self._book.refused_of(fault.id, kind) for kind in AGAIN)
            found = tuple(chain.from_iterable(each))
        return [act for act in found if act.kind in AGAIN and not self._book.on(act.about)]


def _identity(fault: str, kind: str) -> str:
    return identity_of(CLOUD_REFUSED, {"fault": fault, "act": kind})


def _said(act: RemoteAct, now: Instant) -> Evidence:
    details = {"target": act.target, "words": act.detail}
    return Evidence(SOURCE, act.cloud, "refused", now.wall_ns, details=details)


def _anew(act: RemoteAct, now: Instant) -> RemoteAct:
    name = act_id(act.kind, act.target, act.wanted, act.fault, now.wall_ns)
    return replace(
        act, id=name, asked_ns=now.wall_ns, state=RemoteState.OWED, settled_ns=0, detail=""
    )

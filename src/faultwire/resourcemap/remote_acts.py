"""Remote acts that clouds are owed and events that wait for them, in memory, oldest first."""

from collections.abc import Callable, Iterable
from typing import Any

from faultwire.domain.changes import Change, FaultsSaved
from faultwire.domain.faults import CLOUD_REFUSED
from faultwire.domain.ids import FaultId
from faultwire.domain.remote_acts import (
    EventsHeld,
    HeldEvents,
    HeldReleased,
    Phase,
    RemoteAct,
    RemoteActsSaved,
    RemoteKind,
    RemoteState,
    refusal_of,
)

MOST_STAYED = 10_000
"""Servers that did not leave their hosts, and of which it is remembered why."""


class RemoteBook:
    """The book; written on the event loop alone. What is over is in the database alone.

    Only what a cloud refused for good is known as long as the fault is open that says so.
    """

    def __init__(self) -> None:
        """Know of nothing owed."""
        self._owed: dict[str, RemoteAct] = {}
        self._about: dict[tuple[str, str], str] = {}
        self._of: dict[tuple[FaultId | None, Phase], int] = {}
        self._held: dict[str, HeldEvents] = {}
        self._stayed: dict[str, str] = {}
        self._refused: dict[tuple[Phase, str, str], RemoteAct] = {}
        self._refusals: dict[tuple[str, RemoteKind], int] = {}
        self._appliers: dict[type, Callable[[Any], None]] = {
            RemoteActsSaved: self._saved,
            EventsHeld: lambda c: self._held.update((one.id, one) for one in c.held),
            HeldReleased: self._released,
            FaultsSaved: self._faults_saved,
        }

    def apply(self, change: Change) -> None:
        """Take one committed change; types that do not concern the book are passed over."""
        applier = self._appliers.get(type(change))
        if applier is not None:
            applier(change)

    def _released(self, change: HeldReleased) -> None:
        for name in change.ids:
            self._held.pop(name, None)

    def _saved(self, change: RemoteActsSaved) -> None:
        for act in change.acts:
            self._act(act)

    def _act(self, act: RemoteAct) -> None:
        was = self._owed.pop(act.id, None)
        if was is not None:
            self._of[was.fault, was.phase] -= 1
            if not self._of[was.fault, was.phase]:
                del self._of[was.fault, was.phase]
            if self._about.get(was.about) == was.id:
                del self._about[was.about]
        if act.state is RemoteState.OWED:
            self._owed[act.id] = act
            self._about[act.about] = act.id
            key = (act.fault, act.phase)
            self._of[key] = self._of.get(key, 0) + 1
        if act.kind is RemoteKind.EVACUATE:
            self._leaves(act)
        known = self._refused.get(act.matter)
        if known is not None and (act.state is RemoteState.DONE or known.id == act.id):
            self._no_longer(known)
        if act.state is RemoteState.FAILED:
            self._no_longer(self._refused.get(act.matter))
            self._refused[act.matter] = act
            told = refusal_of(act)
            self._refusals[told] = self._refusals.get(told, 0) + 1

    def _no_longer(self, act: RemoteAct | None) -> None:
        if act is None:
            return
        del self._refused[act.matter]
        key = refusal_of(act)
        self._refusals[key] -= 1
        if not self._refusals[key]:
            del self._refusals[key]

    def _faults_saved(self, change: FaultsSaved) -> None:
        for fault in change.faults:
            if fault.type.name == CLOUD_REFUSED and not fault.live:
                for act in self.refused_of(fault.resource["fault"], fault.resource["act"]):
                    self._no_longer(act)

    def refused(self, matter: tuple[Phase, str, str]) -> RemoteAct | None:
        """Return the act that was refused for good and that no later one made good."""
        return self._refused.get(matter)

    def refusals(self, key: tuple[str, RemoteKind]) -> int:
        """Return how many acts of a fault and kind were refused for good."""
        return self._refusals.get(key, 0)

    def refused_of(self, fault: str, kind: str) -> tuple[RemoteAct, ...]:
        """Return the acts of a fault and kind that were refused for good."""
        if not any(key == (fault, kind) for key in self._refusals):
            return ()
        return tuple(one for one in self._refused.values() if refusal_of(one) == (fault, kind))

    def _leaves(self, act: RemoteAct) -> None:
        self._stayed.pop(act.target, None)
        if act.state in {RemoteState.FAILED, RemoteState.VOID}:
            self._stayed[act.target] = act.detail
        while len(self._stayed) > MOST_STAYED:
            del self._stayed[next(iter(self._stayed))]

    def stayed(self, server: str) -> str:
        """Return why the last evacuation of a server came to nothing, since our start."""
        return self._stayed.get(server, "")

    def __len__(self) -> int:
        """Return how many acts are owed."""
        return len(self._owed)

    def owed(self) -> tuple[RemoteAct, ...]:
        """Return what is owed, oldest first."""
        return tuple(self._owed.values())

    def get(self, act: str) -> RemoteAct | None:
        """Return an act that is owed."""
        return self._owed.get(act)

    def on(self, about: tuple[str, str]) -> RemoteAct | None:
        """Return the act that is owed on a thing."""
        name = self._about.get(about)
        return self._owed.get(name) if name is not None else None

    def left(self, fault: FaultId | None, phases: Iterable[Phase]) -> int:
        """Return how many acts of these phases of a fault are owed."""
        return sum(self._of.get((fault, phase), 0) for phase in phases)

    def held(self) -> tuple[HeldEvents, ...]:
        """Return the events that wait, oldest first."""
        return tuple(self._held.values())

"""Remote acts: what a cloud that is not ours is asked, kept until it is done.

::

    owed ──▶ done
      ├────▶ failed     the cloud refuses it, and would again
      └────▶ void       a later act on the same thing took its place, or the thing is gone
"""

from dataclasses import dataclass
from enum import StrEnum

from faultwire.domain.events import Event
from faultwire.domain.ids import FaultId, derived


class RemoteKind(StrEnum):
    """What a cloud is asked to do."""

    FORCE_DOWN = "force_down"
    LET_UP = "let_up"
    RESET_STATE = "reset_state"
    MARK_PORT = "mark_port"
    EVACUATE = "evacuate"


ABOUT = {
    RemoteKind.FORCE_DOWN: "host",
    RemoteKind.LET_UP: "host",
    RemoteKind.RESET_STATE: "server",
    RemoteKind.MARK_PORT: "port",
    RemoteKind.EVACUATE: "server",
}
"""What an act is about: of two acts on one thing the later one alone is still meant."""


class Phase(StrEnum):
    """Order within a fault: the host's one request goes first, the many others follow (S5-S7).

    Nobody is told later because servers leave their host: that is a wish of its own.
    """

    HOST = "host"
    STATES = "states"
    LEAVING = "leaving"


class RemoteState(StrEnum):
    """How an act stands."""

    OWED = "owed"
    DONE = "done"
    FAILED = "failed"
    VOID = "void"


@dataclass(frozen=True, slots=True)
class RemoteAct:
    """One request that a cloud is owed.

    `target` names a host, server or port, `wanted` the state asked for: of a host empty, or what
    its service becomes beside (`DISABLED`, `ENABLED`). `fault` is what it follows from, None
    where nothing in particular. `settled_ns` is when it was over, or last refused; `detail` says
    why. A server that is evacuated leaves the host `origin`, for `place` or (empty) any; for one
    whose state is reset `origin` is the state that it passes through at that time, or empty.
    """

    id: str
    cloud: str
    kind: RemoteKind
    target: str
    wanted: str
    fault: FaultId | None
    asked_ns: int
    state: RemoteState = RemoteState.OWED
    settled_ns: int = 0
    detail: str = ""
    origin: str = ""
    place: str = ""

    @property
    def about(self) -> tuple[str, str]:
        """What it is about: kind of thing and name."""
        return ABOUT[self.kind], self.target

    @property
    def phase(self) -> Phase:
        """When it is done, among those of its fault."""
        if self.kind is RemoteKind.EVACUATE:
            return Phase.LEAVING
        return Phase.HOST if ABOUT[self.kind] == "host" else Phase.STATES

    @property
    def matter(self) -> tuple[Phase, str, str]:
        """What a later act may make good: of a server, its state and its leaving are two."""
        return (self.phase, *self.about)


NO_FAULT = "none"
"""Stands for the fault of acts that follow from none."""


def refusal_of(act: RemoteAct) -> tuple[str, RemoteKind]:
    """Return what administrators are told once of: the fault, and the kind of act."""
    return act.fault or NO_FAULT, act.kind


DISABLED, ENABLED = "disabled", "enabled"
"""What is wanted of a service beside its force-down."""

STOPPED = "stopped"
"""What is wanted of a server that is to stay off where it is brought up."""

_OURS = "faultwire: fault "


def disabled_for(fault: FaultId | None) -> str:
    """Return the reason by which a service that is disabled for a fault is known as ours."""
    return f"{_OURS}{fault or 'unknown'}"


def disabled_by_us(reason: str | None) -> bool:
    """Whether a service is disabled for this reason by ourselves, and by nobody since."""
    return (reason or "").startswith(_OURS)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a server stands in its cloud; `task` is what is being done to it, empty for nothing.

    `trouble` is what the cloud says went wrong with it last.
    """

    host: str
    vm_state: str
    task: str = ""
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class RemoteProgress:
    """How far the acts of one kind are that follow from a fault; `error` is the last refusal."""

    kind: RemoteKind
    owed: int = 0
    done: int = 0
    failed: int = 0
    void: int = 0
    error: str = ""


def act_id(kind: RemoteKind, target: str, wanted: str, fault: FaultId | None, at_ns: int) -> str:
    """Return the name of an act: the same decision taken twice asks once."""
    return derived("remote", kind, target, wanted, fault or "", str(at_ns))


class Notify(StrEnum):
    """Setting: when owners hear of a fault whose acts a cloud is owed (S5-S7)."""

    IMMEDIATELY = "immediately"
    AFTER_HOST_DOWN = "after_host_down"
    AFTER_STATES = "after_states"


WAITS_FOR = {
    Notify.IMMEDIATELY: frozenset[Phase](),
    Notify.AFTER_HOST_DOWN: frozenset({Phase.HOST}),
    Notify.AFTER_STATES: frozenset({Phase.HOST, Phase.STATES}),
}
"""The phases that must be over before owners hear of it."""


@dataclass(frozen=True, slots=True)
class HeldEvents:
    """Events of a fault that owners hear of once these phases of it are over."""

    id: str
    fault: FaultId
    phases: tuple[Phase, ...]
    held_ns: int
    events: tuple[Event, ...]


# ---------------------------------------------------------------- changes


@dataclass(frozen=True, slots=True)
class RemoteActsSaved:
    """Acts that are new, or over."""

    acts: tuple[RemoteAct, ...]


@dataclass(frozen=True, slots=True)
class EventsHeld:
    """Events that wait for acts."""

    held: tuple[HeldEvents, ...]


@dataclass(frozen=True, slots=True)
class HeldReleased:
    """Held events that owners hear of now, by id."""

    ids: tuple[str, ...]


RemoteChange = RemoteActsSaved | EventsHeld | HeldReleased

# ---------------------------------------------------------------- commands


@dataclass(frozen=True, slots=True)
class SettleRemoteActs:
    """These acts are over, or still owed and refused, with states and details; answers None.

    One that is no longer owed stays as it is. Events that waited for nothing else go out.
    """

    acts: tuple[RemoteAct, ...]


@dataclass(frozen=True, slots=True)
class ReleaseHeld:
    """Let events go that were held since before `before_ns`, whatever they wait for."""

    before_ns: int


RemoteCommand = SettleRemoteActs | ReleaseHeld

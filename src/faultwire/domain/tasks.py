"""Tasks: work for an operator that takes longer than a request, kept until it is done.

::

    queued ──▶ running ──▶ done
       │          ├─────▶ failed
       └──────────┴─────▶ (a restart) ──▶ queued
"""

from dataclasses import dataclass
from enum import StrEnum

from faultwire.domain.accounts import Actor

FAILURES_NAMED = 20
"""Failures that a task names; it counts all of them."""


class TaskKind(StrEnum):
    """What is to be done."""

    GUEST_RESTART = "guest.restart"
    HOST_EVACUATE = "host.evacuate"


class TaskState(StrEnum):
    """How far a task is."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


LIVE_TASKS = frozenset({TaskState.QUEUED, TaskState.RUNNING})


@dataclass(frozen=True, slots=True)
class Task:
    """One task; `target` names the guest or the host.

    `done` of `total` steps are over, `failed` of them without success; `failures` are the first
    ones, as text. `total` 0: not known yet. `detail` says how it stands, for people. `starts`
    counts how often somebody began with it: more than once after restarts. `targets` are the hosts
    that servers may go to; none: any. `no_fence`: who asked vouches that the host has no power.
    """

    id: str
    kind: TaskKind
    target: str
    actor: Actor
    created_ns: int
    updated_ns: int
    state: TaskState = TaskState.QUEUED
    total: int = 0
    done: int = 0
    failed: int = 0
    failures: tuple[str, ...] = ()
    detail: str = ""
    starts: int = 0
    targets: tuple[str, ...] = ()
    no_fence: bool = False

    @property
    def live(self) -> bool:
        """Whether it is not over."""
        return self.state in LIVE_TASKS

    @property
    def percent(self) -> int:
        """How much of it is done, in hundredths."""
        if not self.live:
            return 100
        return 100 * self.done // self.total if self.total else 0

"""Requests about database guests and tasks (part of `commands`)."""

from dataclasses import dataclass

from faultwire.domain.ids import GuestId
from faultwire.domain.states import AgentState
from faultwire.domain.tasks import Task


@dataclass(frozen=True, slots=True)
class GuestChanged:
    """A guest's agent came, went, or says something new; answers None.

    An agent that is heard closes the fault that stands on our own ears alone: what it says is the
    very thing that was missing.
    """

    guest: GuestId
    agent: AgentState
    version: str = ""
    service_status: str = ""


@dataclass(frozen=True, slots=True)
class StartTask:
    """Keep a task that somebody is to do; answers it.

    Raises NotFound where its target is unknown, Conflict while another one of that kind is under
    way for that target.
    """

    task: Task


@dataclass(frozen=True, slots=True)
class MoveTask:
    """Note how far a task is; answers it. One that is over stays as it is."""

    task: Task


GuestCommand = GuestChanged | StartTask | MoveTask

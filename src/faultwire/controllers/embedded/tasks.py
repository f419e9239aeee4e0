"""Deciders on tasks: work for an operator that takes longer than a request."""

from collections.abc import Callable
from dataclasses import replace

from faultwire.domain.accounts import AuditRecord
from faultwire.domain.changes import Audited
from faultwire.domain.decided import Decided, Deciding
from faultwire.domain.errors import Conflict, NotFound
from faultwire.domain.guest_changes import TasksSaved
from faultwire.domain.guest_commands import MoveTask, StartTask
from faultwire.domain.ids import GuestId, HostName
from faultwire.domain.instants import Instant
from faultwire.domain.tasks import Task, TaskKind
from faultwire.ports import View

UnderWay = Callable[[TaskKind, str], Task | None]
"""Gives the task of a kind that is under way for a target."""

Known = Callable[[str], Task | None]
"""Gives a task that is not over, by id."""


class StartDecider:
    """Takes a task up."""

    def __init__(self, under_way: UnderWay) -> None:
        """Take the look-up of tasks, which is only read."""
        self._under_way = under_way

    def decide(self, command: StartTask, view: View, now: Instant) -> Deciding:
        """Answer the task; raises NotFound and Conflict as the command says."""
        task = command.task
        yield None
        if task.kind is TaskKind.GUEST_RESTART and view.guest(GuestId(task.target)) is None:
            raise NotFound(f"no guest {task.target}")
        if task.kind is TaskKind.HOST_EVACUATE:
            host = view.host(HostName(task.target))
            if host is None:
                raise NotFound(f"no host {task.target}")
            if host.up:
                raise Conflict(f"host {host.name} is up: its servers are not evacuated")
        other = self._under_way(task.kind, task.target)
        if other is not None:
            raise Conflict(f"task {other.id} is under way for {task.target}")
        line = AuditRecord(now.wall_ns, task.actor, "task.create", task.target, task.kind.value)
        return Decided(task, (TasksSaved((task,)), Audited((line,))))


class MoveDecider:
    """Notes how far a task is."""

    def __init__(self, known: Known) -> None:
        """Take the look-up of tasks, which is only read."""
        self._known = known

    def decide(self, command: MoveTask, view: View, now: Instant) -> Deciding:
        """Answer the task as it is now."""
        del view
        yield None
        if self._known(command.task.id) is None:
            return Decided(command.task)
        task = replace(command.task, updated_ns=now.wall_ns)
        return Decided(task, (TasksSaved((task,)),))

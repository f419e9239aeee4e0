"""The tasks that are not over, in memory."""

from collections.abc import Callable, Iterable
from typing import Any

from faultwire.domain.changes import Change
from faultwire.domain.guest_changes import TasksSaved
from faultwire.domain.tasks import Task, TaskKind


class TaskBook:
    """Follows `TasksSaved`; on the event loop. What is over is in the database alone."""

    def __init__(self) -> None:
        """Know of no task."""
        self._live: dict[str, Task] = {}
        self._appliers: dict[type, Callable[[Any], None]] = {TasksSaved: self._saved}

    def apply(self, change: Change) -> None:
        """Take one committed change; other types are passed over."""
        applier = self._appliers.get(type(change))
        if applier is not None:
            applier(change)

    def _saved(self, change: TasksSaved) -> None:
        for task in change.tasks:
            if task.live:
                self._live[task.id] = task
            else:
                self._live.pop(task.id, None)

    def get(self, task: str) -> Task | None:
        """Return a task that is not over."""
        return self._live.get(task)

    def live(self) -> Iterable[Task]:
        """Return the tasks that are not over, oldest first."""
        return sorted(self._live.values(), key=lambda task: (task.created_ns, task.id))

    def of(self, kind: TaskKind, target: str) -> Task | None:
        """Return the task of a kind that is under way for a target."""
        for task in self._live.values():
            if (task.kind, task.target) == (kind, target):
                return task
        return None

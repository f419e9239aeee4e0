"""Tasks as rows, and back."""

from faultwire.domain.accounts import Actor
from faultwire.domain.tasks import Task, TaskKind, TaskState
from faultwire.store.codec import text_or_none
from faultwire.store.statements import Row


def task_row(task: Task) -> Row:
    """Return a row of tasks."""
    return (
        task.id,
        task.kind.value,
        task.target,
        task.actor.user,
        task.actor.project,
        task.actor.source,
        task.created_ns,
        task.updated_ns,
        task.state.value,
        task.total,
        task.done,
        task.failed,
        text_or_none(list(task.failures) or None),
        task.detail,
        task.starts,
        text_or_none(list(task.targets) or None),
        task.no_fence,
    )


def task_of(row: Row) -> Task:
    """Return the task of a row."""
    (
        name,
        kind,
        target,
        user,
        project,
        source,
        created_ns,
        updated_ns,
        state,
        total,
        done,
        failed,
        failures,
        detail,
        starts,
        targets,
        no_fence,
    ) = row
    return Task(
        name,
        TaskKind(kind),
        target,
        Actor(user, project, source),
        created_ns,
        updated_ns,
        TaskState(state),
        total,
        done,
        failed,
        tuple(failures or ()),
        detail,
        starts,
        tuple(targets or ()),
        bool(no_fence),
    )

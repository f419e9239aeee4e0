"""Tasks as stored, for reading."""

from sqlalchemy import Engine, select

from faultwire.domain.errors import NotFound
from faultwire.domain.tasks import Task
from faultwire.store import schema, task_rows
from faultwire.store.engine import translated
from faultwire.store.paging import newest_first


class StoredTasks:
    """Implements `ports.guests.TaskStore`; reads from any thread, a connection for each call."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def task(self, task: str) -> Task:
        """Return one task; raises NotFound."""
        asked = select(schema.tasks).where(schema.tasks.c.id == task)
        with translated(), self._engine.connect() as connection:
            row = connection.execute(asked).first()
        if row is None:
            raise NotFound(f"no task {task}")
        return task_rows.task_of(tuple(row))

    def tasks(self, limit: int, marker: str | None = None) -> tuple[Task, ...]:
        """Return tasks, newest first, at most `limit`, after `marker`; raises NotFound for it."""
        with translated(), self._engine.connect() as connection:
            page = newest_first(
                connection, select(schema.tasks), by="created_ns", marker=marker, limit=limit
            )
            return tuple(task_rows.task_of(tuple(row)) for row in connection.execute(page))

"""Tasks as stored: one, pages of them, and which a start finds again."""

from dataclasses import replace

import pytest

from faultwire.domain import guest_changes as g
from faultwire.domain.errors import NotFound
from faultwire.domain.tasks import TaskState
from tests.contract.store import values as v
from tests.contract.store.conftest import Kept

TASKS = tuple(replace(v.TASK, id=f"t-{n}", created_ns=v.T0 + n) for n in range(4))


def test_tasks_are_read_newest_first_in_pages(kept: Kept) -> None:
    """A page follows its marker; an unknown marker and an unknown task are NotFound."""
    kept.ledger.commit([g.TasksSaved(TASKS)])
    first = kept.tasks.tasks(3)
    assert first == tuple(reversed(TASKS))[:3]
    assert kept.tasks.tasks(3, first[-1].id) == (TASKS[0],)
    assert kept.tasks.task("t-2") == TASKS[2]
    with pytest.raises(NotFound):
        kept.tasks.task("t-9")
    with pytest.raises(NotFound):
        kept.tasks.tasks(3, "t-9")


def test_a_start_finds_the_tasks_that_are_not_over(kept: Kept) -> None:
    """What is done or failed stays to be read, and is taken up by nobody."""
    states = (TaskState.QUEUED, TaskState.RUNNING, TaskState.DONE, TaskState.FAILED)
    made = tuple(replace(task, state=state) for task, state in zip(TASKS, states, strict=True))
    kept.ledger.commit([g.TasksSaved(made)])
    assert kept.reopen().load().tasks == made[:2]
    assert kept.tasks.task("t-3") == made[3]

"""Tasks: who does them (the task manager), and who sees to it that somebody does (the keeper)."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, replace
from itertools import cycle
from typing import Any

from faultwire.app.taskworld import World
from faultwire.domain.accounts import Actor
from faultwire.domain.errors import FaultwireError, Refused, RpcError, Unavailable
from faultwire.domain.guests import TOPIC
from faultwire.domain.tasks import FAILURES_NAMED, Task, TaskKind, TaskState
from faultwire.ports import Clock, Meter
from faultwire.ports.rpc import Incoming, RpcClient

log = logging.getLogger(__name__)

TOLD_NS = 250_000_000
"""How often a task that goes on says how far it is."""
LOOK_SECONDS = 1.0
"""Between two looks of the keeper where nobody wakes it."""
ALIVE_NS = 3_000_000_000
"""How often a task that waits says that it is still there."""
LEAVING_SECONDS = 0.25
"""Between two looks at servers that leave a cloud's host."""
STALE_NS = 15_000_000_000
"""A task that said nothing for this long has lost who did it."""
RETRY_SECONDS = 0.5
TRIES = 20
"""How often a step is tried while nothing can be written."""

_METHODS = {
    TaskKind.GUEST_RESTART: ("restart_guest", "instance_id"),
    TaskKind.HOST_EVACUATE: ("evacuate_host", "host"),
}
"""What the task manager is called with for each kind."""


class TaskManager:
    """Handles the calls of the API `taskmanager`: each begins a task and answers at once."""

    def __init__(
        self, world: World, rpc: RpcClient, clock: Clock, meter: Meter, call_seconds: float
    ) -> None:
        """Take what is worked on, and who calls guests."""
        self._world = world
        self._rpc = rpc
        self._clock = clock
        self._meter = meter
        self._call_seconds = call_seconds
        self._running: dict[str, asyncio.Task[None]] = {}

    def doing(self, task: str) -> bool:
        """Return whether a task is under way here."""
        return task in self._running

    async def restart_guest(
        self, incoming: Incoming, instance_id: str, task_id: str | None
    ) -> object:
        """Restart a guest by its agent."""
        del incoming
        return await self._begin(TaskKind.GUEST_RESTART, instance_id, task_id, self._restart)

    async def evacuate_host(
        self,
        incoming: Incoming,
        host: str,
        task_id: str | None,
        targets: list[str] | None,
    ) -> object:
        """Bring the servers of a host up elsewhere."""
        del incoming, targets
        return await self._begin(TaskKind.HOST_EVACUATE, host, task_id, self._evacuate)

    async def stop(self) -> None:
        """Leave what is under way: it is stored how far it is, and somebody takes it up again."""
        running = tuple(self._running.values())
        for work in running:
            work.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _begin(
        self,
        kind: TaskKind,
        target: str,
        name: str | None,
        work: Callable[["_Progress"], Coroutine[Any, Any, None]],
    ) -> object:
        if not name:
            # From a caller too old to have a record of it.
            now = self._clock.wall_ns()
            task: Task | None = Task("", kind, target, Actor("taskmanager"), now, now)
        else:
            task = await self._world.task(name)
        if task is None or (task.kind, task.target) != (kind, target):
            return {"begun": False}
        if task.id in self._running:
            return {"begun": True}
        progress = _Progress(self._world, self._clock, task)
        doing = asyncio.create_task(self._do(progress, work), name=f"task {task.id}")
        self._running[task.id] = doing
        doing.add_done_callback(lambda _: self._running.pop(task.id, None))
        return {"begun": True}

    async def _do(
        self, progress: "_Progress", work: Callable[["_Progress"], Coroutine[Any, Any, None]]
    ) -> None:
        task = progress.task
        try:
            await progress.begin()
            await work(progress)
        except Unavailable as error:
            log.warning("task %s waits: %s", task.id, error.detail)
            return
        except Exception:
            log.exception("task %s of %s failed", task.id, task.target)
            await progress.end("internal error")
        self._meter.count(
            "faultwire_tasks_total", kind=task.kind.value, state=progress.task.state.value
        )

    async def _restart(self, progress: "_Progress") -> None:
        task = progress.task
        await progress.all_of(1, f"guest {task.target} is asked to restart")
        try:
            answer = await self._rpc.call(
                TOPIC,
                "restart",
                {"reason": f"task {task.id}"},
                to=task.target,
                deadline_s=self._call_seconds,
            )
        except RpcError as error:
            await progress.step(f"{error.verdict}: {error.reason}")
        else:
            await progress.step()
            progress.say(f"guest {task.target} restarted: {answer}"[:500])
        await progress.end()

    async def _evacuate(self, progress: "_Progress") -> None:
        task = progress.task
        left = await self._world.servers_on(task.target)
        await progress.all_of(len(left), f"{len(left)} servers are to leave {task.target}")
        places = cycle(task.targets or (None,))
        leaving: list[str] = []
        for server in left:
            failure = await self._move(server, next(places), task)
            if failure or not await self._under_way(server, progress):
                await progress.step(failure)
            else:
                leaving.append(server)
        # A cloud that is not ours takes its time, and several at once.
        while leaving:
            await progress.alive()
            await self._clock.sleep(LEAVING_SECONDS)
            leaving = [server for server in leaving if await self._still(server, progress)]
        await progress.end()

    async def _under_way(self, server: str, progress: "_Progress") -> bool:
        return await self._world.outcome(server, progress.task.target) is None

    async def _still(self, server: str, progress: "_Progress") -> bool:
        """Return whether a server is still leaving; note it if not."""
        outcome = await self._world.outcome(server, progress.task.target)
        if outcome is None:
            return True
        await progress.step(f"{server}: {outcome}" if outcome else "")
        return False

    async def _move(self, server: str, target: str | None, task: Task) -> str:
        """Bring one server up elsewhere; return why that cannot be, empty once it is done."""
        for number in range(TRIES):
            try:
                await self._world.evacuate(server, target, task)
            except Refused as error:
                return f"{server}: {error}"
            except Unavailable as error:
                if number + 1 == TRIES:
                    raise
                log.warning("a server of a task is tried again: %s", error.detail)
                await self._clock.sleep(RETRY_SECONDS)
            else:
                return ""
        return ""


class _Progress:
    """How far one task is, told now and then; what is told last is told for certain."""

    def __init__(self, world: World, clock: Clock, task: Task) -> None:
        self._world = world
        self._clock = clock
        self._told_ns = 0
        self.task = task

    async def begin(self) -> None:
        self.task = replace(
            self.task, state=TaskState.RUNNING, starts=self.task.starts + 1, failed=0, failures=()
        )
        await self._tell()

    async def all_of(self, left: int, detail: str) -> None:
        """Note how many steps are left; those before a restart count as done."""
        total = max(self.task.total, left)
        self.task = replace(self.task, total=total, done=total - left, detail=detail)
        await self._tell()

    async def step(self, failure: str = "") -> None:
        """Note a step that is over, and why it failed if it did."""
        task = self.task
        named = (*task.failures, failure[:300]) if failure else task.failures
        self.task = replace(
            task,
            done=task.done + 1,
            failed=task.failed + bool(failure),
            failures=named[:FAILURES_NAMED],
            detail=f"{task.done + 1} of {task.total} done, {task.failed + bool(failure)} failed",
        )
        if self._clock.mono_ns() - self._told_ns >= TOLD_NS:
            await self._tell()

    async def alive(self) -> None:
        """Have it told now and then that somebody is at it."""
        if self._clock.mono_ns() - self._told_ns >= ALIVE_NS:
            await self._tell()

    def say(self, detail: str) -> None:
        """Have the next word say this."""
        self.task = replace(self.task, detail=detail)

    async def end(self, failure: str = "") -> None:
        failed = bool(failure) or self.task.failed > 0
        state = TaskState.FAILED if failed else TaskState.DONE
        self.task = replace(self.task, state=state, detail=failure or self.task.detail)
        await self._tell()

    async def _tell(self) -> None:
        self._told_ns = self._clock.mono_ns()
        if not self.task.id:
            return
        for number in range(TRIES):
            try:
                await self._world.move(self.task)
            except Unavailable:
                if number + 1 == TRIES:
                    raise
                await self._clock.sleep(RETRY_SECONDS)
            else:
                return


Way = tuple[RpcClient, Callable[[str], bool] | None]
"""How a task manager is called, and whether the one of this process has a task under way; None
where it is elsewhere: then only what it says of its tasks is known."""


@dataclass(slots=True)
class _Watched:
    """A task as the keeper saw it last, and since when it has said nothing new."""

    task: Task
    since_ns: int
    called: bool = False


class TaskKeeper:
    """Implements `ports.guests.Wakes`: has every task done that is not over, also after a restart.

    A task nobody begins with, or whose doer fell silent, is handed to a task manager again. So a
    task may be begun twice; each of its steps may be done twice without harm.
    """

    def __init__(
        self,
        live: Callable[[], Iterable[Task]],
        way: Callable[[], Way],
        clock: Clock,
        ours: Callable[[], bool],
    ) -> None:
        """Take the tasks that are not over, and the way to a task manager.

        `ours` tells whether this process looks after them, of several.
        """
        self._live = live
        self._way = way
        self._clock = clock
        self._ours = ours
        self._seen: dict[str, _Watched] = {}
        self._work = asyncio.Event()
        self._silent = False

    def wake(self) -> None:
        """Look for tasks now."""
        self._work.set()

    async def run(self) -> None:
        """Look after tasks until cancelled."""
        while True:
            try:
                await self.look()
            except FaultwireError as error:
                log.warning("tasks wait: %s", error.detail)
            except Exception:
                log.exception("tasks could not be looked after; it goes on")
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._work.wait()
            except TimeoutError:
                pass
            self._work.clear()

    async def look(self) -> None:
        """Hand over what nobody does; raises nothing that the bus can fail with."""
        if not self._ours():
            self._seen.clear()
            return
        live = list(self._live())
        names = {task.id for task in live}
        self._seen = {name: one for name, one in self._seen.items() if name in names}
        for task in live:
            if self._is_idle(task):
                await self._hand_over(task)

    def _is_idle(self, task: Task) -> bool:
        now = self._clock.mono_ns()
        seen = self._seen.get(task.id)
        if seen is None or seen.task != task:
            seen = self._seen[task.id] = _Watched(task, now, seen.called if seen else False)
        _, doing = self._way()
        if doing is not None:
            return not doing(task.id)
        if task.state is TaskState.QUEUED and not seen.called:
            return True
        return now - seen.since_ns >= STALE_NS

    async def _hand_over(self, task: Task) -> None:
        method, target = _METHODS[task.kind]
        arguments: dict[str, object] = {target: task.target, "task_id": task.id}
        if task.targets:
            arguments["targets"] = list(task.targets)
        try:
            await self._way()[0].cast("taskmanager", method, arguments)
        except RpcError as error:
            if not self._silent:
                self._silent = True
                log.warning("no task manager takes tasks: %s", error)
            return
        self._silent = False
        seen = self._seen[task.id]
        seen.called, seen.since_ns = True, self._clock.mono_ns()

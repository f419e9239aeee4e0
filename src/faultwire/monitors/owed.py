"""What a monitor owes the lane: kept per host and in order until it is taken."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable

from faultwire.domain.commands import (
    AgentChanged,
    FaultAnswer,
    HostAnswered,
    InstanceAnswered,
    ReportFaults,
)
from faultwire.domain.errors import Refused, Unavailable
from faultwire.domain.faults import FaultState
from faultwire.domain.guest_commands import GuestChanged
from faultwire.domain.ids import HostName
from faultwire.ports import Clock, Intake

log = logging.getLogger(__name__)

FIRST_RETRY_SECONDS = 0.05
LONGEST_RETRY_SECONDS = 5.0

Answering = HostAnswered | InstanceAnswered
Changed = AgentChanged | GuestChanged
Owing = ReportFaults | Answering | Changed


class Owed:
    """Submits what hosts owe; one that is stuck delays no other host.

    What waits for a host is bounded: one report, and of changes in a row only the newest.
    """

    def __init__(
        self,
        intake: Intake,
        clock: Clock,
        vetoed: Callable[[HostName], None],
        kind: str = "host",
    ) -> None:
        """Owe nothing; `vetoed` is told of a host whose report opened no fault.

        `kind` says in the log what it is that owes, where it is no host.
        """
        self._kind = kind
        self._vetoed = vetoed
        self._intake = intake
        self._clock = clock
        self._queues: dict[HostName, deque[Owing]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        """Return how many hosts owe something."""
        return len(self._queues)

    def report(self, host: HostName, report: ReportFaults) -> None:
        """Owe a report, unless the last one of its type that waits says the same."""
        said = _said(report)
        for one in reversed(self._queues.get(host, ())):
            if isinstance(one, ReportFaults) and _said(one)[0] == said[0]:
                if _said(one) == said:
                    return
                break
        self._owe(host, report)

    def change(self, change: Changed) -> None:
        """Owe a change; it stands for the one before it, if that still waits."""
        host = change.host if isinstance(change, AgentChanged) else HostName(change.guest)
        queue = self._queues.get(host)
        if queue and isinstance(queue[-1], Changed):
            queue[-1] = change
        else:
            self._owe(host, change)

    def turn(self, host: HostName, turn: ReportFaults | Answering) -> None:
        """Owe what a host turned to: dead, or answering again.

        The first turn that waits is kept, so that nothing goes untold; of the further ones only
        what they come to.
        """
        queue = self._queues.get(host)
        if queue is None or len(queue) < 2:
            self._owe(host, turn)
        else:
            queue.pop()

    async def stop(self, seconds: float) -> None:
        """Give what is owed that long to be taken, then give up."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _owe(self, host: HostName, owing: Owing) -> None:
        if host in self._queues:
            self._queues[host].append(owing)
            return
        self._queues[host] = deque((owing,))
        task = asyncio.get_running_loop().create_task(self._pay(host), name=f"owed {host}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _pay(self, host: HostName) -> None:
        queue = self._queues[host]
        try:
            while queue:
                await self._submit(host, queue.popleft())
        finally:
            del self._queues[host]

    async def _submit(self, host: HostName, owing: Owing) -> None:
        wait = FIRST_RETRY_SECONDS
        name, who = type(owing).__name__, f"{self._kind} {host}"
        while True:
            try:
                if _is_vetoed(owing, await self._intake.submit(owing)):
                    self._vetoed(host)
                return
            except Refused as error:
                log.error("%s of %s was refused: %s", name, who, error)  # noqa: TRY400
                return
            except Unavailable as error:
                log.warning("%s of %s is kept for %.2g s: %s", name, who, wait, error.detail)
            except Exception:
                log.exception("%s of %s could not be taken; it is kept", name, who)
            await self._clock.sleep(wait)
            wait = min(2 * wait, LONGEST_RETRY_SECONDS)


def _said(command: ReportFaults) -> tuple[str, bool]:
    return next(((one.identity, one.raised) for one in command.reports), ("", True))


def _is_vetoed(owing: Owing, answer: object) -> bool:
    """Return whether what a host reported down was closed at once: a guard was against it."""
    if not isinstance(owing, ReportFaults) or not isinstance(answer, tuple):
        return False
    closed = [
        one.state is FaultState.CLOSED
        for one, report in zip(answer, owing.reports, strict=False)
        if isinstance(one, FaultAnswer) and report.raised
    ]
    return bool(closed) and all(closed)

"""The one lane: commands wait here and go through the chain one at a time."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from faultwire.app.away import Away
from faultwire.domain.commands import (
    AgentChanged,
    CloseFault,
    Command,
    EvaluateOwed,
    HostAnswered,
    InstanceAnswered,
    MoveAlarms,
    MoveSession,
    ReportFaults,
)
from faultwire.domain.errors import Behind, FaultwireError, Refused, Unavailable
from faultwire.domain.services import TellOwners
from faultwire.domain.vantage_changes import TellSeats
from faultwire.pipeline import Chain
from faultwire.ports import Clock, Meter

log = logging.getLogger(__name__)

URGENT = (
    ReportFaults,
    CloseFault,
    AgentChanged,
    HostAnswered,
    InstanceAnswered,
    EvaluateOwed,
    MoveAlarms,
    MoveSession,
    TellSeats,
    TellOwners,
)
"""Commands that do not wait behind edits and imports; each class keeps its own order."""

QUEUE_LIMIT = 20_000
"""Commands that may wait; beyond it a caller is told to come back (503), not kept."""

PATIENCE_NS = 1_000_000_000
"""How long a command waits behind others while the ledger takes none; then it is told so too.

Each try at a locked database takes its whole deadline: in a queue these would add up.
"""

FOLLOW_AGAIN_SECONDS = 1.0

TIMES_BEHIND = 50
"""How often a command is decided again because another process changed what it looks at."""

CatchUp = Callable[[], Awaitable[None]]

_NS = 1_000_000_000


@dataclass(slots=True)
class _Ticket:
    command: Command
    answer: asyncio.Future[object]
    since_ns: int
    follows: bool = False


class Lane:
    """Implements `ports.Intake`. Once a command is taken it is run, even if its caller leaves."""

    def __init__(
        self, chain: Chain, clock: Clock, meter: Meter, catch_up: CatchUp | None = None
    ) -> None:
        """Take the chain; `run` must be running for anything to happen.

        `catch_up` brings what other processes committed into memory, where there are others. It
        is called between commands, never while one is decided.
        """
        self._chain = chain
        self._catch_up = catch_up
        self._news = False
        self._learners: list[asyncio.Future[None]] = []
        self._clock = clock
        self._meter = meter
        self._urgent: deque[_Ticket] = deque()
        self._other: deque[_Ticket] = deque()
        self._work = asyncio.Event()
        self._closed = False
        self._refusal: str | None = None
        self._later: set[asyncio.Task[None]] = set()
        self._hurries = False
        self.broken: str | None = None
        self._away = Away("what other processes changed cannot be read now")

    @property
    def cut_off(self) -> bool:
        """Whether the last look at what others committed failed."""
        return self._away.now

    @property
    def shared(self) -> bool:
        """Whether other processes change what this one holds."""
        return self._catch_up is not None

    @property
    def hurries(self) -> bool:
        """Whether a command is run, or waits, that goes before edits and imports."""
        return self._hurries or bool(self._urgent)

    def __len__(self) -> int:
        """Return how many commands wait."""
        return len(self._urgent) + len(self._other)

    async def submit(self, command: Command) -> object:
        """Return the command's answer once it is durable and visible."""
        return await asyncio.shield(self._enqueue(command))

    def _enqueue(self, command: Command) -> asyncio.Future[object]:
        if self._closed:
            message = "the server is stopping"
            raise Unavailable(message)
        if len(self) >= QUEUE_LIMIT:
            message = f"{QUEUE_LIMIT} changes are waiting already"
            raise Unavailable(message)
        answer: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        ticket = _Ticket(command, answer, self._clock.mono_ns())
        (self._urgent if isinstance(command, URGENT) else self._other).append(ticket)
        self._work.set()
        return answer

    def news(self) -> None:
        """Catch up with other processes before the next command."""
        self._news = True
        self._work.set()

    async def caught_up(self) -> None:
        """Return once all that others committed before the call is in memory, if it can be."""
        learnt: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._learners.append(learnt)
        self.news()
        await learnt

    def begin_with(self, command: Command) -> None:
        """Have a command run first, which nobody waits for; for the start of the server."""
        self._follow(command)

    async def run(self) -> None:
        """Take commands until `close` was called and none is left."""
        while True:
            queue = self._urgent or self._other
            if self._news:
                self._news = False
                await self._learn()
            elif queue:
                await self._one(queue.popleft())
            elif self._closed:
                return
            else:
                self._work.clear()
                await self._work.wait()

    def close(self) -> None:
        """Take no more commands; `run` ends when those that wait are done."""
        self._closed = True
        for task in self._later:
            task.cancel()
        self._work.set()

    async def _one(self, ticket: _Ticket) -> None:
        name = type(ticket.command).__name__
        result = "done"
        self._hurries = isinstance(ticket.command, URGENT)
        try:
            self._refuse_with_others(ticket)
            answer, follows = await self._decide(ticket.command)
        except FaultwireError as error:
            result = type(error).__name__
            if isinstance(error, Unavailable):
                self._refusal = str(error)
                self._try_later(ticket)
            _fail(ticket.answer, error)
        except Exception as error:
            result = "defect"
            self.broken = f"{name} failed: {error!r}"
            log.exception("a %s could not be run; this is a defect", name)
            _fail(ticket.answer, error)
        else:
            self._refusal = None
            if isinstance(answer, Refused):
                result = type(answer).__name__
                _fail(ticket.answer, answer)
            elif not ticket.answer.done():
                ticket.answer.set_result(answer)
            for command in reversed(follows):
                self._follow(command)
        self._hurries = False
        waited = (self._clock.mono_ns() - ticket.since_ns) / _NS
        self._meter.count("faultwire_commands_total", command=name, result=result)
        self._meter.observe("faultwire_command_seconds", waited, command=name)

    async def _decide(self, command: Command) -> tuple[object, tuple[Command, ...]]:
        """Run a command; once more for every time that another process was faster."""
        for _ in range(TIMES_BEHIND):
            try:
                return await self._chain.run(command)
            except Behind:
                if self._catch_up is None:
                    raise
                self._meter.count("faultwire_commands_behind_total")
                await self._catch_up()
        raise Unavailable(f"{TIMES_BEHIND} times another process was faster; try again")

    async def _learn(self) -> None:
        waiting, self._learners = self._learners, []
        try:
            if self._catch_up is not None:
                await self._catch_up()
            self._away.back()
        except Unavailable as error:
            self._away.failed(error)
        except Exception as error:
            self.broken = f"this process cannot follow the others: {error}"
            log.exception("this process cannot follow the others")
        finally:
            for learnt in waiting:
                if not learnt.done():
                    learnt.set_result(None)

    def _refuse_with_others(self, ticket: _Ticket) -> None:
        """Raise Unavailable for who waited through the failure of those before."""
        if self._refusal is not None:
            waited = self._clock.mono_ns() - ticket.since_ns
            if waited >= PATIENCE_NS:
                raise Unavailable(self._refusal)

    def _try_later(self, ticket: _Ticket) -> None:
        """Run again, after a while, what follows from a command that is durable already."""
        if not ticket.follows or self._closed:
            return

        async def again() -> None:
            await self._clock.sleep(FOLLOW_AGAIN_SECONDS)
            self._follow(ticket.command)

        task = asyncio.get_running_loop().create_task(again(), name="a follow-up, later")
        self._later.add(task)
        task.add_done_callback(self._later.discard)

    def _follow(self, command: Command) -> None:
        """Run a command before all that wait: it belongs to the one that brought it."""
        answer: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        answer.add_done_callback(_log_failure)
        ticket = _Ticket(command, answer, self._clock.mono_ns(), follows=True)
        self._urgent.appendleft(ticket)
        self._work.set()


def _fail(answer: asyncio.Future[object], error: Exception) -> None:
    if not answer.done():
        answer.set_exception(error)


def _log_failure(answer: asyncio.Future[object]) -> None:
    error = answer.exception()
    if error is not None:
        log.warning("a follow-up change failed: %s", error)

"""An intake that takes every command and remembers it."""

import asyncio
from collections.abc import Callable

from faultwire.domain.commands import Command, FaultAnswer, ReportFaults
from faultwire.domain.faults import FaultState

WAIT_SECONDS = 10
"""How long `wait_for` waits before the test fails."""


class RecordingIntake:
    """Implements `ports.Intake`; `refuse` decides which command meets which error.

    `vetoed`: reports are closed at once, as by a guard.
    """

    def __init__(self) -> None:
        """Take everything."""
        self.commands: list[Command] = []
        self.tried: list[Command] = []
        self.refuse: Callable[[Command], Exception | None] = _take
        self.vetoed = False
        self._news = asyncio.Condition()

    async def submit(self, command: Command) -> object:
        """Record the command and answer as the lane would, or raise what `refuse` returns."""
        self.tried.append(command)
        error = self.refuse(command)
        if error is None:
            self.commands.append(command)
        async with self._news:
            self._news.notify_all()
        if error is not None:
            raise error
        if isinstance(command, ReportFaults):
            state = FaultState.CLOSED if self.vetoed else FaultState.OPEN
            return tuple(FaultAnswer(one.id, state) for one in command.reports)
        return None

    async def wait_for(self, true: Callable[[], bool]) -> None:
        """Return once the condition holds, looked at after each command."""
        async with asyncio.timeout(WAIT_SECONDS), self._news:
            await self._news.wait_for(true)


def _take(command: Command) -> Exception | None:
    del command
    return None

"""Large imports: checked whole, promised, then taken part by part between other commands.

One transaction of 100,000 rows would keep every fault waiting for seconds. So a large document is
compared outside the lane, in small slices; it is kept in the database as it came, which promises
that it will be done; and then it passes through the lane in parts. A process that starts does
what another one promised and did not end.
"""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from faultwire.app.collector import many_come_to_stay
from faultwire.app.core import Core
from faultwire.app.offload import Offload
from faultwire.domain.commands import Command, ImportInventory, ImportPart, ImportSummary
from faultwire.domain.decided import Steps
from faultwire.domain.errors import FaultwireError, Unavailable
from faultwire.domain.resources import InventoryDocument
from faultwire.faces.fault.inventory import Joining, read_kept
from faultwire.ports import Breathe, Clock, Intake, Reader, View
from faultwire.resourcemap.diff import Compared, ImportDecider
from faultwire.resourcemap.parts import in_parts, parted
from faultwire.store import Engine
from faultwire.store.imports import Pending, StoredImports

log = logging.getLogger(__name__)

T = TypeVar("T")

LARGE = 2_000
"""Resources of a document from which on it is taken in parts."""

SLICE_NS = 1_000_000
"""Longest stretch of work on the loop; as long as it took, others have the loop alone."""

AGAIN_SECONDS = 1.0
LOOK_SECONDS = 10.0

_NS = 1_000_000_000
_NOTHING = InventoryDocument()


@dataclass(frozen=True, slots=True)
class Doors:
    """What imports need of the rest: how to compare, keep, read and hear of them."""

    decider: ImportDecider
    view: Callable[[], View]
    stored: StoredImports
    write: Callable[[Callable[[], Any]], Awaitable[Any]]
    """Runs a call between two transactions of the ledger."""

    read: Reader
    offload: Offload
    clock: Clock
    give_way: Breathe
    """Returns when no fault is on its way."""

    owner: str = ""
    """This process, where it is not alone."""


class Imports:
    """Implements `ports.Intake`: imports come one at a time, large ones in parts; on the loop."""

    def __init__(self, lane: Intake, doors: Doors) -> None:
        """Take the lane that does it all; `run` must be running."""
        self._lane = lane
        self._doors = doors
        self._turn = asyncio.Lock()
        self._tasks: set[asyncio.Task[ImportSummary]] = set()
        self._ours: set[str] = set()
        self._closed = False

    @classmethod
    def of(
        cls, core: Core, lane: Intake, engine: Engine, offload: Offload, owner: str
    ) -> "Imports":
        """Return the imports of a server; `owner` is its member id, empty if it is alone."""
        doors = Doors(
            ImportDecider(core.indexes.directory.projects),
            core.memory.scratch,
            StoredImports(engine),
            core.writer.run,
            core.reader,
            offload,
            core.tools.clock,
            core.rush.give_way,
            owner,
        )
        return cls(lane, doors)

    async def submit(self, command: Command) -> object:
        """Return the command's answer; an import goes on even if its caller leaves."""
        if not isinstance(command, ImportInventory):
            return await self._lane.submit(command)
        if not command.text or _size(command.document) < LARGE:
            async with self._turn:
                return await self._lane.submit(command)
        task = asyncio.get_running_loop().create_task(self._whole(command), name="import")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return await asyncio.shield(task)

    async def run(self) -> None:
        """Do what was promised and not done, by this process before or by one that is gone."""
        while True:
            try:
                await self._resume()
            except Unavailable as error:
                log.warning("imports that were under way cannot be looked for: %s", error.detail)
            await self._doors.clock.sleep(LOOK_SECONDS)

    async def stop(self) -> None:
        """Take no further part; what is promised is done after the next start."""
        self._closed = True
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=LOOK_SECONDS)

    async def _whole(self, command: ImportInventory) -> ImportSummary:
        async with self._turn:
            with many_come_to_stay():
                found = await self._compared(command)
                if not command.dry_run:
                    pending = Pending(
                        f"{self._doors.owner}.{secrets.token_hex(8)}",
                        self._doors.owner,
                        command.replace,
                        command.actor,
                    )
                    await self._promise(pending, command.text)
                    await self._do(pending, found)
                return found.summary

    async def _compared(self, command: ImportInventory) -> Compared:
        return await self._drive(self._doors.decider.compare(command, self._doors.view()))

    async def _promise(self, pending: Pending, text: tuple[bytes, ...]) -> None:
        """Keep the text and promise it; whoever reads the promise finds all of the text."""
        doors = self._doors
        self._ours.add(pending.id)
        try:
            for number, piece in enumerate(text, 1):
                await doors.give_way()
                await doors.write(partial(doors.stored.keep, pending.id, number, piece))
            await doors.write(partial(doors.stored.promise, pending))
        except FaultwireError:
            # Whether it is promised is unknown where an answer was lost: it must not be.
            await self._until_done(partial(doors.stored.forget, [pending.id]))
            raise

    async def _do(self, pending: Pending, found: Compared) -> None:
        """Take all parts through the lane, one after the other, then forget the promise."""
        documents = await self._drive(parted(found.document))
        taken = 0
        try:
            for part in _commands(pending, found, documents):
                await self._patiently(part)
                taken += 1
        except Unavailable:
            raise
        except FaultwireError as error:
            if taken:
                log.error("an import was refused after %d of its parts: %s", taken, error)  # noqa: TRY400
            await self._forget(pending)
            raise
        await self._forget(pending)

    async def _forget(self, pending: Pending) -> None:
        await self._until_done(partial(self._doors.stored.forget, [pending.id]))
        self._ours.discard(pending.id)

    async def _patiently(self, part: ImportPart) -> None:
        """Take a part, however often the database refuses: the whole is promised."""
        while True:
            await self._doors.give_way()
            self._refuse_at_the_end()
            try:
                await self._lane.submit(part)
            except Unavailable as error:
                self._refuse_at_the_end()
                log.warning("an import waits: %s", error.detail)
                await self._doors.clock.sleep(AGAIN_SECONDS)
            else:
                return

    async def _until_done(self, call: Callable[[], None]) -> None:
        while True:
            try:
                await self._doors.write(call)
            except Unavailable as error:
                self._refuse_at_the_end()
                log.warning("an import waits: %s", error.detail)
                await self._doors.clock.sleep(AGAIN_SECONDS)
            else:
                return

    def _refuse_at_the_end(self) -> None:
        if self._closed:
            raise Unavailable("the server is stopping; the import goes on after its next start")

    async def _resume(self) -> None:
        doors = self._doors
        strays: Any = await doors.read(doors.stored.strays, doors.owner)
        left = [name for name in strays if name not in self._ours]
        if left:
            await doors.write(partial(doors.stored.forget, left))
        found: Any = await doors.read(doors.stored.orphans, doors.owner)
        for pending in found:
            if pending.id in self._ours:
                continue
            claimed = await doors.write(partial(doors.stored.claim, pending, doors.owner))
            if claimed is not None:
                self._ours.add(claimed.id)
                try:
                    async with self._turn:
                        await self._again(claimed)
                finally:
                    self._ours.discard(claimed.id)

    async def _again(self, pending: Pending) -> None:
        """Do a promised import from its start: what is done already is no change."""
        doors = self._doors
        log.info("an import of %s goes on", pending.actor.user)
        pieces: Any = await doors.read(doors.stored.pieces, pending.id)
        joining = Joining()
        async with aclosing(doors.offload(read_kept, pieces)) as read:
            async for piece in read:
                joining.take(piece)
                await doors.give_way()
        command = ImportInventory(joining.document(), pending.replace, pending.actor, force=True)
        try:
            await self._do(pending, await self._compared(command))
        except Unavailable:
            raise
        except FaultwireError as error:
            log.error("a promised import cannot be done: %s", error)  # noqa: TRY400
            await self._forget(pending)

    async def _drive(self, work: Steps[T]) -> T:
        clock = self._doors.clock
        began = clock.mono_ns()
        while True:
            try:
                next(work)
            except StopIteration as stop:
                result: T = stop.value
                return result
            took = clock.mono_ns() - began
            if took >= SLICE_NS:
                await clock.sleep(took / _NS)
                await self._doors.give_way()
                began = clock.mono_ns()


def _size(document: InventoryDocument) -> int:
    return (
        len(document.projects)
        + len(document.hosts)
        + len(document.switches)
        + len(document.servers)
        + len(document.ports)
        + len(document.guests)
    )


def _commands(
    pending: Pending, found: Compared, documents: list[InventoryDocument]
) -> Iterator[ImportPart]:
    actor = pending.actor
    for document in documents:
        yield ImportPart(document, (), actor)
    for change in in_parts(found.removed):
        yield ImportPart(_NOTHING, (change,), actor)
    yield ImportPart(_NOTHING, (), actor, found.summary)

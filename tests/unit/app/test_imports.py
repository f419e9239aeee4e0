"""Large imports: checked whole, promised, taken in parts, done after any end of a process."""

import asyncio
import gc
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pytest

from faultwire.app import imports
from faultwire.app.collector import MANY_COME, many_come_to_stay
from faultwire.app.imports import Doors, Imports
from faultwire.app.memory import AT_ONCE
from faultwire.domain.commands import Command, ImportInventory, ImportPart, ImportSummary
from faultwire.domain.errors import Conflict, Invalid, Unavailable
from faultwire.domain.ids import ServerId
from faultwire.faces.fault.inventory import Joining, read_document, read_pieces
from faultwire.resourcemap.diff import ImportDecider
from faultwire.store import Engine
from faultwire.store.imports import Pending, StoredImports
from faultwire.testing.chain import ACTOR, InProcess
from faultwire.testing.clock import ManualClock


class Killed(Exception):
    """Stands for the end of the process."""


class Quick(ManualClock):
    """Every sleep is over at once; `looked` is set after a look for promises."""

    def __init__(self) -> None:
        super().__init__()
        self.looked = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        """Let others run once."""
        if seconds >= imports.LOOK_SECONDS:
            self.looked.set()
        self.advance(seconds)
        await asyncio.sleep(0)


class Bench:
    """Imports over a product in process; `before` is called with every command of the lane."""

    def __init__(self, engine: Engine, product: InProcess | None = None) -> None:
        self.engine = engine
        self.product = product or InProcess()
        self.stored = StoredImports(engine)
        self.taken: list[Command] = []
        self.begun = asyncio.Event()
        self.before: Callable[[Command], None] = lambda _: None
        self.clock = Quick()
        self.gave_way = 0
        self.imports = Imports(self, self._doors())

    def _doors(self) -> Doors:
        return Doors(
            ImportDecider(self.product.indexes.directory.projects),
            self.product.memory.scratch,
            self.stored,
            _at_once,
            _read,
            _offload,  # type: ignore[arg-type]
            self.clock,
            self._give_way,
        )

    async def _give_way(self) -> None:
        self.gave_way += 1

    async def submit(self, command: Command) -> object:
        """Be the lane."""
        await asyncio.sleep(0)
        self.before(command)
        answer = self.product.run(command)
        self.taken.append(command)
        self.begun.set()
        return answer

    async def ask(self, document: dict[str, Any], **options: bool) -> ImportSummary:
        """Import a document, PUT by default."""
        summary = await self.imports.submit(command_of(document, **options))
        assert isinstance(summary, ImportSummary)
        return summary

    def again(self) -> "Bench":
        """Return the bench of a new process on the same database."""
        return Bench(self.engine, self.product.restart())

    async def resumed(self) -> None:
        """Do what was promised, and forget what was not."""
        task = asyncio.create_task(self.imports.run())
        await self.clock.looked.wait()
        task.cancel()

    def servers(self) -> dict[str, str]:
        """Return the hosts of all servers."""
        return {server.id: server.host for server in self.product.indexes.inventory.servers()}


async def _at_once(call: Callable[[], Any]) -> Any:
    return call()


async def _read(call: Callable[..., Any], *arguments: object) -> Any:
    return call(*arguments)


async def _offload(
    function: Callable[[bytes], Iterable[bytes]], came: Sequence[bytes]
) -> AsyncGenerator[bytes, None]:
    for piece in function(b"".join(came)):
        yield piece


@pytest.fixture
def bench(tmp_path: Path, with_schema: Callable[..., Engine]) -> Iterator[Bench]:
    """Give imports with nothing under way."""
    engine = with_schema(tmp_path)
    yield Bench(engine)
    engine.dispose()


def cloud(hosts: int, first: int = 0, on_each: int = 50) -> dict[str, Any]:
    """Return a document of servers that belong to one project."""
    numbers = range(first, first + hosts)
    return {
        "projects": [{"id": "id-of-green", "name": "green"}],
        "hosts": [{"name": f"h{number}"} for number in numbers],
        "servers": [
            {"id": f"vm-{number}-{n}", "name": "n", "project": "green", "host": f"h{number}"}
            for number in numbers
            for n in range(on_each)
        ],
    }


def command_of(document: dict[str, Any], **options: bool) -> ImportInventory:
    """Return the command as the face makes it."""
    joining = Joining()
    for piece in read_pieces(orjson.dumps(document)):
        joining.take(piece)
    given = {"replace": True, **options}
    return ImportInventory(joining.document(), actor=ACTOR, text=joining.text(), **given)


LARGE = cloud(60)


async def test_a_large_import_passes_in_parts(bench: Bench) -> None:
    """Others come between the parts; the answer and the audit record are of the whole."""
    summary = await bench.ask(LARGE)
    assert ("servers", 3000, 0, 0) in summary.counts
    assert len(bench.servers()) == 3000
    assert len(bench.taken) > 5
    assert all(isinstance(command, ImportPart) for command in bench.taken)
    # Faults pass before each of them, and before each piece that is kept (promise 3).
    assert bench.gave_way > len(bench.taken)
    lines = bench.product.ledger.audit(10)
    assert [line.action for line in lines] == ["inventory.import"]
    assert "servers:+3000~0-0" in lines[0].detail
    assert bench.stored.pending() == bench.stored.strays("") == ()


async def test_parts_make_what_the_whole_makes(bench: Bench) -> None:
    """A second document moves, adds and removes; in parts it ends as in one piece."""
    second = cloud(58, first=4)
    second["servers"][0]["host"] = "h20"
    whole = InProcess()
    for document in (LARGE, second):
        await bench.ask(document, force=True)
        whole.run(ImportInventory(read_document(orjson.dumps(document)), True, ACTOR, force=True))
    ours, theirs = bench.product.indexes.inventory, whole.indexes.inventory
    assert {one.id: one for one in ours.servers()} == {one.id: one for one in theirs.servers()}
    assert list(ours.hosts()) == list(theirs.hosts())
    for host in theirs.hosts():
        mine, other = ours.entry(host.name), theirs.entry(host.name)
        assert mine is not None
        assert other is not None
        assert {one.id for one in mine.servers} == {one.id for one in other.servers}


async def test_a_fault_between_two_parts_finds_whole_hosts(bench: Bench) -> None:
    """A host appears with all its servers: whoever is told, is told of all of them."""
    seen: set[int] = set()

    def look(command: Command) -> None:
        del command
        inventory = bench.product.indexes.inventory
        for host in inventory.hosts():
            entry = inventory.entry(host.name)
            assert entry is not None
            seen.add(len(entry.servers))

    bench.before = look
    await bench.ask(LARGE)
    assert seen == {50}


@pytest.mark.parametrize("done", [0, 1, 4, 7, 100])
async def test_what_was_promised_is_done_after_the_end_of_the_process(
    bench: Bench, done: int
) -> None:
    """Killed between any two parts: the next process does the rest (all or nothing)."""

    def end(command: Command) -> None:
        del command
        if len(bench.taken) == done:
            raise Killed

    bench.before = end
    try:
        await bench.ask(LARGE)
    except Killed:
        assert len(bench.stored.pending()) == 1
    later = bench.again()
    await later.resumed()
    assert len(later.servers()) == 3000
    assert later.stored.strays("") == ()


async def test_what_was_not_promised_is_forgotten(bench: Bench) -> None:
    """Killed while the text was kept: nobody had an answer, and nothing of it is left."""
    bench.stored.keep("x", 1, b"half a text")
    await bench.resumed()
    assert bench.stored.strays("") == ()
    assert bench.taken == []


async def test_a_wrong_document_changes_nothing(bench: Bench) -> None:
    """What is wrong at its end is found before its beginning is taken (corrupt half-way)."""
    document = cloud(60)
    document["servers"][-1]["host"] = "nowhere"
    with pytest.raises(Invalid) as refused:
        await bench.ask(document)
    assert refused.value.field == "servers[2999].host"
    assert bench.taken == []
    assert bench.servers() == {}


async def test_too_much_may_not_go_without_force(bench: Bench) -> None:
    """The tenth is looked at before anything is promised."""
    await bench.ask(LARGE)
    count = len(bench.taken)
    with pytest.raises(Conflict):
        await bench.ask(cloud(50, first=10))
    assert len(bench.taken) == count
    assert bench.stored.pending() == ()


async def test_a_dry_run_of_a_large_document_is_no_command(bench: Bench) -> None:
    """It is answered from memory; the lane and the database never hear of it."""
    summary = await bench.ask(LARGE, dry_run=True)
    assert ("servers", 3000, 0, 0) in summary.counts
    assert summary.dry_run
    assert bench.taken == []


async def test_a_small_document_is_one_command(bench: Bench) -> None:
    """Few resources are taken in one transaction, as they came."""
    await bench.ask(cloud(2))
    assert [type(command) for command in bench.taken] == [ImportInventory]


async def test_a_database_that_refuses_is_asked_again(bench: Bench) -> None:
    """What is promised is done, however often the ledger does not answer."""
    refusals = [2, 3, 3]

    def refuse(command: Command) -> None:
        del command
        if refusals and len(bench.taken) == refusals[0]:
            refusals.pop(0)
            message = "locked"
            raise Unavailable(message)

    bench.before = refuse
    await bench.ask(LARGE)
    assert len(bench.servers()) == 3000
    assert refusals == []


async def test_a_promise_that_cannot_be_kept_is_no_import(bench: Bench) -> None:
    """A database that refuses the text: the caller hears so, and nothing is changed."""
    answers = iter((Unavailable("full"),))

    async def write(call: partial[Any]) -> Any:
        error = next(answers, None) if call.func.__name__ == "promise" else None
        if error is not None:
            raise error
        return call()

    bench.imports = Imports(bench, replace(bench._doors(), write=write))
    with pytest.raises(Unavailable):
        await bench.ask(LARGE)
    assert bench.taken == []
    assert bench.stored.pending() == bench.stored.strays("") == ()


async def test_a_caller_that_leaves_does_not_end_an_import(bench: Bench) -> None:
    """A connection that breaks is no reason to stop half-way."""
    task = asyncio.create_task(bench.ask(LARGE))
    await bench.begun.wait()
    task.cancel()
    await asyncio.wait(bench.imports._tasks)
    assert len(bench.servers()) == 3000


async def test_a_server_that_stops_leaves_the_rest_for_its_next_start(bench: Bench) -> None:
    """The caller is told so; no part is taken after the stop."""
    task = asyncio.create_task(bench.ask(LARGE))
    await bench.begun.wait()
    await bench.imports.stop()
    with pytest.raises(Unavailable, match="after its next start"):
        await task
    later = bench.again()
    assert len(later.servers()) < 3000
    await later.resumed()
    assert len(later.servers()) == 3000


async def test_imports_come_one_after_the_other(bench: Bench) -> None:
    """A small one that came later is not undone by the rest of a large one."""
    small = cloud(1)
    small["servers"][0]["name"] = "renamed"
    large = asyncio.create_task(bench.ask(LARGE))
    await bench.begun.wait()
    await bench.ask(small, replace=False)
    await large
    names = {one.id: one.name for one in bench.product.indexes.inventory.servers()}
    assert names[ServerId("vm-0-0")] == "renamed"


async def test_a_name_that_was_taken_meanwhile_ends_an_import(bench: Bench) -> None:
    """A project of that name appeared before the first part: refused, forgotten, nothing done."""

    def take(command: Command) -> None:
        if isinstance(command, ImportPart) and not bench.taken:
            raise Invalid("projects[0].name", "the name green belongs to project other")

    bench.before = take
    with pytest.raises(Invalid):
        await bench.ask(LARGE)
    assert bench.stored.pending() == ()
    assert bench.servers() == {}


async def test_a_promise_is_taken_over_once(bench: Bench) -> None:
    """Two processes that see the same orphan: one of them does it."""
    pending = Pending("gone.1", "gone", True, ACTOR)
    bench.stored.promise(pending)
    assert bench.stored.orphans("me") == (pending,)
    assert bench.stored.claim(pending, "me") == replace(pending, owner="me")
    assert bench.stored.claim(pending, "other") is None
    assert bench.stored.orphans("me") == (replace(pending, owner="me"),)


async def test_a_promise_that_can_no_longer_be_done_is_dropped(bench: Bench) -> None:
    """What the map refuses by now is logged and forgotten: it must not stop a start."""
    command = command_of(cloud(50, first=1))
    for number, piece in enumerate(command.text, 1):
        bench.stored.keep(".1", number, piece)
    bench.stored.promise(Pending(".1", "", True, ACTOR))
    bench.product.run(
        ImportInventory(
            read_document(b'{"projects": [{"id": "other", "name": "green"}]}'), False, ACTOR
        )
    )
    await bench.resumed()
    assert bench.servers() == {}


def test_parts_are_what_memory_takes_at_once() -> None:
    """A part is a few slices of memory and one short transaction."""
    assert imports.LARGE > AT_ONCE


@pytest.mark.parametrize("enabled", [True, False])
def test_the_collector_is_as_it_was(enabled: bool) -> None:
    """Short lots while many values come, the usual thresholds afterwards, also within another."""
    before, was = gc.get_threshold(), gc.isenabled()
    (gc.enable if enabled else gc.disable)()
    try:
        with many_come_to_stay(), many_come_to_stay():
            assert gc.get_threshold() == (MANY_COME if enabled else before)
        assert gc.get_threshold() == before
    finally:
        (gc.enable if was else gc.disable)()
        gc.unfreeze()

"""Parts of the composition: addresses, the state folder, marks, wiring."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import pytest

from faultwire.app.core import Indexes, deciders
from faultwire.app.folder import StateFolder
from faultwire.app.latency import Latency
from faultwire.app.listen import Address, Listener, Tls, parse_address
from faultwire.app.marks import Marks
from faultwire.app.server import Server
from faultwire.app.writer import ReaderThreads, Writer
from faultwire.config.configuration import Configuration, read
from faultwire.domain import commands
from faultwire.domain.errors import Conflict, Invalid
from faultwire.domain.ids import FaultId
from faultwire.domain.instants import Instant
from faultwire.inspector.settings import Settings
from faultwire.store import Snapshot
from faultwire.telemetry.metrics import Metrics
from faultwire.testing.clock import ManualClock
from faultwire.testing.store import MemoryLedger
from faultwire_profiler import Mark, Moment, Recorder


def test_every_command_has_a_decider() -> None:
    """One lane: no command is without somebody who decides on it."""
    table = deciders(Indexes.of(Snapshot()), Settings())
    assert set(get_args(commands.Command)) == set(table)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:0", Address("127.0.0.1", 0)),
        ("[::1]:8779", Address("::1", 8779)),
        ("localhost:1", Address("localhost", 1)),
    ],
)
def test_addresses(text: str, address: Address) -> None:
    """HOST:PORT and [V6]:PORT are read."""
    assert parse_address(text, "listen") == address
    assert address.loopback


@pytest.mark.parametrize("text", ["", "127.0.0.1", ":80", "a:b", "a:70000", "a:-1"])
def test_bad_addresses_name_their_option(text: str) -> None:
    """Anything else is refused with the option's name."""
    with pytest.raises(Invalid, match="listen"):
        parse_address(text, "listen")


def test_a_taken_port_is_named() -> None:
    """A port that somebody has is an error that says where."""
    first = Listener(Address("127.0.0.1", 0), Tls(), "listen")
    port = int(first.url.rpartition(":")[2])
    with pytest.raises(Invalid, match=str(port)):
        Listener(Address("127.0.0.1", port), Tls(), "listen")
    asyncio.run(first.stop())


def test_one_process_per_state_folder(tmp_path: Path) -> None:
    """A second server on the same state is refused until the first lets go."""
    first = StateFolder(tmp_path / "state")
    with pytest.raises(Conflict, match="state"):
        StateFolder(tmp_path / "state")
    first.release()
    StateFolder(tmp_path / "state").release()


@pytest.mark.parametrize(
    "lines",
    ["listen = 0.0.0.0:0", "listen = 127.0.0.1:0\ntls_key = k.pem"],
)
def test_doors_that_may_not_stand_open(tmp_path: Path, lines: str) -> None:
    """Design section 7: beyond loopback only with TLS or behind a proxy, and never half of it."""
    path = tmp_path / "f.conf"
    path.write_text(f"[server]\n{lines}\n")
    with pytest.raises(Invalid):
        Server(read(path), tmp_path)


def test_behind_a_proxy_is_said_by_hand(tmp_path: Path) -> None:
    """Plain HTTP beyond loopback takes an explicit word."""
    path = tmp_path / "f.conf"
    path.write_text("[server]\nlisten = 0.0.0.0:0\nbehind_proxy = true\n")
    configuration: Configuration = read(path)
    assert Server(configuration, tmp_path).url == ""


class Reading(ReaderThreads):
    """Counts reads of the store."""

    def __init__(self) -> None:
        super().__init__(1)
        self.calls = 0

    async def __call__(self, call: object, *args: object, **named: object) -> object:
        """Count and read."""
        self.calls += 1
        return await super().__call__(call, *args, **named)


def fresh(store: MemoryLedger) -> tuple[Marks, Recorder, Reading]:
    recorder, reading, metrics = Recorder(), Reading(), Metrics()
    writer = Writer(store, ManualClock(), metrics)
    latency = Latency(recorder, metrics)
    return Marks(recorder, store, writer, reading, latency), recorder, reading


async def test_marks_that_are_cut_off_are_stored_at_the_end() -> None:
    """Whoever is stopped in the middle of storing marks stores them with the next flush."""
    store, fault = MemoryLedger(), FaultId("f")
    marks, recorder, _ = fresh(store)
    recorder.mark(fault, Mark("T02", Moment(1, 1), Moment(1, 1)))
    storing = asyncio.create_task(marks.flush())
    await asyncio.sleep(0)
    storing.cancel()
    await asyncio.gather(storing, return_exceptions=True)
    await marks.flush()
    assert set(store.marks(fault)) == {"T02"}
    assert marks.latency.show()["faults"] == 1


async def test_marks_of_an_earlier_process_are_kept_under_new_ones() -> None:
    """A late receipt after a restart joins the stored timeline instead of replacing it."""
    store, fault = MemoryLedger(), FaultId("f")
    marks, recorder, _ = fresh(store)
    for point, ns in (("T01", 1_000_000), ("T02", 2_000_000)):
        recorder.mark(fault, Mark(point, Moment(ns, ns), Moment(ns, ns)))
    await marks.flush()
    later, _, reading = fresh(store)
    await later.add(fault, "T09", Instant(9_000_000), source="consumer", count=1)
    await later.flush()
    timeline = (await later.timeline(fault))["checkpoints"]
    known: Sequence[str] = [point for point, mark in timeline.items() if mark]
    assert known == ["T01", "T02", "T09"]
    assert reading.calls == 1
    assert set(store.marks(fault)) == {"T01", "T02", "T09"}

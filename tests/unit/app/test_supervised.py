"""What the service manager is told."""

import asyncio
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from faultwire.app.supervised import Supervisor, serving
from faultwire.testing.clock import ManualClock


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """Give the manager's socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(5)
        yield listening


def marks(manager: socket.socket, seconds: int = 30) -> dict[str, str]:
    return {
        "NOTIFY_SOCKET": manager.getsockname(),
        "WATCHDOG_USEC": str(seconds * 1_000_000),
        "WATCHDOG_PID": str(os.getpid()),
        "PATH": "/bin",
    }


async def test_it_is_told_of_start_life_and_stop(
    manager: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """READY once we serve, a sign of life three times a period while the loop turns, STOPPING."""
    for name, value in marks(manager).items():
        monkeypatch.setenv(name, value)
    clock = ManualClock()
    async with serving(clock):
        assert manager.recv(100) == b"READY=1"
        await clock.asleep()
        assert manager.recv(100) == b"WATCHDOG=1"
        clock.advance(10)
        await asyncio.sleep(0)
        await clock.asleep()
        assert manager.recv(100) == b"WATCHDOG=1"
    assert manager.recv(100) == b"STOPPING=1"


def test_children_do_not_speak_for_us(manager: socket.socket) -> None:
    """The manager's marks are taken out of the environment; the rest of it stays."""
    environment = marks(manager)
    Supervisor.of(environment)
    assert environment == {"PATH": "/bin"}


async def test_a_watchdog_of_another_process_is_not_ours(manager: socket.socket) -> None:
    """Signs of life are sent by the process that is watched, and by no other."""
    environment = marks(manager) | {"WATCHDOG_PID": "1"}
    await Supervisor.of(environment).keep_telling(ManualClock())
    manager.setblocking(False)
    with pytest.raises(BlockingIOError):
        manager.recv(100)


async def test_without_a_manager_nothing_is_said() -> None:
    """On a command line there is nobody to tell; a socket that is gone is no error."""
    supervisor = Supervisor.of({})
    supervisor.tell("READY=1")
    await supervisor.keep_telling(ManualClock())
    Supervisor("/nonexistent/notify").tell("READY=1")

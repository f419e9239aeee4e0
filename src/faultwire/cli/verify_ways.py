"""How `faultwire verify` takes a host of a real cloud down, and brings it back."""

import shlex
import subprocess
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from faultwire.cli.demo_world import DemoError
from faultwire.cli.verify_nova import Api, Nova

COMMAND_SECONDS = 60.0


class Way(Protocol):
    """A way to take the host down."""

    @property
    def raises(self) -> tuple[str, str]:
        """Trait of the owners' event and its value, when the host is down."""

    @property
    def clears(self) -> tuple[str, str]:
        """The same when it is back."""

    @property
    def opens(self) -> bool:
        """Whether Faultwire opens a fault: what it follows from has a timeline."""

    def down(self) -> tuple[int, int] | None:
        """Take it down; return wall and monotonic nanoseconds of the outage, where it is one."""

    def up(self) -> None:
        """Bring it back; harmless where it never went down."""


@dataclass(frozen=True, slots=True)
class Reported:
    """A monitor of somebody else's reports the host: nothing happens to it."""

    ours: Api
    host: str
    raises: tuple[str, str] = ("state", "error")
    clears: tuple[str, str] = ("state", "active")
    opens: bool = True

    def down(self) -> None:
        """Post that the host is down."""
        post(self.ours, "compute.host.down", self.host)

    def up(self) -> None:
        """Post that it is up."""
        post(self.ours, "compute.host.up", self.host)


@dataclass(frozen=True, slots=True)
class Forced:
    """An administrator forces the service down in Nova, where Faultwire learns of it."""

    nova: Nova
    service: str
    raises: tuple[str, str] = ("host_status", "DOWN")
    clears: tuple[str, str] = ("host_status", "UP")
    opens: bool = False

    def down(self) -> tuple[int, int]:
        """Force it down."""
        instant = time.time_ns(), time.monotonic_ns()
        self.nova.force_down(self.service, down=True)
        return instant

    def up(self) -> None:
        """Take that back."""
        self.nova.force_down(self.service, down=False)


@dataclass(frozen=True, slots=True)
class Commanded:
    """A command of the operator's breaks the host, another one repairs it."""

    nova: Nova
    ours: Api
    cloud_host: str
    host: str
    commands: tuple[str, str]
    raises: tuple[str, str] = ("state", "error")
    clears: tuple[str, str] = ("state", "active")
    opens: bool = True

    def down(self) -> tuple[int, int]:
        """Run the first command."""
        instant = time.time_ns(), time.monotonic_ns()
        _run(self.commands[0])
        return instant

    def up(self) -> None:
        """Run the second one, and say that the host is up once Nova's service is there again."""
        _run(self.commands[1])
        # A service that is forced down is never up: what counts is that it reports itself.
        late = self.nova.wait(self._reports, f"the nova-compute of {self.cloud_host} is away")
        if late:
            raise DemoError(late)
        post(self.ours, "compute.host.up", self.host)

    def _reports(self) -> bool:
        found = self.nova.service(self.cloud_host)
        return bool(found["state"] == "up" or found["forced_down"])


def post(ours: Api, kind: str, host: str) -> list[dict[str, Any]]:
    """Post an event of a kind about a host to Faultwire; return its faults."""
    event = {
        "time": datetime.now().astimezone().isoformat(),
        "type": kind,
        "details": {"hostname": host, "source": "verify"},
    }
    answer = ours.request("POST", "fault", "/v1/events", body=[event])
    return list(answer["faults"])


def _run(command: str) -> None:
    # Ctrl-C is for us: what repairs the host must not be broken off.
    try:
        ended = subprocess.run(
            shlex.split(command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=COMMAND_SECONDS,
            start_new_session=True,
            text=True,
            errors="replace",
            check=False,
        )
    except subprocess.TimeoutExpired:
        message = f"{command!r} did not end within {COMMAND_SECONDS:.0f} s"
        raise DemoError(message) from None
    except OSError as error:
        message = f"{command!r} cannot be run: {error.strerror}"
        raise DemoError(message) from None
    if ended.returncode:
        message = f"{command!r} ended with {ended.returncode}: {ended.stdout[-500:].strip()}"
        raise DemoError(message)

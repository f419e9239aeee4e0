"""Many guest agents in one process: ``python -m tests.system.fleet FILE``.

The file names credentials, and the guests that shall be frozen: connected, beating, mute.
"""

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Any

from faultwire.agent import credential
from faultwire.agent.guest import Guest, NoDuties
from faultwire.agent.guestlink import GuestLink
from faultwire.ports.rpc import Incoming
from faultwire.telemetry.clock import SystemClock


class Frozen(Guest):
    """A guest that beats and answers nothing."""

    async def rpc_ping(self, incoming: Incoming) -> object:
        await asyncio.Event().wait()
        return await super().rpc_ping(incoming)


async def run(said: dict[str, Any]) -> None:
    """Run all agents until SIGTERM; say when as many are connected as there are."""
    frozen, clock, links = set(said["frozen"]), SystemClock(), []
    missing = len(said["credentials"])

    def say(line: str) -> None:
        nonlocal missing
        if line.startswith("connected"):
            missing -= 1
            if missing == 0:
                sys.stdout.write(f"all connected: {len(links)}\n")
                sys.stdout.flush()

    for path in said["credentials"]:
        name = Path(path).stem
        kind = Frozen if name in frozen else Guest
        bound = credential.load(Path(path), credential.GUEST, name)
        links.append(GuestLink(kind(name, clock, say, NoDuties()), bound, clock, say))
    loop = asyncio.get_running_loop()
    for link in links:
        loop.add_signal_handler(signal.SIGTERM, link.stop)
    await asyncio.gather(*(link.run() for link in links))


if __name__ == "__main__":
    asyncio.run(run(json.loads(Path(sys.argv[1]).read_text())))

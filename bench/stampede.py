"""A stampede of agents: thousands of connections at once, most without a valid credential.

``python -m bench.stampede`` starts a server with established agents, sends the stampede, and
prints what became of everybody; ``--against URL`` reads ``HOST SECRET`` lines of the valid ones
and stampedes a server that runs already.
"""

import argparse
import asyncio
import base64
import json
import os
import resource
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import uvloop

from bench import agents
from bench.chain import _Child
from bench.processes import Lines
from faultwire.agent import wire
from faultwire.client import Session

PATIENCE_SECONDS = 60
CONNECT_SECONDS = 30
KEPT_SECONDS = 5


def frame(text: str) -> bytes:
    """Return a masked text frame of fewer than 126 bytes (RFC 6455, section 5.2)."""
    raw = text.encode()
    assert len(raw) < 126
    # A mask of zeroes is a mask.
    return bytes([0x81, 0x80 | len(raw)]) + bytes(4) + raw


class Stampede:
    """All the connections."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 0
        self.outcomes: Counter[str] = Counter()
        self.tries = 0
        self._kept: list[asyncio.StreamWriter] = []
        self.lost = 0

    def settled(self) -> int:
        """Return how many of the valid are in, or gave up."""
        return self.outcomes["valid: welcome"] + self.outcomes["valid: never"]

    async def valid(self, host: str, secret: str) -> None:
        """Come back, as an agent does, until welcome; then beat."""
        pause = 0.05
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            self.tries += 1
            opened = await self._upgrade(host, secret)
            if not isinstance(opened, str):
                self.outcomes["valid: welcome"] += 1
                await self._beat(*opened)
                return
            await asyncio.sleep(pause * (0.5 + (hash(host) % 100) / 100))
            pause = min(2.0, 2 * pause)
        self.outcomes["valid: never"] += 1

    async def invalid(self, number: int) -> None:
        """Try once with a secret that is none."""
        opened = await self._upgrade(f"agent-{number}", "wrong")
        if isinstance(opened, str):
            self.outcomes[f"invalid: {opened}"] += 1
        else:
            self.outcomes["invalid: welcome"] += 1

    async def _upgrade(
        self, host: str, secret: str
    ) -> str | tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Return the session once it is welcome, or what came instead."""
        writer: asyncio.StreamWriter | None = None
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                reader, writer = await asyncio.open_connection(self._host, self._port)
                key = base64.b64encode(os.urandom(16)).decode()
                writer.write(
                    f"GET /fault/v1/agents/{host}/session HTTP/1.1\r\nHost: x\r\n"
                    f"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                    f"Sec-WebSocket-Key: {key}\r\n"
                    f"X-Faultwire-Credential: agent/{host}:{secret}\r\n\r\n".encode()
                )
                status = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()
                if status == "101":
                    writer.write(frame('{"hello":{"version":"1.1","servers":null}}'))
                    first = (await reader.readexactly(2))[1]
                    length = first if first < 126 else int.from_bytes(await reader.readexactly(2))
                    said = await reader.readexactly(length)
                    if said.startswith(b'{"welcome"'):
                        return reader, writer
                    status = "closed"
        except TimeoutError:
            status = "no answer"
        except (OSError, asyncio.IncompleteReadError):
            status = "cut"
        if writer is not None:
            writer.close()
        return status

    async def _beat(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._kept.append(writer)
        beat = frame(wire.beat(1))
        while not reader.at_eof():
            writer.write(beat)
            await asyncio.sleep(1)
        self.lost += 1


async def stampede(url: str, valid: list[tuple[str, str]], connections: int) -> dict[str, Any]:
    """Return what became of so many connections at once."""
    herd = Stampede(url)
    began = time.monotonic()
    good = [asyncio.create_task(herd.valid(*one)) for one in valid]
    bad = [asyncio.create_task(herd.invalid(n)) for n in range(connections - len(valid))]
    await asyncio.wait(bad)
    over = time.monotonic() - began
    while herd.settled() < len(valid):  # noqa: ASYNC110  a bench that looks now and then
        await asyncio.sleep(0.1)
    welcome = time.monotonic() - began
    await asyncio.sleep(KEPT_SECONDS)
    found = {
        "outcomes": dict(herd.outcomes),
        "tries_of_valid": herd.tries,
        "seconds_until_invalid_over": over,
        "seconds_until_valid_welcome": welcome,
        "valid_lost": herd.lost,
    }
    for task in good:
        task.cancel()
    await asyncio.gather(*good, return_exceptions=True)
    return found


async def against(url: str, connections: int) -> None:
    """Stampede a server that runs, and tell it before the connections end."""
    loop = asyncio.get_running_loop()
    reader = ThreadPoolExecutor(1)
    valid = []
    while line := (await loop.run_in_executor(reader, sys.stdin.readline)).split():
        valid.append((line[0], line[1]))
    print(json.dumps(await stampede(url, valid, connections)), flush=True)


def run(connections: int, valid: int, standing: int) -> dict[str, Any]:
    """Return what a stampede did to a server of its own."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="faultwire-bench-"))
        ours = _Child(
            "faultwire.cli", "serve", "--state-dir", f"{folder}/ours", "--listen", "127.0.0.1:0"
        )
        stack.callback(ours.stop)
        os.environ["OS_CLIENT_CONFIG_FILE"] = str(Path(folder) / "ours" / "clouds.yaml")
        token = Session("faultwire").token()
        names = [f"standing-{n}" for n in range(standing)]
        fleet = Lines("bench.agents", ours.url)
        fleet.say(*(" ".join(one) for one in agents.enrol(ours.call, token, names)), "")
        fleet.line()
        known = agents.enrol(ours.call, token, [f"agent-{n}" for n in range(valid)])
        before = memory(ours.pid)
        herd = Lines("bench.stampede", "--against", ours.url, "--connections", str(connections))
        herd.say(*(" ".join(one) for one in known), "")
        answers: list[float] = []
        with ThreadPoolExecutor(1) as one:
            done = one.submit(herd.line)
            while not done.done():
                began = time.monotonic()
                ours.call("GET", "/healthcheck")
                answers.append(time.monotonic() - began)
                time.sleep(0.05)
        found: dict[str, Any] = json.loads(done.result())
        hosts = json.loads(ours.call("GET", "/fault/v1/hosts", b"", token))["hosts"]
        herd.kill()
        found["standing_lost"] = json.loads(fleet.finish())
        found["down"] = [host["name"] for host in hosts if host["forced_down"]]
        found["longest_healthcheck_s"] = max(answers)
        found["memory_mb"] = {"before": before, "peak": memory(ours.pid, peak=True)}
        return found


def memory(pid: int, *, peak: bool = False) -> float:
    """Return how many MB a process holds, or held at most."""
    name = "VmHWM:" if peak else "VmRSS:"
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) / 1024
    return 0.0


def main() -> int:
    """Print what became of everybody; return 0 if nobody who is known was hurt."""
    parser = argparse.ArgumentParser(prog="python -m bench.stampede")
    parser.add_argument("--connections", type=int, default=10_000)
    parser.add_argument("--valid", type=int, default=1000)
    parser.add_argument("--standing", type=int, default=100)
    parser.add_argument("--against", metavar="URL")
    options = parser.parse_args()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if options.against:
        uvloop.run(against(options.against, options.connections))
        return 0
    found = run(options.connections, options.valid, options.standing)
    print(json.dumps(found, indent=2))
    hurt = found["down"] or found["standing_lost"] or found["valid_lost"]
    return 1 if hurt or found["outcomes"].get("valid: never") else 0


if __name__ == "__main__":
    sys.exit(main())

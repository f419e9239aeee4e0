"""Many agents in one process, for benches: real sessions on our own wire, one beat each a second.

``python -m bench.agents URL [--datagrams]`` reads ``HOST SECRET`` lines, connects them all,
prints ``connected N`` and, with ``--datagrams``, ``SLOT KEY`` of each session and an empty line;
then beats on the connections until its input ends. What was hung up on is printed at the end.
"""

import asyncio
import json
import os
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

import aiohttp
import uvloop

from faultwire.agent import wire
from faultwire.domain.datagrams import DatagramTerms

AT_ONCE = 50
HEARTBEAT_MS = 1000
NICENESS = 10
"""It stands for other machines."""


class Fleet:
    """Sessions of many hosts."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._tasks: list[asyncio.Task[None]] = []
        self._connections: list[aiohttp.ClientWebSocketResponse] = []
        self.terms: list[DatagramTerms] = []
        self.lost: list[str] = []

    async def connect(self, http: aiohttp.ClientSession, host: str, secret: str) -> None:
        """Open a host's session and keep it."""
        async with self._slots:
            connection = await http.ws_connect(
                f"{self._url}/fault/v1/agents/{quote(host)}/session",
                headers={"X-Faultwire-Credential": f"agent/{host}:{secret}"},
            )
            await connection.send_str(wire.hello(HEARTBEAT_MS, None))
            terms = wire.welcome((await connection.receive()).data)
        self._connections.append(connection)
        if terms.datagrams is not None:
            self.terms.append(terms.datagrams)
        self._tasks.append(asyncio.create_task(self._beat(connection)))
        self._tasks.append(asyncio.create_task(self._listen(connection, host)))

    async def _beat(self, connection: aiohttp.ClientWebSocketResponse) -> None:
        number = 0
        while True:
            await asyncio.sleep(HEARTBEAT_MS / 1000)
            number += 1
            await connection.send_str(wire.beat(number))

    async def _listen(self, connection: aiohttp.ClientWebSocketResponse, host: str) -> None:
        while True:
            message = await connection.receive()
            if message.type is not aiohttp.WSMsgType.TEXT:
                self.lost.append(f"{host}: {connection.close_code}")
                return
            if message.data.startswith(wire.PING):
                await connection.send_str(wire.beat(0))

    async def close(self) -> None:
        """Say goodbye, so that no host is down for it, and end every task."""
        for connection in self._connections:
            if not connection.closed:
                await connection.send_str(wire.goodbye("the bench is over"))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def enrol(call: Any, token: str, hosts: Iterable[str]) -> list[tuple[str, str]]:
    """Return host and secret of each, freshly enrolled; `call` is a child's."""
    found = []
    for host in hosts:
        path = f"/fault/v1/agents/{quote(host)}/enrol"
        answer = json.loads(call("POST", path, b"", token))
        found.append((host, answer["credential"]["secret"]))
    return found


async def main(url: str, *options: str) -> None:
    """Be the process."""
    os.nice(NICENESS)
    loop = asyncio.get_running_loop()
    reader = ThreadPoolExecutor(1)
    credentials = []
    while line := (await loop.run_in_executor(reader, sys.stdin.readline)).split():
        credentials.append((line[0], line[1]))
    fleet = Fleet(url)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as http:
        await asyncio.gather(*(fleet.connect(http, *one) for one in credentials))
        print(f"connected {len(credentials)}", flush=True)
        if "--datagrams" in options:
            for one in fleet.terms:
                print(one.slot, one.key.hex())
            print(flush=True)
        await loop.run_in_executor(reader, sys.stdin.read)
        lost = list(fleet.lost)
        await fleet.close()
    print(json.dumps(lost), flush=True)


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))

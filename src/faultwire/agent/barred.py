"""Servers that left this host while it was dead: heeded, and confirmed once gone (D17)."""

import asyncio
import os
import random
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

import aiohttp
import orjson

from faultwire.agent.backoff import pause
from faultwire.agent.credential import BoundCredential
from faultwire.domain.errors import Invalid, NotFound
from faultwire.ports import Clock

ANSWER_SECONDS = 10.0
AT_A_TIME = 10_000
"""Servers confirmed by one request: a longer one would be refused."""
PATIENCE = 6
"""Pauses between tries begin where the seventh of a connection's does."""
NAMED = 5
"""Servers that a line for the operator names."""

NOBODY: frozenset[str] = frozenset()

Say = Callable[[str], None]
Look = Callable[[], Awaitable[frozenset[str] | None]]
"""Reads the list of what runs here anew, and returns it; None where there is none."""


class Barred:
    """Asks which servers must not start here, hands that on, and confirms those that are gone.

    Gone is what a list of running servers leaves out that was read after `hand_on` was written:
    whoever starts servers here and heeds that file starts none of them any more.
    """

    def __init__(
        self, credential: BoundCredential, clock: Clock, say: Say, hand_on: Path | None
    ) -> None:
        """Take the file that is kept for whoever starts servers here; None keeps none."""
        self._clock = clock
        self._say = say
        self._hand_on = hand_on
        self._url = f"{credential.server.rstrip('/')}/v1/hosts/{quote(credential.name, safe='')}"
        self._said = ""

    async def heed(
        self, http: aiohttp.ClientSession, headers: Mapping[str, str], look: Look, *, some: bool
    ) -> None:
        """Return once nothing is left to confirm; what goes wrong is said and tried again.

        `some` is whether the welcome named any. A server is not asked where it said that there
        are none: after its start all its agents come at once.
        """
        attempt = 0
        while True:
            try:
                barred = await self._asked(http, headers) if some else NOBODY
                await asyncio.to_thread(self._write, barred)
                if not barred:
                    return
                gone = await self._gone(barred, look)
                if not gone:
                    return
                await self._confirm(http, headers, gone)
                attempt = 0
            except NotFound:
                # An older server, or the host was taken out: nobody is asked to confirm.
                return
            except (aiohttp.ClientError, OSError, Invalid) as error:
                self._tell(f"what must not start here is not settled: {_words(error)}")
                # Nobody waits for it, and many agents may ask at once.
                await self._clock.sleep(pause(PATIENCE + attempt, random.random()))  # noqa: S311
                attempt += 1

    async def _gone(self, barred: frozenset[str], look: Look) -> frozenset[str]:
        """Return those that do not run, once there are any; none where nobody knows."""
        while True:
            running = await look()
            if running is None:
                self._tell(
                    f"{_named(barred)} must not start here; without --servers nobody confirms"
                )
                return NOBODY
            gone = barred - running
            still = barred & running
            if still:
                self._tell(f"{_named(still)} must not run here: evacuated while this was dead")
            if gone:
                return gone

    async def _confirm(
        self, http: aiohttp.ClientSession, headers: Mapping[str, str], gone: frozenset[str]
    ) -> None:
        for some in _parts(gone):
            body = orjson.dumps({"servers": some})
            asked = http.post(f"{self._url}/confirm", headers=headers, data=body)
            async with _limited(), asked as answer:
                _check(answer)
            self._say(f"old copies of {len(some)} evacuated servers are confirmed to be gone")

    async def _asked(
        self, http: aiohttp.ClientSession, headers: Mapping[str, str]
    ) -> frozenset[str]:
        async with _limited(), http.get(f"{self._url}/evacuated", headers=headers) as answer:
            _check(answer)
            content = await answer.read()
        try:
            return frozenset(str(one["id"]) for one in orjson.loads(content)["servers"])
        except (orjson.JSONDecodeError, KeyError, TypeError):
            raise Invalid("servers", "the answer is no list of servers") from None

    def _write(self, barred: frozenset[str]) -> None:
        """Replace the file as a whole: nobody reads half a list."""
        if self._hand_on is None:
            return
        number, name = tempfile.mkstemp(dir=self._hand_on.parent, prefix=f".{self._hand_on.name}.")
        try:
            with os.fdopen(number, "wb") as file:
                file.write(orjson.dumps(sorted(barred)) + b"\n")
                file.flush()
                os.fchmod(number, 0o644)
                os.fsync(number)
            Path(name).replace(self._hand_on)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise

    def _tell(self, line: str) -> None:
        if line != self._said:
            self._said = line
            self._say(line)


def _limited() -> asyncio.Timeout:
    return asyncio.timeout(ANSWER_SECONDS)


def _check(answer: aiohttp.ClientResponse) -> None:
    if answer.status == 404:
        raise NotFound("")
    if answer.status != 200:
        raise Invalid("", f"{answer.url} answered HTTP {answer.status}")


def _parts(servers: frozenset[str]) -> Iterator[list[str]]:
    whole = sorted(servers)
    return (whole[begin : begin + AT_A_TIME] for begin in range(0, len(whole), AT_A_TIME))


def _named(servers: frozenset[str]) -> str:
    shown = ", ".join(sorted(servers)[:NAMED])
    return shown if len(servers) <= NAMED else f"{shown} and {len(servers) - NAMED} more"


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__

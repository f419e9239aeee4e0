"""A guest agent's way to the control plane over a broker."""

import asyncio
import hashlib
import random
from collections.abc import Mapping

from faultwire.agent.backoff import pause
from faultwire.agent.credential import BoundCredential
from faultwire.agent.guest import Guest, Say
from faultwire.domain.errors import RemoteFailure, RpcError
from faultwire.messaging.addresses import Broker
from faultwire.messaging.caps import Caps
from faultwire.messaging.peers import Peers
from faultwire.messaging.rabbit_client import RabbitClient
from faultwire.messaging.rabbit_server import RabbitServer
from faultwire.messaging.seals import door, sealer
from faultwire.messaging.table import CONDUCTOR, GUESTAGENT
from faultwire.ports import Clock

SERVER = "faultwire"
CALL_SECONDS = 5.0
BEAT_MS = 5000
SHORTEST_MS, LONGEST_MS = 100, 600_000


class GuestBus:
    """Serves a guest's topic and says that it lives until `stop` is called; `run` once.

    Its topic is served once the conductor has taken a heartbeat, until it refuses one: a second
    agent of one guest, which is refused, answers no calls.
    """

    def __init__(
        self,
        guest: Guest,
        credential: BoundCredential,
        broker: Broker,
        levels: dict[str, str],
        clock: Clock,
        say: Say,
    ) -> None:
        """Connect to nobody yet; raises Invalid for a bad level."""
        self._guest = guest
        self._broker = broker
        self._clock = clock
        self._say = say
        self._key = hashlib.sha256(credential.secret.encode()).digest()
        peers = Peers(clock)
        seal = sealer(f"{credential.kind}/{credential.name}", lambda _: self._key)
        name = f"{GUESTAGENT.topic}.{guest.name}"
        self._client = RabbitClient(broker, name, Caps(levels, peers), peers, clock, seal)
        self._server: RabbitServer | None = None
        self._stopping = asyncio.Event()
        self._anew = asyncio.Event()
        self._beat_ms = BEAT_MS
        self._taken = False
        guest.on_restart = self._anew.set

    def stop(self) -> None:
        """Say goodbye and end `run`; harmless when called again."""
        self._stopping.set()

    async def run(self) -> None:
        """Beat until stopped; what goes wrong is said once and tried again."""
        attempt, said = 0, ""
        await self._client.start()
        try:
            while not self._stopping.is_set():
                reason = await self._beat()
                if reason and reason != said:
                    self._say(f"not heard: {reason}; trying again")
                elif not reason and (said or self._server is None):
                    self._say(f"heard over {self._broker}")
                said = reason
                attempt = attempt + 1 if reason else 0
                await self._serve(wanted=self._taken)
                await self._rest(attempt)
            await self._goodbye()
        finally:
            await self._serve(wanted=False)
            await self._client.stop()

    async def _beat(self) -> str:
        """Send one heartbeat; return why it was not taken, empty if it was."""
        try:
            told = await self._guest.tell(self._call)
        except RpcError as error:
            # Refused by the conductor itself: somebody else is this guest, or nobody is.
            self._taken = self._taken and not isinstance(error, RemoteFailure)
            return error.reason
        self._taken = True
        wanted = told.get("heartbeat_ms") if isinstance(told, dict) else None
        if isinstance(wanted, int) and SHORTEST_MS <= wanted <= LONGEST_MS:
            self._beat_ms = wanted
        return ""

    async def _call(self, api: str, method: str, arguments: Mapping[str, object]) -> object:
        return await self._client.call(api, method, arguments, deadline_s=CALL_SECONDS)

    async def _serve(self, *, wanted: bool) -> None:
        if wanted and self._server is None:
            server = RabbitServer(self._broker, door=door(self._known))
            server.serve(GUESTAGENT.name, self._guest, to=self._guest.name)
            await server.start()
            self._server = server
        elif not wanted and self._server is not None:
            server, self._server = self._server, None
            await server.stop()

    def _known(self, sender: str) -> bytes | None:
        return self._key if sender == SERVER else None

    async def _rest(self, attempt: int) -> None:
        """Wait until the next heartbeat is due; begin anew where that was asked for."""
        seconds = self._beat_ms / 1000
        if attempt:
            seconds = min(seconds, pause(attempt - 1, random.random()))  # noqa: S311 (no secret)
        waiting = [
            asyncio.create_task(self._stopping.wait()),
            asyncio.create_task(self._anew.wait()),
            asyncio.create_task(self._clock.sleep(seconds)),
        ]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
        if self._anew.is_set() and not self._stopping.is_set():
            self._anew.clear()
            await self._goodbye()
            await self._serve(wanted=False)
            self._guest.renew()
            self._say("the agent begins anew")

    async def _goodbye(self) -> None:
        try:
            await self._call(CONDUCTOR.name, "heartbeat", self._guest.beat(goodbye=True))
        except RpcError as error:
            self._say(f"nobody took the goodbye: {error.reason}")

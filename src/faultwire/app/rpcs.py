"""Remote calls, wired: the client over the broker, and who takes calls from it."""

import functools
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from faultwire.app.calldoor import CallDoor
from faultwire.app.core import Tools
from faultwire.app.life import Life
from faultwire.config.configuration import Configuration
from faultwire.domain.accounts import Credential, CredentialKind
from faultwire.domain.errors import Invalid, RpcError
from faultwire.messaging import tls
from faultwire.messaging.addresses import OPTION
from faultwire.messaging.caps import Caps
from faultwire.messaging.inprocess import InProcessExchange, InProcessServer
from faultwire.messaging.peers import Peers
from faultwire.messaging.rabbit_client import RabbitClient
from faultwire.messaging.seals import SENDER, KeyOf, door, sealer
from faultwire.messaging.table import TABLE
from faultwire.messaging.versions import placed
from faultwire.ports import Clock, Meter
from faultwire.ports.rpc import Incoming, PeerVersions

log = logging.getLogger(__name__)

SERVER = "faultwire"
"""As whom the control plane calls guests and task managers."""
SURVEY_SECONDS = 30.0
"""Between two surveys of what the live task managers speak."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys that prove calls on the bus: `own` among servers, a guest's with each guest."""

    own: bytes
    guest: KeyOf

    def of_topic(self, topic: str) -> bytes | None:
        """Return the key for calls to a topic."""
        head, dot, name = topic.partition(".")
        return self.guest(name) if dot and head == "guestagent" else self.own

    def of_sender(self, sender: str) -> bytes | None:
        """Return the key that a sender has; guests send as ``guest/ID``."""
        kind, slash, name = sender.partition("/")
        if slash and kind == "guest":
            return self.guest(name)
        return self.own if sender == SERVER else None


def guests_keys(find: Callable[[CredentialKind, str], Credential | None]) -> KeyOf:
    """Return the keys of guests: what is kept of the secret of a guest's credential."""

    def key_of(name: str) -> bytes | None:
        found = find(CredentialKind.GUEST, name)
        return bytes.fromhex(found.secret_sha256) if found is not None else None

    return key_of


def proven(incoming: Incoming, arguments: Mapping[str, object]) -> str:
    """Return the guest that a call from the broker comes from, behind the door that checked it."""
    del arguments
    kind, _, name = incoming.context.get(SENDER, "").partition("/")
    return name if kind == CredentialKind.GUEST.value else ""


class Rpcs:
    """The client, and with a child process the servers, of one process with a broker."""

    def __init__(
        self,
        configuration: Configuration,
        tools: Tools,
        guests: PeerVersions,
        keys: Keys,
        served: tuple[str, ...],
    ) -> None:
        """Take what is called and served; raises Invalid for a bad level or no broker."""
        broker = tls.configured(configuration.default, configuration.oslo_messaging_rabbit)
        if broker is None:
            raise Invalid(OPTION, "is empty, and remote calls need a broker")
        self.broker = broker
        self.keys = keys
        peers = Peers(tools.clock, guests)
        caps = Caps(configuration.upgrade_levels.by_api(), peers)
        seal = sealer(SERVER, keys.of_topic)
        self.client = RabbitClient(broker, "faultwire", caps, peers, tools.clock, seal)
        self.client.cast_failed = functools.partial(_count, tools.metrics)
        exchange = InProcessExchange()
        table = placed(TABLE, broker.queues)
        self.server = InProcessServer(exchange, table, door(keys.of_sender))
        """What is served here is what the child process hands on; empty without one."""
        self.serves = bool(served)
        self._door: CallDoor | None = None
        if served:
            line = (configuration.default, configuration.oslo_messaging_rabbit)
            apis = [table.api(name) for name in served]
            topics = [name for api in apis for name in (api.topic, api.former) if name]
            self._door = CallDoor(line, served, topics, exchange, tools.clock)
        self._clock = tools.clock

    async def start(self, life: Life) -> None:
        """Connect, and take calls; returns at once, whether the broker is there or not."""
        await self.client.start()
        life.release.push_async_callback(self.client.stop)
        life.watch(surveys(self.client, "taskmanager", self._clock), "surveys")
        await self.server.start()
        life.release.push_async_callback(self.server.stop)
        if self._door is not None:
            life.watch(self._door.run(), "calls from the broker")


def _count(meter: Meter, api: str, method: str, error: RpcError) -> None:
    del api, method
    meter.count("faultwire_rpc_casts_failed_total", verdict=error.verdict)


async def surveys(
    client: RabbitClient, api: str, clock: Clock, seconds: float = SURVEY_SECONDS
) -> None:
    """Ask the live peers of an API what they speak, now and then, until cancelled."""
    while True:
        await client.survey(api)
        await clock.sleep(seconds)

"""What stands around the product on the stage: a prober, agents' wires, an outbox."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from faultwire.domain.agents import CloseCode
from faultwire.domain.alarms import Delivery
from faultwire.domain.commands import Command
from faultwire.domain.ids import HostName
from faultwire.liveness.prober import HostMoved, Stood
from faultwire.liveness.probes import Listener, Seen
from faultwire.liveness.suspicion import State
from faultwire.ports import Intake
from faultwire.testing.probing import ProbingScene, address_of


class Scripted:
    """What the hosts' monitor needs of `liveness.probes.Probes`, over a scene."""

    def __init__(self, scene: ProbingScene) -> None:
        self._scene = scene
        self._states: dict[HostName, State] = {}
        self.listener: Listener | None = None

    def listen(self, listener: Listener) -> None:
        self.listener = listener

    def probe(
        self, hosts: Mapping[HostName, Sequence[str]], held: Mapping[HostName, State]
    ) -> None:
        for host in hosts:
            self._states.setdefault(host, held.get(host, State.UNKNOWN))

    def leave(self, hosts: Iterable[HostName]) -> None:
        for host in hosts:
            self._states.pop(host, None)

    def settle(self, host: HostName, *, agreed: bool) -> None:
        del host, agreed

    async def run(self) -> None:
        """Run nothing: the stage has the prober."""

    def doubt(self, host: HostName) -> None:
        self._scene.prober.doubt(host)

    def state(self, host: HostName) -> State:
        return self._states.get(host, State.UNKNOWN)

    def hand_on(self) -> None:
        """Tell the monitor all that the prober saw since."""
        said, self._scene.said = self._scene.said, []
        for one in said:
            if self.listener is None:
                continue
            if isinstance(one, Stood):
                self.listener.stood(one.standing, one.reasons, one.at)
            elif isinstance(one, HostMoved):
                host, moved = HostName(one.host), one.moved
                self._states[host] = moved.state
                at, signal = address_of(one.host), moved.signal
                self.listener.moved(
                    Seen(
                        host,
                        at,
                        moved.was,
                        moved.state,
                        signal,
                        moved.evidence,
                        one.at,
                        one.lag_ns,
                    )
                )


class Wire:
    """Implements `ports.AgentWire`."""

    def __init__(self) -> None:
        self.open = True

    def hang_up(self, code: CloseCode, reason: str) -> None:
        del code, reason
        self.open = False

    def poke(self) -> None:
        pass

    def acknowledge(self) -> None:
        pass


class Counting:
    """Implements `ports.Intake` by the lane, and knows what is under way."""

    def __init__(self, lane: Intake) -> None:
        self._lane = lane
        self.under_way = 0

    async def submit(self, command: Command) -> object:
        self.under_way += 1
        try:
            return await self._lane.submit(command)
        finally:
            self.under_way -= 1


class Owed:
    """Implements `ports.Outbox`: keeps when owners were owed something, by host."""

    def __init__(self, now_ms: Callable[[], int], told: dict[str, list[int]]) -> None:
        self._now_ms = now_ms
        self._told = told

    def expect(self, deliveries: Sequence[Delivery]) -> None:
        pass

    def wake(self, deliveries: Iterable[Delivery]) -> None:
        now = self._now_ms()
        for one in deliveries:
            self._told.setdefault(str(one.ordering).removeprefix("alarm-"), []).append(now)

"""A prober over a wire and a clock that the test holds: the same course every time."""

from collections.abc import Iterable

from faultwire.liveness.prober import TURN_NS, HostMoved, Prober, Stood, Target
from faultwire.liveness.settings import Settings
from faultwire.liveness.suspicion import MS, State
from faultwire.liveness.watching import Vote, alone
from faultwire.testing.clock import NS, ManualClock
from faultwire.testing.wire import FakeWire

IPV4 = 2
"""The number of the address family, as the system has it."""


class ProbingScene:
    """Hosts ``h1``, ``h2``, ... at 10.0.0.1 and on; `said` is everything that moved.

    `down` are own interfaces without a carrier.
    """

    def __init__(self, settings: Settings | None = None, vote: Vote = alone) -> None:
        """Probe nobody yet."""
        self.clock = ManualClock()
        self.wire = FakeWire(self.clock.mono_ns)
        self.down: tuple[str, ...] = ()
        self.said: list[HostMoved | Stood] = []
        self.begun = self.clock.mono_ns()
        self.prober = Prober(
            settings or Settings(),
            {IPV4: self.wire},
            self.clock.mono_ns,
            lambda: self.down,
            vote,
        )

    def add(self, *hosts: str, answers_ms: float = 1.0, held: State = State.UNKNOWN) -> None:
        """Probe hosts that answer after so long."""
        for host in hosts:
            self.answer(host, ms=answers_ms)
            self.prober.add(Target(host, address_of(host), held))

    def answer(self, *hosts: str, ms: float = 1.0) -> None:
        """Have hosts answer."""
        self.wire.answers |= {address_of(host): round(ms * MS) for host in hosts}

    def cut(self, *hosts: str) -> None:
        """Have hosts answer nothing that is sent from now on."""
        for host in hosts:
            self.wire.answers.pop(address_of(host), None)

    def run(self, ms: float) -> None:
        """Let time pass, with a turn wherever one is due."""
        until = self.clock.mono_ns() + round(ms * MS)
        while (due := max(self.prober.next_turn(), self.clock.mono_ns())) <= until:
            self.clock.advance((due - self.clock.mono_ns()) / NS)
            self.said += self.prober.turn()
        self.clock.advance((until - self.clock.mono_ns()) / NS)

    def stall(self, ms: float) -> None:
        """Let time pass in which we did nothing."""
        self.clock.advance(ms * MS / NS)

    def state(self, host: str) -> State:
        """Return what is held of a host."""
        return self.prober.states()[host]

    def states(self, hosts: Iterable[str]) -> set[State]:
        """Return what is held of hosts."""
        known = self.prober.states()
        return {known[host] for host in hosts}

    def dead(self) -> list[str]:
        """Return the hosts that were held to be dead at some time, in order."""
        return [
            one.host
            for one in self.said
            if isinstance(one, HostMoved) and one.moved.state is State.DEAD
        ]


def hosts(count: int) -> list[str]:
    """Return names of so many hosts."""
    return [f"h{number}" for number in range(1, count + 1)]


def address_of(host: str) -> str:
    """Return the address of a host of the scene."""
    number = int(host[1:])
    return f"10.0.{number // 256}.{number % 256}"


TURN_MS = TURN_NS / MS

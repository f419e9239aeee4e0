"""Histories of a small cloud, drawn from a seed: what truly happens, and what only seems to.

Times are milliseconds since the begin. A history knows which hosts are truly dead, and when; what
monitors and reporters see of it is for the stage to play.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

HOSTS = tuple(f"h{number}" for number in range(1, 10))
RACKS: Mapping[str, tuple[str, ...]] = {
    f"r{number}": HOSTS[3 * number : 3 * number + 3] for number in range(3)
}
QUIET_MS = 2500
"""After the last disturbance: whoever is truly dead must be told by its end."""
DEAD_MS = 3000
"""How long a host that dies stays dead, at least."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happens: `what` is a method of the stage."""

    at_ms: int
    what: str
    hosts: tuple[str, ...] = ()
    value: float = 0


@dataclass(slots=True)
class History:
    """Steps in order of time; `dead` has each death as (host, from, to or None)."""

    seed: int
    kinds: tuple[str, ...]
    steps: list[Step] = field(default_factory=list)
    dead: list[tuple[str, int, int | None]] = field(default_factory=list)
    confirm_ms: int = 60
    end_ms: int = 0

    def step(self, at_ms: int, what: str, *hosts: str, value: float = 0) -> None:
        """Add a step."""
        self.steps.append(Step(at_ms, what, hosts, value))


class Drawn:
    """A history in the making; each kind of disturbance is a method."""

    def __init__(self, seed: int, kinds: tuple[str, ...]) -> None:
        """Draw from this seed alone."""
        self.random = random.Random(seed)
        self.history = History(seed, kinds)
        self.now = 1500
        self.alive = list(HOSTS)

    def pick(self) -> str:
        """Take a host that nothing has happened to."""
        return self.alive.pop(self.random.randrange(len(self.alive)))

    def die(self, host: str, at: int, stay: int | None = None, *, closes: bool = False) -> None:
        """Let a host die, for good or for so long."""
        history = self.history
        history.step(at, "die_closing" if closes else "die", host)
        history.dead.append((host, at, None if stay is None else at + stay))
        if stay is not None:
            history.step(at + stay, "revive", host)

    # ------------------------------------------------------------ kinds

    def death(self) -> None:
        """One host dies, silently or with its connections closed."""
        self.die(self.pick(), self.now, closes=self.random.random() < 0.5)
        self.now += DEAD_MS

    def loss(self) -> None:
        """Probes are lost here and there, and one host dies meanwhile."""
        self.history.step(self.now, "lose", value=self.random.choice([0.01, 0.05, 0.1]))
        self.die(self.pick(), self.now + self.random.randrange(200, 800))
        self.now += DEAD_MS
        self.history.step(self.now, "lose", value=0.0)

    def isolation(self) -> None:
        """We are cut off from everything for a while: everybody lives."""
        length = self.random.randrange(400, 2500)
        self.history.step(self.now, "cut_us", *HOSTS)
        self.history.step(self.now + length, "mend_us", *HOSTS)
        self.now += length + 1000

    def half(self) -> None:
        """Half of the hosts die in one moment, and who knows it says so."""
        gone = [self.pick() for _ in range(min(5, len(self.alive) - 1))]
        for host in gone:
            self.die(host, self.now)
            self.history.step(self.now + self.random.randrange(400, 900), "post", host)
        self.now += DEAD_MS

    def failover(self) -> None:
        """A switch fails over: a rack is cut off for 150 ms, agents and all."""
        self.history.confirm_ms = 200
        rack = RACKS[self.random.choice(sorted(RACKS))]
        self.history.step(self.now, "cut_us", *rack)
        self.history.step(self.now + 150, "mend_us", *rack)
        self.now += 800

    def flaps(self) -> None:
        """A host dies and returns, again and again."""
        host = self.pick()
        for _ in range(self.random.randrange(2, 4)):
            self.die(host, self.now, DEAD_MS)
            self.now += DEAD_MS + 700

    def clock(self) -> None:
        """The wall clock jumps, and a host dies right afterwards."""
        jump = self.random.choice([-7200, -30, 30, 7200, 90_000])
        self.history.step(self.now, "jump", value=jump)
        self.die(self.pick(), self.now + self.random.randrange(1, 300))
        self.now += DEAD_MS

    def late(self) -> None:
        """The loop stands still for a while; sometimes a host dies meanwhile."""
        length = self.random.randrange(300, 1500)
        self.history.step(self.now, "stall", value=length)
        self.now += length
        if self.random.random() < 0.5:
            self.die(self.pick(), self.now + 50)
            self.now += DEAD_MS
        self.now += 1000

    def restart(self) -> None:
        """We are started again while a host dies."""
        at = self.now + self.random.randrange(0, 400)
        self.die(self.pick(), self.now, closes=self.random.random() < 0.5)
        self.history.step(at, "restart")
        self.now += DEAD_MS + 1500

    def overlap(self) -> None:
        """A host dies whose server was reported down, or whose link was."""
        host = self.pick()
        what = self.random.choice(["post_server", "post_link"])
        first, second = self.random.sample([0, 300], 2)
        self.history.step(self.now + first, what, host)
        self.die(host, self.now + second)
        self.now += DEAD_MS

    def liar(self) -> None:
        """Somebody says, and repeats, that hosts are dead which are not."""
        some = self.random.sample(self.alive, min(len(self.alive), self.random.randrange(1, 5)))
        for number in range(self.random.randrange(1, 4)):
            self.history.step(self.now + 300 * number, "post", *some)
        self.history.step(self.now + 1400, "close_faults", *some)
        self.now += 1500

    def agent(self) -> None:
        """An agent ends while its host lives."""
        host = self.pick()
        self.history.step(self.now, "end_agent", host, value=self.random.randrange(2))
        self.now += 1500


KINDS: Mapping[str, Callable[[Drawn], None]] = {
    "death": Drawn.death,
    "loss": Drawn.loss,
    "isolation": Drawn.isolation,
    "half": Drawn.half,
    "failover": Drawn.failover,
    "flaps": Drawn.flaps,
    "clock": Drawn.clock,
    "late": Drawn.late,
    "restart": Drawn.restart,
    "overlap": Drawn.overlap,
    "liar": Drawn.liar,
    "agent": Drawn.agent,
}


def drawn(seed: int) -> History:
    """Return the history of a seed: one kind in turn, and one or two others around it."""
    names = sorted(KINDS)
    chance = random.Random(seed)
    others = [name for name in names if name != "half"]
    kinds = [names[seed % len(names)], *chance.sample(others, chance.randrange(1, 3))]
    chance.shuffle(kinds)
    making = Drawn(seed, tuple(kinds))
    for name in kinds:
        KINDS[name](making)
    history = making.history
    history.steps.sort(key=lambda one: one.at_ms)
    history.end_ms = making.now + QUIET_MS
    return history

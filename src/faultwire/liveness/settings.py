"""Settings of liveness: how long we wait before a host is held to be dead."""

import ipaddress
from dataclasses import dataclass, field
from enum import StrEnum

from faultwire.domain.errors import Invalid

SHORTEST_SWEEP_MS = 500
"""A silent server is waited for that long."""


class Engine(StrEnum):
    """What probes hosts, and sweeps servers."""

    NONE = "none"
    ICMP = "icmp"
    FPING = "fping"


class Addresses(StrEnum):
    """Which addresses of a host are probed."""

    FIRST = "first"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Settings:
    """`[liveness]`; raises Invalid where two options contradict each other."""

    heartbeat_ms: int = field(
        default=1000,
        metadata={"help": "How often an agent gives a sign of life.", "min": 100, "max": 60_000},
    )
    agent_silence_ms: int = field(
        default=3000,
        metadata={
            "help": "Silence of a connected agent after which its host is down (D24).",
            "min": 200,
            "max": 600_000,
        },
    )
    agent_return_ms: int = field(
        default=200,
        metadata={
            "help": (
                "How long an agent whose connection closed without goodbye may take to be back"
                " (D24); above the agent's restart time where no other monitor watches the host."
            ),
            "min": 1,
            "max": 600_000,
        },
    )
    agent_start_grace_ms: int = field(
        default=15_000,
        metadata={
            "help": (
                "After a start of the server: how long agents that were connected when it stopped"
                " may take to be back. Agents try again at least every 5 s."
            ),
            "min": 1000,
            "max": 3_600_000,
        },
    )
    agent_message_bytes: int = field(
        default=1_048_576,
        metadata={
            "help": "Longest message of an agent; a server in its list takes about 40 bytes.",
            "min": 4096,
            "max": 16_777_216,
        },
    )
    datagrams: bool = field(
        default=True,
        metadata={
            "help": (
                "Agents may beat by UDP datagrams, to the port of the listener; they use their"
                " connections where no datagram gets through."
            )
        },
    )

    engine: Engine = field(
        default=Engine.NONE,
        metadata={
            "help": (
                "icmp: hosts with an address are probed and servers swept, see the page on"
                " detection; fping: servers are swept by that program and hosts not probed; none:"
                " servers are pinged when somebody asks, and nothing else."
            )
        },
    )
    probe_addresses: Addresses = field(
        default=Addresses.FIRST,
        metadata={
            "help": (
                "first: a host is probed at the first of its addresses; all: at each, and lives if"
                " any answers."
            )
        },
    )
    probe_ms: int = field(
        default=100,
        metadata={"help": "How often each host is probed.", "min": 20, "max": 60_000},
    )
    confirm_ms: int = field(
        default=60,
        metadata={
            "help": (
                "How long a host must be silent to every probe of a burst before it is dead; 200"
                " where networks take so long to fail over."
            ),
            "min": 20,
            "max": 60_000,
        },
    )
    recover_answers: int = field(
        default=3,
        metadata={
            "help": "Answers in a row after which a dead host is alive again.",
            "min": 1,
            "max": 1000,
        },
    )
    isolation_percent: int = field(
        default=20,
        metadata={
            "help": (
                "More hosts than this silent at once, in percent, and more than isolation_hosts:"
                " it is we who are cut off, and nobody is dead."
            ),
            "min": 1,
            "max": 100,
        },
    )
    isolation_hosts: int = field(
        default=5,
        metadata={"help": "See isolation_percent.", "min": 0, "max": 100_000},
    )
    canaries: tuple[str, ...] = field(
        default=(),
        metadata={
            "help": (
                "Addresses that always answer, as of gateways: while none of them does, it is we"
                " who are cut off."
            )
        },
    )
    interfaces: tuple[str, ...] = field(
        default=(),
        metadata={
            "help": (
                "Own interfaces: while one has no carrier, it is we who are cut off. Empty: those"
                " by which hosts are reached."
            )
        },
    )
    monitor: str = field(
        default="",
        metadata={"help": "Name of this monitor in faults about itself; empty: the machine's."},
    )
    realtime: bool = field(
        default=True,
        metadata={"help": "Probe with real-time priority where the system permits it."},
    )

    sweep_ms: int = field(
        default=1000,
        metadata={
            "help": "How often all servers are pinged; 0: only when somebody asks.",
            "min": 0,
            "max": 3_600_000,
        },
    )
    fping_path: str = field(
        default="fping",
        metadata={"help": "The program of engine = fping: a path, or a name to look for."},
    )
    raise_instance_down: bool = field(
        default=False,
        metadata={
            "help": (
                "Report compute.instance.down for a server that answered before and is silent"
                " while its host is alive; not for those that are set monitored: false."
            )
        },
    )
    instance_silent_sweeps: int = field(
        default=3,
        metadata={
            "help": "Sweeps in a row that a server must be silent to before that.",
            "min": 1,
            "max": 1000,
        },
    )

    @property
    def grants_datagrams(self) -> bool:
        """Whether a lost datagram is made up for before the silence is long enough to count."""
        return self.datagrams and self.agent_silence_ms >= 2 * self.heartbeat_ms

    def __post_init__(self) -> None:
        """Refuse a silence that an agent in good health would reach, and canaries of no kind.

        And sweeps that are shorter than silence takes to be known.
        """
        if 0 < self.sweep_ms < SHORTEST_SWEEP_MS:
            raise Invalid(
                "[liveness] sweep_ms",
                f"must be 0 or at least {SHORTEST_SWEEP_MS}, is {self.sweep_ms}",
            )
        if self.raise_instance_down and (not self.sweep_ms or self.engine is Engine.NONE):
            raise Invalid(
                "[liveness] raise_instance_down", "needs an engine, and sweep_ms above 0"
            )
        if self.agent_silence_ms <= self.heartbeat_ms:
            raise Invalid(
                "[liveness] agent_silence_ms",
                f"must be above heartbeat_ms ({self.heartbeat_ms}), is {self.agent_silence_ms}",
            )
        for canary in self.canaries:
            try:
                ipaddress.ip_address(canary)
            except ValueError:
                raise Invalid("[liveness] canaries", f"{canary!r} is no IP address") from None

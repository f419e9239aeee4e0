"""What a monitor on another machine and the server agree on: what is said, and in which version.

The protocol itself is described where it is served, in `faces.fault.monitors`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from faultwire.domain.ids import HostName

VANTAGE_VERSION = "1.0"
"""MAJOR.MINOR that this side speaks. Another minor only adds members that may be ignored."""

AT_ONCE = 1000
"""Hosts in one message of targets."""

Grounds = Mapping[str, object]
"""The figures on which a vote stands."""


@dataclass(frozen=True, slots=True)
class Ballot:
    """Votes that a monitor casts: hosts that are down, each with its grounds, alive, unknown."""

    down: Mapping[HostName, Grounds] = field(default_factory=dict)
    alive: tuple[HostName, ...] = ()
    unknown: tuple[HostName, ...] = ()


@dataclass(frozen=True, slots=True)
class MonitorStatus:
    """What is known of one monitor now.

    `presence` is that of its seat, or ``none``. `server` is the process that has its session;
    empty where none has. `seen_ns` is the wall time of the last sign of life, None before the
    first since the start of the process that was asked, or where another one has it.
    """

    name: str
    presence: str
    reasons: tuple[str, ...] = ()
    down: int = 0
    unknown: int = 0
    server: str = ""
    seen_ns: int | None = None
    second_sessions: int = 0
    lost: bool = False

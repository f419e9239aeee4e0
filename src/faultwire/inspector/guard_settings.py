"""Settings of the guards."""

from dataclasses import dataclass, field

from faultwire.domain.errors import Invalid

KINDS = ("cloud", "zone", "rack", "aggregate", "switch")
"""Kinds of failure domains, all computed from the map."""


@dataclass(frozen=True, slots=True)
class Settings:
    """`[guards]`; raises Invalid for a kind of domain that does not exist."""

    domains: tuple[str, ...] = field(
        default=KINDS,
        metadata={
            "help": (
                "Kinds of failure domains that are limited: cloud (all hosts), zone, rack,"
                " aggregate, switch."
            )
        },
    )
    window_seconds: int = field(
        default=300,
        metadata={"help": "Time over which acts are counted.", "min": 1, "max": 86_400},
    )
    limit_hosts: int = field(
        default=5,
        metadata={
            "help": (
                "Hosts of one domain acted on within window_seconds; the next one is refused if it"
                " is above limit_fraction too."
            ),
            "min": 0,
            "max": 1_000_000,
        },
    )
    limit_fraction: float = field(
        default=0.3,
        metadata={
            "help": "Part of a domain's hosts; a limit bites only above both of them.",
            "min": 0.0,
            "max": 1.0,
        },
    )
    storm_hosts: int = field(
        default=100,
        metadata={
            "help": (
                "Hosts acted on within window_seconds in the whole installation, whatever part of"
                " it they are; 0: no such limit."
            ),
            "min": 0,
            "max": 1_000_000,
        },
    )
    flap_acts: int = field(
        default=5,
        metadata={
            "help": (
                "Faults for which one host was forced down or fenced within flap_seconds; the next"
                " one is refused. 0: no such limit."
            ),
            "min": 0,
            "max": 1000,
        },
    )
    flap_seconds: int = field(
        default=3600,
        metadata={"help": "See flap_acts.", "min": 1, "max": 86_400},
    )
    vantage: bool = field(
        default=True,
        metadata={
            "help": (
                "Never act on a host that somebody else hears: its agent, a prober, or whoever"
                " answers for its servers."
            )
        },
    )
    vantage_servers: bool = field(
        default=False,
        metadata={
            "help": (
                "Servers that answer our pings speak for their host too: where their addresses are"
                " theirs alone, and are reached from here without it."
            )
        },
    )

    def __post_init__(self) -> None:
        """Refuse a kind of domain that does not exist."""
        for one in self.domains:
            if one not in KINDS:
                raise Invalid("[guards] domains", f"{one!r} is none of {', '.join(KINDS)}")

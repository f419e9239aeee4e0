"""Fencing: what is known of a host's power, and what is being done about it (D17, D23).

One record for each host that was ever fenced or found without power. It is what is owed until
it is done: a power-off that was decided survives any crash as its record.
"""

from dataclasses import dataclass
from enum import StrEnum

from faultwire.domain.accounts import Actor
from faultwire.domain.ids import FaultId, HostName


class Power(StrEnum):
    """What a management controller says of a system, or is asked to make true."""

    ON = "on"
    OFF = "off"
    UNKNOWN = "unknown"


class FencingState(StrEnum):
    """Life of a record: WANTED is owed; PROVEN alone is a proof of power-off.

    FAILED: tried until the deadline, without proof. RETURNED: the host has power again, so that
    the proof is none any more.
    """

    WANTED = "wanted"
    PROVEN = "proven"
    FAILED = "failed"
    RETURNED = "returned"


@dataclass(frozen=True, slots=True)
class PowerProof:
    """A management controller's own word on the power of its system, and when it was heard.

    `source` is its URL without user and password, `system` the resource that was read, `heard_by`
    who asked or was told: ``fencing``, ``redfish``.
    """

    power: Power
    source: str
    system: str
    heard_by: str
    at_ns: int


@dataclass(frozen=True, slots=True)
class Fencing:
    """The record of one host; a host has one at most, so that it is never fenced twice at once.

    `wanted` is the power that is asked for. `fault` is what it follows from, None for an
    operator's wish, whose name is `asked_by`. `holder` is the process that is at it, `attempt`
    how often it was begun. `error` is what stood in the way last.
    """

    id: str
    host: HostName
    wanted: Power
    state: FencingState
    why: str
    asked_ns: int
    fault: FaultId | None = None
    asked_by: str = ""
    holder: str = ""
    attempt: int = 0
    error: str = ""
    settled_ns: int | None = None
    proof: PowerProof | None = None

    @property
    def proven(self) -> bool:
        """Whether the host is known to have no power."""
        return (
            self.state is FencingState.PROVEN
            and self.proof is not None
            and self.proof.power is Power.OFF
        )


@dataclass(frozen=True, slots=True)
class FencingTerms:
    """What is to be done about hosts that are down, by `[fencing]`.

    `driver`: there is one. `automatic`: a dead host is switched off at once. `require_proof`: no
    evacuation without proof of power-off (D23).
    """

    driver: bool = False
    automatic: bool = True
    require_proof: bool = True


VOUCHED = FencingTerms()
"""No driver: the caller vouches (D23)."""


@dataclass(frozen=True, slots=True)
class FencingsSaved:
    """Records that are new or changed, whole; one replaces another of the same host."""

    fencings: tuple[Fencing, ...]


@dataclass(frozen=True, slots=True)
class FencingsRemoved:
    """Hosts that have no record any more."""

    hosts: tuple[HostName, ...]


FencingChange = FencingsSaved | FencingsRemoved


@dataclass(frozen=True, slots=True)
class FenceHost:
    """An operator wants a host without power, or (`wanted` ON) with it again; answers `Fencing`.

    Asking again while it is under way changes nothing. Raises NotFound, and Conflict where no
    driver can do it, where a guard refuses it (naming it) and where the opposite is under way.
    `record_only` forgets what is known of the host's power and switches nothing.
    """

    host: HostName
    wanted: Power
    actor: Actor
    record_only: bool = False


@dataclass(frozen=True, slots=True)
class TakeFencing:
    """A process begins with what a record wants; answers the record as taken, None where not.

    It is not taken where it is settled meanwhile, where another process of `living` has it, and
    where a guard refuses it now.
    """

    host: HostName
    id: str
    member: str
    living: frozenset[str]


@dataclass(frozen=True, slots=True)
class SettleFencing:
    """What came of trying: a proof, or an error, with which it is over or (`again`) not yet.

    Answers whether it was still wanted by that id.
    """

    host: HostName
    id: str
    proof: PowerProof | None = None
    error: str = ""
    again: bool = False


@dataclass(frozen=True, slots=True)
class PowerSeen:
    """A monitor heard of a host's power without having asked for it to change; answers None."""

    host: HostName
    proof: PowerProof


FencingCommand = FenceHost | TakeFencing | SettleFencing | PowerSeen

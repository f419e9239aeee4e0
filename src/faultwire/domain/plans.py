"""Plans: what the inspector wants to be true, before any controller made it so."""

from dataclasses import dataclass

from faultwire.domain.faults import Fault
from faultwire.domain.ids import FaultId, HostName
from faultwire.domain.resources import Guest, Port, Server
from faultwire.domain.states import VmState


@dataclass(frozen=True, slots=True)
class ServerStep:
    """One affected server; `wanted` None leaves its state and only tells its owner.

    `shown` is what the event says where that is not the server's true state (D6, the shortcut).
    """

    server: Server
    wanted: VmState | None
    shown: VmState | None = None


@dataclass(frozen=True, slots=True)
class RaisePlan:
    """A fault was opened: put `host` down (when `force_down`) and move `servers`, in order.

    `planned`: a maintenance or silence is on, and owners may choose not to hear of it.
    """

    fault: Fault
    rule: str
    host: HostName | None
    force_down: bool
    servers: tuple[ServerStep, ...]
    planned: bool = False


@dataclass(frozen=True, slots=True)
class ClearPlan:
    """A fault was closed: let go of everything it holds, and give back what nobody else holds.

    `unforce` false keeps the host down although its fault is over (unforce_on_recovery).
    `running` is what the host's agent reports; None where the clear itself vouches (D20).
    """

    fault: Fault
    host: HostName | None
    unforce: bool
    running: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class ReturnPlan:
    """An agent is back and reports servers running whose faults are closed: give them back (D20).

    `running` None: the agent reports no servers at all, so that the clears vouch for them.
    """

    host: HostName
    running: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class PortStep:
    """One port whose data plane faults take or give back; `holders` hold it from now on.

    Empty: none does any more.
    """

    port: Port
    holders: tuple[FaultId, ...]


@dataclass(frozen=True, slots=True)
class PortsPlan:
    """Open faults of links, switches and ports hold other ports from now on than before.

    `fault` was opened (`raised`) or is being closed; None where ports or links changed their
    place. `degraded` names what is left with fewer ways than it has, and holds nothing down.
    `mark` false leaves every port as it is: owners alone are told what would be so.
    """

    fault: Fault | None
    rule: str
    raised: bool
    steps: tuple[PortStep, ...]
    degraded: tuple[str, ...] = ()
    mark: bool = True


@dataclass(frozen=True, slots=True)
class GuestPlan:
    """A fault of a guest was opened (`raised`), and holds it down, or is being closed.

    `guest` is None where the map lost it meanwhile.
    """

    fault: Fault
    rule: str
    raised: bool
    guest: Guest | None


Plan = RaisePlan | ClearPlan | ReturnPlan | PortsPlan | GuestPlan

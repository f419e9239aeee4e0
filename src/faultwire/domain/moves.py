"""What may be asked of a server in which state, and where it leads: Nova's own tables."""

from dataclasses import dataclass

from faultwire.domain.computing import ServerAction
from faultwire.domain.errors import Conflict
from faultwire.domain.resources import Server
from faultwire.domain.states import PowerState, VmState

ANY = frozenset(VmState) - {VmState.DELETED, VmState.SOFT_DELETED}


@dataclass(frozen=True, slots=True)
class Move:
    """One row: states it may start from and where it leads; `power` None leaves it as it is.

    `idle`: no other task may be under way. `lockable`: a lock forbids it. `needs_host`: the
    server's host must be up.
    """

    name: str
    allowed: frozenset[VmState]
    vm_state: VmState
    power: PowerState | None
    idle: bool = True
    lockable: bool = True
    needs_host: bool = True


MOVES: dict[ServerAction, Move] = {
    ServerAction.START: Move(
        "start", frozenset({VmState.STOPPED}), VmState.ACTIVE, PowerState.RUNNING
    ),
    ServerAction.STOP: Move(
        "stop",
        frozenset({VmState.ACTIVE, VmState.ERROR}),
        VmState.STOPPED,
        PowerState.SHUTDOWN,
    ),
    ServerAction.REBOOT: Move(
        "reboot", frozenset({VmState.ACTIVE}), VmState.ACTIVE, PowerState.RUNNING
    ),
    ServerAction.HARD_REBOOT: Move(
        "reboot",
        frozenset(
            {
                VmState.ACTIVE,
                VmState.STOPPED,
                VmState.PAUSED,
                VmState.SUSPENDED,
                VmState.ERROR,
            }
        ),
        VmState.ACTIVE,
        PowerState.RUNNING,
    ),
    ServerAction.RESET_ACTIVE: Move(
        "reset state", ANY, VmState.ACTIVE, None, idle=False, lockable=False, needs_host=False
    ),
    ServerAction.RESET_ERROR: Move(
        "reset state", ANY, VmState.ERROR, None, idle=False, lockable=False, needs_host=False
    ),
}
"""Every action with its row; evacuation is `EVACUATE`."""

EVACUATE = Move(
    "evacuate",
    frozenset({VmState.ACTIVE, VmState.STOPPED, VmState.ERROR}),
    VmState.ACTIVE,
    PowerState.RUNNING,
    needs_host=False,
)
"""States in which a server can be evacuated, and what becomes of one that ran (S121)."""


def refuse_move(server: Server, move: Move) -> None:
    """Raise Conflict where a server's state forbids a move."""
    for what, state, wrong in (
        ("vm_state", server.vm_state.value, server.vm_state not in move.allowed),
        ("task_state", server.task_state, move.idle and server.task_state is not None),
    ):
        if wrong:
            raise Conflict(
                f"Cannot '{move.name}' instance {server.id} while it is in {what} {state}"
            )

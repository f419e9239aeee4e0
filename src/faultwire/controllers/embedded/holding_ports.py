"""How faults and reports move a port's data-plane status: the arithmetic, without a map (D7)."""

from collections.abc import Sequence
from dataclasses import dataclass

from faultwire.domain.causes import Cause, ResourceKind
from faultwire.domain.ids import FaultId
from faultwire.domain.making import maker
from faultwire.domain.networks import DOWN, DataPlane, Reported
from faultwire.domain.resources import Port

_port = maker(Port)


@dataclass(frozen=True, slots=True)
class HeldPort:
    """What comes of a port: its value afterwards, causes to write, causes to drop."""

    port: Port
    saved: tuple[Cause, ...] = ()
    dropped: tuple[Cause, ...] = ()


def held(
    port: Port,
    holders: Sequence[FaultId],
    causes: Sequence[Cause],
    why: tuple[str, str],
    now_ns: int,
) -> HeldPort:
    """Let exactly these faults hold a port, which `causes` held until now.

    The first one that takes hold keeps what was reported before, for the last one that lets go.
    What somebody reported meanwhile stays, until another fault takes hold. `why` is reason and
    source of the status that faults set.
    """
    known = {cause.fault_id: cause for cause in causes}
    dropped = tuple(cause for cause in causes if cause.fault_id not in holders)
    new = [name for name in holders if name not in known]
    after = port
    if new and port.data_plane.before is None:
        after = _taken(port, why, now_ns)
    elif not holders and port.data_plane.before is not None:
        after = _given_back(port)
    before = after.data_plane.before
    prior = (before.status or "") if before is not None else ""
    saved = tuple(
        Cause(ResourceKind.PORT, port.id, name, DOWN, prior, revision=after.revision)
        for name in new
    )
    return HeldPort(after, saved, dropped)


def _taken(port: Port, why: tuple[str, str], now_ns: int) -> Port:
    told = port.data_plane
    before = Reported(port.data_plane_status, told.reason, told.source, told.since_ns)
    reason, source = why
    return _with(port, DOWN, DataPlane(reason, source, now_ns, before))


def _given_back(port: Port) -> Port:
    before = port.data_plane.before or Reported()
    return _with(port, before.status, DataPlane(before.reason, before.source, before.since_ns))


def reported(port: Port, said: Reported) -> Port:
    """Return a port of which somebody reported something; the same one where that is no news.

    It is none where the status is as it was, for the same reason or for none that is named.
    Repeating what faults set is news: the status then stays when they let go. Since when it is
    so does not change with who says it, or why.
    """
    told, same = port.data_plane, port.data_plane_status == said.status
    if same and told.before is None and said.reason in {"", told.reason}:
        return port
    since_ns = told.since_ns if same and told.since_ns else said.since_ns
    return _with(port, said.status, DataPlane(said.reason, said.source, since_ns))


def _with(port: Port, status: str | None, told: DataPlane) -> Port:
    """Return a port of another data-plane status, one revision later."""
    return _port(
        port.id,
        port.project,
        port.name,
        port.server,
        port.host,
        port.network,
        port.physical_network,
        port.status,
        port.addresses,
        status,
        port.revision + 1,
        told,
        port.details,
    )

"""When servers of a document were made, or changed: at the moment of their import."""

from collections.abc import Iterable

from faultwire.domain.changes import Change, ServersSaved
from faultwire.domain.decided import Steps
from faultwire.domain.instants import Instant
from faultwire.domain.making import maker
from faultwire.domain.resources import Particulars, Server
from faultwire.ports import View

SLICE = 256
"""Servers stamped between two breathing points."""

_server = maker(Server)


def stamped(made: Iterable[Change], view: View, now: Instant) -> Steps[tuple[Change, ...]]:
    """Return the changes with the times of their servers set."""
    kept: list[Change] = []
    for change in made:
        if isinstance(change, ServersSaved):
            kept.append(ServersSaved((yield from _stamped(change.servers, view, now))))
        else:
            kept.append(change)
    return tuple(kept)


def _stamped(servers: tuple[Server, ...], view: View, now: Instant) -> Steps[tuple[Server, ...]]:
    new, at_ns = Particulars(created_ns=now.wall_ns), now.wall_ns
    done: list[Server] = []
    for number, one in enumerate(servers, 1):
        fresh = view.server(one.id) is None
        done.append(_at(one, 0, one.about or new) if fresh else _at(one, at_ns, one.about))
        if number % SLICE == 0:
            yield None
    return tuple(done)


def _at(server: Server, updated_ns: int, about: Particulars | None) -> Server:
    # Not by `replace`: of a document there may be a hundred thousand.
    return _server(
        server.id,
        server.name,
        server.project,
        server.host,
        server.vm_state,
        server.power_state,
        server.task_state,
        server.monitored,
        server.metadata,
        server.addresses,
        server.revision,
        updated_ns,
        about,
    )

"""Deciders on what clients ask of servers; each change tells the owner once, a repeat nobody."""

from collections.abc import Mapping
from dataclasses import replace

from faultwire.controllers.embedded import placing
from faultwire.controllers.embedded.asked import (
    Teller,
    known,
    line,
    refuse_locked,
)
from faultwire.domain.changes import (
    Audited,
    Change,
    PortsSaved,
    ServersMoved,
    ServersRemoved,
    ServersSaved,
)
from faultwire.domain.computing import (
    ActOnServer,
    CreateServers,
    EditServer,
    RemoveServer,
    SetMetadata,
)
from faultwire.domain.decided import Decided, Deciding
from faultwire.domain.errors import Conflict, NotFound, OverQuota
from faultwire.domain.guest_changes import GuestsSaved
from faultwire.domain.instants import Instant
from faultwire.domain.moves import MOVES, refuse_move
from faultwire.domain.resources import Particulars, Server
from faultwire.domain.states import PowerState, VmState
from faultwire.ports import View


class CreateDecider:
    """Puts servers where they are wanted, or where there is room."""

    def __init__(self, teller: Teller) -> None:
        """Take who makes the events."""
        self._teller = teller

    def decide(self, command: CreateServers, view: View, now: Instant) -> Deciding:
        """Answer the servers as they stand."""
        number = len(command.servers)
        project = command.servers[0].project
        used = len(view.servers_of(project)) if command.limit is not None else 0
        if command.limit is not None and used + number > command.limit:
            raise OverQuota(
                f"Quota exceeded for instances: Requested {number}, but already used "
                f"{used} of {command.limit} instances"
            )
        hosts = yield from placing.places(command.placement, number, view)
        about = replace(command.servers[0].about or Particulars(), created_ns=now.wall_ns)
        made = tuple(
            replace(server, host=host, about=about)
            for server, host in zip(command.servers, hosts, strict=True)
        )
        nothing = tuple(
            replace(server, vm_state=VmState.BUILDING, power_state=PowerState.NOSTATE)
            for server in made
        )
        events = tuple(
            self._teller.told(before, after, view, now)
            for before, after in zip(nothing, made, strict=True)
        )
        lines = [line("server.create", one, command.actor, now, one.host) for one in made]
        return Decided(made, (ServersSaved(made), Audited(tuple(lines))), events)


class RemoveDecider:
    """Deletes a server."""

    def __init__(self, teller: Teller) -> None:
        """Take who makes the events."""
        self._teller = teller

    def decide(self, command: RemoveServer, view: View, now: Instant) -> Deciding:
        """Answer None; raises NotFound, Conflict for one that is locked."""
        server = known(command.server, view)
        refuse_locked(server, override=command.override)
        yield None
        changes: list[Change] = []
        ports = tuple(replace(p, server=None, host=None) for p in view.ports_of(server.id))
        if ports:
            changes.append(PortsSaved(ports))
        guests = tuple(replace(g, server=None) for g in view.guests() if g.server == server.id)
        if guests:
            changes.append(GuestsSaved(guests))
        changes.append(ServersRemoved((server.id,)))
        changes.append(Audited((line("server.delete", server, command.actor, now),)))
        return Decided(changes=tuple(changes), events=(self._teller.gone(server, view, now),))


class EditDecider:
    """Changes a server's name, description and lock."""

    def __init__(self, teller: Teller) -> None:
        """Take who makes the events."""
        self._teller = teller

    def decide(self, command: EditServer, view: View, now: Instant) -> Deciding:
        """Answer the server; raises NotFound, Conflict for one that is locked."""
        server = known(command.server, view)
        if command.monitored is not None:
            return _watched(server, command, now)
        if command.locked is None:
            refuse_locked(server, override=command.override)
        yield None
        about = server.about or Particulars()
        if command.description is not None:
            about = replace(about, description=command.description or None)
        if command.locked is not None:
            reason = command.locked_reason if command.locked else None
            about = replace(about, locked=command.locked, locked_reason=reason)
        after = replace(server, name=command.name or server.name)
        if about != (server.about or Particulars()):
            after = replace(after, about=about)
        record = line("server.edit", server, command.actor, now)
        return self._teller.changed(server, after, record, view, now)


def _watched(server: Server, command: EditServer, now: Instant) -> Decided:
    if server.monitored is command.monitored:
        return Decided(server)
    after = replace(server, monitored=command.monitored)
    detail = "monitored" if command.monitored else "not monitored"
    record = line("server.monitor", server, command.actor, now, detail)
    return Decided(after, (ServersSaved((after,)), Audited((record,))))


class MetadataDecider:
    """Changes a server's metadata."""

    def __init__(self, teller: Teller) -> None:
        """Take who makes the events."""
        self._teller = teller

    def decide(self, command: SetMetadata, view: View, now: Instant) -> Deciding:
        """Answer the server; raises NotFound, OverQuota, Conflict for one that is locked."""
        server = known(command.server, view)
        refuse_locked(server, override=command.override)
        yield None
        kept: Mapping[str, str] = {} if command.whole else server.metadata
        items = {**kept, **command.items}
        if command.removed is not None and items.pop(command.removed, None) is None:
            raise NotFound("Metadata item was not found")
        if len(items) > command.limit:
            raise OverQuota(f"Maximum number of metadata items exceeds {command.limit}")
        after = server if items == dict(server.metadata) else replace(server, metadata=items)
        record = line("server.metadata", server, command.actor, now)
        return self._teller.changed(server, after, record, view, now)


class ActDecider:
    """Starts, stops, reboots a server, or says what state it is in (tables: `domain.moves`)."""

    def __init__(self, teller: Teller) -> None:
        """Take who makes the events."""
        self._teller = teller

    def decide(self, command: ActOnServer, view: View, now: Instant) -> Deciding:
        """Answer the server; raises NotFound, Conflict where its state forbids it."""
        server = known(command.server, view)
        move = MOVES[command.action]
        refuse_locked(server, override=command.override or not move.lockable)
        refuse_move(server, move)
        host = view.host(server.host)
        if move.needs_host and (host is None or not host.up):
            raise Conflict(
                f"Cannot '{move.name}' instance {server.id} while the compute service of its "
                "host is down"
            )
        yield None
        power = move.power or server.power_state
        same = (server.vm_state, server.power_state, server.task_state) == (
            move.vm_state,
            power,
            None,
        )
        if same:
            return Decided(server)
        after = server.in_state(move.vm_state, power, now.wall_ns)
        did = f"server.{move.name.replace(' ', '_')}"
        became = f"{server.vm_state.value} to {after.vm_state.value}"
        record = line(did, server, command.actor, now, became)
        return Decided(
            after,
            (ServersMoved(after.host, (after,)), Audited((record,))),
            (self._teller.told(server, after, view, now),),
        )

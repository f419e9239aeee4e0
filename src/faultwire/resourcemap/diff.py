"""Decides what an inventory document changes (interfaces.md, inventory document)."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import Any

from faultwire.domain import changes, guest_changes
from faultwire.domain.accounts import Actor, AuditRecord
from faultwire.domain.causes import ResourceKind
from faultwire.domain.commands import ImportInventory, ImportPart, ImportSummary, RetryUnmatched
from faultwire.domain.decided import Decided, Deciding, Steps
from faultwire.domain.errors import Conflict
from faultwire.domain.ids import GuestId, HostName, PortId, ProjectId, ServerId
from faultwire.domain.instants import Instant
from faultwire.domain.resources import Host, InventoryDocument, Project, Server
from faultwire.ports import View
from faultwire.resourcemap.references import (
    KEPT_PROJECTS,
    Known,
    named,
    refuse_taken_names,
    resolved,
)
from faultwire.resourcemap.stamping import stamped

SLICE = 256
"""Resources compared between two breathing points."""

KEPT_SHARE = 10
"""Percent of a kind that may go without `force`."""


@dataclass(slots=True)
class _Tally:
    """One kind of resource: what is new, what differs, what goes."""

    kind: str
    before: int
    saved: list[Any] = field(default_factory=list)
    removed: list[Any] = field(default_factory=list)
    added: int = 0

    def put(self, old: object | None, new: object) -> None:
        if old is None:
            self.added += 1
        if new != old:
            self.saved.append(new)

    def too_much(self) -> bool:
        return len(self.removed) * 100 > self.before * KEPT_SHARE

    def count(self) -> tuple[str, int, int, int]:
        return self.kind, self.added, len(self.saved) - self.added, len(self.removed)


@dataclass(frozen=True, slots=True)
class Compared:
    """A document whose references hold, projects by id, and what it would change now."""

    document: InventoryDocument
    saved: tuple[changes.Change, ...]
    removed: tuple[changes.Change, ...]
    summary: ImportSummary

    @property
    def appeared(self) -> bool:
        """Whether faults that wait for a resource may find it now."""
        return has_appeared(self.summary)


def has_appeared(summary: ImportSummary) -> bool:
    """Whether faults that wait for a resource may find it after an import."""
    counts = {kind: (added, removed) for kind, added, _, removed in summary.counts}
    # A host that goes may leave its short name to one other alone (D21).
    more = any(counts[kind][0] for kind in ("servers", "ports", "guests"))
    return any(counts["hosts"]) or more


class ImportDecider:
    """Compares a document with the map; all or nothing. An import tells nobody."""

    def __init__(self, projects: Callable[[], Iterable[Project]]) -> None:
        """Take the identity face's projects, only read."""
        self._projects = projects

    def decide(self, command: ImportInventory, view: View, now: Instant) -> Deciding:
        """Answer an `ImportSummary`; Invalid names the path, Conflict what would go."""
        found = yield from self.compare(command, view)
        made = (*found.saved, *found.removed)
        if command.dry_run or not made:
            return Decided(answer=found.summary)
        made = yield from stamped(made, view, now)
        return Decided(
            answer=found.summary,
            changes=(*made, audited(found.summary, command.actor, now)),
            then=(RetryUnmatched(),) if found.appeared else (),
        )

    def compare(self, command: ImportInventory, view: View) -> Steps[Compared]:
        """Return what a document would change; Invalid names the path, Conflict what would go."""
        present = tuple(self._projects())
        known = yield from Known.of(command.document, view, present, replace=command.replace)
        document = yield from resolved(command.document, known)
        held: list[changes.Change] = []
        tallies = yield from _tallies(document, view, present, held, replace=command.replace)
        if command.replace and not command.force:
            _refuse_too_much(tallies.values())
        return Compared(
            document,
            (*_saved(tallies), *held),
            tuple(_removed(tallies)),
            ImportSummary(tuple(t.count() for t in tallies.values()), command.dry_run),
        )


class PartDecider:
    """Takes a part of a document that was compared whole; the map may have moved meanwhile."""

    def __init__(self, projects: Callable[[], Iterable[Project]]) -> None:
        """Take the identity face's projects, only read."""
        self._projects = projects

    def decide(self, command: ImportPart, view: View, now: Instant) -> Deciding:
        """Answer None."""
        document, held = command.document, list[changes.Change]()
        present = tuple(self._projects()) if document.projects else ()
        refuse_taken_names(document.projects, present)
        tallies = yield from _tallies(document, view, present, held, replace=False)
        saved = yield from stamped(_saved(tallies), view, now)
        made = [*saved, *held, *command.removed]
        if command.summary is None:
            return Decided(changes=tuple(made))
        if any(any(counts) for _, *counts in command.summary.counts):
            made.append(audited(command.summary, command.actor, now))
        appeared = has_appeared(command.summary)
        return Decided(changes=tuple(made), then=(RetryUnmatched(),) if appeared else ())


def audited(summary: ImportSummary, actor: Actor, now: Instant) -> changes.Audited:
    """Return the line that an import leaves in the audit record."""
    text = " ".join(f"{kind}:+{a}~{c}-{r}" for kind, a, c, r in summary.counts)
    line = AuditRecord(now.wall_ns, actor, "inventory.import", "inventory", text)
    return changes.Audited((line,))


def _tallies(
    document: InventoryDocument,
    view: View,
    present: tuple[Project, ...],
    held: list[changes.Change],
    *,
    replace: bool,
) -> Steps[dict[str, _Tally]]:
    """Compare kind by kind; what becomes of causes goes to `held`."""
    tallies = {"projects": _projects(document, present, replace=replace)}
    tallies["hosts"] = yield from _hosts(document, view, replace=replace)
    for kind, identify in (("switches", "name"), ("ports", "id"), ("guests", "id")):
        tallies[kind] = yield from _plain(kind, identify, document, view, replace=replace)
    tallies["servers"] = yield from _servers(document, view, held, replace=replace)
    return tallies


def _refuse_too_much(tallies: Iterable[_Tally]) -> None:
    for tally in tallies:
        if tally.too_much():
            message = (
                f"{len(tally.removed)} of {tally.before} {tally.kind} would be removed, more "
                f"than {KEPT_SHARE} %: repeat with force to do so"
            )
            raise Conflict(message)


_SAVED: Mapping[str, tuple[type[Any], type[Any]]] = {
    "projects": (changes.ProjectsSaved, changes.ProjectsRemoved),
    "hosts": (changes.HostsSaved, changes.HostsRemoved),
    "switches": (changes.SwitchesSaved, changes.SwitchesRemoved),
    "servers": (changes.ServersSaved, changes.ServersRemoved),
    "ports": (changes.PortsSaved, changes.PortsRemoved),
    "guests": (guest_changes.GuestsSaved, guest_changes.GuestsRemoved),
}


def _saved(tallies: Mapping[str, _Tally]) -> Iterator[changes.Change]:
    """Return what is saved in order of dependence."""
    for kind, (saved, _) in _SAVED.items():
        if tallies[kind].saved:
            yield saved(tuple(tallies[kind].saved))


def _removed(tallies: Mapping[str, _Tally]) -> Iterator[changes.Change]:
    """Return what is removed in the reverse order."""
    for kind, (_, removed) in reversed(tuple(_SAVED.items())):
        if tallies[kind].removed:
            yield removed(tuple(tallies[kind].removed))


def _gone(
    values: Sequence[Any], present: Sequence[Any], identify: str, typed: Callable[[str], Any]
) -> Steps[list[Any]]:
    """Return the names of what is present and not among the values."""
    names, name = (yield from named(values, identify)), attrgetter(identify)
    gone: list[Any] = []
    for start in range(0, len(present), SLICE):
        these = map(name, present[start : start + SLICE])
        gone += [typed(one) for one in these if one not in names]
        yield None
    return gone


def _projects(
    document: InventoryDocument, present: tuple[Project, ...], *, replace: bool
) -> _Tally:
    held = {project.id: project for project in present}
    tally = _Tally("projects", len(held))
    named = {project.id for project in document.projects}
    for project in document.projects:
        tally.put(held.get(project.id), project)
    if replace:
        tally.removed = [
            ProjectId(p.id) for p in present if p.id not in named and p.name not in KEPT_PROJECTS
        ]
    return tally


def _hosts(document: InventoryDocument, view: View, *, replace: bool) -> Steps[_Tally]:
    tally = _Tally("hosts", view.counts()["hosts"])
    for number, host in enumerate(document.hosts, 1):
        old = view.host(host.name)
        tally.put(old, _merged(old, host))
        if number % SLICE == 0:
            yield None
    if replace:
        there = tuple(view.hosts())
        tally.removed = yield from _gone(document.hosts, there, "name", HostName)
    return tally


def _merged(old: Host | None, new: Host) -> Host:
    """Keep what no document says: the service's state, and a BMC password that is left out."""
    if old is None:
        return new
    bmc = new.bmc
    if bmc is not None and not bmc.password and old.bmc is not None:
        bmc = replace(bmc, password=old.bmc.password)
    return replace(
        new,
        bmc=bmc,
        forced_down=old.forced_down,
        disabled=old.disabled,
        disabled_reason=old.disabled_reason,
        monitored=old.monitored,
        agent=old.agent,
        revision=old.revision,
        maintenance=old.maintenance,
    )


_TYPED: Mapping[str, Callable[[str], object]] = {
    "switches": str,
    "ports": PortId,
    "guests": GuestId,
}

_UNSAID: Mapping[str, tuple[str, ...]] = {
    "switches": (),
    "ports": ("data_plane_status", "revision", "data_plane", "details"),
    "guests": ("state", "agent", "version", "service_status"),
    "servers": ("vm_state", "power_state", "task_state", "revision", "updated_ns", "about"),
}
"""What no document says of a resource: it stays as it is."""


_FOUND: Mapping[str, Callable[[View, Sequence[Any]], Callable[[Any], object | None]]] = {
    "switches": lambda _, there: {switch.name: switch for switch in there}.get,
    "ports": lambda view, _: view.port,
    "guests": lambda view, _: view.guest,
}
"""How one of a kind is found by its name."""


def _unsaid_kept(kind: str, old: Any, new: Any) -> Any:
    return replace(new, **{name: getattr(old, name) for name in _UNSAID[kind]})


def _plain(
    kind: str, identify: str, document: InventoryDocument, view: View, *, replace: bool
) -> Steps[_Tally]:
    tally = _Tally(kind, view.counts()[kind])
    values = getattr(document, kind)
    there = tuple(getattr(view, kind)()) if replace or kind == "switches" else ()
    find = _FOUND[kind](view, there)
    for number, one in enumerate(values, 1):
        old = find(getattr(one, identify))
        tally.put(old, one if old is None else _unsaid_kept(kind, old, one))
        if number % SLICE == 0:
            yield None
    if replace:
        tally.removed = yield from _gone(values, there, identify, _TYPED[kind])
    return tally


def _servers(
    document: InventoryDocument, view: View, held: list[changes.Change], *, replace: bool
) -> Steps[_Tally]:
    tally = _Tally("servers", view.counts()["servers"])
    for number, server in enumerate(document.servers, 1):
        old = view.server(server.id)
        if old is None:
            tally.put(None, server)
        else:
            said = server.id in document.statuses
            tally.put(old, _kept_state(old, server, view, held, said=said))
        if number % SLICE == 0:
            yield None
    if replace:
        tally.removed = yield from _gone(document.servers, tuple(view.servers()), "id", ServerId)
    return tally


def _kept_state(
    old: Server, new: Server, view: View, held: list[changes.Change], *, said: bool
) -> Server:
    """Return the server with the state it has, unless the document says another.

    The status it is in already is no news. Another one, for a server that an open fault holds,
    becomes what it returns to. It ends the waiting for an agent's word; and a server that moved
    to another host is no longer held by what happened on the old one.
    """
    causes = view.causes_of(ResourceKind.SERVER, old.id)
    ours = bool(causes) and all(cause.revision == old.revision for cause in causes)
    stay = replace(new, **{name: getattr(old, name) for name in _UNSAID["servers"]})
    if stay.monitored is None and old.monitored is not None:
        stay = replace(stay, monitored=old.monitored)
    news = said and new.vm_state is not old.vm_state
    if causes and new.host != old.host:
        held.append(changes.CausesRemoved(causes))
        if news:
            return _as_said(stay, new)
        return stay.in_state(*causes[0].prior_states()) if ours else stay
    if not news:
        return stay
    if not ours:
        return _as_said(stay, new)
    if all(cause.awaiting_report for cause in causes):
        held.append(changes.CausesRemoved(causes))
        return _as_said(stay, new)
    if not any(cause.wanted for cause in causes):
        stay = _as_said(stay, new)
    prior, power = new.vm_state.value, new.power_state.value
    renewed = tuple(
        replace(cause, prior=prior, prior_power=power, revision=stay.revision) for cause in causes
    )
    if renewed != causes:
        held.append(changes.CausesSaved(renewed))
    return stay


def _as_said(server: Server, document: Server) -> Server:
    return server.in_state(document.vm_state, document.power_state)

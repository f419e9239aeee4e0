"""References inside an inventory document: each must lead somewhere, or the path is named."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any

from faultwire.domain.decided import Steps
from faultwire.domain.errors import Invalid
from faultwire.domain.ids import HostName, ProjectId, ServerId
from faultwire.domain.resources import InventoryDocument, Project
from faultwire.ports import View

SLICE = 256

KEPT_PROJECTS = frozenset({"admin", "demo"})
"""Names of the projects that no document removes."""


@dataclass(frozen=True, slots=True)
class Known:
    """What a document may refer to: its own things, and those that `there` has beside them.

    `projects` are known by id and by name.
    """

    projects: Mapping[str, ProjectId]
    hosts: set[str]
    servers: set[str]
    there: View | None = None

    @classmethod
    def of(
        cls,
        document: InventoryDocument,
        view: View,
        present: Iterable[Project],
        *,
        replace: bool,
    ) -> Steps["Known"]:
        """Collect the names. Raises Invalid.

        With `replace` a project that is there counts only if it stays.
        """
        held = tuple(present)
        refuse_taken_names(document.projects, held)
        yield None
        stay = [p for p in held if not replace or p.name in KEPT_PROJECTS]
        projects = {p.name: p.id for p in (*stay, *document.projects)}
        projects.update((p.id, p.id) for p in (*stay, *document.projects))
        yield None
        hosts = yield from named(document.hosts, "name")
        servers = yield from named(document.servers, "id")
        return cls(projects, hosts, servers, None if replace else view)

    def has_host(self, name: HostName) -> bool:
        """Whether a host is in the document or there."""
        return name in self.hosts or bool(self.there and self.there.host(name))

    def has_server(self, name: ServerId) -> bool:
        """Whether a server is in the document or there."""
        return name in self.servers or bool(self.there and self.there.server(name))


def named(values: Sequence[Any], identify: str) -> Steps[set[str]]:
    """Return the names of values."""
    name = attrgetter(identify)
    names: set[str] = set()
    for start in range(0, len(values), SLICE):
        names.update(map(name, values[start : start + SLICE]))
        yield None
    return names


def refuse_taken_names(projects: Sequence[Project], present: Sequence[Project]) -> None:
    """Raise Invalid for a name that two projects would bear, or a kept project would lose."""
    names = {project.name: project.id for project in present}
    kept = {project.id: project.name for project in present if project.name in KEPT_PROJECTS}
    for number, project in enumerate(projects):
        if kept.get(project.id, project.name) != project.name:
            raise Invalid(f"projects[{number}].name", f"project {kept[project.id]} keeps its name")
        holder = names.setdefault(project.name, project.id)
        if holder != project.id:
            reason = f"the name {project.name} belongs to project {holder}"
            raise Invalid(f"projects[{number}].name", reason)


def resolved(document: InventoryDocument, known: Known) -> Steps[InventoryDocument]:
    """Return the document with projects by id; raises Invalid with the path of a dead end."""
    servers = []
    for number, server in enumerate(document.servers):
        path = f"servers[{number}]"
        project = _project(known, server.project, path)
        if server.host and not known.has_host(server.host):
            raise Invalid(f"{path}.host", f"no host {server.host}")
        servers.append(server if project == server.project else server.of_project(project))
        if number % SLICE == 0:
            yield None
    ports = []
    for number, port in enumerate(document.ports):
        path = f"ports[{number}]"
        project = _project(known, port.project, path)
        _lead(known, port.server, f"{path}.server")
        if port.host and not known.has_host(port.host):
            raise Invalid(f"{path}.host", f"no host {port.host}")
        ports.append(port if project == port.project else replace(port, project=project))
        if number % SLICE == 0:
            yield None
    guests = []
    for number, guest in enumerate(document.guests):
        path = f"guests[{number}]"
        project = _project(known, guest.project, path)
        _lead(known, guest.server, f"{path}.server")
        guests.append(guest if project == guest.project else replace(guest, project=project))
        if number % SLICE == 0:
            yield None
    return replace(document, servers=tuple(servers), ports=tuple(ports), guests=tuple(guests))


def _project(known: Known, name: str, path: str) -> ProjectId:
    found = known.projects.get(name)
    if found is None:
        raise Invalid(f"{path}.project", f"no project {name}")
    return found


def _lead(known: Known, server: ServerId | None, path: str) -> None:
    if server is not None and not known.has_server(server):
        raise Invalid(path, f"no server {server}")

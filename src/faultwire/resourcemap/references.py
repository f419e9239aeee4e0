"""References inside an inventory document: each must lead somewhere, or the path is named."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from faultwire.domain.decided import Steps
from faultwire.domain.errors import Invalid
from faultwire.domain.ids import ProjectId
from faultwire.domain.resources import InventoryDocument, Project
from faultwire.ports import View

SLICE = 256

KEPT_PROJECTS = frozenset({"admin", "demo"})
"""Names of the projects that no document removes."""


@dataclass(frozen=True, slots=True)
class Known:
    """What a document may refer to: its own things, and for PATCH those that are there."""

    projects: Mapping[str, ProjectId]
    hosts: frozenset[str]
    servers: frozenset[str]

    @classmethod
    def of(
        cls,
        document: InventoryDocument,
        view: View,
        present: Iterable[Project],
        *,
        replace: bool,
    ) -> "Known":
        """Collect the names; projects are known by id and by name. Raises Invalid.

        With `replace` a project that is there counts only if it stays.
        """
        held = tuple(present)
        _refuse_taken_names(document, held)
        stay = [p for p in held if not replace or p.name in KEPT_PROJECTS]
        projects = {p.name: p.id for p in (*stay, *document.projects)}
        projects.update((p.id, p.id) for p in (*stay, *document.projects))
        hosts = {host.name for host in document.hosts}
        servers = {server.id for server in document.servers}
        if not replace:
            hosts.update(host.name for host in view.hosts())
            servers.update(server.id for server in view.servers())
        return cls(projects, frozenset(hosts), frozenset(servers))


def _refuse_taken_names(document: InventoryDocument, present: tuple[Project, ...]) -> None:
    """Raise Invalid for a name that two projects would bear, or a kept project would lose."""
    names = {project.name: project.id for project in present}
    kept = {project.id: project.name for project in present if project.name in KEPT_PROJECTS}
    for number, project in enumerate(document.projects):
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
        if server.host and server.host not in known.hosts:
            raise Invalid(f"{path}.host", f"no host {server.host}")
        servers.append(server if project == server.project else replace(server, project=project))
        if number % SLICE == 0:
            yield None
    ports = []
    for number, port in enumerate(document.ports):
        path = f"ports[{number}]"
        project = _project(known, port.project, path)
        _lead(known, port.server, f"{path}.server")
        if port.host and port.host not in known.hosts:
            raise Invalid(f"{path}.host", f"no host {port.host}")
        ports.append(replace(port, project=project))
        if number % SLICE == 0:
            yield None
    guests = []
    for number, guest in enumerate(document.guests):
        path = f"guests[{number}]"
        project = _project(known, guest.project, path)
        _lead(known, guest.server, f"{path}.server")
        guests.append(replace(guest, project=project))
    return replace(document, servers=tuple(servers), ports=tuple(ports), guests=tuple(guests))


def _project(known: Known, name: str, path: str) -> ProjectId:
    found = known.projects.get(name)
    if found is None:
        raise Invalid(f"{path}.project", f"no project {name}")
    return found


def _lead(known: Known, server: str | None, path: str) -> None:
    if server is not None and server not in known.servers:
        raise Invalid(path, f"no server {server}")

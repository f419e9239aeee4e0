"""References inside an inventory document: each must lead somewhere, or the path is named."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from faultwire.domain.decided import Steps
from faultwire.domain.errors import Invalid
from faultwire.domain.ids import ProjectId
from faultwire.domain.resources import InventoryDocument, Project
from faultwire.ports import View

SLICE = 256


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
        """Collect the names; projects are known by id and by name. Raises Invalid."""
        projects = dict(_project_names(document, tuple(present)))
        hosts = {host.name for host in document.hosts}
        servers = {server.id for server in document.servers}
        if not replace:
            hosts.update(host.name for host in view.hosts())
            servers.update(server.id for server in view.servers())
        return cls(projects, frozenset(hosts), frozenset(servers))


def _project_names(
    document: InventoryDocument, present: tuple[Project, ...]
) -> Iterator[tuple[str, ProjectId]]:
    """Return every name and id a project goes by; a name that two would bear is refused."""
    names = {project.name: project.id for project in present}
    for number, project in enumerate(document.projects):
        holder = names.setdefault(project.name, project.id)
        if holder != project.id:
            reason = f"the name {project.name} belongs to project {holder}"
            raise Invalid(f"projects[{number}].name", reason)
    yield from names.items()
    for project in (*present, *document.projects):
        yield project.id, project.id


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

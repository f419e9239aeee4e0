"""Projects, and the one domain that they are in."""

import uuid
from collections.abc import Iterable

from starlette.requests import Request
from starlette.responses import Response

from faultwire.domain.commands import RemoveProject, SaveProject
from faultwire.domain.errors import NotFound
from faultwire.domain.ids import ProjectId
from faultwire.domain.resources import Project
from faultwire.faces.http import (
    actor_of,
    json_response,
    parse_json,
    read_body,
    validated,
)
from faultwire.faces.identity.bodies import ChangedProjectBody, NewProjectBody
from faultwire.faces.identity.listing import flag, our_domain, page
from faultwire.faces.identity.ports import allowed, ports_of, v3_of
from faultwire.identity.signin import DOMAIN_ID, DOMAIN_NAME

BODY_LIMIT = 65_536


def shown_project(project: Project, request: Request) -> dict[str, object]:
    """Return a project in Keystone's form."""
    return {
        "id": project.id,
        "name": project.name,
        "domain_id": DOMAIN_ID,
        "parent_id": DOMAIN_ID,
        "is_domain": False,
        "enabled": True,
        "description": "",
        "tags": [],
        "options": {},
        "links": {"self": f"{v3_of(request)}/projects/{project.id}"},
    }


def find_project(request: Request) -> Project:
    """Return the project of the path; raises NotFound."""
    wanted = ProjectId(request.path_params["project_id"])
    project = ports_of(request).directory.project(wanted)
    if project is None:
        raise NotFound(f"Could not find project: {wanted}.")
    return project


async def list_projects(request: Request) -> Response:
    """Answer projects, in order of name; filters: name, domain_id, enabled, parent_id."""
    allowed(request, "identity:list_projects")
    return page(
        request,
        "projects",
        _wanted(request),
        lambda project: shown_project(project, request),
        lambda project: project.id,
    )


def _wanted(request: Request) -> Iterable[Project]:
    directory, query = ports_of(request).directory, request.query_params
    elsewhere = query.get("parent_id", DOMAIN_ID) != DOMAIN_ID
    if not our_domain(request) or flag(request, "enabled") is False or elsewhere:
        return ()
    if flag(request, "is_domain"):
        return ()
    if "name" in query:
        found = directory.project_named(query["name"])
        return (found,) if found else ()
    return directory.projects()


async def show_project(request: Request) -> Response:
    """Answer one project."""
    allowed(request, "identity:get_project", ProjectId(request.path_params["project_id"]))
    return json_response({"project": shown_project(find_project(request), request)})


async def create_project(request: Request) -> Response:
    """Create a project: 201."""
    caller = allowed(request, "identity:create_project")
    body = parse_json(await read_body(request, BODY_LIMIT))
    wanted = validated(NewProjectBody, body).project
    wanted.check("project")
    project = Project(ProjectId(uuid.uuid4().hex), wanted.name)
    command = SaveProject(project, new=True, actor=actor_of(request, caller))
    await ports_of(request).intake.submit(command)
    return json_response({"project": shown_project(project, request)}, 201)


async def change_project(request: Request) -> Response:
    """Rename a project."""
    caller = allowed(request, "identity:update_project")
    project = find_project(request)
    body = parse_json(await read_body(request, BODY_LIMIT))
    wanted = validated(ChangedProjectBody, body).project
    wanted.check("project")
    if wanted.name is not None:
        project = Project(project.id, wanted.name)
        command = SaveProject(project, new=False, actor=actor_of(request, caller))
        await ports_of(request).intake.submit(command)
    return json_response({"project": shown_project(project, request)})


async def delete_project(request: Request) -> Response:
    """Delete a project: 204; 409 while it owns anything."""
    caller = allowed(request, "identity:delete_project")
    command = RemoveProject(find_project(request).id, actor_of(request, caller))
    await ports_of(request).intake.submit(command)
    return Response(status_code=204)


# ---------------------------------------------------------------- the domain


def _shown_domain(request: Request) -> dict[str, object]:
    return {
        "id": DOMAIN_ID,
        "name": DOMAIN_NAME,
        "enabled": True,
        "description": "The one domain of this cloud.",
        "tags": [],
        "options": {},
        "links": {"self": f"{v3_of(request)}/domains/{DOMAIN_ID}"},
    }


async def list_domains(request: Request) -> Response:
    """Answer the one domain, unless the query asks for another name."""
    allowed(request, "identity:list_domains")
    wanted = request.query_params.get("name", DOMAIN_NAME) == DOMAIN_NAME
    domains = (None,) if wanted and flag(request, "enabled") is not False else ()
    return page(request, "domains", domains, lambda _: _shown_domain(request), lambda _: DOMAIN_ID)


async def show_domain(request: Request) -> Response:
    """Answer the domain."""
    allowed(request, "identity:get_domain")
    wanted = request.path_params["domain_id"]
    if wanted != DOMAIN_ID:
        raise NotFound(f"Could not find domain: {wanted}.")
    return json_response({"domain": _shown_domain(request)})

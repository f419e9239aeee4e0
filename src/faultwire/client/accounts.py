"""Users, projects and grants of the identity service, by name or id."""

from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from faultwire.client.errors import ClientError
from faultwire.client.session import Session

IDENTITY = "identity"


class Accounts:
    """What the commands ask of Keystone v3; every method raises ClientError."""

    def __init__(self, session: Session) -> None:
        """Take the session; asks nothing yet."""
        self._session = session

    def _call(self, method: str, path: str, body: object = None, **params: str) -> Any:
        # The catalog of one cloud names the version, that of another does not.
        version = "" if self._session.endpoint(IDENTITY).endswith("/v3") else "/v3"
        return self._session.request(method, IDENTITY, version + path, params=params, body=body)

    def _all(self, kind: str) -> list[dict[str, Any]]:
        """Return a whole list, page by page."""
        found: list[dict[str, Any]] = []
        params: dict[str, str] = {}
        while True:
            answer = self._call("GET", f"/{kind}", **params)
            found += answer[kind]
            following = (answer.get("links") or {}).get("next")
            marker = parse_qs(urlsplit(following or "").query).get("marker")
            if not marker or not answer[kind]:
                return found
            params = {"marker": marker[0]}

    def _one(self, kind: str, name: str) -> dict[str, Any]:
        """Return a thing by its name, else by its id."""
        named: list[dict[str, Any]] = self._call("GET", f"/{kind}s", name=name)[f"{kind}s"]
        if named:
            return named[0]
        try:
            found: dict[str, Any] = self._call("GET", f"/{kind}s/{quote(name, safe='')}")[kind]
        except ClientError as error:
            if error.status == 404:
                raise ClientError(f"there is no {kind} {name}", 404) from None
            raise
        return found

    def users(self) -> list[dict[str, Any]]:
        """Return all users: id, name, enabled, and grants as ``role@project`` in `roles`."""
        projects = {project["id"]: project["name"] for project in self.projects()}
        roles: dict[str, list[str]] = {}
        for one in self._all("role_assignments"):
            project = one.get("scope", {}).get("project")
            if project and "user" in one:
                where = projects.get(project["id"], project["id"])
                roles.setdefault(one["user"]["id"], []).append(f"{one['role']['id']}@{where}")
        return [
            {
                "id": user["id"],
                "name": user["name"],
                "enabled": user["enabled"],
                "roles": roles.get(user["id"], []),
            }
            for user in self._all("users")
        ]

    def create_user(self, name: str, password: str, project: str | None, role: str) -> Any:
        """Create a user and, where a project is named, grant it the role there."""
        fields = {"name": name, "password": password}
        if project is not None:
            home = self._one("project", project)
            fields["default_project_id"] = home["id"]
        user = self._call("POST", "/users", {"user": fields})["user"]
        if project is not None:
            self.set_role(user["id"], role, fields["default_project_id"], granted=True)
        return user

    def delete_user(self, name: str) -> None:
        """Delete a user."""
        self._call("DELETE", f"/users/{self._one('user', name)['id']}")

    def set_password(self, name: str, password: str) -> None:
        """Give a user another password; all its tokens become void."""
        path = f"/users/{self._one('user', name)['id']}"
        self._call("PATCH", path, {"user": {"password": password}})

    def set_role(self, user: str, role: str, project: str, *, granted: bool) -> None:
        """Grant a role in a project, or take it away."""
        user_id, project_id = self._one("user", user)["id"], self._one("project", project)["id"]
        roles: list[dict[str, Any]] = self._call("GET", "/roles", name=role)["roles"]
        if not roles:
            raise ClientError(f"there is no role {role}", 404)
        path = f"/projects/{project_id}/users/{user_id}/roles/{roles[0]['id']}"
        self._call("PUT" if granted else "DELETE", path)

    def projects(self) -> list[dict[str, Any]]:
        """Return all projects: id and name."""
        return [{"id": one["id"], "name": one["name"]} for one in self._all("projects")]

    def create_project(self, name: str) -> Any:
        """Create a project."""
        return self._call("POST", "/projects", {"project": {"name": name}})["project"]

    def delete_project(self, name: str) -> None:
        """Delete a project that owns nothing."""
        self._call("DELETE", f"/projects/{self._one('project', name)['id']}")

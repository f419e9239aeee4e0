"""One request of the database face: whose project it names, and who may name it (D10)."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from starlette.requests import Request

from faultwire.domain.accounts import Actor, Caller
from faultwire.domain.errors import Forbidden, Invalid, NotFound
from faultwire.domain.ids import GuestId, ProjectId
from faultwire.domain.resources import Guest
from faultwire.faces.database.ports import DatabasePorts
from faultwire.faces.http import actor_of, base_url, caller_of

PAGE = 100
LARGEST_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Ask:
    """A request with its caller; `tenant` is the project that its path names."""

    request: Request
    caller: Caller
    tenant: ProjectId
    ports: DatabasePorts

    @classmethod
    def of(cls, request: Request, ports: DatabasePorts) -> "Ask":
        """Return it; raises Unauthenticated, and Forbidden for another project's path.

        An administrator may name any project.
        """
        caller = caller_of(request)
        tenant = ProjectId(request.path_params["tenant_id"])
        if tenant != caller.project and not caller.admin:
            shown = tenant[:100]
            raise Forbidden(f"User with tenant id {shown} cannot access this resource.")
        return cls(request, caller, tenant, ports)

    @property
    def actor(self) -> Actor:
        """Who asks, for the audit record."""
        return actor_of(self.request, self.caller)

    @property
    def root(self) -> str:
        """URL of this face in the tenant's name, to which links append."""
        base = f"{base_url(self.request)}{self.request.scope.get('root_path', '')}"
        return f"{base}/v1.0/{self.tenant}"

    def enforce(self, rule: str, project: ProjectId | None = None) -> None:
        """Raise Forbidden unless the rule allows it."""
        if not self.ports.enforcer.allowed(rule, self.caller, project):
            raise Forbidden(f"Policy doesn't allow {rule} to be performed.")

    def guest(self) -> Guest:
        """Return the guest that the path names; raises NotFound in Trove's words."""
        name = self.request.path_params["instance_id"]
        guest = self.ports.inventory.guest(GuestId(name))
        if guest is None:
            raise not_found(name)
        return guest

    def query(self, known: Collection[str]) -> Mapping[str, str]:
        """Return the parameters of the query that are known here; others are passed over."""
        given = self.request.query_params
        return {name: given[name] for name in known if name in given}

    def page(self, query: Mapping[str, str]) -> tuple[int, str]:
        """Return limit and marker; raises Invalid for a limit that is none."""
        text = query.get("limit", str(PAGE))
        if not text.isdecimal() or len(text) > 9:
            raise Invalid("limit", "must be a number from 0 on")
        return min(int(text) or PAGE, LARGEST_PAGE), query.get("marker", "")


def not_found(name: str) -> NotFound:
    """Return the error on a guest that there is none of."""
    return NotFound(f"Resource {name[:255]} cannot be found.")

"""One request of the compute face, with its caller and its microversion settled."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from faultwire.domain.accounts import Actor, Caller
from faultwire.domain.errors import Forbidden, Invalid
from faultwire.domain.ids import ProjectId
from faultwire.faces.compute.ports import ComputePorts
from faultwire.faces.compute.schema import Schema, check_body
from faultwire.faces.compute.versions import Version
from faultwire.faces.http import actor_of, base_url, parse_json, read_body

BODY_BYTES = 114_688
"""Nova's limit of a body."""
STRICT_QUERIES = 75
"""The version from which on an unknown parameter of a query is refused."""

_JSON = ("application/json", "application/vnd.openstack.compute+json")
_MALFORMED = "Malformed request body"


@dataclass(frozen=True, slots=True)
class Ask:
    """What a handler gets: the request and what was found out of it before."""

    request: Request
    caller: Caller
    version: Version
    ports: ComputePorts

    def since(self, minor: int) -> bool:
        """Return whether the request is in version 2.`minor` or a later one."""
        return self.version.minor >= minor

    def path(self, name: str) -> str:
        """Return a part of the path."""
        value: str = self.request.path_params[name]
        return value

    @property
    def actor(self) -> Actor:
        """Who asks, for the audit record."""
        return actor_of(self.request, self.caller)

    @property
    def base(self) -> str:
        """URL of this face, to which links append ``/v2.1/...``."""
        return f"{base_url(self.request)}{self.request.scope.get('root_path', '')}"

    def allowed(self, rule: str, project: ProjectId | None = None) -> bool:
        """Return whether the caller may do what the rule names."""
        return self.ports.enforcer.allowed(rule, self.caller, project)

    def enforce(self, rule: str, project: ProjectId | None = None) -> None:
        """Raise Forbidden in Nova's words unless the rule allows it."""
        if not self.allowed(rule, project):
            raise Forbidden(f"Policy doesn't allow {rule} to be performed.")

    async def json(self) -> object:
        """Return the body as it is; raises Invalid for what is no JSON, TooLarge."""
        kind = self.request.headers.get("content-type", "").partition(";")[0].strip().lower()
        raw = await read_body(self.request, BODY_BYTES)
        if kind and kind not in _JSON:
            raise Invalid("", _MALFORMED)
        try:
            return parse_json(raw)
        except Invalid:
            raise Invalid("", _MALFORMED) from None

    async def body(self, schema: Schema) -> dict[str, Any]:
        """Return the body, an object that the schema admits; raises Invalid in Nova's words."""
        value = await self.json()
        if not isinstance(value, dict):
            raise Invalid("", _MALFORMED)
        check_body(value, schema)
        return value

    def query(
        self, *known: str, strict: int = STRICT_QUERIES, underscored: bool = False
    ) -> Mapping[str, str]:
        """Return the parameters of the query, of a repeated one the last.

        Unknown ones are refused from version 2.`strict` on, and passed over before; where
        `underscored` ones may be there, those are passed over always.
        """
        for name, value in self.request.query_params.multi_items():
            if name not in known and self.since(strict) and underscored:
                if not name.startswith("_"):
                    reason = f"{name[:100]!r} does not match any of the regexes: '^_'"
                    raise Invalid("", reason)
            elif name not in known and self.since(strict):
                raise Invalid(
                    "", f"Additional properties are not allowed ({name[:100]!r} was unexpected)"
                )
            if "\x00" in value:
                raise Invalid(
                    "", f"Invalid input for query parameters {name[:100]}. It has a NUL character."
                )
        return self.request.query_params

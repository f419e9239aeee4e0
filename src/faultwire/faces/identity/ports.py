"""What the identity face needs, and how its handlers reach it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from faultwire.domain.accounts import Caller
from faultwire.domain.ids import ProjectId
from faultwire.faces.http import base_url, caller_of
from faultwire.faces.identity.catalog import Catalog
from faultwire.identity.authenticator import TokenAuthenticator
from faultwire.identity.passwords import Passwords
from faultwire.identity.signin import SignIn
from faultwire.ports import Directory, Enforcer, Intake

Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class IdentityPorts:
    """What the identity face needs.

    `public_url` is the base of all links, ``https://cloud.example``; empty: as the request
    addressed us. `page_limit` is the most that one page of a list holds.
    """

    directory: Directory
    authenticator: TokenAuthenticator
    signin: SignIn
    passwords: Passwords
    enforcer: Enforcer
    intake: Intake
    catalog: Catalog
    public_url: str = ""
    page_limit: int = 1000


def ports_of(request: Request) -> IdentityPorts:
    """Return the ports of the face that serves this request."""
    ports: IdentityPorts = request.app.state.ports
    return ports


def allowed(request: Request, rule: str, project: ProjectId | None = None) -> Caller:
    """Return the caller; raises Unauthenticated, or Forbidden where the rule denies it."""
    caller = caller_of(request)
    ports_of(request).enforcer.enforce(rule, caller, project)
    return caller


def root_of(request: Request) -> str:
    """Return the URL below which the faces are."""
    return ports_of(request).public_url.rstrip("/") or base_url(request)


def v3_of(request: Request) -> str:
    """Return the URL of the API, without a slash at its end."""
    return f"{root_of(request)}{request.scope['root_path']}/v3"

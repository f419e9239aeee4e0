"""The server that a request is about, if its caller may know of it."""

from faultwire.domain.errors import NotFound
from faultwire.domain.ids import ServerId
from faultwire.domain.resources import Server
from faultwire.faces.compute.asking import Ask

OVERRIDE = "os_compute_api:os-lock-server:unlock:unlock_override"


def named(ask: Ask, rule: str) -> Server:
    """Return the server of the path; raises NotFound for another project's, Forbidden."""
    name = ask.path("server_id")
    server = ask.ports.inventory.server(ServerId(name))
    if server is not None and ask.allowed(rule, server.project):
        return server
    if server is None or server.project != ask.caller.project:
        raise NotFound(f"Instance {name[:255]} could not be found.")
    ask.enforce(rule, server.project)
    return server


def overrides(ask: Ask, server: Server) -> bool:
    """Return whether a lock does not count for the caller."""
    return ask.allowed(OVERRIDE, server.project)

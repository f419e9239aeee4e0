"""The audit record: who changed what, when and from where."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from faultwire.domain.accounts import AuditFilter, AuditRecord
from faultwire.domain.instants import rfc3339
from faultwire.faces.fault import params
from faultwire.faces.fault.ports import FaultPorts
from faultwire.faces.http import caller_of, give_way, json_response


class Audit:
    """``GET /v1/audit``; administrators only."""

    def __init__(self, ports: FaultPorts) -> None:
        """Take the face's ports."""
        self._ports = ports

    async def list(self, request: Request) -> Response:
        """List the audit record, newest first. Filters, and pages by limit and marker."""
        self._ports.enforcer.enforce("audit:list", caller_of(request))
        query = params.only(request, params.AUDIT)
        limit = params.limit_of(query.get("limit"))
        wanted = AuditFilter(
            query.get("action"),
            query.get("user"),
            query.get("target"),
            params.since_ns(query.get("since")),
            params.since_ns(query.get("until"), "until"),
        )
        await give_way(request)
        found: Any = await self._ports.read(
            self._ports.faults.audit, limit, wanted, query.get("marker")
        )
        names = self._ports.user_name
        return json_response({"audit": [_row(line, names(line.actor.user)) for line in found]})


def _row(line: AuditRecord, name: str | None) -> dict[str, str | None]:
    return {
        "id": line.id,
        "at": rfc3339(line.at_ns),
        "user": line.actor.user,
        "user_name": name,
        "project": line.actor.project,
        "source": line.actor.source,
        "action": line.action,
        "target": line.target,
        "detail": line.detail,
    }

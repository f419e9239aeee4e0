"""The fault catalogue, for whoever has a token."""

from functools import cache
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from faultwire.domain.catalogue import ENTRIES
from faultwire.domain.fault_types import CatalogueEntry
from faultwire.faces.fault import params
from faultwire.faces.fault.ports import FaultPorts
from faultwire.faces.http import caller_of, json_response


class Catalogue:
    """``GET /v1/catalogue``."""

    def __init__(self, ports: FaultPorts) -> None:
        """Take the face's ports."""
        self._ports = ports

    async def list(self, request: Request) -> Response:
        """List every type of fault, with severity, detection, action and repair hint."""
        self._ports.enforcer.enforce("catalogue:list", caller_of(request))
        params.only(request)
        return json_response(_shown())


@cache
def _shown() -> dict[str, Any]:
    return {"catalogue": list(map(_row, ENTRIES))}


def _row(entry: CatalogueEntry) -> dict[str, Any]:
    return {
        "type": entry.type.name,
        "clear": entry.type.clear,
        "identifying": [list(keys) for keys in entry.type.identifying],
        "severity": entry.type.severity.value,
        "layer": entry.layer,
        "title": entry.title,
        "detection": entry.detection,
        "action": entry.action,
        "event_type": entry.event_type,
        "probable_cause": entry.probable_cause,
        "repair": entry.repair,
        "doctor": [{"fault": fault, "severity": severity} for fault, severity in entry.doctor],
    }

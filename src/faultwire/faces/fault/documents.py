"""The inventory and the hosts, to read and to change; administrators only."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from functools import cache
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from faultwire.domain.commands import ImportInventory, ImportSummary
from faultwire.domain.errors import Broken, NotFound
from faultwire.domain.ids import HostName
from faultwire.domain.resources import HostEntry, InventoryDocument
from faultwire.faces import http
from faultwire.faces.fault import params
from faultwire.faces.fault.inventory import Joining, parts, read_document, read_pieces
from faultwire.faces.fault.model import DocumentModel
from faultwire.faces.fault.ports import FaultPorts
from faultwire.faces.fault.shape import host_row, servers
from faultwire.faces.http import actor_of, caller_of, give_way, json_response

OFFLOADED_BYTES = 65_536
"""Documents from this size on are read by a child process: the loop would stand still."""

SLICE = 256


class Documents:
    """The routes of inventory and hosts."""

    def __init__(self, ports: FaultPorts) -> None:
        """Take the face's ports."""
        self._ports = ports

    async def show(self, request: Request) -> Response:
        """Show the inventory document. Passwords of management controllers are left out."""
        self._ports.enforcer.enforce("inventory:get", caller_of(request))
        params.only(request)
        await give_way(request)
        return StreamingResponse(self._stream(request), media_type="application/json")

    async def _stream(self, request: Request) -> AsyncIterator[bytes]:
        """Write part by part; values are taken at once, so that all are of one moment."""
        inventory = self._ports.inventory
        taken = parts(inventory, list(self._ports.projects()))
        for number, (part, (shape, values)) in enumerate(taken.items()):
            yield (b"{" if number == 0 else b",") + orjson.dumps(part) + b":["
            for start in range(0, len(values), SLICE):
                rows = map(orjson.dumps, map(shape, values[start : start + SLICE]))
                yield (b"," if start else b"") + b",".join(rows)
                await give_way(request)
            yield b"]"
        yield b"}"

    async def schema(self, request: Request) -> Response:
        """Show the JSON schema of the inventory document."""
        params.only(request)
        return json_response(_schema())

    async def replace(self, request: Request) -> Response:
        """Replace the inventory. Removing more than a tenth needs force=true."""
        return await self._import(request, replace=True)

    async def extend(self, request: Request) -> Response:
        """Add to the inventory and update what it names."""
        return await self._import(request, replace=False)

    async def _import(self, request: Request, *, replace: bool) -> Response:
        caller = caller_of(request)
        self._ports.enforcer.enforce("inventory:put", caller)
        query = params.only(request, params.IMPORT)
        force = params.flag(query.get("force"), "force")
        dry_run = params.flag(query.get("dry_run"), "dry_run")
        came = await http.read_pieces(request, self._ports.settings.inventory_bytes)
        document, text = await self._read(came, request)
        summary = await self._ports.intake.submit(
            ImportInventory(document, replace, actor_of(request, caller), force, dry_run, text)
        )
        if not isinstance(summary, ImportSummary):
            raise Broken("an import answered something else")
        shown = {
            kind: {"added": added, "changed": changed, "removed": removed}
            for kind, added, changed, removed in summary.counts
        }
        return json_response({"inventory": shown, "dry_run": summary.dry_run})

    async def _read(
        self, came: list[bytes], request: Request
    ) -> tuple[InventoryDocument, tuple[bytes, ...]]:
        if sum(map(len, came)) < OFFLOADED_BYTES:
            return read_document(b"".join(came)), ()
        joining = Joining()
        async with aclosing(self._ports.offload(read_pieces, came)) as pieces:
            async for piece in pieces:
                joining.take(piece)
                await give_way(request)
        return joining.document(), joining.text()

    async def hosts(self, request: Request) -> Response:
        """List hosts with the state of their service."""
        self._ports.enforcer.enforce("hosts:list", caller_of(request))
        params.only(request)
        await give_way(request)
        shown = []
        for number, host in enumerate(list(self._ports.inventory.hosts()), 1):
            entry = self._ports.inventory.entry(host.name)
            if entry is not None:
                shown.append(host_row(entry))
            if number % SLICE == 0:
                await give_way(request)
        return json_response({"hosts": shown})

    async def host(self, request: Request) -> Response:
        """Show a host with the states of its servers."""
        self._ports.enforcer.enforce("hosts:list", caller_of(request))
        params.only(request)
        entry = self._entry(request.path_params["name"])
        rows: list[dict[str, Any]] = []
        for start in range(0, len(entry.servers), SLICE):
            if start:
                await give_way(request)
            rows.extend(servers(entry.servers[start : start + SLICE]))
        return json_response({"host": {**host_row(entry), "servers": rows}})

    def _entry(self, name: str) -> HostEntry:
        """Return the host that a name means (D21); raises NotFound, naming two candidates."""
        inventory = self._ports.inventory
        found = inventory.match_host(name)
        entry = inventory.entry(HostName(found[0])) if len(found) == 1 else None
        if entry is None:
            either = f": {', '.join(found)}" if found else ""
            raise NotFound(f"no host {name[:255]}{either}")
        return entry


@cache
def _schema() -> dict[str, Any]:
    return DocumentModel.model_json_schema()

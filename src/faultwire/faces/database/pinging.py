"""rpc_ping to the letter of its specification (S198-S210, D10), and of many guests at once.

The path of one ping touches the guest's record and the bus, and nothing else (S204).
"""

import json
from collections import Counter
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from faultwire.domain.errors import Invalid
from faultwire.domain.guests import RPC_PING, Verdict, failure_text, timeout_text, topic_of
from faultwire.faces.database import views
from faultwire.faces.database.asking import Ask
from faultwire.faces.database.ports import DatabasePorts
from faultwire.faces.http import (
    exactly,
    json_response,
    parse_json,
    read_body,
    schema_of,
    validated,
)

BODY_BYTES = 1_048_576
MOST_DEADLINE_MS = 600_000

NO_CONTENT = {"Content-Length": "0", "Content-Type": "application/json"}
BAD_REQUEST = "application/json; charset=UTF-8"
SILENT = frozenset({Verdict.TIMEOUT, Verdict.NO_CONSUMER})
"""Verdicts that mean a guest which is shut down, or does not respond (S200)."""

Name = Annotated[str, Field(min_length=1, max_length=255)]


class BulkModel(BaseModel):
    """Which guests to ping: those of `instances`, or all where it is left out."""

    model_config = ConfigDict(extra="forbid", strict=True)

    instances: list[Name] | None = None
    deadline_ms: Annotated[int, Field(ge=1, le=MOST_DEADLINE_MS)] | None = None


BULK: dict[str, Any] = schema_of(BulkModel)


class Pinging:
    """The routes of rpc_ping."""

    def __init__(self, ports: DatabasePorts) -> None:
        """Take the face's ports."""
        self._ports = ports

    async def one(self, request: Request) -> Response:
        """Find out whether a guest takes calls: 204, or 400 with the reason."""
        ask = Ask.of(request, self._ports)
        ask.enforce("mgmt:rpc_ping")
        guest = ask.guest()
        ping = await self._ports.pinger.ping(guest.id)
        if ping.verdict is Verdict.OK:
            return exactly(request, Response(status_code=204, headers=NO_CONTENT))
        if ping.verdict in SILENT:
            text = timeout_text(guest.id)
        else:
            text = failure_text(guest.id, f"{ping.verdict}: {ping.reason}")
        # In the seed's order, with the seed's spaces.
        body = json.dumps({"badRequest": {"message": text, "code": 400}}).encode()
        headers = {"Content-Length": str(len(body)), "Content-Type": BAD_REQUEST}
        return exactly(request, Response(body, 400, headers=headers))

    async def many(self, request: Request) -> Response:
        """Find out which of many guests take calls, all under one deadline."""
        ask = Ask.of(request, self._ports)
        ask.enforce("mgmt:rpc_ping")
        raw = await read_body(request, BODY_BYTES)
        model = validated(BulkModel, parse_json(raw)) if raw else BulkModel()
        if model.instances is None:
            wanted: list[str] = sorted(guest.id for guest in self._ports.inventory.guests())
        else:
            wanted = list(dict.fromkeys(model.instances))
        if len(wanted) > self._ports.bulk_limit:
            raise Invalid("instances", f"at most {self._ports.bulk_limit} at once")
        given = model.deadline_ms
        seconds = self._ports.ping_seconds if given is None else given / 1000
        began = self._ports.clock.mono_ns()
        pings = await self._ports.pinger.ping_all(wanted, seconds)
        waited = (self._ports.clock.mono_ns() - began) / 1_000_000
        heard = await self._ports.heard.all_heard()
        rows = [
            {
                "id": ping.guest,
                "verdict": ping.verdict.value,
                "waited_ms": round(ping.waited_ms, 3),
                "reason": ping.reason,
                "topic": topic_of(ping.guest),
                "method": RPC_PING,
                **views.heard(heard.get(ping.guest), ask),
            }
            for ping in pings
        ]
        counts = Counter(ping.verdict.value for ping in pings)
        answer = {
            "deadline_ms": round(seconds * 1000),
            "waited_ms": round(waited, 3),
            "counts": {verdict.value: counts[verdict.value] for verdict in Verdict},
            "instances": rows,
        }
        return json_response({"rpc_ping": answer})

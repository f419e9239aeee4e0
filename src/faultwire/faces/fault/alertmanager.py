"""Alerts of Prometheus' Alertmanager in: by the mapping, they open faults and clear them."""

import asyncio
import base64
import binascii
import hashlib
import re
import secrets
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from faultwire.domain.accounts import Caller, Credential, CredentialKind
from faultwire.domain.alertmaps import AlertMap, Mapped
from faultwire.domain.commands import Enrol, ReportFaults
from faultwire.domain.errors import Forbidden, Invalid, Unauthenticated
from faultwire.domain.faults import Evidence, Report
from faultwire.domain.ids import FaultId
from faultwire.domain.instants import Instant, rfc3339
from faultwire.domain.signals import ForgetUnmapped, NoteUnmapped, UnmappedAlert, unmapped_id
from faultwire.faces.fault import params
from faultwire.faces.fault.alert_bodies import Alert, alerts_of, pieces_of
from faultwire.faces.fault.ports import FaultPorts
from faultwire.faces.http import (
    CREDENTIAL_HEADER,
    TOKEN_HEADER,
    actor_of,
    base_url,
    caller_of,
    json_response,
    read_pieces,
)

AT_ONCE = 500
"""Reports of one command: between two of them others have their turn."""

OFFLOADED_BYTES = 131_072
"""Bodies from this size on are read by the child process."""

SECRET_BYTES = 32
SOURCE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
PREFIX = "alertmanager:"
"""What the source of evidence begins with; the name of the credential follows."""

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["version", "alerts"],
    "properties": {
        "version": {"type": "string", "enum": ["4"]},
        "alerts": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["status", "labels"],
                "properties": {
                    "status": {"type": "string", "enum": ["firing", "resolved"]},
                    "labels": {"type": "object", "minProperties": 1},
                    "annotations": {"type": "object"},
                    "startsAt": {"type": "string"},
                    "fingerprint": {"type": "string"},
                },
            },
        },
    },
}


@dataclass(slots=True)
class _Taken:
    """What came of one body so far."""

    reports: list[Report] = field(default_factory=list)
    unmapped: list[UnmappedAlert] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


class Alertmanager:
    """``/v1/alertmanager``, ``/v1/sources/{name}/enrol`` and ``/v1/alerts/…``."""

    def __init__(self, ports: FaultPorts) -> None:
        """Take the face's ports."""
        self._ports = ports
        self._alerts = ports.alerts

    async def take(self, request: Request) -> Response:
        """Take alerts as Alertmanager's webhook sends them. Answered once they are durable."""
        detected = self._ports.clock.instant()
        caller = self._source(request)
        params.only(request)
        actor = actor_of(request, caller)
        taken = _Taken()
        mapping = self._alerts.mapping()
        async for piece in self._pieces(request):
            for alert in alerts_of(piece):
                _take(alert, mapping, caller.name, detected, taken)
            await asyncio.sleep(0)
        for begin in range(0, len(taken.reports), AT_ONCE):
            some = tuple(taken.reports[begin : begin + AT_ONCE])
            await self._ports.intake.submit(ReportFaults(some, actor))
        if taken.unmapped:
            await self._ports.intake.submit(NoteUnmapped(tuple(taken.unmapped)))
        for result, count in taken.counts.items():
            self._alerts.count("faultwire_alerts_total", count, result=result)
        names = ("firing", "resolved", "unmapped", "ignored")
        return json_response({"alerts": {name: taken.counts[name] for name in names}})

    async def enrol(self, request: Request) -> Response:
        """Draw a credential for a source of alerts; a former one is void from then on."""
        caller = caller_of(request)
        self._ports.enforcer.enforce("sources:enrol", caller)
        params.only(request)
        name = request.path_params["name"]
        if not SOURCE_NAME.fullmatch(name):
            raise Invalid("name", "is letters, digits, dots, dashes and underscores, at most 100")
        secret = secrets.token_urlsafe(SECRET_BYTES)
        credential = Credential(
            str(uuid.uuid4()),
            CredentialKind.SOURCE,
            name,
            hashlib.sha256(secret.encode()).hexdigest(),
            self._ports.clock.wall_ns(),
        )
        await self._ports.intake.submit(Enrol(credential, actor_of(request, caller)))
        shown = {
            "kind": credential.kind.value,
            "name": name,
            "id": credential.id,
            "secret": secret,
            "bearer": f"{credential.kind.value}/{name}:{secret}",
            "server": self._ports.agents.server or _face_url(request),
            "certificate": self._ports.agents.certificate,
        }
        return json_response({"credential": shown}, 201, {"Cache-Control": "no-store"})

    async def unmapped(self, request: Request) -> Response:
        """List alerts that no row of the mapping fits, the newest first."""
        self._ports.enforcer.enforce("alerts:list", caller_of(request))
        params.only(request)
        kept = reversed(list(self._alerts.unmapped()))
        return json_response({"alerts": [_shown(one) for one in kept]})

    async def forget(self, request: Request) -> Response:
        """Dismiss all alerts that no row of the mapping fits."""
        caller = caller_of(request)
        self._ports.enforcer.enforce("alerts:forget", caller)
        params.only(request)
        gone = await self._ports.intake.submit(ForgetUnmapped())
        return json_response({"forgotten": gone})

    async def mapping(self, request: Request) -> Response:
        """Show which mapping is in force, and what is wrong with a newer one."""
        self._ports.enforcer.enforce("alerts:list", caller_of(request))
        params.only(request)
        return json_response({"mapping": self._alerts.standing()})

    def _source(self, request: Request) -> Caller:
        """Return who sends, by whichever header its kind of client can set; raises."""
        if TOKEN_HEADER in request.headers:
            raise Forbidden("alerts are taken from enrolled sources: faultwire source-enroll")
        caller = self._ports.authenticator.bound(_credential(request))
        if caller.kind is not CredentialKind.SOURCE:
            raise Forbidden("this credential is not that of a source of alerts")
        return caller

    async def _pieces(self, request: Request) -> AsyncIterator[bytes]:
        settings = self._alerts.settings
        came = await read_pieces(request, settings.body_bytes)
        if sum(map(len, came)) < OFFLOADED_BYTES:
            for piece in pieces_of(b"".join(came), settings.most_alerts):
                yield piece
            return
        # Bound by name alone: the child imports the function.
        head = [str(settings.most_alerts).encode() + b"\n", *came]
        async for piece in self._ports.offload(read_large, head):
            yield piece


def read_large(raw: bytes) -> Iterable[bytes]:
    """Do `pieces_of` in the child process: the first line is how many there may be."""
    most, _, body = raw.partition(b"\n")
    return pieces_of(body, int(most))


def _credential(request: Request) -> str:
    """Return the text of a credential: KIND/NAME:SECRET; raises Unauthenticated."""
    own = request.headers.get(CREDENTIAL_HEADER)
    if own:
        return own
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        try:
            plain = base64.b64decode(value.strip(), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            raise Unauthenticated("the Authorization header is no base64") from None
        return f"{CredentialKind.SOURCE.value}/{plain}"
    raise Unauthenticated("a source of alerts authenticates with Authorization: Bearer or Basic")


def _take(alert: Alert, mapping: AlertMap, source: str, detected: Instant, taken: _Taken) -> None:
    meaning = mapping.meaning(alert.labels)
    if isinstance(meaning, str):
        taken.counts["unmapped"] += 1
        taken.unmapped.append(_unmapped(alert, meaning, source, detected))
    elif meaning.type is None:
        taken.counts["ignored"] += 1
    else:
        taken.counts["firing" if alert.firing else "resolved"] += 1
        taken.reports.append(_report(alert, meaning, source, detected))


def _report(alert: Alert, meaning: Mapped, source: str, detected: Instant) -> Report:
    kind = meaning.type
    if kind is None:
        raise Invalid("", "an alert without a meaning was to be reported")
    evidence = Evidence(
        f"{PREFIX}{source}",
        f"source {source}",
        "down" if alert.firing else "up",
        detected.wall_ns,
        alert.starts_at or None,
        alert.details,
    )
    name = FaultId(str(uuid.uuid4()))
    return Report(name, kind, alert.firing, meaning.resource, evidence, detected)


def _unmapped(alert: Alert, why: str, source: str, detected: Instant) -> UnmappedAlert:
    at = detected.wall_ns
    labels = dict(list(alert.labels.items())[:20])
    return UnmappedAlert(
        unmapped_id(source, alert.labels),
        source,
        alert.labels.get("alertname", "")[:255],
        {key: text[:512] for key, text in labels.items()},
        alert.firing,
        why,
        1,
        at,
        at,
    )


def _shown(one: UnmappedAlert) -> dict[str, Any]:
    return {
        "id": one.id,
        "source": one.source,
        "name": one.name,
        "labels": dict(one.labels),
        "firing": one.firing,
        "why": one.why,
        "count": one.count,
        "first_at": rfc3339(one.first_ns),
        "last_at": rfc3339(one.last_ns),
    }


def _face_url(request: Request) -> str:
    return base_url(request) + request.url.path.partition("/v1/sources/")[0]

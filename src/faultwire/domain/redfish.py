"""Events of management controllers as signals: what each maker's messages mean; pure.

Redfish lets a maker name messages as it likes. The rows below look at the message id without its
registry, at where the condition arose, and at the severity; OK clears.
"""

import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from faultwire.domain.errors import Invalid, TooLarge
from faultwire.domain.faults import FAULT_TYPES, FaultType

MOST_EVENTS = 200
TEXT = 1024
POWER = "power"
"""Stands for a message that says that power changed: the controller is asked for it then."""


@dataclass(frozen=True, slots=True)
class _Row:
    messages: re.Pattern[str]
    origins: re.Pattern[str]
    means: str


def _row(means: str, messages: str, origins: str = r"(?!)") -> _Row:
    return _Row(re.compile(messages, re.IGNORECASE), re.compile(origins, re.IGNORECASE), means)


ROWS: tuple[_Row, ...] = (
    # DMTF ResourceEvent, HPE iLOEvents, OpenBMC, Dell (SYS1000 to SYS1003), Lenovo (FQXSPPW).
    _row(
        POWER,
        r"(resource|server|system|chassis)?_?power(ed|ing|state)_?(on|off|changed)"
        r"|dcpower(on|off)|^SYS100[0-3]$|^FQXSPPW000[89]I$|poweroff|poweron|hostpower",
    ),
    _row(
        "compute.host.fan.error",
        r"^FAN\d+$|fan(s|group|speed|redundancy)?_?"
        r"(fail|degrad|critical|lost|removed|restor|repair|normal|ok|insert|inserted)",
        r"/(fans?)\b",
    ),
    _row(
        "compute.host.temperature.high",
        r"^TMP\d+$|temperature|thermal|overheat|^FQXSPCA",
        r"/(temperatures?|thermalsubsystem|thermal)\b",
    ),
    _row(
        "compute.host.power.degraded",
        r"^(PSU|PWR|RDU)\d+$|powersupply|powerredundancy|redundancylost|redundancyrestored"
        r"|^FQXSPPW|psu",
        r"/(powersuppl|powersubsystem|redundancy|power\b)",
    ),
    _row("compute.host.cpu.error", r"^CPU\d+$|processor|^FQXSPPU|cpu", r"/processors?\b"),
    _row("compute.host.memory.error", r"^MEM\d+$|memory|dimm|^FQXSFMA", r"/memory\b"),
    _row(
        "compute.host.storage.error",
        r"^CTL\d+$|controllerfail|storagecontroller",
        r"/(storagecontrollers|controllers)\b",
    ),
    _row("compute.host.disk.error", r"^(PDR|VDR)\d+$|drive|disk", r"/(drives?|volumes?)\b"),
    _row("compute.host.mainboard.error", r"^PCI\d+$|pcie|mainboard|systemboard", r"/pcie"),
    _row("compute.host.chassis.warning", r"intrusion|chassis|^SEC\d+$", r"/chassis/[^/]+/?$"),
)
"""What messages mean, in the order in which they are tried: by message, then by origin."""

BAD = frozenset({"warning", "critical"})
_UNHURT = re.compile(r"restor|repair|normal|ok$|cleared|corrected|changedok", re.IGNORECASE)

PARTS: Mapping[str, str] = {
    "fan": "compute.host.fan.error",
    "temperature": "compute.host.temperature.high",
    "power": "compute.host.power.degraded",
    "cpu": "compute.host.cpu.error",
    "memory": "compute.host.memory.error",
}
"""Types of fault by the kind of part that a controller's pages show as not OK."""


@dataclass(frozen=True, slots=True)
class BmcEvent:
    """One event: a fault's type and whether it is there; `type` None: power changed, or nothing.

    `power`: the controller says that power changed, which is to be asked for.
    """

    type: FaultType | None
    raised: bool
    power: bool
    time: str | None
    details: Mapping[str, object]


def secret_of(key: bytes, host: str) -> str:
    """Return the part of a subscription's address that only its controller is told."""
    return hmac.new(key, f"redfish-events|{host}".encode(), hashlib.sha256).hexdigest()[:40]


def context_of(key: bytes, host: str) -> str:
    """Return the context of a subscription, by which it is known again and its events are ours."""
    mark = hmac.new(key, f"redfish-context|{host}".encode(), hashlib.sha256).hexdigest()[:20]
    return f"faultwire:{mark}"


def events_of(body: object, context: str) -> Iterator[BmcEvent]:
    """Give the events of a body; raises Invalid naming the field, or TooLarge."""
    if not isinstance(body, dict):
        raise Invalid("", "must be an object: an Event of Redfish")
    events = body.get("Events")
    if not isinstance(events, list):
        raise Invalid("Events", "must be a list")
    if len(events) > MOST_EVENTS:
        raise TooLarge(f"Events: {len(events)} of them, at most {MOST_EVENTS}")
    for number, one in enumerate(events):
        at = f"Events[{number}]"
        if not isinstance(one, dict):
            raise Invalid(at, "must be an object")
        told = one.get("Context", body.get("Context"))
        if told not in {None, "", context}:
            raise Invalid(f"{at}.Context", "is not that of our subscription")
        yield _event(one, at)


def _event(one: Mapping[str, Any], at: str) -> BmcEvent:
    message = _text(one, "MessageId", at)
    severity = (_text(one, "MessageSeverity", at) or _text(one, "Severity", at)).lower()
    origin = one.get("OriginOfCondition")
    where = origin.get("@odata.id", "") if isinstance(origin, dict) else origin
    where = where if isinstance(where, str) else ""
    means = _meaning(message.rpartition(".")[2], where)
    details = {
        "message_id": message,
        "message": _text(one, "Message", at),
        "severity": severity,
        "origin": where[:TEXT],
        "event_id": _text(one, "EventId", at),
    }
    time = _text(one, "EventTimestamp", at) or None
    if means == POWER or means is None:
        return BmcEvent(None, False, means == POWER, time, details)
    over = severity == "ok" or (severity not in BAD and bool(_UNHURT.search(message)))
    raised = severity in BAD and not over
    if not raised and not over:
        return BmcEvent(None, False, False, time, details)
    return BmcEvent(FAULT_TYPES[means], raised, False, time, details)


def _meaning(message: str, where: str) -> str | None:
    for row in ROWS:
        if row.messages.search(message):
            return row.means
    for row in ROWS:
        if row.origins.search(where):
            return row.means
    return None


def _text(one: Mapping[str, Any], key: str, at: str) -> str:
    value = one.get(key)
    if value is None:
        return ""
    if not isinstance(value, str) or "\x00" in value:
        raise Invalid(f"{at}.{key}", "must be text")
    return value[:TEXT]

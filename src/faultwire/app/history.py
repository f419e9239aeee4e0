"""Recorded histories: faults as they came and what was done, in a file of JSON lines.

The first line says what it is, the second has the inventory, then a fault a line, oldest first,
and the last one how many there were: a file that was cut is not taken for a whole one.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from faultwire.domain.errors import Invalid
from faultwire.domain.faults import (
    FAULT_TYPES,
    Decision,
    Evidence,
    Fault,
    FaultState,
    Outcome,
    PlanRecord,
)
from faultwire.domain.ids import FaultId, HostName
from faultwire.domain.resources import InventoryDocument
from faultwire.faces.fault.inventory import read_document

VERSION = 1
NAME = "faultwire-history"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class History:
    """The map as it was when the file was written, and faults, oldest first."""

    inventory: InventoryDocument
    faults: tuple[Fault, ...]


def written(
    inventory: dict[str, Any], faults: Iterable[dict[str, Any]], at: str
) -> Iterator[bytes]:
    """Give the lines of a history from what the fault face answers, faults oldest first."""
    yield orjson.dumps({"format": NAME, "version": VERSION, "exported_at": at}) + b"\n"
    # What servers are now is no part of what they were.
    servers = [{**one, "status": None} for one in inventory.get("servers", [])]
    yield orjson.dumps({"inventory": {**inventory, "servers": servers}}) + b"\n"
    count = 0
    for fault in faults:
        yield orjson.dumps({"fault": fault}) + b"\n"
        count += 1
    yield orjson.dumps({"end": count}) + b"\n"


def read(lines: Iterable[bytes]) -> History:
    """Return a history; raises Invalid naming the line that is wrong, or what is missing."""
    numbered = ((number, _parsed(number, line)) for number, line in enumerate(lines, 1))
    _, head = next(numbered, (0, {}))
    if head.get("format") != NAME:
        raise Invalid("line 1", f"this is no {NAME}")
    if head.get("version") != VERSION:
        raise Invalid("line 1", f"version {head.get('version')!r}: this reads {VERSION}")
    _, second = next(numbered, (2, {}))
    if not isinstance(second.get("inventory"), dict):
        raise Invalid("line 2", "must hold the inventory")
    try:
        inventory = read_document(orjson.dumps(second["inventory"]))
    except Invalid as error:
        raise Invalid(f"line 2: {error.field}", error.reason) from None
    return History(inventory, tuple(_faults(numbered)))


def _faults(numbered: Iterator[tuple[int, dict[str, Any]]]) -> Iterator[Fault]:
    came = 0
    for number, row in numbered:
        if "end" in row:
            if row["end"] != came:
                raise Invalid(f"line {number}", f"{row['end']} faults, but {came} came")
            if next(numbered, None) is not None:
                raise Invalid(f"line {number + 1}", "stands behind the end")
            return
        try:
            yield _fault(row["fault"])
        except Invalid as error:
            raise Invalid(f"line {number}: {error.field}", error.reason) from None
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            why = f"is no fault as the API has it: {error!r}"
            raise Invalid(f"line {number}", why) from None
        came += 1
    raise Invalid("", f"the file is cut off after {came} faults: it has no end")


def _parsed(number: int, line: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise Invalid(f"line {number}", f"malformed JSON: {error}") from None
    if not isinstance(found, dict):
        raise Invalid(f"line {number}", "must be an object")
    return found


def _fault(row: dict[str, Any]) -> Fault:
    kind = FAULT_TYPES.get(row["type"])
    if kind is None:
        raise Invalid("type", f"no such type of fault: {row['type']!r}")
    plan = row["plan"]
    resource = {str(key): str(value) for key, value in row["resource"].items()}
    if not any(all(key in resource for key in keys) for keys in kind.identifying):
        raise Invalid("resource", f"names no resource of {kind.name}")
    if not row["evidence"]:
        raise Invalid("evidence", "there must be some")
    return Fault(
        FaultId(str(row["id"])),
        kind,
        resource,
        FaultState(row["state"]),
        _ns(row["opened_at"]),
        _ns(row["updated_at"]),
        None if row["host"] is None else HostName(str(row["host"])),
        None if row["closed_at"] is None else _ns(row["closed_at"]),
        None if row["closed_by"] is None else str(row["closed_by"]),
        int(row["repeats"]),
        tuple(_evidence(one) for one in row["evidence"]),
        None if plan is None else _plan(plan),
        tuple(
            Decision(str(one["name"]), Outcome(one["outcome"]), str(one["why"]))
            for one in row["decisions"]
        ),
    )


def _evidence(row: dict[str, Any]) -> Evidence:
    received = _ns(row["received_at"])
    details = dict(row["details"])
    return Evidence(
        str(row["source"]), str(row["reporter"]), str(row["vote"]), received, None, details
    )


def _plan(row: dict[str, Any]) -> PlanRecord:
    forced = row["forced_down"]
    return PlanRecord(
        str(row["rule"]),
        None if row["host"] is None else HostName(str(row["host"])),
        None if forced is None else bool(forced),
        int(row["servers"]),
        int(row["changed"]),
    )


def _ns(text: object) -> int:
    moment = datetime.fromisoformat(str(text))
    if moment.tzinfo is None:
        raise ValueError("a time without its zone")
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1000

"""The fault catalogue as it is written, and what is made of it."""

import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field

from faultwire.domain.fault_types import Severity
from tests.house import tree

SOURCE = tree.SOURCE / "domain" / "catalogue.yaml"

EVENT_TYPES = {
    "communications",
    "quality_of_service",
    "processing_error",
    "equipment",
    "environmental",
}
"""X.733, 8.1.1."""

PROBABLE_CAUSES = {
    *[
        "adapterError",
        "applicationSubsystemFailure",
        "bandwidthReduced",
        "callEstablishmentError",
        "communicationsProtocolError",
        "communicationsSubsystemFailure",
        "configurationOrCustomizationError",
        "congestion",
        "corruptData",
        "cpuCyclesLimitExceeded",
        "dataSetOrModemError",
        "degradedSignal",
        "dTEDCEInterfaceError",
        "enclosureDoorOpen",
        "equipmentMalfunction",
        "excessiveVibration",
        "fileError",
        "fireDetected",
        "floodDetected",
        "framingError",
        "heatingVentCoolingSystemProblem",
        "humidityUnacceptable",
        "inputOutputDeviceError",
        "inputDeviceError",
        "lANError",
        "leakDetected",
        "localNodeTransmissionError",
        "lossOfFrame",
        "lossOfSignal",
        "materialSupplyExhausted",
        "multiplexerProblem",
        "outOfMemory",
        "outputDeviceError",
        "performanceDegraded",
        "powerProblem",
        "pressureUnacceptable",
        "processorProblem",
        "pumpFailure",
        "queueSizeExceeded",
        "receiveFailure",
        "receiverFailure",
        "remoteNodeTransmissionError",
        "resourceAtOrNearingCapacity",
        "responseTimeExcessive",
        "retransmissionRateExcessive",
        "softwareError",
        "softwareProgramAbnormallyTerminated",
        "softwareProgramError",
        "storageCapacityProblem",
        "temperatureUnacceptable",
        "thresholdCrossed",
        "timingProblem",
        "toxicLeakDetected",
        "transmitFailure",
        "transmitterFailure",
        "underlyingResourceUnavailable",
        "versionMismatch",
    ]
}
"""X.733, 8.1.2.1."""

Text = Annotated[str, Field(min_length=1, max_length=85, pattern=r'^[^"\\|\n]+$')]
Name = Annotated[str, Field(pattern=r"^[a-z]+(\.[a-z]+){1,4}$")]
Key = Annotated[str, Field(pattern=r"^[a-z_]+$")]


class DoctorRow(BaseModel):
    """A row of Doctor's table."""

    model_config = ConfigDict(extra="forbid")

    fault: Text
    severity: Text


class Entry(BaseModel):
    """One entry as it is written."""

    model_config = ConfigDict(extra="forbid")

    type: Name
    clear: Name
    identifying: Annotated[list[Annotated[list[Key], Field(min_length=1)]], Field(min_length=1)]
    severity: Severity
    layer: Key
    title: Text
    detection: Text
    action: Text
    event_type: Text
    probable_cause: Text
    repair: Text
    doctor: list[DoctorRow] = []


@cache
def entries() -> tuple[Entry, ...]:
    """What is written."""
    return tuple(map(Entry.model_validate, yaml.safe_load(SOURCE.read_text(encoding="utf-8"))))


_MODULE = '''\
"""The fault catalogue: made from `catalogue.yaml` by `python -m tests.house.pages`."""

from faultwire.domain.fault_types import CatalogueEntry, FaultType, Severity

ENTRIES: tuple[CatalogueEntry, ...] = (
'''


def module() -> str:
    """The module that everything reads."""
    made = _MODULE + "".join(map(_entry, entries())) + ')\n"""Every entry, in order."""\n'
    ruff = [sys.executable, "-m", "ruff", "format", "--stdin-filename", "catalogue.py", "-"]
    done = subprocess.run(
        ruff, cwd=tree.ROOT, input=made, capture_output=True, text=True, check=True
    )
    return done.stdout


def _entry(one: Entry) -> str:
    ways = tuple(map(tuple, one.identifying))
    doctor = tuple((row.fault, row.severity) for row in one.doctor)
    kind = f"FaultType({one.type!r}, {one.clear!r}, {ways!r}, Severity.{one.severity.name})"
    about = (one.layer, one.title, one.detection, one.action, one.event_type)
    texts = (*about, one.probable_cause, one.repair)
    told = f", {doctor!r}" if doctor else ""
    return f"CatalogueEntry({kind}, {', '.join(map(repr, texts))}{told}),\n"


_PAGE = """\
# Fault catalogue

Every type of fault there is, by layer. This page is made from \
`src/faultwire/domain/catalogue.yaml`; `GET /fault/v1/catalogue` answers the same as JSON. What \
follows from a fault of each type, and the details that name its resource, are in \
[reporting](reporting.md#types).

Severities are X.733's. *Doctor* is the row of OPNFV Doctor's fault table that a type stands for, \
with Doctor's own severity where it is another one: Doctor's info is our warning. The action is \
what owners should do; Faultwire tells them and does not do it.
"""


def page() -> str:
    """The page of documentation."""
    return "\n".join((_PAGE, *_layers()))


def _layers() -> Iterator[str]:
    for layer in dict.fromkeys(one.layer for one in entries()):
        yield f"## {layer.capitalize()}\n"
        for one in (some for some in entries() if some.layer == layer):
            yield f"### `{one.type}`\n\n{one.title}. Cleared by `{one.clear}`.\n"
            yield "| | |\n|---|---|"
            yield from (f"| {key} | {value} |" for key, value in _facts(one))
            yield ""


def _facts(one: Entry) -> Iterator[tuple[str, str]]:
    yield "severity", one.severity.value
    yield "detected by", one.detection
    yield "owners should", one.action
    yield "X.733", f"{one.event_type}, {one.probable_cause}"
    yield "repair", one.repair
    for row in one.doctor:
        same = {"critical": "critical", "warning": "warning"}.get(row.severity)
        told = "" if same == one.severity.value else f" ({row.severity})"
        yield "Doctor", f"{row.fault}{told}"


def rows_of_doctor() -> set[str]:
    """The rows of Doctor's table that some entry stands for."""
    return {re.sub(r"\s+", " ", row.fault) for one in entries() for row in one.doctor}

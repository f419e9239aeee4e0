"""The parser of posted events: D4's envelopes, the table of types, what names what is wrong."""

import uuid
from typing import Any

import pytest

from faultwire.domain.errors import Invalid, TooLarge
from faultwire.domain.faults import CLEARING_TYPES, FAULT_TYPES, FaultType, Report
from faultwire.domain.instants import Instant
from faultwire.faces.fault import events

DETECTED = Instant(1_700_000_000_000_000_000, 5)
TIME = "2018-11-28T10:00:00.123456"
# As the monitors of Doctor send it: the sample monitor's list, the form of DOCTOR-17 that
# Vitrage takes, and the bulk form of the same document.
SAMPLE = {
    "time": TIME,
    "type": "compute.host.down",
    "details": {
        "hostname": "compute-1",
        "status": "down",
        "monitor": "monitor_sample",
        "monitor_event_id": "monitor_sample_event1",
    },
}
DOCTOR17 = {
    "time": TIME,
    "type": "compute.host.down",
    "details": {
        "hostname": "compute-1",
        "source": "sample_monitor",
        "cause": "link-down",
        "severity": "critical",
        "status": "down",
        "monitor_id": "monitor-1",
        "monitor_event_id": "123",
        "relatedTo": ["compute-2", {"switch": "tor-1"}],
    },
}
DANUBE = {"id": "monitor_sample_id1", **SAMPLE}


def parse(payload: object) -> tuple[Report, ...]:
    return events.parse_reports(payload, "monitor", DETECTED)


def refused(payload: object) -> Invalid:
    with pytest.raises(Invalid) as caught:
        parse(payload)
    return caught.value


def event(**changes: Any) -> dict[str, Any]:
    body = {"time": TIME, "type": "compute.host.down", "details": {"hostname": "compute-1"}}
    body.update(changes)
    return {key: value for key, value in body.items() if value is not ...}


@pytest.mark.parametrize(
    "payload",
    [[SAMPLE], {"event": SAMPLE}, {"events": [SAMPLE]}, SAMPLE],
    ids=["list", "event", "events", "bare"],
)
def test_every_envelope_is_taken(payload: object) -> None:
    """A list, event, events, and Doctor's bare event mean the same (D4)."""
    (report,) = parse(payload)
    assert (report.type.name, report.raised) == ("compute.host.down", True)
    assert dict(report.resource) == {"hostname": "compute-1"}
    assert report.detected is DETECTED


def test_what_a_monitor_said_is_kept_as_evidence() -> None:
    """Doctor's other details, and the reporter's own time as text, stay with the report (D2)."""
    (report,) = parse([DOCTOR17])
    evidence = report.evidence
    assert evidence.details == DOCTOR17["details"]
    assert evidence.reported_time == TIME
    assert evidence.received_ns == DETECTED.wall_ns
    assert (evidence.source, evidence.reporter, evidence.vote) == (
        "posted:sample_monitor",
        "monitor",
        "down",
    )


def test_what_stands_beside_the_details_is_kept_with_them() -> None:
    """A key too many costs no fault; the details have the last word on a name."""
    (report,) = parse([{**DANUBE, "hostname": "another"}])
    assert report.evidence.details["id"] == "monitor_sample_id1"
    assert report.evidence.details["hostname"] == "compute-1"
    assert dict(report.resource) == {"hostname": "compute-1"}


def test_every_report_has_an_id_of_its_own() -> None:
    """The door draws the ids, in order, as UUIDs of version 4."""
    reports = parse([event()] * 3)
    assert len({report.id for report in reports}) == 3
    assert {uuid.UUID(report.id).version for report in reports} == {4}


def details_of(kind: FaultType) -> list[dict[str, str]]:
    return [{key: f"{key}-1" for key in keys} for keys in kind.identifying]


@pytest.mark.parametrize("kind", FAULT_TYPES.values(), ids=lambda kind: kind.name)
def test_every_type_is_known_by_each_of_its_identifying_details(kind: FaultType) -> None:
    """Every row of the table is taken in all its alternatives, and raised."""
    for details in details_of(kind):
        (report,) = parse([event(type=kind.name, details=details)])
        assert (report.type, report.raised, dict(report.resource)) == (kind, True, details)


@pytest.mark.parametrize("name", CLEARING_TYPES)
def test_every_clearing_type_clears(name: str) -> None:
    """The clearing type of a row says the opposite about the same resource."""
    kind = CLEARING_TYPES[name]
    (report,) = parse([event(type=name, details=details_of(kind)[0])])
    assert (report.type, report.raised, report.evidence.vote) == (kind, False, "up")


@pytest.mark.parametrize("kind", FAULT_TYPES.values(), ids=lambda kind: kind.name)
def test_a_missing_identifying_detail_is_named(kind: FaultType) -> None:
    """Without its details an event says of what it speaks of nothing: 400 names the key."""
    error = refused([event(), event(type=kind.name, details={})])
    assert error.field == f"events[1].details.{kind.identifying[0][0]}"


def test_the_detail_that_is_missing_is_of_the_alternative_that_is_nearest() -> None:
    """Where several pairs could name the link, the one that was begun is asked for."""
    error = refused([event(type="network.link.down", details={"switch": "tor-1"})])
    assert error.field == "events[0].details.switch_port"


@pytest.mark.parametrize("status", ["up", "UP"])
def test_status_up_with_the_down_type_clears(status: str) -> None:
    """`details.status: up` clears as the clearing type does (D4)."""
    (report,) = parse([event(details={"hostname": "compute-1", "status": status})])
    assert (report.raised, report.evidence.vote) == (False, "up")


@pytest.mark.parametrize("status", ["degraded", "", 1, True, [], {}, ["up"]])
def test_a_status_that_is_neither_is_no_guess(status: object) -> None:
    """A status that cannot be read might mean up: it must not put a host down."""
    error = refused([event(details={"hostname": "compute-1", "status": status})])
    assert error.field == "events[0].details.status"


def test_a_clearing_type_that_says_down_is_refused() -> None:
    """Two statements that contradict each other are neither raised nor cleared."""
    details = {"hostname": "compute-1", "status": "down"}
    error = refused([event(type="compute.host.up", details=details)])
    assert error.field == "events[0].details.status"


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        (None, ""),
        (3, ""),
        ("text", ""),
        (True, ""),
        ({}, ""),
        ({"event": SAMPLE, "more": 1}, ""),
        ({"events": SAMPLE}, "events"),
        ({"events": None}, "events"),
        ([], "events"),
        ({"events": []}, "events"),
        ({"event": None}, "event"),
        ({"event": [SAMPLE]}, "event"),
        ([SAMPLE, None], "events[1]"),
        ([[SAMPLE]], "events[0]"),
        ({"events": [SAMPLE, 7]}, "events[1]"),
        ([event(time=...)], "events[0].time"),
        ([event(time=None)], "events[0].time"),
        ([event(time=1543399200)], "events[0].time"),
        ([event(time="")], "events[0].time"),
        ([event(time="yesterday")], "events[0].time"),
        ([event(time="2018-13-45T99:00:00")], "events[0].time"),
        ([event(time="2018-11-28T10:00:00" + "0" * 300)], "events[0].time"),
        ([event(type=...)], "events[0].type"),
        ({"event": event(type=...)}, "event.type"),
        ({"time": TIME}, "event.type"),
        ([event(type=None)], "events[0].type"),
        ([event(type=["compute.host.down"])], "events[0].type"),
        ([event(type="compute.host.sideways")], "events[0].type"),
        ([event(type="x" * 1000)], "events[0].type"),
        ([event(details=...)], "events[0].details.hostname"),
        ([event(details=None)], "events[0].details"),
        ([event(details=["hostname"])], "events[0].details"),
        ([event(details="compute-1")], "events[0].details"),
        ([event(details={"hostname": None})], "events[0].details.hostname"),
        ([event(details={"hostname": 7})], "events[0].details.hostname"),
        ([event(details={"hostname": ""})], "events[0].details.hostname"),
        ([event(details={"hostname": ["compute-1"]})], "events[0].details.hostname"),
        ([event(details={"hostname": "x" * 256})], "events[0].details.hostname"),
        ([event(details={"hostname": "a\x00b"})], "events[0].details.hostname"),
        ([event(details={"hostname": "a\nb"})], "events[0].details.hostname"),
        ([SAMPLE, SAMPLE, event(details={"hostname": "h", "cause": "x" * 4097})], ".cause"),
        ([event(details={"hostname": "h", "cause": "a\x00b"})], "events[0].details.cause"),
        ([event(details={"hostname": "h", "list": ["\x00"]})], "events[0].details.list"),
        ([event(details={"hostname": "h", "list": [1] * 3000})], "events[0].details.list"),
        ([event(details={"hostname": "h", **dict.fromkeys(map(str, range(50)))})], ".details"),
        ([event(details={"hostname": "h", "k" * 300: 1})], "events[0].details.kkk"),
        ([event(more="x" * 5000)], "events[0].more"),
    ],
)
def test_what_is_wrong_is_named(payload: object, field: str) -> None:
    """Wrong shapes and types are refused with index and key; all or nothing."""
    found = refused(payload).field
    assert field in found
    assert not field.startswith("events[") or found.startswith(field)


def test_nesting_that_could_not_be_kept_is_refused() -> None:
    """JSON that was read but could not be written again is evidence that would be lost."""
    deep: list[Any] = []
    for _ in range(600):
        deep = [deep]
    assert refused([event(details={"hostname": "h", "deep": deep})]).field.endswith(".deep")


@pytest.mark.parametrize(
    "time",
    [
        TIME,
        "2018-11-28T10:00:00Z",
        "2018-11-28T10:00:00+01:00",
        "2018-11-28 10:00:00",
        "20181128T100000Z",
        "2018-11-28T10:00:00.123456789Z",
        "2018-11-28T10:00:00,5Z",
        "2018-W48-3T10:00",
        "2016-12-31T23:59:60Z",
        "2018-11-28T24:00:00",
        "2018-332T10:00:00Z",
        "2018-11",
        "2018-11-28",
        "2018-11-28t10:00:00z",
    ],
)
def test_any_iso_8601_time_is_taken_as_it_is(time: str) -> None:
    """The reporter's time is text: it is checked for its form and never computed with (D2)."""
    (report,) = parse([event(time=time)])
    assert report.evidence.reported_time == time


def test_a_thousand_events_are_taken_and_one_more_is_not() -> None:
    """A list has its limit, and says it."""
    assert len(parse([SAMPLE] * 1000)) == 1000
    with pytest.raises(TooLarge, match="events: 1001 events, at most 1000"):
        parse([SAMPLE] * 1001)


def test_a_source_that_is_no_text_is_not_shown_as_one() -> None:
    """What names the source of evidence is a name or nothing."""
    details = {"hostname": "h", "monitor": {"a": 1}, "source": "x\ny"}
    (report,) = parse([event(details=details)])
    assert report.evidence.source == "posted"

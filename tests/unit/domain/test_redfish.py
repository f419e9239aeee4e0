"""Events of several makers' controllers, in their documented shapes, and what they mean."""

from typing import Any

import pytest

from faultwire.domain.errors import Invalid, TooLarge
from faultwire.domain.redfish import BmcEvent, context_of, events_of, secret_of

KEY = b"k" * 32
CONTEXT = context_of(KEY, "compute-1")

RECORDED: dict[str, tuple[dict[str, Any], str | None, bool]] = {
    "dmtf power off": (
        {
            "EventType": "StatusChange",
            "EventId": "1",
            "Severity": "OK",
            "MessageId": "ResourceEvent.1.2.ResourcePoweredOff",
            "OriginOfCondition": {"@odata.id": "/redfish/v1/Systems/1"},
        },
        "power",
        False,
    ),
    "dmtf fan": (
        {
            "EventId": "2",
            "MessageSeverity": "Critical",
            "MessageId": "Environmental.1.0.FanFailed",
            "OriginOfCondition": {"@odata.id": "/redfish/v1/Chassis/1/ThermalSubsystem/Fans/2"},
        },
        "compute.host.fan.error",
        True,
    ),
    "dmtf fan restored": (
        {"EventId": "3", "MessageSeverity": "OK", "MessageId": "Environmental.1.0.FanRestored"},
        "compute.host.fan.error",
        False,
    ),
    "dmtf status by its origin": (
        {
            "EventId": "4",
            "MessageSeverity": "Warning",
            "MessageId": "ResourceEvent.1.3.ResourceStatusChangedWarning",
            "OriginOfCondition": {"@odata.id": "/redfish/v1/Chassis/1/Thermal#/Temperatures/3"},
        },
        "compute.host.temperature.high",
        True,
    ),
    "dell power supply": (
        {
            "EventType": "Alert",
            "EventId": "2162",
            "EventTimestamp": "2026-01-31T12:00:00-0600",
            "Severity": "Critical",
            "Message": "Power supply 1 failed.",
            "MessageArgs": ["1"],
            "MessageId": "IDRAC.2.8.PSU0001",
            "OriginOfCondition": "/redfish/v1/Chassis/System.Embedded.1",
        },
        "compute.host.power.degraded",
        True,
    ),
    "dell turning off": (
        {"EventId": "8501", "Severity": "Informational", "MessageId": "IDRAC.2.8.SYS1001"},
        "power",
        False,
    ),
    "dell temperature": (
        {"EventId": "7", "Severity": "Warning", "MessageId": "IDRAC.2.8.TMP0118"},
        "compute.host.temperature.high",
        True,
    ),
    "hpe server off": (
        {"EventId": "a", "Severity": "OK", "MessageId": "iLOEvents.2.1.ServerPoweredOff"},
        "power",
        False,
    ),
    "hpe redundancy lost": (
        {"EventId": "b", "Severity": "Warning", "MessageId": "iLOEvents.2.1.PowerRedundancyLost"},
        "compute.host.power.degraded",
        True,
    ),
    "hpe fan repaired": (
        {"EventId": "c", "Severity": "OK", "MessageId": "iLOEvents.2.1.FanRepaired"},
        "compute.host.fan.error",
        False,
    ),
    "lenovo temperature": (
        {"EventId": "d", "Severity": "Warning", "MessageId": "LenovoExtendedWarning.FQXSPCA0002M"},
        "compute.host.temperature.high",
        True,
    ),
    "openbmc host off": (
        {"EventId": "e", "MessageSeverity": "OK", "MessageId": "OpenBMC.0.4.DCPowerOff"},
        "power",
        False,
    ),
    "openbmc fan": (
        {
            "EventId": "f",
            "MessageSeverity": "Critical",
            "MessageId": "OpenBMC.0.4.FanRedundancyLost",
        },
        "compute.host.fan.error",
        True,
    ),
    "a user logged in": (
        {"EventId": "g", "Severity": "OK", "MessageId": "IDRAC.2.8.USR0030"},
        None,
        False,
    ),
}


def read(*events: dict[str, Any], **more: object) -> list[BmcEvent]:
    return list(events_of({"Context": CONTEXT, "Events": list(events), **more}, CONTEXT))


@pytest.mark.parametrize("name", RECORDED)
def test_what_makers_send_is_understood(name: str) -> None:
    """Power is asked for; what is worse than OK is a warning of Doctor's table, OK clears it."""
    sent, means, raised = RECORDED[name]
    (event,) = read(sent)
    found = "power" if event.power else event.type.name if event.type else None
    assert (found, event.raised) == (means, raised)
    assert event.details["message_id"] == sent["MessageId"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ([], ""),
        ({}, "Events"),
        ({"Events": {}}, "Events"),
        ({"Events": [5]}, "Events[0]"),
        ({"Events": [{"MessageId": 5}]}, "Events[0].MessageId"),
        ({"Events": [{"Context": "faultwire:other"}]}, "Events[0].Context"),
        ({"Context": "another's", "Events": [{}]}, "Events[0].Context"),
    ],
)
def test_what_is_no_event_of_ours_is_refused(body: Any, field: str) -> None:
    """Shapes and contexts that are not ours are named by their field."""
    with pytest.raises(Invalid) as told:
        list(events_of(body, CONTEXT))
    assert told.value.field == field


def test_controllers_may_say_little() -> None:
    """No context, no severity, an origin that is a path, an event with nothing in it."""
    assert read({}, {"OriginOfCondition": 5, "MessageId": None}, Context=None)
    with pytest.raises(TooLarge):
        list(events_of({"Events": [{}] * 201}, CONTEXT))


def test_each_host_has_an_address_and_a_context_of_its_own() -> None:
    """Nobody can make one host's out of another's, or out of its context."""
    made = {f(KEY, host) for f in (secret_of, context_of) for host in ("a", "b")}
    assert len(made) == 4
    assert secret_of(KEY, "a") != secret_of(b"x" * 32, "a")

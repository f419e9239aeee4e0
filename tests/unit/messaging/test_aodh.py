"""Events in the form that an Aodh takes: typed traits, nothing that owners must not see."""

from typing import Any

import pytest

from faultwire.messaging.aodh import TRAITS, aodh_message
from faultwire.messaging.publisher import Publisher
from faultwire.testing.clock import ManualClock

MESSAGE: dict[str, Any] = {
    "message_id": "m1",
    "publisher_id": "faultwire.compute",
    "event_type": "compute.instance.update",
    "priority": "INFO",
    "timestamp": "2026-01-02 03:04:05.678900",
    "payload": {
        "instance_id": "vm-1",
        "project_id": "p1",
        "state": "error",
        "ports_down": 2,
        "host": "compute-1",
    },
}


def test_an_event_has_its_traits_and_no_host() -> None:
    """Each trait has its type; the host is for administrators, not for an owner's webhook."""
    made = aodh_message(MESSAGE)
    assert made is not None
    assert made["priority"] == "SAMPLE"
    assert made["payload"] == [
        {
            "message_id": "m1",
            "event_type": "compute.instance.update",
            "generated": "2026-01-02T03:04:05.678900",
            "traits": [
                ["instance_id", 1, "vm-1"],
                ["ports_down", 2, 2],
                ["project_id", 1, "p1"],
                ["state", 1, "error"],
            ],
        }
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"event_type": "alarm.state_transition"},
        {"event_type": "service.update", "payload": {"host": "compute-1", "project_id": ""}},
        {"payload": {"state": "error"}},
        {"payload": []},
    ],
)
def test_what_no_owner_has_an_alarm_on_stays_here(change: dict[str, Any]) -> None:
    """Transitions of our own alarms least of all: they would come back."""
    assert aodh_message({**MESSAGE, **change}) is None


def test_each_topic_has_its_own_form() -> None:
    """Readers of notifications get the payload, an Aodh the traits, nobody what is between us."""
    sent: list[tuple[str, Any]] = []
    publisher = Publisher(
        lambda topic, message: sent.append((topic, message)),
        ("notifications", "alarm.all"),
        ManualClock().mono_ns,
        ("alarm.all",),
    )
    traits = {"port_id": "p", "project_id": "p1"}
    ports = {"event_type": "port.update.end", "payload": {"port": {}}, TRAITS: traits}
    assert publisher.publish({**MESSAGE, **ports}) == ""
    assert publisher.publish({**MESSAGE, "event_type": "fault.raised", "payload": {}}) == ""
    topics = [topic for topic, _ in sent]
    assert topics == ["notifications.info", "alarm.all.sample", "notifications.info"]
    assert sent[0][1]["payload"] == {"port": {}}
    assert sent[1][1]["payload"][0]["traits"] == [["port_id", 1, "p"], ["project_id", 1, "p1"]]
    assert all(TRAITS not in message for _, message in sent)

"""What is made of a message on the wire, whatever is in it."""

import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultwire.domain.errors import Invalid
from faultwire.domain.notices import ServerNotice
from faultwire.messaging.envelope import notification_of
from faultwire.messaging.reading import Fate, Read, read
from faultwire.messaging.settings import ListenerSettings
from faultwire.messaging.topics import check_listener

LIMIT = 2000
BARE = {"message_id": "m", "publisher_id": "nova", "event_type": "known", "payload": {"id": "vm"}}


def translate(event_type: str, payload: object) -> tuple[ServerNotice, ...] | None:
    """Understand one type."""
    if event_type != "known":
        return None
    if not isinstance(payload, dict):
        raise Invalid(event_type, "its payload is no object")
    return (ServerNotice(str(payload["id"])),)


def wrapped(message: object, version: str = "2.0") -> bytes:
    """Return a message in the envelope of oslo.messaging."""
    return orjson.dumps({"oslo.version": version, "oslo.message": json.dumps(message)})


def made(body: bytes, *, event: bool = False) -> Read:
    """Return what is made of a body."""
    return read(body, event=event, limit=LIMIT, translate=translate)


@pytest.mark.parametrize("body", [wrapped(BARE), orjson.dumps(BARE)], ids=["2.0", "1.0"])
def test_both_formats_of_the_wire_are_read(body: bytes) -> None:
    """The envelope of messagingv2, and the bare message of old."""
    notice = {"kind": "server", "id": "vm"}
    assert made(body) == Read(Fate.TAKEN, {"message_id": "m", "notices": [notice]})


def test_events_of_aodhs_topics_go_on_as_they_are() -> None:
    """What came under a topic of events is for the alarms, not for the map."""
    found = made(wrapped({**BARE, "payload": [{"event_type": "e"}]}), event=True)
    assert found.told == {"message_id": "m", "events": [{"event_type": "e"}]}


def test_what_we_published_ourselves_is_passed_over() -> None:
    """Our own publisher is dropped under every topic, so that nothing goes round."""
    ours = wrapped({**BARE, "publisher_id": "faultwire.compute"})
    assert made(ours).fate is made(ours, event=True).fate is Fate.OURS


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"\xff\x00", "is no JSON"),
        (b"[]", "must be an object"),
        (wrapped(BARE, "3.0"), "not known"),
        (orjson.dumps({"oslo.version": "2.0"}), "oslo.message: must be text"),
        (orjson.dumps({"oslo.version": "2.0", "oslo.message": "{"}), "is no JSON"),
        (wrapped({**BARE, "message_id": ""}), "message_id"),
        (wrapped({**BARE, "event_type": None}), "event_type"),
        (wrapped({**BARE, "publisher_id": 1}), "publisher_id"),
        (wrapped({**BARE, "event_type": "x" * 300}), "event_type"),
        (wrapped({**BARE, "payload": 1}), "no object"),
        (b"x" * (LIMIT + 1), "oversized"),
    ],
)
def test_what_cannot_be_read_is_a_dead_letter_with_its_reason(body: bytes, why: str) -> None:
    """Malformed, unknown and oversized messages are told apart by their reason."""
    found = made(body)
    assert found.fate is Fate.DEAD
    assert why in found.reason


def test_what_says_nothing_is_passed_over() -> None:
    """Other services' business is acknowledged and counted, no dead letter."""
    assert made(wrapped({**BARE, "event_type": "identity.x"})).fate is Fate.PASSED_OVER


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_hostile_bytes_never_do_worse_than_die(body: bytes) -> None:
    """Any bytes are read or refused by name."""
    try:
        notification_of(body)
    except Invalid:
        assert made(body).fate is Fate.DEAD


@pytest.mark.parametrize(
    ("settings", "publish", "named"),
    [
        (ListenerSettings(event_alarm_topic=("a", "b")), ("b",), "event_alarm_topic"),
        (ListenerSettings(exchanges=("faultwire",), topics=("t",)), ("t",), "topics"),
        (ListenerSettings(topics=("t",), event_alarm_topic=("t",)), (), "event_alarm_topic"),
        (ListenerSettings(exchanges=("no/such",)), (), "exchanges"),
        (ListenerSettings(queue="a b"), (), "queue"),
    ],
)
def test_settings_by_which_we_would_hear_ourselves_are_refused(
    settings: ListenerSettings, publish: tuple[str, ...], named: str
) -> None:
    """A topic that also_publish names is not listened to: the start is refused, by option."""
    with pytest.raises(Invalid, match=rf"\[listener\] {named}"):
        check_listener(settings, publish)


def test_the_defaults_agree_with_publishing_notifications() -> None:
    """The services' topic may be published to: ours is another exchange."""
    check_listener(ListenerSettings(), ("notifications",))

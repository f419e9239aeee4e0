"""What a transition owes to whom: Aodh's body, once, and a delivery for each action (S17)."""

from collections.abc import Mapping, Sequence

import orjson

from faultwire.domain.alarms import Alarm, AlarmState, Delivery, Transition
from faultwire.domain.ids import DeliveryId, FaultId, derived
from faultwire.domain.making import maker

_delivery = maker(Delivery)

WEBHOOK = "webhook"

KINDS: Mapping[str, str] = {"log": "log", "test": "test"}
"""Kinds of delivery by the scheme of the action; any other is a webhook."""


def kind_of(url: str) -> str:
    """Return `Delivery.kind` of an action."""
    return KINDS.get(url.partition(":")[0].lower(), WEBHOOK)


def actions_of(alarm: Alarm, state: AlarmState) -> tuple[str, ...]:
    """Return what runs when the alarm reaches a state."""
    if state is AlarmState.ALARM:
        return alarm.alarm_actions or ()
    if state is AlarmState.OK:
        return alarm.ok_actions or ()
    return alarm.insufficient_data_actions or ()


def body_of(
    name: str, severity: str, move: Transition, reason_data: Mapping[str, object]
) -> bytes:
    """Return Aodh's body of a webhook for an alarm of that name.

    `reason_data` holds what JSON knows, and text keys.
    """
    # A thousand of these stand between a dead host and its owners: the fast encoder it is.
    return orjson.dumps(
        {
            "alarm_name": name,
            "alarm_id": move.alarm_id,
            "severity": severity,
            "previous": move.previous,
            "current": move.current,
            "reason": move.reason,
            "reason_data": reason_data,
        }
    )


def deliveries_of(
    move: Transition,
    body: bytes,
    actions: Sequence[str],
    *,
    before: int = 0,
    fault_id: FaultId | None = None,
) -> tuple[Delivery, ...]:
    """Return what a transition owes: one delivery for each action, in order, due at once.

    Their ids follow from alarm, version and place: they are the same however often this is
    decided. `before` is how many deliveries this decision made already: each is created a
    nanosecond later than the one before it, because age is the order after a restart.
    """
    return tuple(
        _delivery(
            DeliveryId(derived(move.alarm_id, move.version, number)),
            move.project,
            url,
            move.alarm_id,
            body,
            move.at_ns + before + number,
            fault_id,
            kind_of(url),
            0,
            move.at_ns,
        )
        for number, url in enumerate(actions)
    )

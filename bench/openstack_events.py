"""The little of Ceilometer that an event alarm of Aodh needs: notifications of Nova become events.

`openstack_events.py TRANSPORT`, with the interpreter of the small cloud. It takes each
`compute.instance.update` off the bus and publishes it on `alarm.all`, at once and without a
pipeline, a definition or a batch: Ceilometer itself does no less.
"""

import sys
from typing import Any

import oslo_messaging  # type: ignore[import-not-found]
from oslo_config import cfg

TRAITS = ("instance_id", "tenant_id", "state", "old_state")
TEXT = 1


class Endpoint:
    """Takes notifications of the priority `info`."""

    filter_rule = oslo_messaging.NotificationFilter(event_type="^compute.instance.update$")

    def __init__(self, notifier: Any) -> None:
        """Take who publishes."""
        self._notifier = notifier

    def info(
        self, _context: Any, _publisher: str, event_type: str, payload: Any, metadata: Any
    ) -> None:
        """Publish it as an event."""
        event = {
            "message_id": metadata["message_id"],
            "event_type": event_type,
            "generated": metadata["timestamp"],
            "traits": [[name, TEXT, str(payload[name])] for name in TRAITS],
            "raw": {},
        }
        self._notifier.sample({}, "event", [event])


def main() -> None:
    """Run until killed."""
    conf = cfg.ConfigOpts()
    conf([])
    transport = oslo_messaging.get_notification_transport(conf, sys.argv[1])
    notifier = oslo_messaging.Notifier(
        transport, "events", driver="messagingv2", topics=["alarm.all"]
    )
    listener = oslo_messaging.get_notification_listener(
        transport,
        [oslo_messaging.Target(topic="notifications", exchange="nova")],
        [Endpoint(notifier)],
        executor="threading",
        pool="events",
    )
    listener.start()
    print("listening", flush=True)
    listener.wait()


if __name__ == "__main__":
    main()

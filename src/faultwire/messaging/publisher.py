"""Publishing under topics, and what is made of a broker that is away or does not want us."""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import orjson

from faultwire.messaging import wrong
from faultwire.messaging.aodh import TRAITS, aodh_message
from faultwire.messaging.settings import RabbitSettings, Settings

log = logging.getLogger(__name__)

PROCESS = "faultwire.messaging.publishing"
"""Module of the process that publishes: nobody imports it, for it imports the library."""

REST_NS = 30_000_000_000
"""How long a broker that does not want us is left alone."""

Send = Callable[[str, Mapping[str, Any]], None]
"""Publishes a message under a topic, with its priority; raises what the library raises."""


class Publisher:
    """Publishes one notification after the other; on one thread."""

    def __init__(
        self,
        send: Send,
        topics: Sequence[str],
        mono_ns: Callable[[], int],
        aodh: Collection[str] = (),
    ) -> None:
        """Take who sends, under which topics, and which of these an Aodh reads."""
        self._aodh = aodh
        self._send = send
        self._topics = topics
        self._mono_ns = mono_ns
        self._rests_until_ns = 0
        self._refusal = ""

    def publish(self, message: Mapping[str, Any]) -> str:
        """Return nothing once the broker has confirmed the message, else what is wrong.

        A broker that refuses us is asked again after `REST_NS`, not at every message.
        """
        if self._refusal and self._mono_ns() < self._rests_until_ns:
            return self._refusal
        self._refusal = ""
        try:
            for topic in self._topics:
                shaped = aodh_message(message) if topic in self._aodh else message
                if shaped is not None:
                    # The library writes into what it sends.
                    shaped = {key: value for key, value in shaped.items() if key != TRAITS}
                    priority = str(shaped.get("priority", "INFO")).lower()
                    self._send(f"{topic}.{priority}", shaped)
        except Exception as error:
            # The library's errors have no common root; our parent says it to the operator.
            log.debug("not published", exc_info=True)
            text, refused = wrong.told(error)
            if refused:
                self._refusal = text
                self._rests_until_ns = self._mono_ns() + REST_NS
            return text
        return ""


def line_of(
    settings: Settings,
    rabbit: RabbitSettings,
    topics: Sequence[str],
    aodh: Sequence[str] = (),
) -> bytes:
    """Return the first line for the process; passwords are not for its arguments."""
    words = {
        "url": settings.transport_url,
        "rabbit": asdict(rabbit),
        "topics": list(topics),
        "aodh": list(aodh),
    }
    return orjson.dumps(words) + b"\n"

"""Names of topics, checked at the start; pure."""

import re
from collections.abc import Iterable

from faultwire.domain.errors import Invalid
from faultwire.messaging.settings import ListenerSettings

EXCHANGE = "faultwire"
"""Exchange of our own calls and notifications."""

_TOPIC = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]{0,199}").fullmatch
_SWITCHES = frozenset({"true", "false", "yes", "no", "on", "off"})


def check_topics(option: str, topics: Iterable[str]) -> tuple[str, ...]:
    """Return the topics, each once; raises Invalid naming the option for one that cannot be."""
    found = tuple(dict.fromkeys(topics))
    for topic in found:
        if topic.lower() in _SWITCHES:
            raise Invalid(option, f"takes the names of topics, such as notifications, not {topic}")
        if not _TOPIC(topic):
            raise Invalid(option, "a topic is of letters, digits, dots, dashes and underscores")
    return found


def check_listener(settings: ListenerSettings, also_publish: Iterable[str]) -> None:
    """Raise Invalid for names that cannot be, and for topics by which we would hear ourselves."""
    events = check_topics("[listener] event_alarm_topic", settings.event_alarm_topic)
    topics = check_topics("[listener] topics", settings.topics)
    exchanges = check_topics("[listener] exchanges", settings.exchanges)
    check_topics("[listener] queue", (settings.queue,))
    both = sorted(set(events) & set(topics))
    if both:
        raise Invalid("[listener] event_alarm_topic", f"{', '.join(both)} is one of topics too")
    refuse_loops("[listener] event_alarm_topic", events, also_publish)
    if EXCHANGE in exchanges:
        refuse_loops("[listener] topics", topics, also_publish)


def refuse_loops(option: str, topics: Iterable[str], also_publish: Iterable[str]) -> None:
    """Raise Invalid for a topic that is listened to and published to: events would go round."""
    both = sorted(set(topics) & set(also_publish))
    if both:
        raise Invalid(
            option,
            f"{', '.join(both)} is a topic of [notifier] also_publish: what we tell would come"
            " back as news",
        )

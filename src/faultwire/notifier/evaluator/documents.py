"""Events as Aodh puts them into the body of a webhook."""

from collections.abc import Mapping
from functools import lru_cache

from faultwire.domain.events import Event, type_of_trait
from faultwire.domain.instants import rfc3339


def event_document(event: Event, traits: Mapping[str, str | float]) -> Mapping[str, object]:
    """Return an event, with the traits that its reader may see; one from outside as it came."""
    if event.original is not None:
        return event.original
    return {
        "message_id": event.message_id,
        "event_type": event.event_type,
        "generated": _generated(event.generated_ns),
        "raw": {},
        "traits": [[name, type_of_trait[type(value)], value] for name, value in traits.items()],
    }


@lru_cache(maxsize=64)
def _generated(wall_ns: int) -> str:
    """Return a time as Aodh writes it; the events of one plan share it."""
    return rfc3339(wall_ns).removesuffix("Z")

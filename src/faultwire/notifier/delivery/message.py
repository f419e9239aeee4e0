"""The headers of a webhook (interfaces.md)."""

from collections.abc import Mapping, Sequence

from faultwire import __version__
from faultwire.domain import signature
from faultwire.domain.alarms import Delivery
from faultwire.domain.errors import Invalid
from faultwire.domain.tracing import traceparent

ALWAYS = {"content-type": "application/json", "user-agent": f"faultwire/{__version__}"}
"""Headers that all webhooks have alike."""

Headers = Mapping[str, str]


def headers_of(
    delivery: Delivery, secrets: Sequence[str], attempt: int, timestamp_s: int
) -> Headers:
    """Return the headers of one try besides those of `ALWAYS`; `attempt` counts from 1.

    The id, the trace and the request id are the same over retries and restarts. Raises Invalid
    where there is no secret, or a malformed one: nothing goes out unsigned.
    """
    if not secrets:
        raise Invalid("secret", "the project has none")
    name = delivery.id
    return {
        signature.ID: name,
        signature.TIMESTAMP: str(timestamp_s),
        signature.SIGNATURE: signature.sign(secrets, name, timestamp_s, delivery.body),
        "faultwire-attempt": str(attempt),
        "traceparent": traceparent(delivery.fault_id, name),
        "x-openstack-request-id": "req-" + name,
    }

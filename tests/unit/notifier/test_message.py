"""The headers of a webhook (interfaces.md)."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultwire.domain import signature, tracing
from faultwire.domain.alarms import Delivery
from faultwire.domain.errors import Invalid
from faultwire.domain.ids import DeliveryId, FaultId, ProjectId, derived
from faultwire.notifier.delivery import message

SECRETS = (signature.new_secret(bytes(range(32))), signature.new_secret(bytes(32)))
NOW = 1_700_000_000


def _delivery(fault: str | None = "8c2c…") -> Delivery:
    return Delivery(
        DeliveryId(derived("alarm", 1, 0)),
        ProjectId("p"),
        "http://a/",
        "alarm",
        b'{"current":"alarm"}',
        0,
        FaultId(fault) if fault else None,
    )


def test_the_headers_are_those_of_the_interface() -> None:
    """Every header of the interface is there, and the signature verifies."""
    delivery = _delivery(derived("fault"))
    headers = {**message.ALWAYS, **message.headers_of(delivery, SECRETS, 3, NOW)}
    assert set(headers) == {
        "content-type",
        "user-agent",
        "webhook-id",
        "webhook-timestamp",
        "webhook-signature",
        "faultwire-attempt",
        "traceparent",
        "x-openstack-request-id",
    }
    assert headers["webhook-id"] == delivery.id
    assert headers["faultwire-attempt"] == "3"
    assert headers["x-openstack-request-id"] == f"req-{delivery.id}"
    assert headers["webhook-signature"].count("v1,") == 2
    for secret in SECRETS:
        assert signature.verify([secret], headers, delivery.body, NOW) == delivery.id
    fault = str(delivery.fault_id).replace("-", "")
    assert headers["traceparent"].startswith(f"00-{fault}-")


@given(st.text(min_size=1, max_size=60), st.one_of(st.none(), st.text(min_size=1, max_size=60)))
def test_the_trace_context_is_well_formed(delivery: str, fault: str | None) -> None:
    """Ids of any form give a trace context of W3C's form, the same each time."""
    made = tracing.traceparent(fault, delivery)
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", made)
    assert made == tracing.traceparent(fault, delivery)


def test_nothing_goes_out_unsigned() -> None:
    """Without a secret there are no headers."""
    with pytest.raises(Invalid, match="secret"):
        message.headers_of(_delivery(), (), 1, NOW)

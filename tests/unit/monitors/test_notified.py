"""What the services' notifications mean, by recorded samples of each."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultwire.domain.errors import Invalid
from faultwire.domain.notices import (
    GuestNotice,
    PortNotice,
    ServerNotice,
    ServiceNotice,
    encoded,
    notice_of,
)
from faultwire.domain.states import VmState
from faultwire.monitors.notified import notices
from tests.samples.recorded import FOLDER, sample

VM = "75b2b1f6-5d1a-4a02-8b0a-000000000001"
PROJECT = "0f4c9a8a7b0b4e6f9f6e3d2c1b0a9988"
PORT = "1c0b6a52-6f5e-4a0c-9d5e-000000000002"
NETWORK = "8f7a5c1e-2d3b-4c6a-9e8f-000000000003"
GUEST = "c6a0d1f2-0000-4000-8000-000000000006"
WEB = {"role": "web"}


def server(host: str | None, state: VmState, **more: Any) -> ServerNotice:
    """Return the notice of the sample's server."""
    return ServerNotice(VM, PROJECT, "web-1", host, state, more.get("metadata", WEB))


CASES: dict[str, tuple[object, ...] | None] = {
    "nova-legacy-create-end": (server("compute-1", VmState.ACTIVE),),
    "nova-legacy-update-building": (server(None, VmState.BUILDING, metadata={}),),
    "nova-legacy-update-error": (server("compute-1", VmState.ERROR),),
    "nova-legacy-live-migration-post-dest-end": (server("compute-2", VmState.ACTIVE),),
    "nova-legacy-rebuild-end": (server("compute-3", VmState.ACTIVE),),
    "nova-legacy-evacuate": (server("compute-1", VmState.ACTIVE),),
    "nova-legacy-delete-start": None,
    "nova-legacy-delete-end": (ServerNotice(VM, gone=True),),
    "nova-versioned-create-end": (server("compute-1", VmState.ACTIVE),),
    "nova-versioned-update-error": (server("compute-1", VmState.ERROR),),
    "nova-versioned-live-migration-post-dest-end": (server("compute-2", VmState.ACTIVE),),
    "nova-versioned-delete-end": (ServerNotice(VM, gone=True),),
    "nova-versioned-service-update": (ServiceNotice("compute-2", True, False),),
    "nova-versioned-service-update-conductor": (),
    "neutron-port-create-end": (
        PortNotice(PORT, PROJECT, "web-1-port", VM, "compute-1", NETWORK, "ACTIVE", ("10.0.0.5",)),
    ),
    "neutron-port-update-end": (
        PortNotice(PORT, PROJECT, "web-1-port", VM, "compute-2", NETWORK, "ACTIVE", ("10.0.0.5",)),
    ),
    "neutron-port-update-start": None,
    "neutron-port-delete-end": (PortNotice(PORT, gone=True),),
    "trove-instance-create": (GuestNotice(GUEST, PROJECT, "orders", VM),),
    "trove-instance-delete": (GuestNotice(GUEST, gone=True),),
}


@pytest.mark.parametrize("name", CASES)
def test_a_recorded_notification_means_this(name: str) -> None:
    """Each recorded sample says this of resources, and what it says crosses processes as it is."""
    message = sample(name)
    found = notices(message["event_type"], message["payload"])
    assert found == CASES[name]
    for one in found or ():
        assert notice_of(json.loads(json.dumps(encoded(one))), "at") == one


def test_every_sample_is_tested() -> None:
    """No recorded sample is left out."""
    names = {path.stem for path in FOLDER.glob("*.json")}
    assert names == {*CASES, "neutron-port-create-end-bulk"}


def test_ports_come_in_bulk_and_those_of_dhcp_have_no_server() -> None:
    """A bulk request is one notification; the device of a router or of DHCP is no server."""
    message = sample("neutron-port-create-end-bulk")
    found = notices(message["event_type"], message["payload"])
    assert found is not None
    assert [(one.server, one.host) for one in found if isinstance(one, PortNotice)] == [
        (VM, "compute-1"),
        ("", "network-1"),
    ]


def test_a_deleted_state_is_a_deletion_whatever_comes_last() -> None:
    """The update that follows a deletion does not bring the server back."""
    payload = {**sample("nova-legacy-update-error")["payload"], "state": "deleted"}
    assert notices("compute.instance.update", payload) == (ServerNotice(VM, gone=True),)


def test_what_says_nothing_of_the_map_is_passed_over() -> None:
    """Other event types are nobody's business here."""
    for event_type in ("identity.authenticate", "scheduler.select_destinations.end", "volume.x"):
        assert notices(event_type, {"a": 1}) is None


@pytest.mark.parametrize(
    ("event_type", "payload", "why"),
    [
        ("compute.instance.update", [], "no object"),
        ("compute.instance.update", {}, "no instance_id"),
        ("instance.update", {"uuid": "x"}, r"no nova_object\.data"),
        ("instance.update", {"nova_object.data": {}}, "no uuid"),
        ("service.update", {"nova_object.data": {"binary": "nova-compute"}}, "no host"),
        ("port.update.end", {"port": "x"}, "no port"),
        ("port.create.end", {"ports": [1]}, "no port"),
        ("port.delete.end", {}, "no port_id"),
        ("trove.instance.create", {"name": "x"}, "no instance_id"),
    ],
)
def test_what_is_not_of_its_shape_is_refused(event_type: str, payload: object, why: str) -> None:
    """A payload without what its type must have is malformed, and says why."""
    with pytest.raises(Invalid, match=why):
        notices(event_type, payload)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
_NAMES = sorted(CASES)


@given(st.sampled_from(_NAMES), st.text(max_size=20), _JSON)
def test_hostile_payloads_are_refused_or_understood(name: str, key: str, value: object) -> None:
    """Whatever stands in a payload, it is read, passed over, or refused by name; never worse."""
    message = sample(name)
    payload = message["payload"]
    keys = [*payload, *payload.get("nova_object.data", ()), *payload.get("port", ()), key]
    for one in keys:
        spoilt = {**payload, one: value}
        for inner in ("nova_object.data", "port"):
            if inner in payload:
                spoilt[inner] = {**payload[inner], one: value}
        try:
            found = notices(message["event_type"], spoilt)
            for notice in found or ():
                notice_of(json.loads(json.dumps(encoded(notice))), "at")
        except Invalid:
            continue

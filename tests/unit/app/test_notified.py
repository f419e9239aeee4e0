"""Messages of listeners become true in the map, each once, and their events reach the alarms."""

from typing import Any

import pytest

from faultwire.app.notified import Notified
from faultwire.domain.commands import TakeEvents
from faultwire.domain.errors import Invalid
from faultwire.domain.events import INSTANCE_UPDATE
from faultwire.domain.faults import HOST_DOWN
from faultwire.domain.ids import HostName, PortId, ServerId
from faultwire.domain.notices import TakeNotices, encoded
from faultwire.domain.states import VmState
from faultwire.monitors.notified import notices
from faultwire.telemetry.metrics import Metrics
from faultwire.testing.chain import ACTOR, InProcess
from tests.samples.recorded import sample

VM = ServerId("75b2b1f6-5d1a-4a02-8b0a-000000000001")
PORT = PortId("1c0b6a52-6f5e-4a0c-9d5e-000000000002")


class Stand:
    """A product and what takes messages into it."""

    def __init__(self) -> None:
        self.product = InProcess()
        self.metrics = Metrics()
        self._number = 0
        held = self.product.indexes.holds
        self.notified = Notified(
            self.product,
            self.product.clock,
            self.metrics,
            lambda host: any(fault.host == host for fault in held.live()),
        )

    async def take(self, *names: str, again: bool = False) -> int:
        """Take recorded samples in one request; `again`: under the names of the last ones."""
        messages = []
        for name in names:
            if not again:
                self._number += 1
            message = sample(name)
            found = notices(message["event_type"], message["payload"]) or ()
            messages.append(
                {
                    "message_id": f"m-{self._number}",
                    "notices": [encoded(one) for one in found],
                }
            )
        return await self.notified.take({"messages": messages}, ACTOR)

    def server(self) -> Any:
        """Return the sample's server."""
        return self.product.indexes.inventory.server(VM)

    def told(self) -> list[tuple[object, object]]:
        """Return old and new state of the servers that owners heard of."""
        found = [one for one in self.product.events if one.event_type == INSTANCE_UPDATE]
        return [(one.traits["old_state"], one.traits["state"]) for one in found]


async def test_what_nobody_knew_is_added() -> None:
    """A server brings its project and its host; the port and the guest find it there."""
    stand = Stand()
    await stand.take("nova-legacy-create-end", "neutron-port-create-end", "trove-instance-create")
    inventory = stand.product.indexes.inventory
    assert (stand.server().host, stand.server().name) == ("compute-1", "web-1")
    assert inventory.host(HostName("compute-1")) is not None
    assert [port.id for port in inventory.ports_of(VM)] == [PORT]
    assert [guest.server for guest in inventory.guests()] == [VM]
    assert [project.name for project in stand.product.indexes.directory.projects()] == [
        stand.server().project
    ]


async def test_a_server_moves_changes_and_goes() -> None:
    """Migration, evacuation, error and deletion, in either format; owners hear of states."""
    stand = Stand()
    await stand.take("nova-legacy-create-end")
    await stand.take("nova-legacy-live-migration-post-dest-end")
    assert stand.server().host == "compute-2"
    assert stand.told() == []
    await stand.take("nova-legacy-evacuate", "nova-legacy-rebuild-end")
    assert stand.server().host == "compute-3"
    await stand.take("nova-versioned-update-error")
    assert stand.server().vm_state is VmState.ERROR
    assert stand.told() == [("active", "error")]
    await stand.take("nova-versioned-delete-end")
    assert stand.server() is None
    await stand.take("nova-legacy-delete-end")
    assert stand.server() is None


async def test_one_batch_is_read_in_its_order() -> None:
    """What comes later in a batch builds on what came before it."""
    stand = Stand()
    await stand.take(
        "nova-legacy-update-building",
        "nova-legacy-create-end",
        "nova-legacy-live-migration-post-dest-end",
    )
    assert (stand.server().host, stand.server().vm_state) == ("compute-2", VmState.ACTIVE)
    await stand.take("nova-legacy-delete-end", "nova-legacy-create-end")
    assert stand.server().host == "compute-1"


async def test_a_message_that_comes_again_changes_nothing() -> None:
    """What was delivered twice is one state change, by its message_id."""
    stand = Stand()
    assert await stand.take("nova-legacy-create-end") == 1
    await stand.take("nova-legacy-update-error")
    assert await stand.take("nova-legacy-update-error", again=True) == 0
    assert stand.told() == [("active", "error")]


async def test_nova_says_what_it_holds_of_a_service_but_ends_no_fault() -> None:
    """A service is forced down as Nova tells; where a fault of ours holds it, it stays down."""
    stand = Stand()
    await stand.take("nova-versioned-service-update", "nova-versioned-service-update-conductor")
    inventory = stand.product.indexes.inventory
    host = inventory.host(HostName("compute-2"))
    assert host is not None
    assert host.forced_down
    assert inventory.host(HostName("controller")) is None
    stand.product.report(HOST_DOWN, hostname="compute-2")
    echo = {"kind": "service", "host": "compute-2", "forced_down": True}
    revision = stand.product.indexes.inventory.host(HostName("compute-2")).revision  # type: ignore[union-attr]
    await stand.notified.take({"messages": [{"message_id": "e", "notices": [echo]}]}, ACTOR)
    after = stand.product.indexes.inventory.host(HostName("compute-2"))
    assert after is not None
    assert after.revision == revision
    up = {"kind": "service", "host": "compute-2", "forced_down": False, "disabled": True}
    await stand.notified.take({"messages": [{"message_id": "x", "notices": [up]}]}, ACTOR)
    host = inventory.host(HostName("compute-2"))
    assert host is not None
    assert (host.forced_down, host.disabled) == (True, True)


async def test_events_go_the_way_of_posted_events() -> None:
    """An event of Aodh's topics reaches evaluators as one that was posted, and only once."""
    stand = Stand()
    event = {"message_id": "e", "event_type": "thing.happened", "traits": [["a", 1, "b"]]}
    body = {"messages": [{"message_id": "m", "events": [event]}], "counts": {"taken": 1}}
    assert await stand.notified.take(body, ACTOR) == 1
    assert await stand.notified.take(body, ACTOR) == 0
    (came,) = stand.product.events
    stand.product.run(TakeEvents((came,), ACTOR))
    assert stand.product.events[0] == stand.product.events[1]
    page = stand.metrics.page().decode()
    assert 'faultwire_notifications_total{result="taken"} 2.0' in page


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ([], "must be an object"),
        ({"messages": 1}, "messages"),
        ({"messages": [1]}, r"messages\[0\]"),
        ({"messages": [{"message_id": 5}]}, r"messages\[0\]\.message_id"),
        ({"messages": [{"surprise": 5}]}, r"messages\[0\]\.surprise"),
        ({"messages": [{"notices": {}}]}, r"messages\[0\]\.notices"),
        ({"messages": [{"notices": [{"kind": "star"}]}]}, r"notices\[0\]\.kind"),
        ({"messages": [{"notices": [{"kind": "server"}]}]}, r"notices\[0\]\.id"),
        ({"messages": [{"notices": [{"kind": "server", "id": "/"}]}]}, r"notices\[0\]\.id"),
        ({"messages": [{"notices": [{"kind": "port", "id": "p", "x": 1}]}]}, r"\[0\]\.x"),
        (
            {"messages": [{"notices": [{"kind": "server", "id": "v", "vm_state": "odd"}]}]},
            r"vm_state",
        ),
        ({"messages": [{"events": [{}]}]}, r"messages\[0\]\.events"),
        ({"messages": [{}] * 1001}, "at most 1000"),
    ],
)
async def test_what_is_wrong_is_named_and_nothing_is_taken(body: object, named: str) -> None:
    """A body is taken whole or not at all, and the field at fault is named."""
    stand = Stand()
    with pytest.raises(Invalid, match=named):
        await stand.notified.take(body, ACTOR)
    assert not stand.product.events


def test_nothing_told_is_nothing_changed() -> None:
    """A command without news has no commit to wait for."""
    stand = Stand()
    assert stand.product.run(TakeNotices((), (), ACTOR)) == 0

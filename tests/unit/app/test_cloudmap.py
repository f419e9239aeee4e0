"""The map follows clouds: lists and notifications, of one and of two that do not mix (S1-S3)."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from faultwire.app.cloudears import Ears
from faultwire.app.cloudmap import CloudMap, Reading
from faultwire.app.listening import buses_of
from faultwire.app.notified import Notified
from faultwire.app.remote import RemoteActing
from faultwire.config import configuration as config
from faultwire.controllers.openstack.echoes import Echoes
from faultwire.controllers.openstack.naming import names
from faultwire.controllers.openstack.settings import Settings
from faultwire.domain.errors import Invalid
from faultwire.domain.ids import HostName, PortId, ServerId
from faultwire.domain.remote_acts import Notify
from faultwire.domain.standing import troubles
from faultwire.telemetry.metrics import Metrics
from faultwire.testing.chain import ACTOR, InProcess
from faultwire.testing.cloudrows import RowsCloud
from tests.unit.domain.test_standing import WELL

LATER = "2030-01-01 00:00:00.000000"
"""After every look at a clock that stands in 2023."""
EARLIER = "2020-01-01 00:00:00.000000"


def cloud(**more: Any) -> RowsCloud:
    """Return a cloud of one host with one server and its port."""
    return RowsCloud(
        hosts={"h1": False, "h2": False}, servers={"vm1": "active"}, ports={"port1": ""},
        where={"vm1": "h1"}, plugs={"port1": "vm1"}, **more,
    )  # fmt: skip


class Stand:
    """A product beside clouds."""

    def __init__(self, *clouds: str) -> None:
        """Name the clouds."""
        self.settings = Settings(clouds=clouds, concurrency=2)
        self.product = InProcess(
            notify=Notify.IMMEDIATELY,
            cloud_of=lambda host: host.partition("/")[0] if len(clouds) > 1 else clouds[0],
        )
        self.metrics = Metrics()
        self.inventory = self.product.indexes.inventory
        echoes = Echoes(self.product.indexes.remote.on)
        self.product.memory.follow(echoes.follow)
        self.ears = Ears(names(clouds), self.inventory, echoes.is_echo)
        self.clouds = {name: cloud() for name in clouds}
        reading = Reading(
            self.product, self.inventory, self.product.indexes.remote.on, self.product.clock,
            self.metrics, lambda: True,
        )  # fmt: skip
        self.maps = {
            ear.name: CloudMap(self.clouds[ear.name], ear, self.settings, reading)  # type: ignore[arg-type]
            for ear in self.ears
        }
        for one in self.maps.values():
            self.product.memory.follow(one.touched.follow)
        self.notified = Notified(
            self.product, self.product.clock, self.metrics, lambda _: False, self.ears
        )
        self._number = 0

    async def look(self) -> None:
        """Look at every cloud."""
        for one in self.maps.values():
            await one.once()

    async def tell(
        self, cloud: str = "", timestamp: str = LATER, kind: str = "server", **said: Any
    ) -> None:
        """Have a cloud tell something."""
        self._number += 1
        notice = {"kind": kind, **said}
        told = {"message_id": f"m{self._number}", "notices": [notice], "timestamp": timestamp}
        of = {"cloud": cloud} if cloud else {}
        await self.notified.take({"messages": [told], **of}, ACTOR)

    def host_of(self, server: str = "vm1") -> str | None:
        """Return a server's host in the map."""
        found = self.inventory.server(ServerId(server))
        return None if found is None else found.host


async def test_a_missed_change_is_found_by_the_next_look() -> None:
    """What came, moved and went unheard is right after one look, and counted."""
    stand = Stand("east")
    await stand.look()
    assert stand.host_of() == "h1"
    east = stand.clouds["east"]
    east.servers["vm2"], east.where["vm2"], east.where["vm1"] = "active", "h1", "h2"
    await stand.look()
    assert (stand.host_of(), stand.host_of("vm2")) == ("h2", "h1")
    del east.servers["vm1"], east.ports["port1"]
    await stand.look()
    assert stand.host_of() is None
    assert stand.inventory.port(PortId("port1")) is None
    await stand.look()
    page = stand.metrics.page().decode()
    assert 'faultwire_map_untold_total{cloud="east",kind="server"} 3.0' in page
    assert 'faultwire_map_untold_total{cloud="east",kind="port"} 2.0' in page


async def test_what_a_list_lacks_is_gone_only_if_nova_says_so() -> None:
    """The servers of a cell that does not answer stay in the map, and their owners are told."""
    stand = Stand("east")
    await stand.look()
    east = stand.clouds["east"]
    east.left_out, east.broken = {"vm1"}, {"vm1"}
    for _ in range(3):
        await stand.look()
    assert stand.host_of() == "h1"
    east.left_out, east.broken = set(), set()
    del east.servers["vm1"]
    await stand.look()
    assert stand.host_of() is None


async def test_pages_make_one_look() -> None:
    """A list that comes in pages is read to its end."""
    stand = Stand("east")
    east = stand.clouds["east"]
    east.page = 2
    east.servers.update({f"vm{number}": "active" for number in range(7)})
    await stand.look()
    assert sum(1 for _ in stand.inventory.servers()) == 7


async def test_what_was_told_before_a_look_is_no_news() -> None:
    """A queue that waited tells how things were: nobody is moved back, what is gone is gone."""
    stand = Stand("east")
    await stand.look()
    await stand.tell(timestamp=EARLIER, id="vm1", project="p1", host="h2")
    await stand.tell(timestamp=EARLIER, id="vm9", project="p1", host="h2")
    assert (stand.host_of(), stand.host_of("vm9")) == ("h1", None)
    await stand.tell(timestamp="no time", id="vm1", host="h2")
    assert stand.host_of() == "h2"
    await stand.tell(timestamp=EARLIER, id="vm1", gone=True)
    assert stand.host_of() is None
    assert 'faultwire_notifications_total{result="old"} 2.0' in stand.metrics.page().decode()


async def test_two_clouds_with_the_same_names_do_not_mix() -> None:
    """The same host, server and port in both: what one tells and suffers stays its own."""
    stand = Stand("east", "west")
    west = stand.clouds["west"]
    west.servers["vm2"], west.where["vm2"] = "active", "h1"
    await stand.look()
    assert (stand.host_of(), stand.host_of("vm2")) == ("east/h1", "west/h1")
    await stand.tell("west", id="vm1", host="h2")
    await stand.tell("west", id="vm1", gone=True)
    await stand.tell("west", kind="port", id="port1", gone=True)
    assert stand.host_of() == "east/h1"
    assert stand.inventory.port(PortId("port1")) is not None
    await stand.tell("west", kind="service", host="h1", disabled=True)
    east, west_host = (stand.inventory.host(HostName(f"{one}/h1")) for one in ("east", "west"))
    assert east is not None
    assert west_host is not None
    assert (east.disabled, west_host.disabled) == (False, True)
    for one in stand.clouds.values():
        one.asked.clear()
    stand.product.report("compute.host.down", hostname="west/h1")
    await acted(stand)
    assert ("force_down", "h1") in west.asked
    assert ("reset_state", "vm2", "error") in west.asked
    assert stand.clouds["east"].asked == []
    assert stand.clouds["east"].hosts["h1"] is False


async def acted(stand: Stand) -> None:
    """Have what is owed done."""
    book = stand.product.indexes.remote
    clock = stand.product.clock
    acting = RemoteActing(
        stand.product, book, stand.clouds, stand.settings, clock, inventory=stand.inventory
    )
    stand.product.memory.follow(acting.follow)
    task = asyncio.create_task(acting.run())
    async with asyncio.timeout(20):
        while len(book):
            await asyncio.sleep(0)
            clock.advance(0.05)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_an_echo_of_our_own_reset_is_no_trouble() -> None:
    """Nova tells late that a server was put in error: who was told of the end hears nothing."""
    stand = Stand("east")
    await stand.look()

    async def heard(state: str) -> list[str]:
        before = len(stand.product.events)
        await stand.tell(id="vm1", vm_state=state)
        events = stand.product.events[before:]
        return [str(one.traits["state"]) for one in events if one.project]

    stand.product.report("compute.host.down", hostname="h1")
    await acted(stand)
    assert await heard("error") == []
    stand.product.report("compute.host.up", hostname="h1")
    assert await heard("error") == []
    await acted(stand)
    assert await heard("error") == []
    assert await heard("paused") == ["paused"]
    assert await heard("active") == ["active"]
    stand.product.clock.advance(6.0)
    assert await heard("error") == ["error"]


async def test_what_is_on_no_host_is_its_clouds_too() -> None:
    """Shelved servers with the same id: neither cloud takes the other's away, nor renames it."""
    stand = Stand("east", "west")
    for one in stand.clouds.values():
        one.where.clear()
    await stand.maps["east"].once()
    await stand.maps["west"].once()
    assert stand.host_of() == ""
    del stand.clouds["west"].servers["vm1"]
    await stand.look()
    await stand.look()
    assert stand.host_of() == ""
    await stand.tell("west", id="vm1", gone=True)
    assert stand.host_of() == ""
    del stand.clouds["east"].servers["vm1"]
    await stand.look()
    assert stand.host_of() is None


async def test_a_cloud_that_tells_nothing_is_said_to_be_polled(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The status says how the map is kept; the lines that mend it are logged once."""
    stand = Stand("east")
    (ear,) = stand.ears
    ear.line = lambda: ""
    await stand.look()
    look = stand.maps["east"].look()
    assert look.polling
    assert "by polling, no notification heard from east since 2023" in look.words
    assert look.advice == ()
    stand.clouds["east"].where["vm1"] = "h2"
    for _ in range(3):
        await stand.look()
    said = [one.message for one in caplog.records if "does not tell of" in one.message]
    assert len(said) == 2
    assert "driver = messagingv2" in said[0]
    assert "it does not tell of servers" in stand.maps["east"].look().words
    await stand.tell(id="vm1", host="h1")
    await stand.tell(kind="port", id="port1", host="h1")
    look = stand.maps["east"].look()
    assert not look.polling
    assert "by notifications, the last one heard 2023" in look.words
    assert look.advice == ()
    ear.line = lambda: "the broker is away: refused"
    assert stand.maps["east"].look().polling
    assert "refused" not in stand.maps["east"].look().words


async def test_a_cloud_that_cannot_be_read_for_long_is_trouble() -> None:
    """A map that nobody compares is not to be relied on, and the status says so."""
    stand = Stand("east")
    stand.clouds["east"].up = False
    await stand.look()
    look = stand.maps["east"].look()
    now = stand.product.clock.wall_ns()
    unread = replace(WELL, clouds=(look,))
    assert troubles(unread, now) == ()
    (said,) = troubles(unread, now + 3_600_000_000_000)
    assert said.startswith("cloud east was not read since 2023")


async def test_what_a_cloud_refuses_is_logged_once_and_not_asked_for_soon(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A Nova that is too old is so at the next look too; one that is away may be back soon."""
    stand = Stand("east")
    words = "Nova offers microversions 2.1 to 2.38, 2.53 is needed"

    async def refuse() -> None:
        raise Invalid("", words)

    stand.clouds["east"].learn_services = refuse  # type: ignore[assignment, method-assign]
    for _ in range(3):
        await stand.look()
    assert caplog.text.count(words) == 1
    assert not stand.maps["east"].soon
    stand.clouds["east"].up = False
    del stand.clouds["east"].learn_services
    await stand.look()
    assert stand.maps["east"].soon


@pytest.mark.parametrize(
    ("clouds", "name", "named"),
    [
        (("east", "west"), None, "mandatory"),
        (("east", "west"), "north", "not in"),
        (("east",), "west", "not in"),
        (("east",), 5, "not in"),
    ],
)
async def test_whose_notifications_these_are_has_to_be_known(
    clouds: tuple[str, ...], name: object, named: str
) -> None:
    """Of several clouds a message that names none would move another's hosts."""
    stand = Stand(*clouds)
    with pytest.raises(Invalid, match=named):
        await stand.notified.take({"messages": [], "cloud": name}, ACTOR)


EAST, WEST = "rabbit://u:p@rabbit-east:5672/nova", "rabbit://u:p@rabbit-west:5672/nova"


def heard_from(default: str, clouds: dict[str, str]) -> list[tuple[str, str | None, bool]]:
    """Return the buses that are listened to: URL, cloud, and whether the map follows them."""
    settings = config.read(None)
    settings = replace(settings, default=replace(settings.default, transport_url=default))
    return [
        (bus.url.transport_url, bus.cloud, bool(bus.listener.topics))
        for bus in buses_of(settings, clouds)
    ]


def test_each_cloud_is_heard_on_its_own_bus() -> None:
    """The one bus of one cloud is its own; of several clouds it brings events for alarms alone."""
    assert heard_from(EAST, {}) == [(EAST, None, True)]
    assert heard_from("", {"east": ""}) == []
    assert heard_from(EAST, {"east": ""}) == [(EAST, "east", True)]
    assert heard_from(EAST, {"east": WEST}) == [(EAST, None, False), (WEST, "east", True)]
    both = {"east": EAST, "west": WEST}
    assert heard_from("", both) == [(EAST, "east", True), (WEST, "west", True)]
    assert heard_from(EAST, {"east": EAST, "west": ""}) == [(EAST, "east", True)]
    assert heard_from(EAST, {"east": "", "west": ""}) == [(EAST, None, False)]
    with pytest.raises(Invalid, match="of cloud west is cloud east's"):
        heard_from("", {"east": EAST, "west": EAST.replace("u:p", "x:y")})

"""The data-plane status of ports: one value, two views, who may, and what is told (S82-S115)."""

import asyncio
import json

import pytest

from faultwire.messaging.memory import MemoryBus
from tests.api.network.stand import PORTS, names, port, published, put, refused, told, wired

pytestmark = pytest.mark.asyncio


async def test_a_port_starts_without_a_report_and_is_active() -> None:
    """S88, S91, S102: default null, dp_down false, visible; status stands by itself."""
    async with wired() as cloud:
        found = await port(cloud, who="member")
        assert (found["data_plane_status"], found["dp_down"]) == (None, False)
        assert found["status"] == "ACTIVE"


@pytest.mark.parametrize(
    ("said", "status", "down"),
    [
        ({"dp_down": True}, "DOWN", True),
        ({"dp_down": False}, "ACTIVE", False),
        ({"dp_down": "True"}, "DOWN", True),
        ({"data_plane_status": "DOWN"}, "DOWN", True),
        ({"data_plane_status": "ACTIVE"}, "ACTIVE", False),
        ({"data_plane_status": "DOWN", "dp_down": True}, "DOWN", True),
    ],
)
async def test_one_value_has_two_views(said: dict[str, object], status: str, down: bool) -> None:
    """D7, S87-S90, S94: dp_down and data_plane_status are set and shown together."""
    async with wired() as cloud:
        assert await put(cloud, **said) == 200
        found = await port(cloud)
        assert (found["data_plane_status"], found["dp_down"]) == (status, down)
        assert found["status"] == "ACTIVE"


async def test_null_gives_back_no_report() -> None:
    """D7: null works on update (upstream: 500), whether anything was set or not."""
    async with wired() as cloud:
        assert await put(cloud, data_plane_status=None) == 200
        assert told(cloud) == []
        assert await put(cloud, data_plane_status="DOWN", data_plane_status_reason="cut") == 200
        assert await put(cloud, data_plane_status=None) == 200
        found = await port(cloud)
        assert found["data_plane_status"] is None
        assert found["data_plane_status_reason"] is None
        assert found["data_plane_status_since"] is None


async def test_lists_find_what_is_down() -> None:
    """Both views filter (upstream: 400), with alternatives, unset included, and both sort."""
    async with wired() as cloud:
        await put(cloud, data_plane_status="DOWN")
        await put(cloud, "port-2", data_plane_status="ACTIVE")
        assert await names(cloud, "?data_plane_status=DOWN") == ["port-1"]
        assert await names(cloud, "?dp_down=true") == ["port-1"]
        assert await names(cloud, "?dp_down=False") == ["port-2", "port-3"]
        assert await names(cloud, "?data_plane_status=") == ["port-3"]
        either = "?data_plane_status=DOWN&data_plane_status=ACTIVE"
        assert await names(cloud, either) == ["port-1", "port-2"]
        ordered = "?sort_key=data_plane_status&sort_dir=desc"
        assert await names(cloud, ordered) == ["port-1", "port-2", "port-3"]
        assert await names(cloud, "?data_plane_status=DOWN", "stranger") == []


async def test_the_extensions_are_always_there() -> None:
    """No driver can make the extension disappear (upstream: silently, with OVN)."""
    async with wired() as cloud:
        answer = await cloud.call("GET", "/network/v2.0/extensions", "member")
        aliases = {one["alias"] for one in answer.json()["extensions"]}
        assert {"data-plane-status", "dp-down"} <= aliases
        one = await cloud.call("GET", "/network/v2.0/extensions/data-plane-status", "member")
        assert one.json()["extension"]["name"] == "Port data plane status extension"
        missing = await refused(cloud, "GET", "/network/v2.0/extensions/nope")
        assert missing[0] == 404


@pytest.mark.parametrize(
    ("who", "name", "status"),
    [
        ("admin", "port-1", 200),
        ("admin", "port-2", 200),
        ("integrator", "port-1", 200),
        ("integrator", "port-2", 200),
        ("probe", "port-1", 200),
        ("probe", "port-2", 200),
        ("member", "port-1", 403),
        ("reader", "port-1", 403),
        ("service", "port-1", 403),
        ("stranger", "port-1", 404),
        ("nobody", "port-1", 404),
        ("", "port-1", 401),
    ],
)
async def test_integrators_write_everywhere_and_owners_read(
    who: str, name: str, status: int
) -> None:
    """S92-S93: the role alone suffices, across projects (upstream: 404); owners get 403."""
    async with wired() as cloud:
        assert await put(cloud, name, who, data_plane_status="DOWN") == status
        seen = (await cloud.call("GET", f"{PORTS}/{name}", who)).status_code
        assert seen == (200 if status in {200, 403} else status)


async def test_the_role_reports_and_does_nothing_else() -> None:
    """An integrator may not rename, bind or delete a port."""
    async with wired() as cloud:
        assert await put(cloud, who="integrator", name="x") == 403
        assert await put(cloud, who="integrator", data_plane_status="DOWN", name="x") == 403
        answer = await cloud.call("DELETE", f"{PORTS}/port-1", "integrator")
        assert answer.status_code == 403
        refusal = await refused(
            cloud, "PUT", f"{PORTS}/port-1", {"port": {"dp_down": True}}, "member"
        )
        assert refusal[1] == "PolicyNotAuthorized"
        assert "update_port:data_plane_status" in refusal[2]


async def test_each_rule_can_be_changed() -> None:
    """A policy file gives the right to owners, and takes it from the role."""
    async with wired() as cloud:
        cloud.open_policy({"update_port:data_plane_status": "role:member"})
        assert await put(cloud, who="member", data_plane_status="DOWN") == 200
        assert await put(cloud, who="integrator", data_plane_status="DOWN") == 403


async def test_reason_source_and_since_are_for_administrators() -> None:
    """Our additions: why, who, since when; the moment stays while the status does."""
    async with wired() as cloud:
        said = {"data_plane_status": "DOWN", "data_plane_status_reason": "fibre cut"}
        assert await put(cloud, who="integrator", **said) == 200
        found = await port(cloud)
        assert found["data_plane_status_reason"] == "fibre cut"
        assert found["data_plane_status_source"] == "integrator"
        since = found["data_plane_status_since"]
        assert since.endswith("Z")
        cloud.clock.advance(5)
        assert await put(cloud, data_plane_status="DOWN", data_plane_status_reason="two") == 200
        found = await port(cloud)
        assert (found["data_plane_status_since"], found["data_plane_status_reason"]) == (
            since,
            "two",
        )
        for who in ("member", "integrator"):
            assert not {key for key in await port(cloud, who=who) if "status_" in key}


async def test_an_event_for_each_change_and_none_without() -> None:
    """S95-S96: old and new value, exactly one; a repeat emits nothing (upstream: two)."""
    async with wired() as cloud:
        await put(cloud, data_plane_status="DOWN", data_plane_status_reason="cut")
        (event,) = told(cloud)
        assert event.traits["data_plane_status"] == "DOWN"
        assert event.traits["old_data_plane_status"] == ""
        assert event.traits["device_id"] == "vm-1"
        assert event.project == "p-demo"
        assert "reason" not in str(event.traits)
        revision = (await port(cloud))["revision_number"]
        await put(cloud, data_plane_status="DOWN")
        await put(cloud, dp_down=True)
        await put(cloud)
        assert told(cloud) == []
        assert (await port(cloud))["revision_number"] == revision
        await put(cloud, dp_down=False)
        (event,) = told(cloud)
        assert event.traits["old_data_plane_status"] == "DOWN"


async def test_the_owner_of_the_server_hears_of_it() -> None:
    """The server behind the port gets an event with the worst status and how many are down."""
    async with wired() as cloud:
        await put(cloud, data_plane_status="DOWN")
        (event,) = told(cloud, "compute.instance.update")
        assert event.traits["instance_id"] == "vm-1"
        assert (event.traits["data_plane_status"], event.traits["ports_down"]) == ("DOWN", 1)
        assert event.traits["state"] == "active"
        await put(cloud, data_plane_status="ACTIVE")
        (event,) = told(cloud, "compute.instance.update")
        assert (event.traits["data_plane_status"], event.traits["ports_down"]) == ("ACTIVE", 0)


async def test_one_alarm_on_the_server_suffices() -> None:
    """An owner's alarm on data_plane_status of the server fires when a port goes down."""
    async with wired() as cloud:
        query = [
            {"field": "traits.instance_id", "op": "eq", "type": "string", "value": "vm-1"},
            {"field": "traits.data_plane_status", "op": "eq", "type": "string", "value": "DOWN"},
        ]
        rule = {"event_type": "compute.instance.update", "query": query}
        await cloud.alarm(event_rule=rule)
        await put(cloud, data_plane_status="DOWN")
        assert [one.kind for one in cloud.outbox.owed].count("webhook") == 1


async def test_the_bus_gets_upstreams_payload_with_the_old_value() -> None:
    """S113-S114: the whole port, old value, reason and server, as a row of the outbox."""
    async with wired() as cloud:
        await put(cloud, data_plane_status="DOWN", data_plane_status_reason="cut")
        (message,) = published(cloud)
        payload = message["payload"]
        assert message["event_type"] == "port.update.end"
        assert message["publisher_id"] == "faultwire.network"
        assert payload["old_data_plane_status"] is None
        assert payload["server"] == {"id": "vm-1", "name": "one"}
        assert payload["port"]["data_plane_status"] == "DOWN"
        assert payload["port"]["data_plane_status_reason"] == "cut"
        assert payload["port"]["binding:host_id"] == "compute-1"


async def test_a_dead_bus_holds_up_no_report() -> None:
    """A report is answered and stored although the bus is dead (upstream: hangs)."""
    async with wired() as cloud:
        bus = MemoryBus()
        bus.up = False
        async with asyncio.timeout(60):
            assert await put(cloud, data_plane_status="DOWN") == 200
        assert len(published(cloud)) == 1
        owed = cloud.ledger.load()
        assert {one.id: one.data_plane_status for one in owed.ports}["port-1"] == "DOWN"
        assert not bus.taken


async def test_other_updates_leave_it_alone() -> None:
    """S101: a new name keeps the status, and setting the status keeps the name."""
    async with wired() as cloud:
        await put(cloud, data_plane_status="DOWN")
        assert await put(cloud, who="member", name="renamed") == 200
        found = await port(cloud)
        assert (found["name"], found["data_plane_status"]) == ("renamed", "DOWN")
        told(cloud)
        assert await put(cloud, who="member", name="renamed") == 200
        assert told(cloud) == []


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            {"port": {"data_plane_status": "BROKEN"}},
            "Invalid input for data_plane_status. Reason: BROKEN is not in valid_values.",
        ),
        (
            {"port": {"data_plane_status": "down"}},
            "Invalid input for data_plane_status. Reason: down is not in valid_values.",
        ),
        (
            {"port": {"data_plane_status": True}},
            "Invalid input for data_plane_status. Reason: True is not in valid_values.",
        ),
        ({"port": {"data_plane_status": 1}}, "Reason: 1 is not in valid_values."),
        ({"port": {"data_plane_status": ["DOWN"]}}, "is not in valid_values."),
        ({"port": {"dp_down": None}}, "'None' is not a valid boolean value."),
        ({"port": {"dp_down": 1}}, "'1' is not a valid boolean value."),
        ({"port": {"dp_down": "maybe"}}, "'maybe' is not a valid boolean value."),
        ({"port": {"dp_down": True, "data_plane_status": "ACTIVE"}}, "it contradicts"),
        ({"port": {"data_plane_status_reason": "x"}}, "it goes with a data_plane_status"),
        ({"port": {"status": "DOWN"}}, "Cannot update read-only attribute status"),
        ({"port": {"data_plane_status_source": "x"}}, "Cannot update read-only attribute"),
        ({"port": {"nope": 1}}, "Unrecognized attribute(s) 'nope'"),
        ({}, "Unable to find 'port' in request body"),
        ({"net": {}}, "Unable to find 'port' in request body"),
        ([], "Body contains invalid data"),
        ({"port": []}, "Invalid input for port."),
    ],
)
async def test_wrong_values_are_named(body: object, message: str) -> None:
    """Every wrong value is 400 in Neutron's shape and words, and nothing changes."""
    async with wired() as cloud:
        status, kind, said = await refused(cloud, "PUT", f"{PORTS}/port-1", body)
        assert (status, kind) == (400, "HTTPBadRequest")
        assert message in said
        assert told(cloud) == []


async def test_a_body_needs_no_content_type() -> None:
    """S94: the sample sends Accept and no Content-Type; what is no JSON is 400."""
    async with wired() as cloud:
        raw = json.dumps({"port": {"dp_down": True}}).encode()
        for kind in ("", "text/plain", "application/x-www-form-urlencoded"):
            headers = {"Content-Type": kind} if kind else {}
            answer = await cloud.call("PUT", f"{PORTS}/port-1", content=raw, headers=headers)
            assert answer.status_code == 200, kind
        answer = await cloud.call("PUT", f"{PORTS}/port-1", content=b"{")
        assert answer.json()["NeutronError"]["message"] == "Body contains invalid data"


async def test_a_new_port_cannot_have_a_status() -> None:
    """S89: with either view POST is 400."""
    async with wired() as cloud:
        for name, value in (("data_plane_status", "DOWN"), ("dp_down", True)):
            body = {"port": {"network_id": "net", name: value}}
            status, _, said = await refused(cloud, "POST", PORTS, body)
            assert (status, said) == (400, f"Attribute '{name}' not allowed in POST")


async def test_an_unknown_port_is_not_found() -> None:
    """PUT and GET of what is not there: 404 PortNotFound."""
    async with wired() as cloud:
        for method in ("GET", "PUT", "DELETE"):
            body = {"port": {"dp_down": True}} if method == "PUT" else None
            found = await refused(cloud, method, f"{PORTS}/nope", body)
            assert found == (404, "PortNotFound", "Port nope could not be found.")


async def test_a_stale_revision_is_refused() -> None:
    """If-Match of another revision is 412, of the present one 200, of none 400."""
    async with wired() as cloud:
        body = {"port": {"dp_down": True}}
        path, revision = f"{PORTS}/port-1", (await port(cloud))["revision_number"]
        stale = {"headers": {"If-Match": "revision_number=99"}}
        found = await refused(cloud, "PUT", path, body, **stale)
        assert found[:2] == (412, "RevisionNumberConstraintFailed")
        assert (await refused(cloud, "DELETE", path, **stale))[0] == 412
        wrong = await refused(cloud, "PUT", path, body, headers={"If-Match": "x"})
        assert wrong[0] == 400
        right = {"If-Match": f"revision_number={revision}"}
        assert (await cloud.call("PUT", path, body=body, headers=right)).status_code == 200


async def test_a_fault_and_a_report_do_not_undo_each_other() -> None:
    """A clear gives back what a fault took, and nothing that somebody else set."""
    async with wired() as cloud:
        await put(cloud, data_plane_status="ACTIVE", data_plane_status_reason="probed")
        down = {"time": "2026-01-01T00:00:00", "type": "network.port.down"}
        event = {**down, "details": {"port_id": "port-1"}}
        clear = {**event, "type": "network.port.up"}
        (fault,) = await cloud.report(event)
        found = await port(cloud)
        assert found["data_plane_status"] == "DOWN"
        assert found["data_plane_status_reason"] == "network.port.down port_id=port-1"
        assert found["data_plane_status_source"] == f"fault {fault}"
        await cloud.report(clear)
        found = await port(cloud)
        assert (found["data_plane_status"], found["data_plane_status_reason"]) == (
            "ACTIVE",
            "probed",
        )
        await cloud.report(event)
        await put(cloud, data_plane_status="DOWN", data_plane_status_reason="mine")
        await cloud.report(clear)
        assert (await port(cloud))["data_plane_status"] == "DOWN"

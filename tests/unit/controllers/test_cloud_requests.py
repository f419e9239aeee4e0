"""What Nova and Neutron are asked, request by request."""

import asyncio
from typing import Any

import pytest

from faultwire.controllers.openstack.api import OpenStackApi
from faultwire.controllers.openstack.snapshot import look
from faultwire.domain.errors import FaultwireError, Forbidden, Invalid, NotFound, Unavailable
from faultwire.domain.notices import ServiceNotice
from faultwire.domain.remote_acts import Standing

UUID = "d2a0a9bb-53b4-4c7c-8f07-6d0a2d6d6c9d"
SERVICES = {"services": [{"host": "h1", "id": UUID}]}


class Session:
    """A cloud that is signed in at, in so far as requests need it."""

    name = "east"

    async def endpoint(self, service: str) -> str:
        """Return the URL of a service."""
        return service


class Asked(OpenStackApi):
    """The client, with answers in place of a cloud: by method and path, each for good.

    How often Nova's root was asked for is in `roots`.
    """

    def __init__(self, answers: dict[str, Any]) -> None:
        super().__init__(Session(), 1.0)  # type: ignore[arg-type]
        self.answers = answers
        self.asked: list[tuple[str, object, str]] = []
        self.roots = 0

    async def request(
        self, method: str, url: str, body: object = None, headers: dict[str, str] | None = None
    ) -> Any:
        version = (headers or {}).get("OpenStack-API-Version", "").rpartition(" ")[2]
        path = url.partition("?")[0]
        if path == "compute/":
            self.roots += 1
        else:
            self.asked.append((f"{method} {path}", body, version))
        found = self.answers.get(f"{method} {path}")
        if isinstance(found, list):
            found = found.pop(0) if len(found) > 1 else found[0]
        if isinstance(found, FaultwireError):
            raise found
        return found


LIST, PUT = "GET compute/os-services", f"PUT compute/os-services/{UUID}"
ACTION = "POST compute/servers/vm1/action"


async def test_a_host_is_forced_down_by_one_request_once_its_service_is_known() -> None:
    """The service's uuid is asked for once; the disabling is in the same request (S166)."""
    api = Asked({LIST: SERVICES})
    await api.force_down("h1")
    await api.force_down("h1", "faultwire: fault f")
    await api.let_up("h1")
    await api.let_up("h1", enable=True)
    disabled = {"status": "disabled", "disabled_reason": "faultwire: fault f"}
    assert api.asked == [
        (LIST, None, "2.53"),
        (PUT, {"forced_down": True}, "2.53"),
        (PUT, {"forced_down": True, **disabled}, "2.53"),
        (PUT, {"forced_down": False}, "2.53"),
        (PUT, {"forced_down": False, "status": "enabled"}, "2.53"),
    ]


async def test_a_service_that_was_made_again_is_found_again() -> None:
    """A uuid that Nova does not know any more is asked for anew; no service is an error."""
    api = Asked({LIST: SERVICES, PUT: [NotFound("gone"), {}]})
    await api.learn_services()
    await api.force_down("h1")
    assert [what for what, _, _ in api.asked] == [LIST, PUT, LIST, PUT]
    with pytest.raises(NotFound):
        await Asked({LIST: {"services": []}}).force_down("h1")
    lost = Asked({LIST: SERVICES, PUT: NotFound("gone")})
    with pytest.raises(NotFound):
        await lost.force_down("h1")
    assert len(lost.asked) == 2


async def test_what_servers_are_asked_for() -> None:
    """Evacuated ones run, unless they shall stay off; stopped is said in two requests."""
    api = Asked({"GET compute/": {"version": {"version": "2.104"}}})
    await api.evacuate("vm1", "")
    await api.evacuate("vm1", "h2", stopped=True)
    await api.reset_state("vm1", "error")
    await api.reset_state("vm1", "stopped")
    assert [one for one in api.asked if one[0] == ACTION] == [
        (ACTION, {"evacuate": {}}, "2.94"),
        (ACTION, {"evacuate": {"host": "h2"}}, "2.95"),
        (ACTION, {"os-resetState": {"state": "error"}}, ""),
        (ACTION, {"os-resetState": {"state": "active"}}, ""),
        (ACTION, {"os-stop": None}, ""),
    ]


def nova(least: str, newest: str) -> dict[str, Any]:
    """Return what Nova's root says of its microversions."""
    return {"version": {"min_version": least, "version": newest}}


ROOT = "GET compute/"


async def test_what_a_cloud_offers_is_asked_once() -> None:
    """Many requests at once find it out together; each goes to the nearest that there is."""
    api = Asked({ROOT: nova("2.20", "2.90"), LIST: SERVICES, "GET compute/servers/vm1":
                 {"server": {}}})  # fmt: skip
    await asyncio.gather(*(api.standing("vm1") for _ in range(4)))
    await api.force_down("h1")
    await api.evacuate("vm1", "")
    assert api.roots == 1
    assert [version for _, _, version in api.asked] == ["2.20"] * 4 + ["2.53"] * 2 + ["2.90"]


@pytest.mark.parametrize("root", [nova("2.1", "2.38"), nova("", "")])
async def test_a_cloud_that_is_too_old_is_asked_for_nothing(root: dict[str, Any]) -> None:
    """It is said which microversions there are and which is needed; upgraded, it is asked."""
    api = Asked({ROOT: root, LIST: SERVICES})
    for act in (api.force_down("h1"), api.evacuate("vm1", ""), look(api)):
        with pytest.raises(Invalid, match=r"east: Nova offers .* 2\.53 is needed"):
            await act
    assert not [one for one in api.asked if one[2]]
    api.answers[ROOT] = nova("2.1", "2.96")
    await api.force_down("h1")
    assert (PUT, {"forced_down": True}, "2.53") in api.asked


@pytest.mark.parametrize("root", [NotFound("a proxy hides it"), None, {"versions": []}])
async def test_a_cloud_that_does_not_say_is_asked_as_if_it_had_all(root: object) -> None:
    """A root that is hidden stops nothing: whether it is offered the answer says."""
    api = Asked({ROOT: root, LIST: SERVICES})
    await api.force_down("h1")
    await api.let_up("h1")
    assert api.roots == 1
    assert [version for _, _, version in api.asked] == ["2.53"] * 3


async def test_a_root_that_does_not_answer_is_asked_again() -> None:
    """What cannot be asked now is no word on what is offered."""
    api = Asked({ROOT: [Unavailable("away"), nova("2.1", "2.96")], LIST: SERVICES})
    with pytest.raises(Unavailable):
        await api.force_down("h1")
    await api.force_down("h1")
    assert api.roots == 2


async def test_how_a_server_stands() -> None:
    """Its host, state, task and what went wrong last, empty where Nova says nothing."""
    one = {
        "OS-EXT-SRV-ATTR:host": "h1", "OS-EXT-STS:vm_state": "error",
        "OS-EXT-STS:task_state": None, "fault": {"message": "No valid host was found."},
    }  # fmt: skip
    api = Asked({"GET compute/servers/vm1": {"server": one}})
    assert await api.standing("vm1") == Standing("h1", "error", "", "No valid host was found.")
    api = Asked({"GET compute/servers/vm1": {"server": {}}})
    assert await api.standing("vm1") == Standing("", "")


EXTENSIONS = "GET network/v2.0/extensions"
MARKS = {"extensions": [{"alias": "data-plane-status"}]}


async def test_a_neutron_without_the_extension_is_asked_for_it_once() -> None:
    """With OVN no port is ever asked for; with the extension each is."""
    api = Asked({EXTENSIONS: {"extensions": [{"alias": "quotas"}]}})
    assert [await api.mark_port("p1", "DOWN"), await api.mark_port("p1", "")] == [
        "its Neutron has no data-plane-status"
    ] * 2
    assert [what for what, _, _ in api.asked] == [EXTENSIONS]
    api = Asked({EXTENSIONS: MARKS})
    assert [await api.mark_port("p1", "DOWN"), await api.mark_port("p1", "")] == ["", ""]
    assert api.asked == [
        (EXTENSIONS, None, ""),
        ("PUT network/v2.0/ports/p1", {"port": {"data_plane_status": "DOWN"}}, ""),
        ("PUT network/v2.0/ports/p1", {"port": {"data_plane_status": "ACTIVE"}}, ""),
    ]


async def test_a_neutron_that_starts_has_lost_nothing() -> None:
    """Its router says 404 before it knows its paths; of a port that is gone it says so."""
    put, starting = "PUT network/v2.0/ports/p1", NotFound("404 The resource could not be found.")
    still = NotFound('404 {"NeutronError": {"type": "HTTPNotFound"}}')
    gone = NotFound('404 {"NeutronError": {"type": "PortNotFound"}}')
    api = Asked({EXTENSIONS: [starting, MARKS], put: [still, gone]})
    for error in (Unavailable, Unavailable, NotFound):
        with pytest.raises(error):
            await api.mark_port("p1", "DOWN")
    assert len(api.asked) == 4


AGGREGATES = [
    {"name": "racks-r2", "hosts": ["h1", "h2"], "metadata": {"rack": "r2"}},
    {"name": "fast", "hosts": ["h1"], "metadata": {}},
    {"name": "other", "hosts": [], "metadata": None},
]


@pytest.mark.parametrize(
    ("answer", "rack", "aggregates"),
    [({"aggregates": AGGREGATES}, "r2", ("fast", "racks-r2")), (Forbidden("no"), None, None)],
)
async def test_a_look_tells_where_hosts_belong(
    answer: object, rack: str | None, aggregates: tuple[str, ...] | None
) -> None:
    """Zone by the service, rack and aggregates by these; unknown where they may not be read."""
    service = {"host": "h1", "id": UUID, "zone": "az1", "status": "enabled", "forced_down": False}
    api = Asked(
        {
            LIST: {"services": [service]},
            "GET compute/os-aggregates": answer,
            "GET compute/servers/detail": {"servers": []},
            "GET network/v2.0/ports": {"ports": []},
        }
    )
    found = await look(api)
    placed = ServiceNotice("h1", False, False, None, "az1", rack, aggregates)
    assert found.services == (placed,)

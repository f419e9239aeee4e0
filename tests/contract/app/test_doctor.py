"""`faultwire doctor` over HTTP: every part is asked by itself, and nobody who hangs stops it."""

import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from faultwire.app.doctor import Doctor, Wanted
from faultwire.config import configuration as config
from faultwire.domain.findings import Finding, Level
from faultwire.messaging import examining
from faultwire.messaging.addresses import broker_of
from faultwire.messaging.amqp import Opened
from faultwire.messaging.settings import ListenerSettings, Settings
from faultwire.telemetry.clock import SystemClock
from tests.contract.app import fakestack
from tests.contract.app.fakestack import FakeStack

pytestmark = pytest.mark.filterwarnings("ignore:Support for InfluxDB")

BUS_ALONE = {"bus", "notifications"}
"""Checks that a cloud without a bus does not pass."""


@pytest.fixture
async def stack() -> AsyncIterator[FakeStack]:
    """Give a cloud that is right."""
    made = await FakeStack().start()
    yield made
    await made.stop()


async def examined(
    stack: FakeStack, tmp_path: Path, seconds: float = 20.0, **wanted: Any
) -> dict[str, Finding]:
    """Return the findings of a cloud, by check."""
    file = stack.clouds_yaml(tmp_path / "clouds.yaml")
    settings = config.read(None)
    openstack = replace(settings.openstack, clouds=("east",), clouds_yaml=str(file))
    settings = replace(settings, openstack=openstack)
    asked = Wanted(("east",), seconds=seconds, **wanted)
    found = await Doctor(settings, tmp_path / "state", SystemClock(), asked).examine()
    return {one.check: one for part in found.values() for one in part}


async def test_a_cloud_that_is_ready_has_no_finding(stack: FakeStack, tmp_path: Path) -> None:
    """Every check is ok but those of a bus that is not configured; nothing is changed."""
    found = await examined(stack, tmp_path)
    wrong = {name for name, one in found.items() if one.level is not Level.OK}
    assert wrong == BUS_ALONE, found
    assert len(found) == 16
    changed = {(method, path) for method, path in stack.asked if method not in ("GET", "POST")}
    assert changed == {("PUT", "/compute/v2.1/os-services/00000000-0000-0000-0000-000000000000")}
    assert {path for method, path in stack.asked if method == "POST"} == {
        "/identity/v3/auth/tokens"
    }


@pytest.mark.parametrize(
    ("path", "instead", "failing"),
    [
        ("/network", fakestack.page, {"network endpoint", "ports", "port extension"}),
        ("/network", fakestack.broken, {"network endpoint", "ports", "port extension"}),
        ("/compute/v2.1/os-services", fakestack.denied, {"services", "forcing down"}),
        ("/compute/v2.1/servers", fakestack.broken, {"servers"}),
        ("/compute", fakestack.page,
         {"compute endpoint", "microversions", "services", "servers", "forcing down"}),
    ],
)  # fmt: skip
async def test_what_is_wrong_fails_by_itself(
    stack: FakeStack,
    tmp_path: Path,
    path: str,
    instead: Callable[[Any], Any],
    failing: set[str],
) -> None:
    """A page, a 500 and a 403 are findings of those checks that met them, and of no other."""
    stack.instead[path] = instead
    found = await examined(stack, tmp_path)
    assert {name for name, one in found.items() if one.level is Level.FAIL} == failing, found


async def test_one_that_hangs_fails_alone(stack: FakeStack, tmp_path: Path) -> None:
    """A service that never answers costs its own checks their deadline, and no more."""
    stack.instead["/network/v2.0/ports"] = fakestack.hang
    found = await examined(stack, tmp_path, seconds=1.5)
    failed = {name: one for name, one in found.items() if one.level is Level.FAIL}
    assert set(failed) == {"ports"}
    assert failed["ports"].text == "no answer within 1.5 s"


@pytest.mark.parametrize("how", ["hang", "denied", "page", "broken"])
async def test_without_a_token_nothing_else_is_asked(
    stack: FakeStack, tmp_path: Path, how: str
) -> None:
    """A Keystone that does not let us in is one failure with its line."""
    stack.instead["/identity/v3/auth"] = getattr(fakestack, how)
    found = await examined(stack, tmp_path, seconds=1.5 if how == "hang" else 20.0)
    assert set(found) == {"database", "account", "bus"}
    assert found["account"].level is Level.FAIL
    assert "token issue" in found["account"].mend[-1]


async def test_an_empty_catalogue_is_named(stack: FakeStack, tmp_path: Path) -> None:
    """A token of no project has no services."""
    stack.types = []
    found = await examined(stack, tmp_path)
    assert "the catalogue is empty" in found["catalogue"].text
    assert found["compute endpoint"].level is Level.FAIL
    assert "catalog" in found["compute endpoint"].text


async def test_roles_and_the_extension_are_told(stack: FakeStack, tmp_path: Path) -> None:
    """A member may not act; a Neutron without the extension is a warning with its lines."""
    stack.roles, stack.extension = ["member"], False
    found = await examined(stack, tmp_path)
    assert found["account"].level is Level.FAIL
    assert found["port extension"].level is Level.WARN
    assert "data_plane_status" in found["port extension"].mend[-1]


async def test_a_webhook_is_tried_under_the_guards(stack: FakeStack, tmp_path: Path) -> None:
    """One on loopback is delivered to; the metadata service of a cloud never is."""
    url = f"{stack.url}/hook"
    stack.instead["/hook"] = _taken
    assert (await examined(stack, tmp_path, webhook=url))["webhook"].level is Level.OK
    found = await examined(stack, tmp_path, webhook="http://169.254.169.254/x")
    assert found["webhook"].level is Level.FAIL
    assert "may not be reached" in found["webhook"].text


async def _taken(_: Any) -> Any:
    from aiohttp import web

    return web.Response(status=204)


async def test_a_cloud_that_clouds_yaml_lacks_is_a_finding(tmp_path: Path) -> None:
    """What cannot even be begun is named too."""
    settings = config.read(None)
    asked = Wanted(("nowhere",), seconds=5)
    found = await Doctor(settings, tmp_path / "state", SystemClock(), asked).examine()
    (one,) = found["cloud nowhere"]
    assert one.level is Level.FAIL
    assert "nowhere" in one.text


@pytest.mark.parametrize(
    ("exchanges", "named", "queue"),
    [
        (("nova", "neutron"), {}, None),
        (("nova",), {"conductor_queue": "conductor"}, "conductor"),
        (("trove",), {"conductor_queue": "ours"}, "taskmanager"),
        (("nova", "trove"), {"conductor_queue": "a", "taskmanager_queue": "b"}, None),
    ],
)
async def test_a_virtual_host_is_shared_where_no_queue_is(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    exchanges: tuple[str, ...],
    named: dict[str, str],
    queue: str | None,
) -> None:
    """Beside Nova ours has queues of its own; a queue that is somebody else's too is named."""
    monkeypatch.setattr(examining, "Opened", FakeOpened)
    monkeypatch.setattr(FakeOpened, "exchanges", exchanges)
    settings = replace(config.read(None), default=Settings("rabbit://u:p@h:1/v", **named))
    doctor = Doctor(settings, tmp_path / "state", SystemClock(), Wanted((), seconds=20))
    found = {one.check: one for ones in (await doctor.examine()).values() for one in ones}
    assert found["bus"].level is (Level.OK if queue is None else Level.FAIL)
    assert queue is None or f"the queue {queue}" in found["bus"].text


class FakeOpened:
    """A broker's connection."""

    exchanges = ("nova",)
    queues = {"faultwire.listener.notifications": (3, 1)}  # noqa: RUF012
    messages: list[Any] = []  # noqa: RUF012

    def __init__(self, _: object) -> None:
        """Connect."""
        self._taken: Callable[[Any], None] = lambda _: None

    errors = Opened.errors

    def has_exchange(self, name: str) -> bool:
        """Tell of an exchange."""
        return name in self.exchanges

    def size(self, queue: str) -> tuple[int, int] | None:
        """Tell of a queue."""
        return self.queues.get(queue)

    def borrow(self, bindings: Any, taken: Callable[[Any], None]) -> None:
        """Hear."""
        assert [exchange for exchange, _ in bindings] == ["nova"]
        self._taken = taken

    def drain(self, _: float) -> bool:
        """Hand over."""
        while self.messages:
            self._taken(self.messages.pop())
        return False

    def close(self) -> None:
        """End."""


class _Message:
    body = b'{"message_id": "m", "event_type": "e", "payload": {"a": 1}}'


def test_a_broker_is_looked_at_and_overheard(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is there is told; what goes by is heard until it is enough, junk passed over."""
    monkeypatch.setattr(examining, "Opened", FakeOpened)
    broker = broker_of(Settings("rabbit://u:p@h:1/v"))
    assert broker is not None
    seen = examining.look(broker, ListenerSettings())
    assert seen == examining.Seen(("nova",), 3, 1)
    junk = _Message()
    junk.body = b"junk"  # type: ignore[misc]
    FakeOpened.messages = [_Message(), junk]
    came: list[tuple[str, object]] = []

    def heard(event_type: str, payload: object) -> bool:
        came.append((event_type, payload))
        return True

    ready = threading.Event()
    examining.overhear(broker, ("nova", "neutron"), ("k",), heard, ready, threading.Event())
    assert came == [("e", {"a": 1})]
    assert ready.is_set()

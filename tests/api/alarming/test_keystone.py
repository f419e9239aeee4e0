"""Alarms beside a Keystone: whose they are, and actions that run in their owners' names."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx2
import pytest

from faultwire.domain.alarms import Alarm
from faultwire.domain.errors import Conflict
from faultwire.faces import stack
from faultwire.faces.alarming import app as alarming
from faultwire.faces.alarming.settings import Settings as AlarmingSettings
from faultwire.faces.alarming.trusts import trusts_of
from faultwire.faces.signing import SigningIn
from faultwire.identity.keystone import KeystoneTokens
from faultwire.identity.keystone_settings import Settings
from faultwire.identity.trusts import KeptTrustTokens
from faultwire.telemetry.metrics import Metrics
from faultwire.testing.keystone import FakeKeystone, Grant
from tests.api.cloud import BASE, Cloud, alarm_body

ALARMS = "/alarming/v2/alarms"
HOOK = "http://127.0.0.1:9/failure"
TRUSTED = "trust+" + HOOK
URI = "https://keystone.example/v3"
MEMBER = Grant("u-ada", "p-east", frozenset({"member", "reader"}))


class World:
    """The alarming face behind a Keystone."""

    def __init__(self, cloud: Cloud) -> None:
        """Put it in the place of the cloud's own."""
        self.cloud = cloud
        self.keystone = FakeKeystone(cloud.clock)
        tokens = KeystoneTokens(self.keystone, cloud.doors, cloud.clock, Metrics(), Settings())
        ports = replace(
            cloud._alarming_ports(AlarmingSettings()),
            authenticator=tokens,
            keystone=self.keystone,
            trusts=KeptTrustTokens(self.keystone, cloud.clock, 5.0),
        )
        face = SigningIn(alarming.create(ports), tokens, URI)
        root = stack.create(
            {"/alarming": face}, stack.StackPorts(lambda: None, lambda: b"", cloud.clock)
        )
        self.client = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(root, raise_app_exceptions=False), base_url=BASE
        )
        self.token = self.keystone.issue(MEMBER)

    async def call(
        self, method: str, path: str, body: object = None, token: str | None = None
    ) -> httpx2.Response:
        """Call with a token; the member's unless another is named."""
        headers = {"X-Auth-Token": self.token if token is None else token}
        more: dict[str, Any] = {} if body is None else {"json": body}
        return await self.client.request(method, path, headers=headers, **more)

    async def alarm(self, *actions: str) -> dict[str, Any]:
        """Create an alarm and return it."""
        made = await self.call("POST", ALARMS, alarm_body(alarm_actions=list(actions)))
        assert made.status_code == 201, made.text
        found: dict[str, Any] = made.json()
        return found

    def kept(self) -> tuple[Alarm, ...]:
        """Return all alarms that are stored."""
        return self.cloud.ledger.alarms(project=None, limit=None, marker=None)

    def stored(self) -> tuple[str, ...]:
        """Return the actions of the one alarm as they are stored."""
        (one,) = self.kept()
        assert set(trusts_of(one)) == set(self.keystone.trusts)
        return tuple(one.alarm_actions)


@pytest.fixture
async def world(cloud: Cloud) -> AsyncIterator[World]:
    """Give the face, and close what its client holds."""
    made = World(cloud)
    yield made
    await made.client.aclose()


async def test_an_alarm_is_its_callers(world: World) -> None:
    """Project and user are those of Keystone's token; another project sees nothing of it."""
    made = await world.alarm(HOOK)
    assert (made["project_id"], made["user_id"]) == ("p-east", "u-ada")
    other = world.keystone.issue(Grant("u-bob", "p-west", frozenset({"member", "reader"})))
    assert (await world.call("GET", ALARMS, token=other)).json() == []
    reader = world.keystone.issue(Grant("u-eve", "p-east", frozenset({"reader"})))
    assert len((await world.call("GET", ALARMS, token=reader)).json()) == 1
    refused = await world.call("POST", ALARMS, alarm_body(), token=reader)
    assert refused.status_code == 403
    no_scope = world.keystone.issue(Grant("u-ada"))
    assert (await world.call("GET", ALARMS, token=no_scope)).status_code == 403


async def test_who_is_unknown_learns_where_keystone_is(world: World) -> None:
    """401 in the face's own shape, with and without a token; no question is asked without one."""
    for token in ("guess", ""):
        answer = await world.call("GET", ALARMS, token=token)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == f'Keystone uri="{URI}"'
        assert answer.json()["error_message"]["faultcode"] == "Client"
    assert len(world.keystone.asked) == 1


async def test_while_keystone_is_away_a_new_token_waits(world: World) -> None:
    """503 in the face's own shape with Retry-After; versions need nobody; known callers go on."""
    await world.alarm(HOOK)
    world.keystone.up = False
    new = world.keystone.issue(MEMBER)
    answer = await world.call("GET", ALARMS, token=new)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "1"
    assert answer.json()["error_message"]["faultcode"] == "Server"
    assert (await world.call("GET", "/alarming", token=new)).status_code == 200
    assert (await world.call("GET", ALARMS)).status_code == 200
    bound = {"X-Faultwire-Credential": "agent/compute-1:s3cret"}
    answer = await world.client.get(ALARMS, headers=bound)
    assert answer.status_code == 403


async def test_a_trust_is_made_and_never_shown(world: World) -> None:
    """Its id is in what is stored, once for all actions, and in no answer."""
    made = await world.alarm(TRUSTED, TRUSTED + "/2", HOOK)
    (trust,) = world.keystone.trusts
    assert world.keystone.trusts[trust].roles == {"member", "reader"}
    entrusted = f"trust+http://{trust}:delete@127.0.0.1:9/failure"
    assert world.stored() == (entrusted, entrusted + "/2", HOOK)
    assert made["alarm_actions"] == [TRUSTED, TRUSTED + "/2", HOOK]
    one = f"{ALARMS}/{made['alarm_id']}"
    for path in (ALARMS, one, f"{one}/history"):
        assert trust not in (await world.call("GET", path)).text


async def test_a_replaced_alarm_has_another_trust(world: World) -> None:
    """The one before is deleted: nobody sends another's token elsewhere by changing a URL."""
    made = await world.alarm(TRUSTED)
    (first,) = world.keystone.trusts
    one = f"{ALARMS}/{made['alarm_id']}"
    answer = await world.call("PUT", one, alarm_body(alarm_actions=[TRUSTED + "/2"]))
    assert answer.status_code == 200, answer.text
    assert first not in world.keystone.trusts
    assert len(world.stored()) == 1
    await world.call("PUT", one, alarm_body(alarm_actions=[HOOK]))
    assert world.keystone.trusts == {}


async def test_a_trust_ends_with_its_alarm(world: World) -> None:
    """Also where Keystone is away the alarm is deleted; then the trust is left, and logged."""
    made = await world.alarm(TRUSTED)
    answer = await world.call("DELETE", f"{ALARMS}/{made['alarm_id']}")
    assert answer.status_code == 204
    assert world.keystone.trusts == {}
    made = await world.alarm(TRUSTED)
    world.keystone.up = False
    answer = await world.call("DELETE", f"{ALARMS}/{made['alarm_id']}")
    assert answer.status_code == 204
    assert not world.kept()


async def test_an_alarm_that_is_not_saved_leaves_no_trust(world: World) -> None:
    """What was made for it is deleted again."""
    world.cloud.lane.refuse = lambda _: Conflict("no")
    answer = await world.call("POST", ALARMS, alarm_body(alarm_actions=[TRUSTED]))
    assert answer.status_code == 409
    assert world.keystone.trusts == {}


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("trust+http://someone:delete@127.0.0.1:9/", "cannot contain a trust ID"),
        ("trust+http://169.254.169.254/", "link-local"),
        ("trust+http:nothing", "is no URL"),
        ("trust+zaqar://a", "Unsupported action"),
    ],
)
async def test_what_cannot_run_in_a_users_name_is_refused(
    world: World, url: str, word: str
) -> None:
    """No trust of somebody else, nowhere that no webhook may go; nothing is made."""
    answer = await world.call("POST", ALARMS, alarm_body(alarm_actions=[url]))
    assert answer.status_code == 400
    assert word in answer.text
    assert world.keystone.trusts == {}


async def test_a_trust_that_keystone_refuses_is_no_alarm(world: World) -> None:
    """A token of a trust makes no further one; Keystone away is a 503."""
    await world.alarm(TRUSTED)
    (trust,) = world.keystone.trusts
    theirs, _ = await world.keystone.trust_token(trust)
    body = alarm_body(alarm_actions=[TRUSTED])
    answer = await world.call("POST", ALARMS, body, token=theirs)
    assert answer.status_code == 400
    assert "Keystone refuses the trust" in answer.text
    world.keystone.up = False
    assert (await world.call("POST", ALARMS, body)).status_code == 503
    assert len(world.kept()) == 1

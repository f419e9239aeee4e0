"""Beside a real Keystone: its tokens are ours, for as long as they are its own."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from aodhclient import client as aodh
from keystoneauth1 import session
from keystoneauth1.identity import v3
from openstack.config import OpenStackConfig
from openstack.connection import Connection

from faultwire.controllers.openstack.keystone import KeystoneDoor
from faultwire.controllers.openstack.session import CloudSession
from faultwire.controllers.openstack.settings import Settings
from faultwire.telemetry.clock import SystemClock
from tests.contract.keystone_suite import CASES, Authority
from tests.openstack import settings
from tests.openstack.client import Client
from tests.openstack.minicloud import NAME, MiniCloud
from tests.system.cloud import down
from tests.system.hooks import Hooks
from tests.system.served import Server, call
from tests.system.test_openstack_client import OpenStack
from tests.system.waiting import wait_for

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(400)]
REGION = "Faultwire"
REMEMBERED_S = 2.0
RULE = {"event_type": "compute.instance.update"}


class Real(Authority):
    """The cloud's Keystone, with its administrator."""

    def __init__(self, cloud: MiniCloud, admin: Client) -> None:
        """Sign in as a server does."""
        self._cloud, self._admin = cloud, admin
        known = Settings(clouds=(NAME,), clouds_yaml=str(cloud.clouds_yaml))
        self.session = CloudSession(NAME, SystemClock(), known)
        self.api: KeystoneDoor = KeystoneDoor(self.session, 30.0)
        self.user, self.project = str(admin.session.get_user_id()), admin.project

    def token(self, scope: str) -> str:
        """Issue a fresh token."""
        scopes = {
            "project": {"project_name": settings.ADMIN, "project_domain_id": "default"},
            "domain": {"domain_id": "default"},
            "system": {"system_scope": "all"},
            "": {"unscoped": True},
        }
        auth = v3.Password(
            auth_url=self._cloud.identity, username=settings.ADMIN, password=settings.PASSWORD,
            user_domain_id="default", **scopes[scope],
        )  # fmt: skip
        return str(session.Session(auth=auth).get_token())

    def revoke(self, token: str) -> None:
        """Take it back."""
        revoke(self._cloud, self._admin, token)

    def now_ns(self) -> int:
        """Return this machine's clock, which is the cloud's."""
        return time.time_ns()


def revoke(cloud: MiniCloud, admin: Client, token: str) -> None:
    """Revoke a token as its user does."""
    answer = call(
        f"{cloud.identity}/auth/tokens", "DELETE",
        headers={"X-Auth-Token": str(admin.session.get_token()), "X-Subject-Token": token},
    )  # fmt: skip
    assert answer.status == 204, answer.text


def test_the_real_keystone_does_what_the_suite_says(cloud: MiniCloud, admin: Client) -> None:
    """Every case of the suite that the shipped fake passes holds of the real one."""
    base, user = cloud.identity, admin.session.get_user_id()
    role = admin.ask("GET", f"{base}/roles?name=admin")["roles"][0]["id"]
    grants = [f"{base}/{of}/users/{user}/roles/{role}" for of in ("system", "domains/default")]
    held = [admin.ask("GET", f"{base}/system/users/{user}/roles")["roles"] != [], False]

    async def run() -> None:
        real = Real(cloud, admin)
        try:
            for case in CASES:
                await case(real)
        finally:
            await real.api.close()
            real.session.close()

    for grant in grants:
        admin.ask("PUT", grant)
    try:
        asyncio.run(run())
    finally:
        for grant, before in zip(grants, held, strict=True):
            if not before:
                admin.ask("DELETE", grant)


@pytest.fixture
def server(cloud: MiniCloud, tmp_path: Path) -> Iterator[Server]:
    """Give a server beside the cloud, without accounts of its own, in the catalogue."""
    made = Server(
        tmp_path,
        {
            "openstack": {"clouds": NAME, "clouds_yaml": cloud.clouds_yaml},
            "keystone": {"token_cache_seconds": REMEMBERED_S, "grace_seconds": 600},
        },
    )
    made.start()
    yield made
    made.close()


@pytest.fixture
def hooks() -> Iterator[Hooks]:
    """Give a receiver of webhooks."""
    made = Hooks()
    yield made
    made.close()


def register(cloud: MiniCloud, *words: str) -> str:
    """Run the command as the cloud's administrator and return what it says."""
    done = subprocess.run(
        [sys.executable, "-m", "faultwire.cli", "register-endpoints", "--os-cloud", NAME,
         "--region", REGION, *words],
        env={**os.environ, "OS_CLIENT_CONFIG_FILE": str(cloud.clouds_yaml)},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def asked(server: Server, token: str) -> int:
    """Return the status with which the alarming face answers a token."""
    headers = {"X-Auth-Token": token}
    return server.call("GET", "/alarming/v2/alarms", who="", headers=headers).status


def fresh(cloud: MiniCloud) -> str:
    """Return a new token of the administrator."""
    return str(Client(cloud).session.get_token())


def test_unmodified_clients_find_us_by_the_catalogue(
    cloud: MiniCloud, admin: Client, server: Server
) -> None:
    """register-endpoints, then aodhclient with a token of Keystone; a second run is idle."""
    words = ("--public-url", server.url)
    assert "add service alarming" in register(cloud, *words)
    try:
        assert "nothing to do" in register(cloud, *words)
        here = aodh.Client("2", session=admin.session, region_name=REGION)
        made = here.alarm.create(
            {"name": "found", "type": "event", "event_rule": RULE, "alarm_actions": ["log://"]}
        )
        assert made["project_id"] == admin.project
        assert made["user_id"] == admin.session.get_user_id()
        assert [one["name"] for one in here.alarm.list()] == ["found"]
        here.alarm.delete(made["alarm_id"])
        ours = admin.session.get(
            "/v1/faults", endpoint_filter={"service_type": "fault", "region_name": REGION}
        )
        assert ours.json()["faults"] == []
    finally:
        assert "remove service alarming" in register(cloud, "--remove")
        admin.ask("DELETE", f"{cloud.identity}/regions/{REGION}")


def test_the_openstack_command_finds_us_by_the_catalogue(
    cloud: MiniCloud, admin: Client, server: Server, tmp_path: Path
) -> None:
    """`openstack alarm` creates, lists, shows and deletes here; the SDK finds the way as well."""
    register(cloud, "--public-url", server.url)
    mine = tmp_path / "clouds.yaml"
    mine.write_text(settings.clouds(NAME, cloud.identity).replace(settings.REGION, REGION))
    command = OpenStack(mine)
    try:
        made = command.json(
            "alarm", "create", "--name", "by hand", "--type", "event",
            "--event-type", "compute.instance.update", "--alarm-action", "log://", cloud=NAME,
        )  # fmt: skip
        assert (made["project_id"], made["state"]) == (admin.project, "insufficient data")
        (row,) = command.json("alarm", "list", cloud=NAME)
        assert (row["alarm_id"], row["name"]) == (made["alarm_id"], "by hand")
        shown = command.json("alarm", "show", made["alarm_id"], cloud=NAME)
        assert shown["event_type"] == "compute.instance.update"
        files = OpenStackConfig(config_files=[str(mine)], load_envvars=False)
        here = Connection(config=files.get_one(cloud=NAME))
        assert here.endpoint_for("alarming") == f"{server.url}/alarming"
        wanted = {"service_type": "alarming", "region_name": REGION}
        alarms = here.session.get("/v2/alarms", endpoint_filter=wanted).json()
        assert [one["alarm_id"] for one in alarms] == [made["alarm_id"]]
        here.close()
        assert command.run("alarm", "delete", made["alarm_id"], cloud=NAME).returncode == 0
        assert aodh.Client("2", session=admin.session, region_name=REGION).alarm.list() == []
    finally:
        register(cloud, "--remove")
        admin.ask("DELETE", f"{cloud.identity}/regions/{REGION}")


def test_faces_of_the_cloud_are_its_own(cloud: MiniCloud, server: Server) -> None:
    """What Nova, Neutron, Glance, Trove and Keystone serve is off here, and says so."""
    headers = {"X-Auth-Token": fresh(cloud)}
    for path, word in {
        "/identity/v3": "Users sign in at",
        "/network/v2.0/ports": "Neutron",
        "/image/v2/images": "Glance",
        "/compute/v2.1/servers": "Nova",
        "/database/v1.0/p/instances": "Trove",
    }.items():
        answer = server.call("GET", path, who="", headers=headers)
        assert answer.status == 404, path
        assert word in answer.text, answer.text
    assert server.call("GET", "/compute/v2.1/os-fping", who="", headers=headers).status == 200
    nobody = server.call("GET", "/alarming/v2/alarms", who="")
    assert nobody.status == 401
    assert nobody.headers["WWW-Authenticate"] == f'Keystone uri="{cloud.identity}"'


def test_a_revoked_token_and_a_keystone_that_dies(
    cloud: MiniCloud, admin: Client, server: Server
) -> None:
    """Revoked: refused within the stated time. Dead: known tokens go on, new ones wait."""
    gone, known, new = fresh(cloud), fresh(cloud), fresh(cloud)
    assert (asked(server, gone), asked(server, known)) == (200, 200)
    revoke(cloud, admin, gone)
    revoked = time.monotonic()
    wait_for(lambda: asked(server, gone) == 401, "it is refused")
    # As much again for a machine that is busy.
    assert time.monotonic() - revoked < 2 * REMEMBERED_S + 10
    cloud.running["identity"].end(signal.SIGKILL)
    try:
        wait_for(lambda: asked(server, new) == 503, "a new token waits for Keystone")
        answer = server.call("GET", "/fault/v1/faults", who="", headers={"X-Auth-Token": new})
        assert answer.status == 503
        assert answer.headers["Retry-After"]
        wait_for(lambda: asked(server, known) == 200, "a known token goes on")
    finally:
        cloud.restart("identity")
    wait_for(lambda: asked(server, new) == 200, "it is taken when Keystone is back", 60.0)
    assert asked(server, known) == 200


def test_an_action_runs_in_its_owners_name(
    cloud: MiniCloud, admin: Client, server: Server, hooks: Hooks
) -> None:
    """Aodhclient's trust+http: the webhook gets a token of a trust, which ends with the alarm."""
    register(cloud, "--public-url", server.url)
    try:
        here = aodh.Client("2", session=admin.session, region_name=REGION)
        action = "trust+" + hooks.url("/mine")
        made = here.alarm.create(
            {"name": "mine", "type": "event", "event_rule": RULE, "alarm_actions": [action]}
        )
        assert made["alarm_actions"] == [action]
        (trust,) = admin.ask("GET", f"{cloud.identity}/OS-TRUST/trusts")["trusts"]
        assert trust["trustor_user_id"] == admin.session.get_user_id()
        event = {
            "event_type": "compute.instance.update", "message_id": "from-a-test",
            "generated": "2026-01-01T00:00:00", "traits": [["project_id", 1, admin.project]],
        }  # fmt: skip
        answer = server.call(
            "POST", "/alarming/v2/events", [event], who="",
            headers={"X-Auth-Token": str(admin.session.get_token())},
        )  # fmt: skip
        assert answer.status == 202, answer.text
        wait_for(lambda: hooks.raw, "the webhook comes")
        theirs = hooks.raw[0].headers["x-auth-token"]
        said = call(
            f"{cloud.identity}/auth/tokens",
            headers={"X-Auth-Token": str(admin.session.get_token()), "X-Subject-Token": theirs},
        ).json["token"]
        assert said["user"]["id"] == admin.session.get_user_id()
        assert said["OS-TRUST:trust"]["id"] == trust["id"]
        here.alarm.delete(made["alarm_id"])
        assert admin.ask("GET", f"{cloud.identity}/OS-TRUST/trusts")["trusts"] == []
    finally:
        register(cloud, "--remove")
        admin.ask("DELETE", f"{cloud.identity}/regions/{REGION}")


def test_an_alarm_in_the_clouds_own_aodh_fires_from_our_event(
    cloud: MiniCloud, admin: Client, hooks: Hooks, tmp_path: Path
) -> None:
    """also_publish = alarm.all: a host of ours dies, and Aodh calls the owner's webhook."""
    theirs = aodh.Client("2", session=admin.session, region_name=settings.REGION)
    query = [
        {"field": "traits.instance_id", "op": "eq", "type": "string", "value": "theirs-1"},
        {"field": "traits.state", "op": "eq", "type": "string", "value": "error"},
    ]
    made = theirs.alarm.create(
        {
            "name": "theirs", "type": "event", "alarm_actions": [hooks.url("/theirs")],
            "event_rule": {"event_type": "compute.instance.update", "query": query},
        }
    )  # fmt: skip
    server = Server(
        tmp_path,
        {
            "DEFAULT": {"transport_url": cloud.transport},
            "notifier": {"also_publish": "alarm.all"},
            # The queue is Aodh's, which says neither.
            "oslo_messaging_rabbit": {
                "rabbit_quorum_queue": "false", "amqp_durable_queues": "false",
            },
            # Nobody's topics are listened to: what is on the bus is not for this test.
            "listener": {"event_alarm_topic": "unheard", "exchanges": "unheard"},
        },
    )  # fmt: skip
    inventory = {
        "projects": [{"id": admin.project, "name": "theirs"}],
        "hosts": [{"name": "their-host"}],
        "servers": [{"id": "theirs-1", "name": "one", "project": "theirs", "host": "their-host"}],
    }
    try:
        server.start()
        assert server.call("PUT", "/fault/v1/inventory", inventory).status == 200
        answer = server.call("POST", "/fault/v1/events", [down("their-host")])
        assert answer.status == 202, answer.text
        wait_for(lambda: hooks.raw, "Aodh calls the webhook", 60.0)
        assert json.loads(hooks.raw[0].body)["alarm_id"] == made["alarm_id"]
        assert b"their-host" not in hooks.raw[0].body
    finally:
        server.close()
        theirs.alarm.delete(made["alarm_id"])

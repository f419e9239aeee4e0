"""The server is killed between a fault and its deliveries, again and again; all are told."""

import random
import threading
from collections import defaultdict
from dataclasses import dataclass, field

import pytest
import requests

from faultwire.testing import sink
from tests.system.cloud import Cloud, down, up
from tests.system.hooks import Hooks, Told
from tests.system.served import Server, call
from tests.system.waiting import wait_for

pytestmark = [pytest.mark.system, pytest.mark.slow]

OWNERS = 40
KILLS_A_BURST = 3
BURSTS = 5
LONGEST_S = 0.12
"""A burst takes about half as long from the post to its last webhook."""


@dataclass
class Post:
    """One event posted in the background; what became of it is known once it is over."""

    url: str
    token: str
    event: dict[str, object]
    fault: str | None = None
    thread: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        headers = {"X-Auth-Token": self.token}
        try:
            url = f"{self.url}/fault/v1/events"
            answer = call(url, "POST", headers=headers, json=[self.event], timeout=60)
        except requests.RequestException:
            return
        if answer.status == 202:
            self.fault = answer.json["faults"][0]["id"]


class Storm:
    """One burst of a host's owners, with the server killed in the middle."""

    def __init__(self, cloud: Cloud, hooks: Hooks, chance: random.Random) -> None:
        self.cloud = cloud
        self.server = cloud.server
        self.hooks = hooks
        self.chance = chance
        self.told_before = 0

    def blow(self, event: dict[str, object], kills: int) -> None:
        """Post the event and kill the server so often until every owner was told."""
        self.told_before = len(self.hooks.raw)
        wanted = "alarm" if event["type"] == "compute.host.down" else "ok"
        durable = ""
        for _ in range(kills):
            post = Post(self.server.url, self.server.token(), event)
            self._wait_a_moment()
            self.server.kill9()
            post.thread.join()
            self.server.start()
            if post.fault:
                # What was answered 202 is there, whenever the server died after that.
                durable = durable or post.fault
                assert self.server.call("GET", f"/fault/v1/faults/{durable}").status == 200
        if not durable:
            self.cloud.report(event)
        self.hooks.wait(lambda told: self._owners(wanted) == OWNERS, "every owner is told")
        self.cloud.settled()
        self._check(wanted)

    def _wait_a_moment(self) -> None:
        """Return at a random time, or once a random number of webhooks came."""
        if self.chance.random() < 0.5:
            threading.Event().wait(self.chance.uniform(0, LONGEST_S))
            return
        count = len(self.hooks.raw) + self.chance.randrange(OWNERS)
        try:
            wait_for(lambda: len(self.hooks.raw) > count, "the burst", LONGEST_S)
        except AssertionError:
            # It was over before.
            return

    def _told(self, wanted: str) -> list[Told]:
        return [one for one in self.hooks.since(self.told_before) if one.current == wanted]

    def _owners(self, wanted: str) -> int:
        return len({one.alarm_id for one in self._told(wanted)})

    def _check(self, wanted: str) -> None:
        ids = defaultdict(set)
        for one in self._told(wanted):
            ids[one.alarm_id].add(one.delivery)
        assert set(ids) == set(self.cloud.alarms.values())
        assert {len(deliveries) for deliveries in ids.values()} == {1}, "told twice"
        others = [one for one in self.hooks.since(self.told_before) if one.current != wanted]
        assert not others, "an older burst was told again under this one"


@pytest.mark.parametrize("number", [1, 2])
def test_every_owner_is_told_and_none_under_two_ids(
    server: Server, hooks: Hooks, number: int
) -> None:
    """After each of 30 kills in bursts of 40: all told, none twice without the same id."""
    chance = random.Random(f"kill {number}")
    cloud = Cloud(server, projects=4).fill(servers=OWNERS)
    cloud.watch(hooks, 1, OWNERS)
    storm = Storm(cloud, hooks, chance)
    host = cloud.host()
    for burst in range(BURSTS):
        event = up(host) if burst % 2 else down(host)
        storm.blow(event, KILLS_A_BURST)
        assert cloud.states() == ({"active"} if burst % 2 else {"error"})
        assert cloud.shown()["forced_down"] is not bool(burst % 2)


def test_a_kill_while_tries_fail_and_hang(server: Server, hooks: Hooks) -> None:
    """Deliveries that were being retried or hung when the server died are sent after it."""
    cloud = Cloud(server).fill(servers=12)
    cloud.watch(hooks, 1, 12)
    vms = cloud.servers(1, 12)
    for vm in vms[:4]:
        hooks.on(f"/{vm}", sink.answer(500))
    for vm in vms[4:8]:
        hooks.on(f"/{vm}", sink.hang())
    cloud.report(down(cloud.host()))
    hooks.wait(lambda told: {one.path for one in told} >= {f"/{vm}" for vm in vms}, "first tries")
    server.kill9()
    for vm in vms:
        hooks.well(f"/{vm}")
    before = len(hooks.raw)
    server.start()
    hooks.wait(
        lambda told: {one.path for one in told[before:]} >= {f"/{vm}" for vm in vms[:8]},
        "those that were owed",
    )
    cloud.settled()
    ids = defaultdict(set)
    for one in hooks.told:
        ids[one.alarm_id].add(one.delivery)
    assert {len(found) for found in ids.values()} == {1}


def test_every_answered_fault_survives(server: Server) -> None:
    """Of many faults posted one after the other, each that was answered 202 is stored."""
    cloud = Cloud(server).fill(hosts=1, servers=1)
    chance = random.Random("answered")
    answered: list[str] = []
    posted = 0
    for _ in range(4):
        going = threading.Event()

        def pour(begin: int, stop: threading.Event = going) -> None:
            number = begin
            while not stop.is_set():
                try:
                    answer = cloud.post(down(f"unknown-{number}"), timeout=5)
                except requests.RequestException:
                    return
                answered.extend(fault["id"] for fault in answer.json["faults"])
                number += 1

        threads = [threading.Thread(target=pour, args=(posted + n * 10_000,)) for n in range(3)]
        posted += 100_000
        server.token()
        for thread in threads:
            thread.start()
        threading.Event().wait(chance.uniform(0.05, 0.4))
        server.kill9()
        going.set()
        for thread in threads:
            thread.join()
        server.start()
    assert len(answered) > 20
    for fault in answered:
        assert server.get(f"/fault/v1/faults/{fault}")["fault"]["state"] == "unmatched"


def test_an_answered_alarm_survives(server: Server, hooks: Hooks) -> None:
    """Alarms answered 201 an instant before the end are evaluated after it."""
    cloud = Cloud(server).fill(servers=3)
    for number, vm in enumerate(cloud.servers(1, 3)):
        cloud.alarm(vm, hooks.url(f"/{vm}"), number)
        server.kill9()
        server.start()
    cloud.report(down(cloud.host()))
    hooks.wait_count(3)
    assert {one.alarm_id for one in hooks.told} == set(cloud.alarms.values())

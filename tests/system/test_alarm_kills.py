"""kill -9 at random points of bursts of 500 alarms: every alarm is delivered, none is lost."""

import asyncio
import os
import random
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from faultwire.testing import sink
from tests.databases.fixtures import Databases, databases
from tests.system.cloud import Cloud, conditions, down, up
from tests.system.hooks import Hooks
from tests.system.installation import Installation
from tests.system.served import Server, call
from tests.system.test_kill9 import Post
from tests.system.waiting import wait_for

__all__ = ["databases"]

pytestmark = [pytest.mark.system, pytest.mark.slow]

KILLS = int(os.environ.get("FAULTWIRE_TEST_KILLS", "16"))
"""How many points; 100 take some minutes."""
ALARMS = 500
KILLS_A_BURST = 4
LONGEST_S = 0.6
ONE_SHOTS = 100


class Burst:
    """One event for 500 alarms, and the webhooks that came since."""

    def __init__(self, cloud: Cloud, hooks: Hooks, event: dict[str, object]) -> None:
        self._cloud = cloud
        self._hooks = hooks
        self._event = event
        self._began = len(hooks.raw)
        self._wanted = "alarm" if event["type"] == "compute.host.down" else "ok"
        self._posts: list[Post] = []

    def post(self) -> None:
        """Post the event, unless a post was answered already: then it must be there for good."""
        server = self._cloud.server
        for one in self._posts:
            if one.fault:
                assert server.call("GET", f"/fault/v1/faults/{one.fault}").status == 200
                return
        self._posts.append(Post(server.url, server.token(), self._event))

    def join(self) -> None:
        """Return when nobody posts any more."""
        for one in self._posts:
            one.thread.join()

    def ids(self) -> dict[str, set[str]]:
        """Return the deliveries that were seen of each alarm."""
        found = defaultdict(set)
        for one in self._hooks.since(self._began):
            if one.current == self._wanted:
                found[one.alarm_id].add(one.delivery)
        return found

    def came(self) -> int:
        """Return how many webhooks came so far."""
        return len(self._hooks.raw) - self._began

    def finish(self) -> None:
        """Check that every alarm was delivered, under one id however often it came."""
        self.join()
        if not any(one.fault for one in self._posts):
            self._cloud.report(self._event)
        self._hooks.wait(lambda _: len(self.ids()) == ALARMS, "every alarm")
        self._cloud.settled()
        assert {len(deliveries) for deliveries in self.ids().values()} == {1}, "fired twice"


def _wait_a_moment(chance: random.Random, burst: Burst) -> None:
    """Return at a random time, or once a random number of webhooks came."""
    if chance.random() < 0.4:
        seconds, count = chance.uniform(0, LONGEST_S / 2), ALARMS * KILLS
    else:
        seconds, count = LONGEST_S, burst.came() + chance.randrange(ALARMS // 2)
    try:
        wait_for(lambda: burst.came() > count, "the burst", seconds)
    except AssertionError:
        # It was over before, or this was about the time.
        return


@pytest.mark.timeout(120 + 6 * KILLS)
def test_killed_at_random_points_of_bursts_every_alarm_is_delivered(
    server: Server, hooks: Hooks
) -> None:
    """Aodh lost 13 of 500 at one kill: their rows said alarm already, and nobody was told."""
    cloud = Cloud(server, projects=20).fill(servers=ALARMS)
    cloud.watch(hooks, 1, ALARMS)
    chance = random.Random("alarms")
    left = KILLS
    events = [down(cloud.host()), up(cloud.host())]
    while left > 0:
        burst = Burst(cloud, hooks, events[0])
        events.reverse()
        for _ in range(min(left, KILLS_A_BURST)):
            burst.post()
            _wait_a_moment(chance, burst)
            server.kill9()
            burst.join()
            server.start()
            left -= 1
        burst.finish()


def test_two_evaluators_fire_a_one_shot_once(
    hooks: Hooks, databases: Databases, tmp_path: Path
) -> None:
    """Two events back to back for each of 100 alarms, at two servers: in Aodh 29 fired twice."""
    installation = Installation(tmp_path, databases.new("postgresql"))
    try:
        servers = [installation.serve() for _ in range(2)]
        for role in ("evaluator", "evaluator", "sender"):
            installation.work(role)
        cloud = Cloud(servers[0], projects=50).fill(servers=ONE_SHOTS)
        events = []
        for number, vm in enumerate(cloud.servers(1, ONE_SHOTS)):
            rule = {"event_type": "compute.instance.update", "query": conditions(vm, "error")}
            cloud.alarm(vm, hooks.url(f"/{vm}"), number, ok_actions=[], event_rule=rule)
            traits = {"instance_id": vm, "state": "error", "project_id": cloud.project_of(number)}
            events += [happened(f"{vm}-{time}", traits) for time in range(2)]
        token = cloud.server.token()
        with ThreadPoolExecutor(4) as pool:
            answers = [
                pool.submit(publish, server, token, part)
                for server in servers
                for part in (events[:ONE_SHOTS], events[ONE_SHOTS:])
            ]
        assert [one.result() for one in answers] == [202] * 4
        hooks.wait(lambda told: len({one.alarm_id for one in told}) == ONE_SHOTS, "every alarm")
        cloud.settled()
        hooks.quiet()
        assert len({one.delivery for one in hooks.told}) == len(hooks.raw) == ONE_SHOTS
    finally:
        installation.close()


def happened(message: str, traits: dict[str, str]) -> dict[str, object]:
    """Return an event as others publish it."""
    return {
        "message_id": message,
        "event_type": "compute.instance.update",
        "traits": [[name, 1, value] for name, value in traits.items()],
    }


def publish(server: Server, token: str, events: list[dict[str, object]]) -> int:
    """Publish events; return the status."""
    headers = {"X-Auth-Token": token}
    return call(f"{server.url}/alarming/v2/events", "POST", headers=headers, json=events).status


def slow(seconds: float) -> sink.Script:
    """Answer 200 after a while."""

    async def script(request: sink.Received, writer: asyncio.StreamWriter) -> None:
        del request
        await asyncio.sleep(seconds)
        writer.write(sink.reply(200))

    return script


def test_senders_that_come_and_go_send_nothing_twice(
    hooks: Hooks, databases: Databases, tmp_path: Path
) -> None:
    """Shares change hands in the middle of a burst of slow webhooks: each comes one time."""
    installation = Installation(tmp_path, databases.new("postgresql"))
    try:
        cloud = Cloud(installation.serve(), projects=20).fill(servers=ONE_SHOTS)
        for number, vm in enumerate(cloud.servers(1, ONE_SHOTS)):
            cloud.alarm(vm, hooks.on(f"/{vm}", slow(0.5)), number)
        first = installation.work("sender")
        for event in (down(cloud.host()), up(cloud.host())):
            cloud.report(event)
        hooks.wait_count(5)
        installation.work("sender")
        hooks.wait_count(2 * ONE_SHOTS - 50)
        assert first.stop() == 0
        hooks.wait_count(2 * ONE_SHOTS)
        cloud.settled()
        hooks.quiet()
        assert len({one.delivery for one in hooks.told}) == len(hooks.raw) == 2 * ONE_SHOTS
    finally:
        installation.close()

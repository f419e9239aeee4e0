"""Several servers, evaluators and senders on one database do what one server does."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.databases.fixtures import SERVERS, Databases, databases
from tests.system.cloud import Cloud, down, up
from tests.system.hooks import Hooks
from tests.system.installation import Installation
from tests.system.waiting import wait_for

__all__ = ["databases"]

pytestmark = pytest.mark.system

Install = Callable[..., Installation]


@pytest.fixture(params=SERVERS)
def install(
    request: pytest.FixtureRequest, databases: Databases, tmp_path: Path
) -> Iterator[Install]:
    """Give a function that begins an installation on an empty database of each kind."""
    made: list[Installation] = []

    def begin(**config: dict[str, object]) -> Installation:
        installation = Installation(tmp_path, databases.new(request.param), config)
        made.append(installation)
        return installation

    yield begin
    for installation in made:
        installation.close()


def test_every_owner_is_told_whoever_does_the_work(install: Install, hooks: Hooks) -> None:
    """One server alone, then with evaluators and senders: raised and cleared, each once."""
    installation = install()
    cloud = Cloud(installation.serve()).fill(servers=20)
    cloud.watch(hooks, 1, 20)
    cloud.report(down(cloud.host()))
    hooks.wait_count(20)
    for role in ("evaluator", "sender", "evaluator", "sender"):
        installation.work(role)
    cloud.report(up(cloud.host()))
    hooks.wait_count(40)
    cloud.settled()
    assert {(told.alarm_id, told.current) for told in hooks.told} == {
        (alarm, state) for alarm in cloud.alarms.values() for state in ("alarm", "ok")
    }
    assert len({told.delivery for told in hooks.told}) == 40


def test_servers_are_one(install: Install, hooks: Hooks) -> None:
    """What is told to one of them holds at the other, for the very next event (promise 2)."""
    installation = install()
    one = Cloud(installation.serve()).fill(servers=3)
    other = Cloud(installation.serve())
    assert other.server.login("admin", "wrong", "admin").status == 401
    for number, server in enumerate(one.servers(1, 3)):
        writer, poster = (one, other) if number % 2 else (other, one)
        alarm = writer.alarm(server, hooks.url(f"/{number}"), number)
        poster.report({**down(one.host()), "type": "compute.host.down"})
        hooks.wait(lambda told, a=alarm: any(t.alarm_id == a for t in told), "told")
        writer.report(up(one.host()))
        hooks.wait(
            lambda told, a=alarm: any(t.alarm_id == a and t.current == "ok" for t in told),
            "cleared",
        )
    wait_for(lambda: other.states() == {"active"}, "the other's map")
    one.server.member("ann", one.projects[0])
    assert other.server.login("ann", "word of ann", one.projects[0]).status == 201

"""Guests of several servers: any of them pings a guest, and one that dies loses no guest."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.databases.fixtures import SERVERS, Databases, databases
from tests.system.children import Child
from tests.system.guests import QUICK, Guests
from tests.system.installation import Installation
from tests.system.rabbit import Rabbit
from tests.system.served import Server
from tests.system.waiting import wait_for

__all__ = ["databases"]

pytestmark = pytest.mark.system

Install = Callable[[], Installation]


@pytest.fixture(params=SERVERS)
def install(
    request: pytest.FixtureRequest, databases: Databases, tmp_path: Path
) -> Iterator[Install]:
    """Give a function that begins an installation on an empty database."""
    made: list[Installation] = []

    def begin() -> Installation:
        url = databases.new(request.param)
        made.append(Installation(tmp_path, url, {"guests": QUICK}))
        return made[-1]

    yield begin
    for installation in made:
        installation.close()


def pinged(server: Server, guest: str) -> str:
    """Return the verdict on a guest, as a server finds it."""
    where = "/database/v1.0/any/mgmt/instances/rpc_ping"
    answer = server.call("POST", where, {"instances": [guest], "deadline_ms": 2000})
    assert answer.status == 200, answer.text
    (row,) = answer.json["rpc_ping"]["instances"]
    return str(row["verdict"])


def test_any_server_pings_a_guest_and_a_dead_server_loses_none(
    install: Install, tmp_path: Path
) -> None:
    """A server without the session asks the one that has it; kill -9 moves the guest (ADR 10)."""
    installation = install()
    first, second = installation.serve(), installation.serve()
    guests = Guests(first, tmp_path, 2)
    try:
        here, there = guests.ids
        guests.enrol(here, first.url)
        guests.enrol(there, second.url)
        guests.start(here)
        other = guests.start(there)
        for guest in guests.ids:
            guests.until(guest, state="up", agent="connected")
        for server in (first, second):
            for guest in guests.ids:
                wait_for(
                    lambda server=server, guest=guest: pinged(server, guest) == "ok",
                    f"{guest} answers through {server.url}",
                )
        shown = second.get(f"/fault/v1/guests/{here}/diagnostics")["diagnostics"]
        assert shown["agent"]["rpc_version"]
        # A second agent under one id is refused, whichever server it comes to.
        guests.enrol(here, second.url)
        refused = guests.start(here)
        wait_for(lambda: "4409" in refused.output or "401" in refused.output, "it is refused")
        refused.kill()
        # The dead server's guest that stays away is down by the verdict of the one that lives.
        second.kill9()
        other.kill()
        guests.until(there, state="down", agent="lost")
        guests.enrol(there, first.url)
        guests.start(there)
        guests.until(there, state="up", agent="connected")
        assert pinged(first, there) == "ok"
        assert pinged(first, here) == "ok"
    finally:
        guests.close()


def test_conductors_and_task_managers_work_beside_the_servers(
    databases: Databases, rabbit: Rabbit, tmp_path: Path
) -> None:
    """`faultwire conductor` hears guests on the bus, `faultwire taskmanager` does tasks."""
    url = rabbit.fresh()
    config = {"guests": QUICK, "DEFAULT": {"transport_url": url}}
    installation = Installation(tmp_path, databases.new(SERVERS[0]), config)
    agent: Child | None = None
    try:
        server = installation.serve()
        installation.work("conductor")
        installation.work("taskmanager")
        wait_for(
            lambda: (
                {one["role"] for one in server.get("/fault/v1/status")["status"]["processes"]}
                >= {"serve", "conductor", "taskmanager"}
            ),
            "all are seen",
        )
        guests = Guests(server, tmp_path, 1)
        (guest,) = guests.ids
        credential = guests.enrol(guest, server.url)
        broker = tmp_path / "guest.conf"
        broker.write_text(f"[DEFAULT]\ntransport_url = {url}\n")
        arguments = ["--instance", guest, "--credential", credential, "--config", broker]
        agent = Child(tmp_path / "guest.log", "guest-agent", *arguments)
        guests.until(guest, state="up", agent="connected")
        wait_for(lambda: pinged(server, guest) == "ok", "it answers over the bus")
        answer = server.call("POST", f"/fault/v1/guests/{guest}/restart")
        assert answer.status == 202, answer.text
        task = answer.json["task"]["id"]
        wait_for(
            lambda: server.get(f"/fault/v1/tasks/{task}")["task"]["state"] == "done",
            "the restart is done",
        )
        again = agent
        wait_for(lambda: "begins anew" in again.output, "the agent begins anew")
        wait_for(lambda: pinged(server, guest) == "ok", "it answers again")
        guests.until(guest, state="up", agent="connected")
        agent.kill()
        guests.until(guest, state="down", agent="lost")
    finally:
        if agent is not None:
            agent.kill()
        installation.close()

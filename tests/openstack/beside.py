"""A server of ours beside the small cloud, and what tests ask of both."""

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.openstack.client import Client
from tests.openstack.minicloud import NAME, MiniCloud
from tests.system.cloud import conditions
from tests.system.hooks import Hooks
from tests.system.served import Server
from tests.system.waiting import wait_for

LATE = 60.0
"""Seconds within which anything has to come on a busy machine."""

Config = Mapping[str, Mapping[str, object]]


@contextmanager
def beside(cloud: MiniCloud, folder: Path, more: Config | None = None) -> Iterator[Server]:
    """Give a server beside the cloud; `more` is added to its settings."""
    openstack = {"clouds": NAME, "clouds_yaml": cloud.clouds_yaml, "reconcile_seconds": 2}
    config = {"openstack": openstack}
    for section, options in (more or {}).items():
        config[section] = {**config.get(section, {}), **options}
    made = Server(folder, config)
    try:
        made.start()
        yield made
    finally:
        made.close()


def watch(server: Server, admin: Client, hooks: Hooks, *some: str) -> None:
    """Give the owner of each of these servers an alarm, and its end."""

    def one(name: str) -> None:
        body = {
            "name": name, "type": "event", "project_id": admin.project,
            "event_rule": {
                "event_type": "compute.instance.update",
                "query": conditions(name, "error"),
                "clear": {"query": conditions(name, "active")},
            },
            "alarm_actions": [hooks.url(f"/{name}")],
            "ok_actions": [hooks.url(f"/{name}")],
        }  # fmt: skip
        answer = server.call("POST", "/alarming/v2/alarms", body)
        assert answer.status == 201, answer.text

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(one, some))


def host_of(server: Server, name: str) -> dict[str, Any]:
    """Return a host as our map has it, empty where it has none."""
    answer = server.call("GET", f"/fault/v1/hosts/{quote(name, safe='')}")
    return answer.json["host"] if answer.status == 200 else {}


def known(server: Server, host: str) -> set[str]:
    """Return the servers of a host, as our map has them."""
    return {one["id"] for one in host_of(server, host).get("servers", ())}


def wait_known(server: Server, host: str, servers: Iterable[str]) -> None:
    """Wait until our map has these servers on a host, no others, and all of them running.

    A look may find a server while Nova builds it: its state is no owner's trouble then.
    """
    wanted = dict.fromkeys(servers, "active")

    def found() -> dict[str, str]:
        return {one["id"]: one["vm_state"] for one in host_of(server, host).get("servers", ())}

    try:
        wait_for(lambda: found() == wanted, f"the map has servers of {host}", LATE)
    except AssertionError as error:
        message = f"{error}: {found()} for {wanted}"
        raise AssertionError(message) from None


def report(server: Server, *events: dict[str, Any]) -> None:
    """Post events that must be taken."""
    answer = server.call("POST", "/fault/v1/events", list(events))
    assert answer.status == 202, answer.text


def open_fault(server: Server, kind: str) -> dict[str, Any]:
    """Return the open fault of a type, whole."""
    found = server.call("GET", "/fault/v1/faults?state=open").json["faults"]
    (name,) = [one["id"] for one in found if one["type"] == kind]
    return fault(server, name)


def fault(server: Server, name: str) -> dict[str, Any]:
    """Return a fault, whole."""
    whole: dict[str, Any] = server.call("GET", f"/fault/v1/faults/{name}").json["fault"]
    return whole


def asked(whole: Mapping[str, Any], act: str) -> dict[str, Any]:
    """Return how far the cloud is with acts of a kind for a fault."""
    return next((one for one in whole["cloud"] if one["act"] == act), {})


def states(cloud: MiniCloud, servers: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Return host and vm_state of each server, as Nova's own table has them."""
    names = ", ".join(f"'{one}'" for one in servers)
    rows = cloud.sql(
        f"SELECT uuid, host, vm_state FROM nova.instances WHERE uuid IN ({names})"  # noqa: S608
    )
    return {str(name): (str(host), str(state)) for name, host, state in rows}

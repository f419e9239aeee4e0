"""The OpenAPI page of each face, fuzzed for a bounded time: nothing is ever answered by a 5xx."""

import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.system.cloud import Cloud
from tests.system.served import Server

pytestmark = pytest.mark.system

FUZZER = Path(sys.executable).with_name("schemathesis")
MARGIN_SECONDS = 60
OFTEN = 0.7
"""How often a value is one that is there, not an invented one."""

NETWORKS = ("one", "two", "three", "four")
SERVERS = 30
"""Servers of each host: so many that some are left when others were deleted."""

Known = Mapping[str, list[str]]
"""Values that are there, by the parameter that takes them."""


def _compute(cloud: Cloud) -> Known:
    root, server = "/compute/v2.1", cloud.server
    services, hypervisors, ids = [], [], cloud.servers(1, SERVERS) + cloud.servers(2, SERVERS)
    for version in ("2.1", "2.96"):
        at = {"X-OpenStack-Nova-API-Version": version}
        listed = server.get(f"{root}/os-services", headers=at)["services"]
        services += [str(one["id"]) for one in listed]
        listed = server.get(f"{root}/os-hypervisors", headers=at)["hypervisors"]
        hypervisors += [str(one["id"]) for one in listed]
    hosts = [cloud.host(1), cloud.host(2), cloud.host(3)]
    (image,) = server.get("/image/v2/images")["images"]
    return {
        "path.host_name": hosts,
        "path.service_id": services,
        "path.hypervisor": [*hypervisors, *hosts],
        "path.server_id": ids,
        "path.flavor_id": ["1", "2", "9"],
        "path.key": ["one", "two"],
        "query.host": hosts,
        "query.marker": ids,
        "query.limit": ["0", "1", "1000"],
        "query.all_tenants": ["1", "0"],
        "body.host": hosts,
        "body.binary": ["nova-compute", "nova-scheduler"],
        "body.server.flavorRef": ["1", "5"],
        "body.server.imageRef": [image["id"]],
        "body.server.host": hosts[:1],
        "body.server.hypervisor_hostname": hosts[:1],
        "body.server.max_count": ["1", "2"],
        "body.server.min_count": ["1"],
        "body.evacuate.host": hosts,
    }


def _alarming(cloud: Cloud) -> Known:
    made = [cloud.alarm(one, "http://127.0.0.1:9/", 0) for one in cloud.servers(1, 3)]
    return {"path.alarm_id": made}


def _network(cloud: Cloud) -> Known:
    server, networks, ports, subnets = cloud.server, [], [], []
    for number, name in enumerate(NETWORKS):
        made = server.call("POST", "/network/v2.0/networks", {"network": {"name": name}})
        assert made.status == 201, made.text
        networks.append(made.json["network"]["id"])
        subnet = {"network_id": networks[-1], "cidr": f"10.{number}.0.0/24", "ip_version": 4}
        made = server.call("POST", "/network/v2.0/subnets", {"subnet": subnet})
        assert made.status == 201, made.text
        subnets.append(made.json["subnet"]["id"])
        port = {"network_id": networks[-1], "name": name}
        made = server.call("POST", "/network/v2.0/ports", {"port": port})
        assert made.status == 201, made.text
        ports.append(made.json["port"]["id"])
    return {
        "path.network_id": networks,
        "path.port_id": ports,
        "path.subnet_id": subnets,
        "path.alias": ["standard-attr-timestamp", "data-plane-status"],
        "body.port.network_id": networks,
        "body.subnet.network_id": networks,
        "body.port.device_id": cloud.servers(1, 2),
    }


def _database(cloud: Cloud) -> Known:
    guests = [f"guest-{number}" for number in range(3)]
    project = cloud.project_of(0)
    document = {"guests": [{"id": one, "name": one, "project": project} for one in guests]}
    answer = cloud.server.call("PATCH", "/fault/v1/inventory", document)
    assert answer.status == 200, answer.text
    return {
        "path.tenant_id": [project],
        "path.instance_id": guests,
        "body.instances": guests,
        "query.limit": ["0", "1", "1000"],
        "query.marker": guests,
    }


@dataclass(frozen=True, slots=True)
class Face:
    """A face with what is in it, how long it is fuzzed, and which paths are left out."""

    known: Callable[[Cloud], Known]
    seconds: int
    without: str = field(default="")


FACES = {
    # The power of hosts is not ours: 501 is Nova's own answer to these.
    "compute": Face(_compute, 20, "/(startup|shutdown|reboot|uptime)$"),
    "alarming": Face(_alarming, 10),
    "network": Face(_network, 10),
    "database": Face(_database, 6),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", FACES)
def test_nothing_is_answered_by_a_server_error(name: str, server: Server, tmp_path: Path) -> None:
    """Hostile calls made from the page, among them many that reach what is there: no 5xx."""
    face, cloud = FACES[name], Cloud(server, "fz").fill(3, SERVERS)
    (tmp_path / "schemathesis.toml").write_text(_bindings(face.known(cloud)))
    url = f"{server.url}/{name}"
    options = {
        "--url": url,
        "--checks": "not_a_server_error",
        "--phases": "coverage,fuzzing",
        "--max-time": str(face.seconds),
        "--request-timeout": "20",
        "--header": f"X-Auth-Token: {server.token()}",
        "--suppress-health-check": "all",
        "--warnings": "off",
        **({"--exclude-path-regex": face.without} if face.without else {}),
    }
    arguments = [word for pair in options.items() for word in pair]
    done = subprocess.run(
        [FUZZER, "run", f"{url}/openapi.json", "--continue-on-failure", *arguments],
        cwd=tmp_path,
        env={"PATH": "", "NO_COLOR": "1", "NO_PROXY": "*"},
        capture_output=True,
        text=True,
        timeout=face.seconds + MARGIN_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert server.call("GET", f"/{name}/", who="").status < 500


def _bindings(known: Known) -> str:
    """Return the fuzzer's settings: each parameter often gets a value that is there."""
    lines = ["[parameters]"]
    for number, name in enumerate(known):
        lines.append(f'"{name}" = {{ dictionary = "d{number}", probability = {OFTEN} }}')
    for number, values in enumerate(known.values()):
        quoted = ", ".join(f'"{value}"' for value in values)
        lines += [f"[dictionaries.d{number}]", f"values = [{quoted}]"]
    return "\n".join(lines) + "\n"

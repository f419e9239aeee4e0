"""Faces with a port of their own, beside the main listener."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from keystoneauth1 import session as keystone
from keystoneauth1.identity import v3
from novaclient import client as nova

from tests.system.certificates import self_signed
from tests.system.children import run
from tests.system.conftest import Serve
from tests.system.served import Server, call
from tests.system.test_openstack_client import SECONDS, OpenStack

pytestmark = [
    pytest.mark.system,
    # Deprecations of the clients' own libraries are nobody's here.
    pytest.mark.filterwarnings("ignore::PendingDeprecationWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

FACES = ("compute", "network", "image", "alarming")
OWN = {face: {"listen": "127.0.0.1:0"} for face in FACES}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Give a server whose faces have ports of their own."""
    made = Server(tmp_path_factory.mktemp("doors"), OWN)
    try:
        yield made.start()
    finally:
        made.close()


@pytest.fixture
def session(server: Server) -> Iterator[keystone.Session]:
    """Give a session of the administrator."""
    made = keystone.Session(v3.Password(**server.auth()), timeout=SECONDS)
    yield made
    made.session.close()


def catalog(server: Server, at: str = "") -> dict[str, str]:
    """Return the addresses of the catalog by type."""
    token = server.token()
    headers = {"X-Auth-Token": token, "X-Subject-Token": token}
    answer = call(f"{at or server.url}/identity/v3/auth/tokens", headers=headers)
    assert answer.status == 200, answer.text
    rows = answer.json["token"]["catalog"]
    return {row["type"]: row["endpoints"][0]["url"] for row in rows}


def test_the_catalog_names_the_ports(server: Server) -> None:
    """Each face is at another port, without its prefix, and what has none stays where it was."""
    found = catalog(server)
    assert found["identity"] == f"{server.url}/identity/v3"
    assert found["fault"] == f"{server.url}/fault"
    own = {found[face].removesuffix("/v2.1") for face in FACES}
    assert len(own | {server.url}) == len(FACES) + 1
    assert found["compute"].endswith("/v2.1")
    assert all(one.count("/") == 2 for one in own)
    named = catalog(server, server.url.replace("127.0.0.1", "localhost"))
    assert named["network"] == found["network"].replace("127.0.0.1", "localhost")


def test_links_speak_of_the_port(server: Server) -> None:
    """Version documents, pages and refusals lead to addresses that answer."""
    found, token = catalog(server), {"X-Auth-Token": server.token()}
    for face, path in (("compute", "/"), ("network", "/"), ("image", "/"), ("alarming", "/")):
        base = found[face].removesuffix("/v2.1")
        answer = call(base + path)
        versions: Any = answer.json["versions"]
        rows = versions["values"] if isinstance(versions, dict) else versions
        for row in rows:
            assert row["links"][0]["href"].startswith(f"{base}/v2"), face
        assert call(f"{base}/healthcheck").text == "OK"
        # Nova answers what has no version with the choice of versions.
        for elsewhere in ("metrics", "identity/v3", f"{face}/v2.0"):
            nothing = call(f"{base}/{elsewhere}", headers=token)
            assert nothing.status == (300 if face == "compute" else 404), elsewhere
    made = server.call("POST", "/network/v2.0/networks", {"network": {"name": "one"}}).json
    network = made["network"]["id"]
    for _ in range(3):
        body = {"port": {"network_id": network}}
        answer = call(f"{found['network']}/v2.0/ports", "POST", json=body, headers=token)
        assert answer.status == 201, answer.text
    page = call(f"{found['network']}/v2.0/ports?network_id={network}&limit=2", headers=token).json
    links = {one["rel"]: one["href"] for one in page["ports_links"]}
    assert links["next"].startswith(f"{found['network']}/v2.0/ports?")
    assert len(call(links["next"], headers=token).json["ports"]) == 1
    refused = call(f"{found['network']}/v2.0/ports")
    assert refused.status == 401
    assert refused.headers["WWW-Authenticate"] == f'Keystone uri="{server.url}/identity"'


def test_neutrons_and_novas_commands_find_the_ports(server: Server) -> None:
    """`openstack` works through the catalog on all of them; so do our own commands."""
    openstack = OpenStack(server.clouds)
    openstack.json("network", "create", "front")
    made: Any = openstack.json("port", "create", "--network", "front", "web-port")
    done = openstack.run("port", "set", "--data-plane-status", "DOWN", "web-port")
    assert done.returncode == 0, done.stderr
    shown: Any = openstack.json("port", "show", "web-port")
    assert (shown["id"], shown["data_plane_status"]) == (made["id"], "DOWN")
    server_id, project = "0b9d5f5e-7a55-4a8e-9a55-2f2a4a4f6a01", {"id": "shop", "name": "shop"}
    row = {"id": server_id, "name": "web", "project": "shop", "host": "compute-1"}
    plugged = {"id": "plugged", "project": "shop", "server": server_id}
    document = {
        "projects": [project],
        "hosts": [{"name": "compute-1"}],
        "servers": [row],
        "ports": [plugged],
    }
    assert server.call("PATCH", "/fault/v1/inventory", document).status == 200
    ports: Any = openstack.json("port", "list", "--server", server_id)
    assert [one["ID"] for one in ports] == ["plugged"]
    services: Any = openstack.json("compute", "service", "list")
    assert [one["Host"] for one in services] == ["compute-1"]
    assert openstack.json("alarm", "list") == []
    env = {"OS_CLIENT_CONFIG_FILE": str(server.clouds), "OS_CLOUD": "faultwire"}
    ours = run("port-list", "--data-plane-status", "DOWN", env=env)
    assert ours.returncode == 0, ours.stderr
    assert made["id"] in ours.stdout


def test_novas_library_follows_the_versions_of_the_port(
    server: Server, session: keystone.Session
) -> None:
    """The library negotiates at the port's own root and lists what the inventory holds."""
    document = {"hosts": [{"name": "compute-1"}]}
    assert server.call("PATCH", "/fault/v1/inventory", document).status == 200
    library = nova.Client("2.11", session=session, region_name="RegionOne")
    (service,) = library.services.list()
    assert (service.host, service.binary) == ("compute-1", "nova-compute")
    (version,) = library.versions.list()
    links = {link["rel"]: link["href"] for link in version.links}
    assert links["self"] == catalog(server)["compute"] + "/"


def test_every_port_has_the_main_ones_tls(serve: Serve, tmp_path: Path) -> None:
    """With a certificate no port speaks plain HTTP, and clients find them by https."""
    chain, key = self_signed(tmp_path)
    server = serve({"server": {"tls_certificate": chain, "tls_key": key}, **OWN})
    openstack = OpenStack(server.clouds)
    assert openstack.json("network", "list") == []
    rows: Any = openstack.json("catalog", "list")
    found = {row["Type"]: row["Endpoints"][0]["url"] for row in rows}
    assert all(url.startswith("https://127.0.0.1:") for url in found.values())
    assert len({url.split("/")[2] for url in found.values()}) == len(FACES) + 1
    for face in FACES:
        with pytest.raises(requests.ConnectionError):
            call(found[face].replace("https://", "http://"))


def test_a_port_beyond_loopback_needs_tls(tmp_path: Path) -> None:
    """The start is refused with the option's name, and so is a port that is taken."""
    for text, said in (("0.0.0.0:0", "is not loopback"), ("nonsense", "must be HOST:PORT")):
        done = run("serve", "--state-dir", tmp_path, env={"OS_NETWORK__LISTEN": text})
        assert done.returncode == 1
        assert "[network] listen" in done.stderr
        assert said in done.stderr
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        env = {"OS_COMPUTE__LISTEN": f"127.0.0.1:{port}"}
        done = run("serve", "--listen", "127.0.0.1:0", "--state-dir", tmp_path, env=env)
    assert done.returncode == 1
    assert "[compute] listen" in done.stderr
    assert "cannot listen on" in done.stderr

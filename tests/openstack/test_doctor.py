"""`faultwire doctor` looks at a real cloud: as it is, and as a plain installation leaves it."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.openstack import settings
from tests.openstack.client import Client
from tests.openstack.minicloud import NAME, MiniCloud
from tests.system.children import run
from tests.system.guests import Guests
from tests.system.served import Server

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(400)]


def examined(cloud: MiniCloud, folder: Path, *more: str) -> tuple[int, dict[str, Any]]:
    """Return the exit status and the findings by check."""
    clouds = folder / "clouds.yaml"
    text = settings.clouds(NAME, cloud.identity)
    clouds.write_text(f"{text}    transport_url: {cloud.transport}\n")
    config = folder / "doctor.conf"
    config.write_text(
        f"[DEFAULT]\ntransport_url = {cloud.transport}\n"
        "[oslo_messaging_rabbit]\nrabbit_quorum_queue = false\n"
        f"[openstack]\nclouds = {NAME}\nclouds_yaml = {clouds}\n"
    )
    said = run(
        "doctor", "--config", config, "--state-dir", folder / "none", "--timeout", "60", "--json",
        *more,
    )  # fmt: skip
    rows = json.loads(said.stdout)
    ours = next(one for one in rows if one["check"] == "bus" and one["part"] != f"cloud {NAME}")
    assert ours["level"] == "ok", ours
    return said.returncode, {one["check"]: one for one in rows if one["part"] == f"cloud {NAME}"}


def test_a_real_cloud_is_ready(cloud: MiniCloud, admin: Client, tmp_path: Path) -> None:
    """All that the cloud has is right, and it tells of a change that changes nothing."""
    admin.boot("cmp3", 1, "doctor")
    (server,) = (one["id"] for one in admin.servers("cmp3") if one["name"] == "doctor")
    port = admin.port(server, "cmp3")
    before = admin.service("cmp3")["status"]
    status, found = examined(cloud, tmp_path, "--probe")
    wrong = {name: one for name, one in found.items() if one["level"] != "ok"}
    # Nobody listens here, nobody registered us, and uWSGI alone says no Date.
    assert set(wrong) <= {"bus", "clocks", "our endpoints"}, wrong
    assert status == 1
    assert "changes are told of by Nova and by Neutron" in found["notifications"]["text"]
    assert admin.service("cmp3")["status"] == before
    assert admin.neutron("GET", f"/ports/{port}")["port"]["name"] == ""
    admin.nova("DELETE", f"/servers/{server}")


def test_novas_virtual_host_may_be_ours_too(
    cloud: MiniCloud, admin: Client, tmp_path: Path
) -> None:
    """On one bus without a virtual host of ours guests are heard, and Nova boots servers."""
    server = Server(
        tmp_path,
        {
            "DEFAULT": {"transport_url": cloud.transport},
            "oslo_messaging_rabbit": {"rabbit_quorum_queue": "false"},
        },
    ).start()
    guests = Guests(server, tmp_path, 1)
    config = tmp_path / "guest.conf"
    config.write_text(
        f"[DEFAULT]\ntransport_url = {cloud.transport}\n"
        "[oslo_messaging_rabbit]\nrabbit_quorum_queue = false\n"
    )
    try:
        guests.enrol("guest-0")
        guests.start("guest-0", "--config", config)
        guests.until("guest-0", state="up", agent="connected")
        made = admin.boot("cmp2", 4, "shared")
        for one in made:
            admin.nova("DELETE", f"/servers/{one}")
        guests.until("guest-0", state="up", agent="connected")
    finally:
        guests.close()
        server.close()


def test_a_plain_installation_is_told_what_it_lacks(
    cloud: MiniCloud, admin: Client, tmp_path: Path
) -> None:
    """Notifications off and no extension in Neutron: each is named with its lines."""
    conf = cloud._conf("neutron")
    text = conf.read_text()
    plain = text.replace("driver = messagingv2", "driver = noop")
    conf.write_text(plain.replace("port_security,data_plane_status", "port_security"))
    network = admin.neutron("POST", "/networks", {"network": {"name": "plain"}})["network"]["id"]
    made = admin.neutron("POST", "/ports", {"port": {"network_id": network}})["port"]["id"]
    try:
        cloud.running["network"].end()
        cloud.restart("network")
        status, found = examined(cloud, tmp_path, "--probe")
        assert status == 2
        assert found["port extension"]["level"] == "warn"
        assert found["port extension"]["mend"][-1].endswith("data_plane_status")
        assert found["notifications"]["level"] == "FAIL"
        assert "by Neutron of a port" in found["notifications"]["text"]
        assert found["notifications"]["mend"][0] == "# neutron.conf"
    finally:
        conf.write_text(text)
        cloud.running["network"].end()
        cloud.restart("network")
        admin.neutron("DELETE", f"/ports/{made}")
        admin.neutron("DELETE", f"/networks/{network}")


def test_an_account_that_may_nothing_is_told_so(
    cloud: MiniCloud, admin: Client, tmp_path: Path
) -> None:
    """A member is let in, and every right that is lacking is named with its policy."""
    base = cloud.identity
    user = {"name": "nobody", "password": settings.PASSWORD, "domain_id": "default"}
    made = admin.ask("POST", f"{base}/users", {"user": user})["user"]["id"]
    role = admin.ask("GET", f"{base}/roles?name=member")["roles"][0]["id"]
    admin.ask("PUT", f"{base}/projects/{admin.project}/users/{made}/roles/{role}")
    text = cloud.clouds_yaml.read_text()
    other = tmp_path / "clouds.yaml"
    other.write_text(text.replace(f"username: {settings.ADMIN}", "username: nobody"))
    config = tmp_path / "doctor.conf"
    config.write_text(f"[openstack]\nclouds = {NAME}\nclouds_yaml = {other}\n")
    said = run("doctor", "--config", config, "--timeout", "60")
    assert said.returncode == 2
    for words in (
        "neither of admin, service",
        "os_compute_api:os-services:list",
        "os_compute_api:os-services:update",
    ):
        assert words in said.stdout, said.stdout
    admin.ask("DELETE", f"{base}/users/{made}")

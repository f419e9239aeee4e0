"""The life of a server: first start, restart, stop, and who may be heard where."""

import json
import os
import signal
import socket
import ssl
import stat
from pathlib import Path

import pytest
import requests

from tests.system.agents import client_env, enrol_by_command
from tests.system.certificates import self_signed
from tests.system.children import Child, run
from tests.system.cloud import Cloud, down
from tests.system.conftest import Serve
from tests.system.hooks import Hooks
from tests.system.served import Server, call

pytestmark = pytest.mark.system


def test_first_start_keeps_secrets_to_the_owner(server: Server) -> None:
    """The state folder is 0700 and every file in it 0600, the database's companions too."""
    assert stat.S_IMODE(server.state_dir.stat().st_mode) == 0o700
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in server.state_dir.iterdir()}
    assert {"clouds.yaml", "faultwire.sqlite", "token.key"} <= modes.keys()
    assert set(modes.values()) == {0o600}, modes


def test_a_wide_umask_and_folder_change_nothing(serve: Serve, tmp_path: Path) -> None:
    """Files are private although umask is 0 and somebody made the folder open beforehand."""
    (tmp_path / "one" / "state").mkdir(parents=True, mode=0o777)
    before = os.umask(0)
    try:
        server = serve()
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in server.state_dir.iterdir()}
    assert set(modes.values()) == {0o600}, modes


def test_passwords_are_drawn_for_each_server(serve: Serve) -> None:
    """No two servers have a password in common, and none is short."""
    servers = [serve(name="a"), serve(name="b")]
    clouds = ("faultwire", "faultwire-demo")
    drawn = [server.auth(cloud)["password"] for server in servers for cloud in clouds]
    assert len(set(drawn)) == 4
    assert min(map(len, drawn)) >= 16


def test_the_two_clouds_are_admin_and_member(server: Server) -> None:
    """`faultwire` is user and project admin, `faultwire-demo` a member of project demo."""
    auth = server.auth("faultwire")
    assert (auth["username"], auth["project_name"]) == ("admin", "admin")
    assert server.auth("faultwire-demo")["project_name"] == "demo"
    shown = server.get("/identity/v3/auth/tokens", headers={"X-Subject-Token": server.token()})
    assert "admin" in {role["name"] for role in shown["token"]["roles"]}
    demo = server.token("faultwire-demo")
    shown = server.get("/identity/v3/auth/tokens", headers={"X-Subject-Token": demo})
    assert {role["name"] for role in shown["token"]["roles"]} <= {"member", "reader"}
    assert server.call("GET", "/fault/v1/faults", who="faultwire-demo").status == 403


def test_a_restart_keeps_everything(server: Server, hooks: Hooks) -> None:
    """Accounts, tokens, inventory, alarms, faults and timelines are there after SIGTERM."""
    server.member("ann", "ann's")
    cloud = Cloud(server).fill(servers=3)
    cloud.watch(hooks, 1, 3)
    (fault,) = cloud.report(down(cloud.host()))
    hooks.wait_count(3)
    cloud.settled()
    paths = (
        "/fault/v1/inventory",
        f"/fault/v1/hosts/{cloud.host()}",
        "/alarming/v2/alarms?all_projects=true",
        "/alarming/v2/deliveries?all_projects=true",
        "/identity/v3/users",
        "/identity/v3/projects",
        "/fault/v1/audit",
    )
    before = {path: server.get(path) for path in paths}
    shown = server.get(f"/fault/v1/faults/{fault}")["fault"]
    passwords = server.auth()["password"]
    server.restart()
    assert {path: server.get(path) for path in paths} == before
    after = server.get(f"/fault/v1/faults/{fault}")["fault"]
    assert {**after, "timeline": None} == {**shown, "timeline": None}
    assert after["timeline"]["checkpoints"]["T09"]["count"] == 3
    assert server.auth()["password"] == passwords
    hooks.quiet()
    assert len(hooks.raw) == 3


def test_sigterm_ends_with_zero_and_delivers_what_is_under_way(
    server: Server, hooks: Hooks
) -> None:
    """A stop in a burst ends cleanly; what was not sent yet is sent after the start, once."""
    cloud = Cloud(server).fill(servers=100)
    cloud.watch(hooks, 1, 100)
    cloud.report(down(cloud.host()))
    assert server.stop() == 0
    server.start()
    hooks.wait(lambda told: len({one.alarm_id for one in told}) == 100, "every owner is told")
    cloud.settled()
    told = hooks.told
    assert len(told) == len({one.delivery for one in told}) == 100


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_waits_for_no_hung_client(server: Server, number: signal.Signals) -> None:
    """Open connections, half a request and a hung stream do not keep the server."""
    port = int(server.url.rpartition(":")[2])
    idle = socket.create_connection(("127.0.0.1", port))
    half = socket.create_connection(("127.0.0.1", port))
    half.sendall(b"POST /fault/v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n[")
    with idle, half:
        assert server.child is not None
        server.child.signal(number)
        assert server.child.wait() == 0


def test_a_second_server_is_refused(server: Server) -> None:
    """A state folder is one process's; the second says so, and the first goes on."""
    second = run("serve", "--state-dir", server.state_dir, "--listen", "127.0.0.1:0")
    assert second.returncode == 1
    assert "another server uses the state folder" in second.stderr
    assert server.call("GET", "/healthcheck", who="").status == 200
    assert server.get("/fault/v1/faults") == {"faults": []}


@pytest.mark.parametrize("address", ["0.0.0.0:0", "[::]:0"])
def test_beyond_loopback_without_tls_is_refused(tmp_path: Path, address: str) -> None:
    """Listening where others can connect needs a certificate or an explicit proxy."""
    done = run("serve", "--state-dir", tmp_path / "state", "--listen", address)
    assert done.returncode == 1
    assert "tls_certificate" in done.stderr
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--listen", "127.0.0.1"), "listen"),
        (("--listen", "127.0.0.1:99999"), "listen"),
        (("--listen", "nowhere.invalid:0"), "listen"),
        (("--config", "missing.conf"), "missing.conf"),
    ],
)
def test_wrong_options_are_named(tmp_path: Path, options: tuple[str, ...], named: str) -> None:
    """A start that cannot be ends with a sentence that names the option."""
    done = run("serve", "--state-dir", tmp_path / "state", *options)
    assert done.returncode in {1, 2}
    assert named in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "text",
    [
        "[server]\nlisten_on = x\n",
        "[nowhere]\na = 1\n",
        "[notifier]\nretry_first_ms = soon\n",
        "[notifier]\nallow_networks = 10.0.0.0/99\n",
        "[liveness]\nheartbeat_ms = 5000\n",
        "no section\n",
    ],
)
def test_wrong_settings_are_named(tmp_path: Path, text: str) -> None:
    """A misspelt or impossible setting stops the start and is named."""
    file = tmp_path / "faultwire.conf"
    file.write_text(text)
    done = run("serve", "--state-dir", tmp_path / "s", "--listen", "127.0.0.1:0", "--config", file)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    word = text.split("\n")[-2].split(" ", maxsplit=1)[0]
    assert word in done.stderr or "faultwire.conf" in done.stderr


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """Give a certificate for 127.0.0.1 and localhost, and its key."""
    return self_signed(tmp_path)


def test_beyond_loopback_with_tls_all_clients_work(
    serve: Serve, certificate: tuple[Path, Path], tmp_path: Path
) -> None:
    """With a certificate the server listens anywhere; commands and agents trust what it wrote."""
    chain, key = certificate
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    url = f"https://localhost:{port}"
    tls = {"tls_certificate": chain, "tls_key": key, "public_url": url}
    server = serve({"server": tls}, listen=f"0.0.0.0:{port}")
    assert server.url == url
    env = client_env(server)
    listed = run("project", "list", "--json", env=env)
    assert {one["name"] for one in json.loads(listed.stdout)} == {"admin", "demo"}, listed.stderr
    credential = tmp_path / "credential"
    enrol_by_command(server, "h1", credential)
    agent = Child(tmp_path / "a.log", "agent", "--host", "h1", "--credential", credential)
    try:
        assert agent.line("connected to ").startswith(url)
        hosts = json.loads(run("host-list", "--json", env=env).stdout)
        assert [(host["name"], host["agent"]) for host in hosts] == [("h1", "connected")]
        assert agent.stop() == 0
    finally:
        agent.kill()


def test_plain_http_to_a_tls_listener_gets_nothing(
    serve: Serve, certificate: tuple[Path, Path]
) -> None:
    """A listener with TLS speaks no plain HTTP, and nothing older than TLS 1.2."""
    chain, key = certificate
    server = serve({"server": {"tls_certificate": chain, "tls_key": key}})
    port = int(server.url.rpartition(":")[2])
    assert server.url.startswith("https://")
    with pytest.raises(requests.ConnectionError):
        call(f"http://127.0.0.1:{port}/healthcheck")
    context = ssl.create_default_context(cafile=str(chain))
    with (
        socket.create_connection(("127.0.0.1", port)) as raw,
        context.wrap_socket(raw, server_hostname="127.0.0.1") as end,
    ):
        assert end.version() in {"TLSv1.2", "TLSv1.3"}

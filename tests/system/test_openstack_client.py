"""The true `openstack` command against a true server."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Protocol

import pytest

pytestmark = pytest.mark.system

SECONDS = 60


class Served(Protocol):
    """What the fixture `server` gives."""

    url: str
    state_dir: Path
    clouds: Path


class OpenStack:
    """Runs `openstack` as one of the server's clouds."""

    def __init__(self, clouds: Path) -> None:
        self._binary = Path(sys.executable).with_name("openstack")
        self._env = {
            **{name: value for name, value in os.environ.items() if not name.startswith("OS_")},
            "OS_CLIENT_CONFIG_FILE": str(clouds),
            # Deprecations of the client's own libraries are nobody's here.
            "PYTHONWARNINGS": "ignore",
        }

    def run(self, *args: str, cloud: str = "faultwire") -> subprocess.CompletedProcess[str]:
        """Return what a command printed and how it ended."""
        return subprocess.run(
            [str(self._binary), "--os-cloud", cloud, *args],
            env=self._env,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    def json(self, *args: str, cloud: str = "faultwire") -> object:
        """Return what a command that has to succeed printed as JSON."""
        done = self.run(*args, "-f", "json", cloud=cloud)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture
def openstack(standing: Served) -> OpenStack:
    """Give the command, pointed at the running server."""
    return OpenStack(standing.clouds)


@pytest.mark.parametrize("cloud", ["faultwire", "faultwire-demo"])
def test_both_clouds_of_the_first_start_give_tokens(openstack: OpenStack, cloud: str) -> None:
    """`token issue` works with clouds.yaml as the server wrote it."""
    token = openstack.json("token", "issue", cloud=cloud)
    assert {"id", "expires", "project_id", "user_id"} <= set(token)


def test_the_catalog_lists_every_face(openstack: OpenStack, standing: Served) -> None:
    """`catalog list` shows each service at the address of the listener."""
    found = {entry["Type"]: entry["Endpoints"] for entry in openstack.json("catalog", "list")}
    assert {"identity", "fault", "rca", "alarming"} <= set(found)
    urls = {endpoint["url"] for endpoint in found["fault"]}
    assert urls == {f"{standing.url}/fault"}


def test_users_projects_and_roles_are_managed(openstack: OpenStack) -> None:
    """Create, grant, list, show, set and delete, by name, as an operator does."""
    project = openstack.json("project", "create", "tenant")
    user = openstack.json("user", "create", "--project", "tenant", "--password", "word", "ann")
    assert user["default_project_id"] == project["id"]
    assert (
        openstack.run("role", "add", "--user", "ann", "--project", "tenant", "member").returncode
        == 0
    )
    grants = openstack.json("role", "assignment", "list", "--names", "--user", "ann")
    assert [(one["Role"], one["Project"]) for one in grants] == [("member", "tenant@Default")]
    assert openstack.run("user", "set", "--password", "other", "ann").returncode == 0
    assert openstack.json("user", "show", "ann")["name"] == "ann"
    busy = openstack.run("user", "create", "ann")
    assert busy.returncode == 1
    assert "409" in busy.stderr
    assert openstack.run("user", "delete", "ann").returncode == 0
    assert openstack.run("project", "delete", "tenant").returncode == 0
    assert "ann" not in {one["Name"] for one in openstack.json("user", "list")}


def test_a_member_may_not_manage_users(openstack: OpenStack) -> None:
    """The second cloud is a member of project demo and no more."""
    refused = openstack.run("user", "list", cloud="faultwire-demo")
    assert refused.returncode == 1
    assert "403" in refused.stderr


def test_a_revoked_token_is_void(openstack: OpenStack) -> None:
    """`token revoke` answers, and the token is refused afterwards."""
    token = openstack.json("token", "issue")["id"]
    assert openstack.run("token", "revoke", token).returncode == 0
    again = openstack.run("token", "revoke", token)
    assert again.returncode == 1
    assert "404" in again.stderr

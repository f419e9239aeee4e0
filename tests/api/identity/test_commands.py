"""Our commands against the identity face on a true socket: keystoneauth, catalog, pages."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import uvicorn
from click.testing import CliRunner, Result

from faultwire.cli.main import main
from faultwire.identity.bootstrap import write_clouds
from faultwire.identity.settings import Settings
from faultwire.telemetry.clock import SystemClock
from tests.api.identity import world as worlds
from tests.api.identity.world import PASSWORDS

# The SDK warns of its InfluxDB support whether or not anybody uses it.
pytestmark = pytest.mark.filterwarnings("ignore:Support for InfluxDB")


class Shell:
    """Runs a command in a thread, as the loop serves what it asks for."""

    def __init__(self, clouds: Path) -> None:
        self._env = {"OS_CLIENT_CONFIG_FILE": str(clouds), "OS_CLOUD": "faultwire"}

    async def __call__(self, *args: str, stdin: str = "", cloud: str = "faultwire") -> Result:
        env = {**self._env, "OS_CLOUD": cloud}
        runner = CliRunner(env=env)
        return await asyncio.to_thread(runner.invoke, main, args, stdin)

    async def json(self, *args: str) -> object:
        result = await self(*args, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.output)


@pytest.fixture
async def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Shell]:
    """Give a shell with the clouds of a face that listens."""
    for name in ("OS_CLOUD", "OS_CLIENT_CONFIG_FILE", "http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    settings = Settings(bcrypt_rounds=4, longest_delay=0.0, page_limit=2)
    async with worlds.running(settings) as world:
        world.clock.set_wall(SystemClock().wall_ns())
        with socket.create_server(("127.0.0.1", 0)) as listening:
            config = uvicorn.Config(world.root, lifespan="off", log_config=None)
            server = uvicorn.Server(config)
            serving = asyncio.create_task(server.serve([listening]))
            url = f"http://127.0.0.1:{listening.getsockname()[1]}"
            yield Shell(write_clouds(tmp_path, url, PASSWORDS))
            server.should_exit = True
            await serving


async def test_users_are_created_listed_and_deleted(shell: Shell) -> None:
    """A drawn password is shown once and logs in; a given one is not shown."""
    made = await shell.json("user", "create", "ann", "--project", "demo", "--role", "reader")
    assert set(made) == {"id", "name", "project", "role", "password"}
    piped = await shell("user", "create", "bob", "--password-stdin", "--json", stdin="pass\n")
    assert "password" not in json.loads(piped.output)
    listed = {user["name"]: user["roles"] for user in await shell.json("user", "list")}
    assert listed == {
        "admin": ["admin@admin"],
        "ann": ["reader@demo"],
        "bob": [],
        "demo": ["member@demo"],
    }
    assert (await shell("user", "delete", "bob")).output == "user bob is deleted\n"
    gone = await shell("user", "delete", "bob")
    assert (gone.exit_code, gone.output) == (1, "Error: there is no user bob\n")


async def test_roles_are_granted_and_revoked(shell: Shell) -> None:
    """By name of user and project, and what was never granted is an error."""
    granted = await shell.json("user", "grant", "demo", "service", "--project", "admin")
    assert granted == {"user": "demo", "role": "service", "project": "admin"}
    listed = {user["name"]: user["roles"] for user in await shell.json("user", "list")}
    assert sorted(listed["demo"]) == ["member@demo", "service@admin"]
    for code in (0, 1):
        result = await shell("user", "revoke", "demo", "service", "--project", "admin")
        assert result.exit_code == code
    assert (await shell("user", "grant", "demo", "king", "--project", "x")).exit_code == 2
    assert (await shell("user", "grant", "demo", "admin", "--project", "x")).exit_code == 1


async def test_projects_are_created_listed_and_deleted(shell: Shell) -> None:
    """All pages are listed."""
    for name in ("p1", "p2", "p3"):
        await shell.json("project", "create", name)
    names = [project["name"] for project in await shell.json("project", "list")]
    assert names == ["admin", "demo", "p1", "p2", "p3"]
    assert (await shell("project", "delete", "p1")).exit_code == 0
    taken = await shell("project", "create", "p2")
    assert taken.exit_code == 1
    assert "HTTP 409" in taken.output


async def test_a_changed_password_is_the_one_that_counts(shell: Shell) -> None:
    """The cloud with the old password is refused from then on."""
    assert (await shell("user", "set-password", "demo", "--password", "other")).exit_code == 0
    refused = await shell("user", "list", cloud="faultwire-demo")
    assert refused.exit_code == 1
    assert "HTTP 401" in refused.output


async def test_a_member_is_told_that_it_may_not(shell: Shell) -> None:
    """The rule that was asked is named."""
    refused = await shell("user", "list", cloud="faultwire-demo")
    assert refused.exit_code == 1
    assert "identity:list_" in refused.output


@pytest.mark.parametrize(
    "args",
    [
        ("create",),
        ("create", "a", "--password", "x", "--password-stdin"),
        ("create", "a", "--password", ""),
        ("create", "a", "--role", "king"),
        ("nothing",),
    ],
)
async def test_wrong_usage_is_exit_status_2(shell: Shell, args: tuple[str, ...]) -> None:
    """Nothing is asked of the server."""
    assert (await shell("user", *args)).exit_code == 2


async def test_a_server_that_is_not_there_is_said_so(shell: Shell, tmp_path: Path) -> None:
    """A refused connection and an unknown cloud are errors, not stacks."""
    gone = Shell(write_clouds(tmp_path, "http://127.0.0.1:1", PASSWORDS))
    for cloud in ("faultwire", "nowhere"):
        result = await gone("user", "list", cloud=cloud)
        assert result.exit_code == 1
        assert result.output.startswith("Error: ")

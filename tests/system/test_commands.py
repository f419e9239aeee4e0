"""The operator's commands against a running server."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.system.agents import client_env
from tests.system.children import run
from tests.system.cloud import Cloud, down
from tests.system.hooks import Hooks
from tests.system.served import Server

pytestmark = pytest.mark.system


class Commands:
    """Runs `faultwire` as one of a server's clouds."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def fails(self, *arguments: str | Path, cloud: str = "faultwire", status: int = 1) -> str:
        """Return the errors of a command that must fail, with a sentence and no stack."""
        done = run(*arguments, env=client_env(self._server, cloud))
        assert done.returncode == status, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stderr

    def text(self, *arguments: str | Path) -> str:
        """Return what a command that must succeed printed."""
        done = run(*arguments, env=client_env(self._server))
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def json(self, *arguments: str | Path) -> Any:
        """Return what a command printed as JSON."""
        return json.loads(self.text(*arguments, "--json"))


@pytest.fixture
def commands(server: Server) -> Commands:
    """Give the commands of an administrator."""
    return Commands(server)


@pytest.fixture
def cloud(server: Server) -> Cloud:
    """Give a cloud whose inventory a test fills itself."""
    return Cloud(server)


def written(folder: Path, name: str, document: object) -> Path:
    """Write a document as its name's ending says."""
    path = folder / name
    text = json.dumps(document) if name.endswith("json") else yaml.safe_dump(document)
    path.write_text(text)
    return path


@pytest.mark.parametrize("name", ["cloud.yaml", "cloud.json", "cloud.yml", "cloud"])
def test_an_inventory_is_imported_from_yaml_and_json(
    cloud: Cloud, commands: Commands, tmp_path: Path, name: str
) -> None:
    """The counts are printed, the inventory is as the file says, and again changes nothing."""
    path = written(tmp_path, name, cloud.document(2, 3))
    counts = commands.json("inventory", "import", path)["inventory"]
    assert counts["hosts"] == {"added": 2, "changed": 0, "removed": 0}
    assert counts["servers"] == {"added": 6, "changed": 0, "removed": 0}
    assert cloud.states() == {"active"}
    again = commands.json("inventory", "import", path)["inventory"]
    assert {sum(one.values()) for one in again.values()} == {0}
    shown = commands.json("inventory", "show")
    assert [host["name"] for host in shown["hosts"]] == [cloud.host(1), cloud.host(2)]
    # What is shown can be imported as it is.
    back = written(tmp_path, "back.json", shown)
    again = commands.json("inventory", "import", back)["inventory"]
    assert {sum(one.values()) for one in again.values()} == {0}


def test_a_dry_run_changes_nothing(cloud: Cloud, commands: Commands, tmp_path: Path) -> None:
    """`--dry-run` prints what would change, for adding and for removing."""
    path = written(tmp_path, "a.yaml", cloud.document(2, 3))
    assert "Would change" in commands.text("inventory", "import", path, "--dry-run")
    assert cloud.server.get("/fault/v1/inventory")["hosts"] == []
    commands.text("inventory", "import", path)
    less = written(tmp_path, "b.yaml", cloud.document(1, 3))
    counts = commands.json("inventory", "import", less, "--dry-run", "--force")["inventory"]
    assert (counts["hosts"]["removed"], counts["servers"]["removed"]) == (1, 3)
    assert len(cloud.server.get("/fault/v1/inventory")["hosts"]) == 2


def test_removing_more_than_a_tenth_needs_force(
    cloud: Cloud, commands: Commands, tmp_path: Path
) -> None:
    """One host of ten may go; two are 409, which says so, until `--force` is given."""
    commands.text("inventory", "import", written(tmp_path, "a.json", cloud.document(20, 1)))
    commands.text("inventory", "import", written(tmp_path, "b.json", cloud.document(18, 1)))
    path = written(tmp_path, "c.json", cloud.document(16, 1))
    errors = commands.fails("inventory", "import", path)
    assert "409" in errors
    assert "force" in errors
    assert len(commands.json("host-list")) == 18
    assert "409" in commands.fails("inventory", "import", path, "--dry-run")
    assert commands.json("inventory", "import", path, "--force")["inventory"]["hosts"] == {
        "added": 0,
        "changed": 0,
        "removed": 2,
    }
    nothing = written(tmp_path, "d.json", {})
    assert "409" in commands.fails("inventory", "import", nothing)
    added = commands.json("inventory", "import", nothing, "--add")["inventory"]
    assert {sum(one.values()) for one in added.values()} == {0}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"hosts": [{"name": ""}]}, "hosts[0].name"),
        ({"hosts": [{"name": "a"}, {"name": "a"}]}, "hosts[1].name"),
        ({"hosts": [{"name": "a", "adresses": []}]}, "hosts[0].adresses"),
        ({"hosts": [{"name": "a", "addresses": ["10.0.0.300"]}]}, "hosts[0].addresses[0]"),
        ({"hosts": {}}, "hosts"),
        ({"server": []}, "server"),
        ({"servers": [{"id": "s", "name": "s", "project": "c-project-0"}]}, "servers[0].host"),
        (
            {"servers": [{"id": "s", "name": "s", "project": "x", "host": "c-host-1"}]},
            "servers[0].project",
        ),
        (
            {"servers": [{"id": "s", "name": "s", "project": "c-project-0", "host": "no"}]},
            "servers[0].host",
        ),
        (
            {"servers": [{"id": "s", "name": 5, "project": "c-project-0", "host": None}]},
            "servers[0].name",
        ),
        (
            {
                "servers": [
                    {"id": "s", "name": "s", "project": "p", "host": None, "status": "GONE"}
                ]
            },
            "servers[0].status",
        ),
        (
            {"switches": [{"name": "s", "uplinks": [{"switch": "x"}]}]},
            "switches[0].uplinks[0].port",
        ),
        ({"ports": [{"id": "p", "project": "c-project-0", "server": "no"}]}, "ports[0].server"),
    ],
)
def test_a_wrong_document_names_the_path_and_changes_nothing(
    standing: Server, tmp_path: Path, change: dict[str, Any], field: str
) -> None:
    """The path of the first wrong value is printed; nothing of the document is taken."""
    cloud, commands = Cloud(standing), Commands(standing)
    document = {**cloud.document(1, 1), **change}
    if "hosts" not in change:
        document["hosts"] = [{"name": "c-host-1"}]
    if "servers" in change:
        document["servers"] = change["servers"]
    errors = commands.fails("inventory", "import", written(tmp_path, "x.yaml", document))
    assert field in errors
    assert "400" in errors or "HTTP" not in errors
    assert cloud.server.get("/fault/v1/inventory")["hosts"] == []


@pytest.mark.parametrize(
    "text", ["hosts: [", "a: &a [*a]", "!!python/object/apply:os.system ['true']", "\x00", "- 1"]
)
def test_a_file_that_is_no_document_is_refused(
    standing: Server, tmp_path: Path, text: str
) -> None:
    """Broken, circular and dangerous YAML end with a sentence."""
    path = tmp_path / "x.yaml"
    path.write_text(text)
    assert Commands(standing).fails("inventory", "import", path)


def test_the_commands_of_faults(cloud: Cloud, commands: Commands, hooks: Hooks) -> None:
    """Report, list, show and close, as tables and as JSON; closing brings everything back."""
    cloud.fill(servers=2)
    cloud.watch(hooks, 1, 2)
    (reported,) = commands.json("fault-report", "compute.host.down", f"hostname={cloud.host()}")
    assert reported["state"] == "open"
    hooks.wait_count(2)
    cloud.settled()
    (listed,) = commands.json("fault-list", "--host", cloud.host(), "--state", "open")
    assert listed["id"] == reported["id"]
    assert cloud.host() in commands.text("fault-list")
    whole = commands.json("fault-show", reported["id"])
    assert whole["plan"]["servers"] == 2
    assert {"evidence", "decisions", "timeline", "plan"} <= whole.keys()
    shown = commands.text("fault-show", reported["id"])
    for word in ("Evidence", "Decisions", "T01", "Component", "Time Cost", "Percentage"):
        assert word in shown, word
    (host,) = commands.json("host-list")
    assert (host["state"], host["host_status"], host["forced_down"]) == ("down", "DOWN", True)
    closed = commands.json("fault-close", reported["id"])
    assert closed == {"id": reported["id"], "state": "closed"}
    hooks.wait_count(4)
    assert cloud.states() == {"active"}
    assert "closed already" in commands.fails("fault-close", reported["id"])
    assert commands.json("fault-list", "--state", "open") == []
    audit = cloud.server.get("/fault/v1/audit")["audit"]
    assert ("fault.close", reported["id"]) in [(one["action"], one["target"]) for one in audit]


def test_the_commands_say_what_is_wrong(cloud: Cloud, commands: Commands, server: Server) -> None:
    """Unknown ids and types, a member's call and a server that is away end with a sentence."""
    assert "no fault" in commands.fails("fault-show", "none").lower()
    assert "404" in commands.fails("fault-close", "no/ne")
    assert "type" in commands.fails("fault-report", "no.such.type", "hostname=x")
    assert "hostname" in commands.fails("fault-report", "compute.host.down")
    commands.fails("fault-report", "compute.host.down", "hostname", status=2)
    assert "403" in commands.fails("fault-list", cloud="faultwire-demo")
    assert "cloud" in commands.fails("fault-list", "--os-cloud", "elsewhere").lower()
    server.stop()
    assert commands.fails("fault-list")


def test_accounts_by_command(commands: Commands, server: Server, tmp_path: Path) -> None:
    """Projects, users, roles and passwords; the inventory's projects are the same ones."""
    commands.text("project", "create", "tenant")
    made = commands.json("user", "create", "ann", "--project", "tenant")
    answer = server.login("ann", made["password"], "tenant")
    assert answer.status == 201
    assert {role["name"] for role in answer.json["token"]["roles"]} <= {"member", "reader"}
    assert "409" in commands.fails("user", "create", "ann")
    commands.text("user", "grant", "ann", "admin", "--project", "tenant")
    commands.text("user", "revoke", "ann", "admin", "--project", "tenant")
    commands.text("user", "set-password", "ann", "--password", "another")
    assert server.login("ann", made["password"], "tenant").status == 401
    assert server.login("ann", "another", "tenant").status == 201
    document = {
        "projects": [{"id": "p1", "name": "imported"}],
        "servers": [{"id": "s", "name": "s", "project": "tenant", "host": None}],
    }
    commands.text("inventory", "import", written(tmp_path, "x.yaml", document), "--add")
    names = {one["name"] for one in commands.json("project", "list")}
    assert {"admin", "demo", "tenant", "imported"} <= names
    assert "409" in commands.fails("project", "delete", "tenant")
    commands.text("project", "delete", "imported")
    commands.text("user", "delete", "ann")
    assert server.login("ann", "another", "tenant").status == 401
    assert commands.fails("user", "delete", "admin")


def test_a_report_about_an_unknown_host_waits_for_it(
    cloud: Cloud, commands: Commands, hooks: Hooks
) -> None:
    """Taken with 202 and unmatched; once the host is imported its owners are told (D22)."""
    (fault,) = cloud.report(down(cloud.host()))
    (listed,) = commands.json("fault-list", "--state", "unmatched")
    assert listed["id"] == fault
    cloud.fill(hosts=0)
    cloud.server.call("PATCH", "/fault/v1/inventory", cloud.document(2, 1))
    cloud.watch(hooks, 2, 1)
    assert cloud.states(1) == {"error"}
    assert cloud.states(2) == {"active"}
    assert [one["id"] for one in cloud.faults()] == [fault]

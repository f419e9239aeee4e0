"""Guards on the command line, against a running server."""

from pathlib import Path

import pytest

from tests.system.served import Server
from tests.system.test_commands import Commands

pytestmark = pytest.mark.system


def test_an_operator_holds_reads_why_acts_and_replays(server: Server, tmp_path: Path) -> None:
    """Commands do what they say: hold, explain, act, maintenance, silence, export, replay."""
    commands = Commands(server)
    inventory = tmp_path / "inventory.yaml"
    inventory.write_text("hosts: [{name: h1, rack: r1}, {name: h2, rack: r1}]\n")
    commands.text("inventory", "import", inventory)
    window = commands.json("maintenance", "h2", "--for", "1h", "--reason", "memory")[0]
    assert window["matches"] == {"host": "h2"}
    assert "no host of the map" in commands.fails("silence", "rack=r9", "--for", "1h")
    commands.fails("maintenance", "h1", status=2)
    assert commands.json("hold", "--reason", "switch r2")["held"]
    found = commands.json("fault-list")
    assert found == []
    fault = commands.json("fault-report", "compute.host.down", "hostname=h1")[0]["id"]
    assert "(hold)" in commands.text("explain", fault)
    assert "hold: " in commands.fails("act", fault)
    assert "guards let them" in commands.text("hold", "--release")
    assert "It was allowed to force the host down" in commands.text("act", fault)
    commands.text("maintenance", "--delete", window["id"])
    file, config = tmp_path / "night.jsonl", tmp_path / "new.conf"
    assert "faults in" in commands.text("faults", "export", file)
    assert file.stat().st_mode & 0o077 == 0
    config.write_text("[inspector]\nshadow = true\n")
    found = commands.json("replay", file, "--config", config)
    assert [one["act"] for one in found["acts"]] == ["force_down"]
    file.write_bytes(file.read_bytes()[:-20])
    assert "night.jsonl" in commands.fails("replay", file)

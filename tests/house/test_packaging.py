"""What is shipped beside the package: units, the container file, alert rules."""

import importlib
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from faultwire.cli.main import COMMANDS
from faultwire.telemetry.metrics import COUNTERS, GAUGES, HISTOGRAMS
from tests.house import tree

PACKAGING = tree.ROOT / "packaging"
UNITS = sorted((PACKAGING / "systemd").glob("*.service"))
CONTAINER = PACKAGING / "Containerfile"
ALERTS = PACKAGING / "prometheus" / "alerts.yml"
ALERT_TESTS = PACKAGING / "prometheus" / "alerts.test.yml"
RUNBOOK = tree.ROOT / "docs" / "runbook.md"
PREFIX = "/opt/faultwire/bin/faultwire"
SECTION = re.compile(r"^## ([^\n]+)\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
SPECIFIERS = {"%i": "1", "%H": "compute-1", "%d": "/run/credentials"}
IMAGE = "python:3.11-slim"

HARDENED = {
    "NoNewPrivileges": "yes",
    "CapabilityBoundingSet": "",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "PrivateDevices": "yes",
    "ProtectKernelTunables": "yes",
    "ProtectControlGroups": "yes",
    "RestrictNamespaces": "yes",
    "RestrictSUIDSGID": "yes",
    "LockPersonality": "yes",
    "UMask": "0077",
    "Restart": "always",
}


def settings_of(unit: Path) -> dict[str, str]:
    """The settings of a unit file by name; the last one of a name counts."""
    found = {}
    for line in unit.read_text(encoding="utf-8").splitlines():
        name, sign, value = line.partition("=")
        if sign and not line.startswith("#"):
            found[name] = value
    return found


def filters_of(unit: Path) -> list[str]:
    """What a unit says of system calls, every line of it."""
    lines = unit.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.startswith("SystemCall")]


def started(unit: Path) -> list[str]:
    """The arguments of the command that a unit starts, its specifiers filled in."""
    text = settings_of(unit)["ExecStart"]
    for specifier, value in SPECIFIERS.items():
        text = text.replace(specifier, value)
    path, *arguments = text.split()
    assert path == PREFIX
    return arguments


def parses(arguments: list[str]) -> None:
    """Fail unless the command takes these arguments; files that it names may be missing."""
    module, name = COMMANDS[arguments[0]][0].split(":")
    command: click.Command = getattr(importlib.import_module(module), name)
    known = {option for one in command.params for option in one.opts}
    missing = [one for one in arguments if one.startswith("--") and one not in known]
    assert not missing, f"{arguments[0]} has no {', '.join(missing)}"
    kept = [one.type for one in command.params]
    for one in command.params:
        if isinstance(one.type, click.Path):
            one.type = click.Path(path_type=Path)
    try:
        command.make_context(arguments[0], list(arguments[1:]))
    finally:
        for one, its_type in zip(command.params, kept, strict=True):
            one.type = its_type


# ---------------------------------------------------------------- systemd


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_starts_a_command_that_exists(unit: Path) -> None:
    """What a unit starts is taken by the command line as it is."""
    parses(started(unit))


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_gives_no_right_away(unit: Path) -> None:
    """Each unit takes away what the process does not need, and starts it again when it ends."""
    settings = settings_of(unit)
    assert {name: settings.get(name) for name in HARDENED} == HARDENED
    assert filters_of(unit) == filters_of(UNITS[0])
    assert settings.get("User") == "faultwire" or settings.get("DynamicUser") == "yes"
    assert int(settings["LimitNOFILE"]) >= 1024


@pytest.mark.parametrize(
    "unit", [unit for unit in UNITS if "agent" not in unit.name], ids=lambda unit: unit.name
)
def test_a_process_that_hangs_is_started_again(unit: Path) -> None:
    """The manager waits for the word that we serve, and for signs of life after it."""
    settings = settings_of(unit)
    assert settings["Type"] == "notify"
    assert int(settings["WatchdogSec"]) > 0


def test_the_unit_of_the_server_owns_its_state() -> None:
    """The folder that the command names is the one that systemd makes."""
    (unit,) = (unit for unit in UNITS if unit.name == "faultwire-serve.service")
    settings = settings_of(unit)
    assert settings["StateDirectoryMode"] == "0700"
    assert f"--state-dir /var/lib/{settings['StateDirectory']}" in settings["ExecStart"]


def test_systemd_understands_the_units(tmp_path: Path, needs_package: Callable[..., str]) -> None:
    """`systemd-analyze verify` has nothing to say; the command is this environment's own."""
    analyze = needs_package("systemd-analyze", "systemd")
    command = Path(sys.executable).with_name("faultwire")
    for unit in UNITS:
        text = unit.read_text(encoding="utf-8").replace(PREFIX, str(command))
        (tmp_path / unit.name).write_text(text, encoding="utf-8")
    names = [str(tmp_path / unit.name) for unit in UNITS]
    made = subprocess.run(
        [analyze, "verify", "--man=no", *names], capture_output=True, text=True, check=False
    )
    said = made.stdout + made.stderr
    tree.none_of(line for line in said.splitlines() if "faultwire-" in line)


# ---------------------------------------------------------------- the container


def instructions() -> Iterator[tuple[str, str]]:
    """The instructions of the container file with their arguments, continued lines joined."""
    text = re.sub(r"^#.*\n", "", CONTAINER.read_text(encoding="utf-8"), flags=re.MULTILINE)
    for line in text.replace("\\\n", " ").splitlines():
        if line.strip():
            name, _, rest = line.strip().partition(" ")
            yield name, rest.strip()


def test_the_container_file_passes_its_linter() -> None:
    """Hadolint has nothing to say."""
    linter = Path(sys.executable).with_name("hadolint")
    made = subprocess.run(
        [linter, "--no-color", CONTAINER], capture_output=True, text=True, check=False
    )
    tree.none_of((made.stdout + made.stderr).splitlines())


def test_the_image_is_built_from_what_is_here() -> None:
    """What is copied exists, comes from no address, and holds no state and no secret."""
    for name, rest in instructions():
        assert name != "ADD"
        if name == "COPY" and "--from=" not in rest:
            *sources, _ = rest.split()
            tree.none_of(one for one in sources if not (tree.ROOT / one).exists())
            assert not {".", "state", ".git"} & set(sources)


def test_the_image_is_pinned_and_its_user_has_no_rights() -> None:
    """A tagged image, hashed requirements, a user that is not root, and a health check."""
    said = list(instructions())
    images = [rest.split()[0] for name, rest in said if name == "FROM"]
    assert images == [IMAGE, IMAGE]
    users = [rest for name, rest in said if name == "USER"]
    assert users
    assert not users[-1].startswith(("root", "0"))
    names = [name for name, _ in said]
    assert names.index("USER") < names.index("ENTRYPOINT")
    (health,) = (rest for name, rest in said if name == "HEALTHCHECK")
    assert yaml.safe_load(health.partition("CMD ")[2]) == ["faultwire", "status", "--healthcheck"]


def test_what_is_locked_is_installed_alike_everywhere() -> None:
    """The lock file leaves out what we never import: who resolves again, gets nothing."""
    makefile = (tree.ROOT / "Makefile").read_text(encoding="utf-8")
    (flags,) = re.findall(r"^LOCKED := (.+)$", makefile, re.MULTILINE)
    for where in (CONTAINER, tree.ROOT / "docs" / "installing.md"):
        text = where.read_text(encoding="utf-8").replace("\\\n", " ")
        (said,) = re.findall(r"pip (install [^\n]*?)\s+-r requirements/run.txt", text)
        assert said == flags, where


def test_what_the_image_starts_exists() -> None:
    """The command of the image is one of ours, with options that it has."""
    (command,) = (yaml.safe_load(rest) for name, rest in instructions() if name == "CMD")
    parses(command)


def test_no_secret_is_in_the_image() -> None:
    """No variable of the image is named like a secret."""
    named = re.compile(r"PASSWORD|SECRET|TOKEN|KEY", re.IGNORECASE)
    tree.none_of(rest for name, rest in instructions() if name == "ENV" and named.search(rest))


# ---------------------------------------------------------------- alerts


def rules() -> list[dict[str, Any]]:
    """Every alert rule."""
    document = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))
    return [rule for group in document["groups"] for rule in group["rules"]]


def test_every_metric_of_a_rule_exists() -> None:
    """No rule waits for a metric that nobody writes."""
    known = {*COUNTERS, *GAUGES}
    known |= {f"{name}_{part}" for name in HISTOGRAMS for part in ("bucket", "sum", "count")}
    used = {name for rule in rules() for name in re.findall(r"faultwire_\w+", rule["expr"])}
    assert used
    tree.none_of(sorted(used - known))


def test_every_label_of_a_rule_exists() -> None:
    """What a rule asks a metric's label for is a label of that metric."""
    tables = {**COUNTERS, **GAUGES, **{f"{n}_bucket": row for n, row in HISTOGRAMS.items()}}
    for rule in rules():
        for name, asked in re.findall(r"(faultwire_\w+){([^}]*)}", rule["expr"]):
            labels = set(re.findall(r"(\w+)=", asked)) - {"job"}
            assert labels <= set(tables[name][1]), f"{rule['alert']}: {name}"


def test_every_alert_has_its_heading_in_the_runbook() -> None:
    """Whoever is woken finds what to do: each alert names a heading, which names the alert."""
    text = RUNBOOK.read_text(encoding="utf-8")
    sections = {title.lower().replace(" ", "-"): body for title, body in SECTION.findall(text)}
    offenders = []
    for rule in rules():
        page, _, anchor = rule["annotations"]["runbook"].partition("#")
        if page != "docs/runbook.md" or f"`{rule['alert']}`" not in sections.get(anchor, ""):
            offenders.append(f"{rule['alert']}: {rule['annotations']['runbook']}")
    tree.none_of(offenders)


def test_the_runbook_knows_no_other_alert() -> None:
    """Every alert that the runbook speaks of exists, and every one has its tests."""
    names = {rule["alert"] for rule in rules()}
    told = set(re.findall(r"`(Faultwire\w+)`", RUNBOOK.read_text(encoding="utf-8")))
    assert told == names
    tests = yaml.safe_load(ALERT_TESTS.read_text(encoding="utf-8"))["tests"]
    fired = {
        one["alertname"]
        for test in tests
        for one in test["alert_rule_test"]
        if one.get("exp_alerts")
    }
    assert fired == names


@pytest.mark.parametrize("what", [("check", ALERTS), ("test", ALERT_TESTS)], ids=["check", "test"])
def test_prometheus_takes_the_rules(
    what: tuple[str, Path], needs_package: Callable[..., str]
) -> None:
    """Promtool reads every rule, and each fires when it should and is quiet when all is well."""
    promtool = needs_package("promtool", "prometheus")
    made = subprocess.run(
        [promtool, what[0], "rules", what[1]], capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stdout + made.stderr

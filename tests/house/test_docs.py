"""The documentation says what there is: all of it, and nothing else."""

import re
from collections.abc import Iterable
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import get_args

import orjson
import pytest
import yaml
from pydantic import BaseModel

from faultwire.cli.main import COMMANDS
from faultwire.config import configuration, load, sample
from faultwire.domain import signature
from faultwire.domain.agents import CloseCode
from faultwire.domain.commands import ImportInventory, ImportSummary
from faultwire.domain.events import EVENT_KINDS
from faultwire.domain.faults import FAULT_TYPES
from faultwire.domain.states import NOVA_STATUS
from faultwire.faces.fault.inventory import read_document
from faultwire.faces.fault.model import DocumentModel
from faultwire.inspector.rules import RULES as FAULT_RULES
from faultwire.policy.enforcer import RULES
from faultwire.telemetry.metrics import COUNTERS, GAUGES, HISTOGRAMS
from faultwire.testing.chain import ACTOR, InProcess
from faultwire_profiler import CHECKPOINTS
from tests.house import logged, pages, routes, tree

DOCS = pages.DOCS
OFF = re.compile(r"^#(?! |$)", re.MULTILINE)
"""The sign that keeps a line of a sample out of force; a comment has a space behind it."""
PAGES = sorted(DOCS.rglob("*.md"))
CONTENTS = re.compile(r"^```{toctree}\n(.*?)^```", re.MULTILINE | re.DOTALL)
BRACES = re.compile(r"{\w+}")
NOT_YET = "no call asks it yet"
PYTHON = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


@cache
def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def section(name: str, heading: str) -> str:
    """The text below a heading of a page, up to the next heading; empty without it."""
    below = rf"^#+ {re.escape(heading)}\n(.*?)(?=^#|\Z)"
    found = re.search(below, page(name), re.MULTILINE | re.DOTALL)
    return found[1] if found else ""


def rows(text: str) -> dict[str, list[str]]:
    """The rows of the tables in a text, by what their first cell holds, without backticks."""
    found = {}
    for line in text.splitlines():
        if line.startswith("|") and not re.match(r"\|[-|]+\|$", line):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            for name in cells[0].replace("`", "").split(", "):
                found[name] = cells[1:]
    return found


def equal(there: Iterable[str], told: Iterable[str], where: str) -> None:
    """Fail naming what is not told, and what is told and is not there."""
    there, told = set(there), set(told)
    tree.none_of(
        [f"{where} lacks {name}" for name in sorted(there - told)]
        + [f"{where} tells of {name}, which does not exist" for name in sorted(told - there)]
    )


# ---------------------------------------------------------------- made pages


@pytest.mark.parametrize("path", pages.MADE, ids=lambda path: path.name)
def test_a_made_page_is_up_to_date(path: Path) -> None:
    """A page that is made equals what would be made now: run python -m tests.house.pages."""
    assert path.read_text(encoding="utf-8") == pages.MADE[path]()


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_has_its_heading(name: str) -> None:
    """Every command of the table stands in the page of commands."""
    assert f"\n## faultwire {name}\n" in page("cli.md")


def test_the_sample_configuration_is_that_of_no_file(tmp_path: Path) -> None:
    """The sample changes nothing as it is, and nothing with every line in force either."""
    text = sample.configuration()
    whole = tmp_path / "whole.conf"
    whole.write_text(OFF.sub("", text), encoding="utf-8")
    assert len(OFF.findall(text)) == sum(
        len(fields(kind)) for kind in configuration.SECTIONS.values()
    )
    assert configuration.read(DOCS / "samples" / "faultwire.conf") == configuration.read()
    assert configuration.read(whole) == configuration.read()


def test_the_sample_policy_holds_every_rule_with_its_default() -> None:
    """The lines of the sample, in force, are the rules and their checks."""
    text = OFF.sub("", sample.policy())
    assert yaml.safe_load(text) == {rule.name: rule.check for rule in RULES}


def test_the_sample_inventory_can_be_imported() -> None:
    """The sample inventory is a document that the server takes as it is."""
    raw = orjson.dumps(yaml.safe_load(page("samples/inventory.yaml")))
    command = ImportInventory(read_document(raw), replace=True, actor=ACTOR)
    summary = InProcess().run(command)
    assert isinstance(summary, ImportSummary)
    assert all(added and not removed for _, added, _, removed in summary.counts)


# ---------------------------------------------------------------- operating


@pytest.mark.parametrize("name", configuration.SECTIONS)
def test_every_option_is_told_with_its_default(name: str) -> None:
    """The table of a section has a row for each of its options, with the default it has."""
    told = rows(section("operating.md", f"`[{name}]`"))
    told.pop("option", None)
    options = {one.name: one for one in fields(configuration.SECTIONS[name])}
    equal(options, told, f"operating.md [{name}]")
    tree.none_of(
        f"operating.md [{name}] {option}: the default is {sample.default_of(one)!r}"
        for option, one in options.items()
        if told[option][0].strip("`") != sample.default_of(one)
    )


def test_every_metric_is_told() -> None:
    """The table of metrics has a row for each, with its type and labels."""
    told = rows(page("metrics.md"))
    told.pop("metric", None)
    equal([*COUNTERS, *GAUGES, *HISTOGRAMS], told, "metrics.md")
    kinds = (("counter", COUNTERS), ("gauge", GAUGES), ("histogram", HISTOGRAMS))
    tree.none_of(
        f"metrics.md: {name} is a {kind} with the labels {labels}"
        for kind, table in kinds
        for name, (_, labels) in table.items()
        if told[name][:2] != [kind, ", ".join(f"`{label}`" for label in labels)]
    )


def test_every_rule_of_policy_is_told() -> None:
    """The table of rules has a row for each."""
    told = rows(section("operating.md", "Policy"))
    told.pop("rule", None)
    equal([rule.name for rule in RULES], told, "operating.md, policy")


def test_every_log_message_is_told() -> None:
    """Each message at WARNING and above has its row with its level, and none has a second one."""
    told = re.findall(r"^\| `(.+?)` \| (\w+) \|", page("logs.md"), re.MULTILINE)
    said = {(one.text, one.level): one.where for one in logged.messages()}
    tree.none_of(
        [f"{where} logs.md lacks {one}" for one, where in said.items() if one not in told]
        + [f"logs.md tells of {one}, which nobody says" for one in told if one not in said]
        + [f"logs.md tells twice of {one}" for one in set(told) if told.count(one) > 1]
    )


def test_every_action_of_the_audit_record_is_told() -> None:
    """Each action that the code writes has its row, and no row is of another."""
    told = rows(section("operating.md", "Audit record"))
    told.pop("action", None)
    equal(logged.actions(), told, "operating.md, audit record")


# ---------------------------------------------------------------- the site


def test_every_page_is_in_a_table_of_contents() -> None:
    """Each page can be reached from the first one, and each entry is a page."""
    trees = {path: CONTENTS.findall(path.read_text(encoding="utf-8")) for path in PAGES}
    entries = {
        (path.parent / line.strip()).relative_to(DOCS).as_posix()
        for path, found in trees.items()
        for body in found
        for line in body.splitlines()
        if line.strip() and not line.startswith(":")
    }
    globbed = {entry for entry in entries if entry.endswith("/*")}
    named = {path.relative_to(DOCS).with_suffix("").as_posix() for path in PAGES} - {"index"}
    covered = {one for one in named if f"{one.rpartition('/')[0]}/*" in globbed}
    equal(named, (entries - globbed) | covered, "tables of contents")


def test_every_route_is_told() -> None:
    """Each method and path that a face answers has its row in the page of routes."""
    told = set(re.findall(r"^\| `([A-Z]+) (\S+)`", page("routes.md"), re.MULTILINE))
    tree.none_of(sorted(" ".join(one) for one in set(routes.routed()) - told))


def test_every_call_of_a_rule_exists() -> None:
    """What a rule of policy names is a route, unless the page says that no call asks it yet."""
    there = {(method, BRACES.sub("{}", path)) for method, path in routes.routed()}
    asleep = {
        name
        for name, cells in rows(section("operating.md", "Policy")).items()
        if NOT_YET in cells[-1]
    }
    for rule in RULES:
        for methods, path in rule.calls:
            asked = {(method, BRACES.sub("{}", path)) for method in methods.split("|")}
            assert rule.name in asleep or asked & there, f"{rule.name}: {methods} {path}"


# ---------------------------------------------------------------- faults and events


def test_every_fault_type_is_told() -> None:
    """The table of types has a row for each, with clear, details, severity, and what follows."""
    told = rows(section("reporting.md", "Types"))
    told.pop("type", None)
    equal(FAULT_TYPES, told, "reporting.md, types")
    for name, kind in FAULT_TYPES.items():
        clear, details, severity, follows = told[name]
        assert clear == f"`{kind.clear}`", name
        alternatives = [re.findall(r"`(\w+)`", text) for text in details.split(", or ")]
        assert alternatives == [list(keys) for keys in kind.identifying], name
        assert severity == kind.severity.value, name
        assert follows.startswith("acts" if name in FAULT_RULES else "recorded"), name


@pytest.mark.parametrize("name", EVENT_KINDS)
def test_every_event_is_told_with_its_traits(name: str) -> None:
    """Each event has its heading, and every trait that a tenant may see is named below it."""
    text = section("owners.md", f"`{name}`") or pytest.fail(f"owners.md lacks {name}")
    if text.strip().startswith("The same"):
        text += section("owners.md", "`fault.raised`")
    named = set(re.findall(r"`(\w+)`", text))
    missing = EVENT_KINDS[name].traits - named
    tree.none_of(f"owners.md, {name}: {trait} is missing" for trait in sorted(missing))


def test_every_instant_of_the_timeline_is_told() -> None:
    """T00 to T10 stand in the table with name and owner."""
    told = rows(section("faults.md", "The timeline"))
    for point in CHECKPOINTS:
        assert told.get(point.key, [])[:2] == [point.name, point.owner], point.key


# ---------------------------------------------------------------- inventory and agents


def test_every_field_of_the_inventory_is_told() -> None:
    """Each part of the document has its heading, and each of its fields is named there."""
    for part, about in DocumentModel.model_fields.items():
        (model,) = get_args(about.annotation)
        named = set(re.findall(r"`(\w+)`", section("inventory.md", part)))
        tree.none_of(
            f"inventory.md, {part}: {name} is missing"
            for name in sorted(_names(model))
            if name not in named
        )


def _names(model: type[BaseModel]) -> set[str]:
    """The fields of a model, and of the models within."""
    names = set(model.model_fields)
    for about in model.model_fields.values():
        for one in (about.annotation, *get_args(about.annotation)):
            if isinstance(one, type) and issubclass(one, BaseModel):
                names |= _names(one)
    return names


def test_every_status_of_a_server_is_told() -> None:
    """The table of states is Nova's as the code has it."""
    told = rows(section("inventory.md", "Status of a server"))
    told.pop("status", None)
    assert told == {name: [vm.value, power.value] for name, (vm, power) in NOVA_STATUS.items()}


def test_every_close_code_is_told() -> None:
    """Why an agent is hung up on stands in the table of codes."""
    told = rows(section("agents.md", "Protocol"))
    tree.none_of(
        f"agents.md: {code.value} {code.name}" for code in CloseCode if str(code.value) not in told
    )


# ---------------------------------------------------------------- owners


def test_the_verification_shown_to_owners_is_right() -> None:
    """The Python of the page takes what we sign, and nothing else."""
    (code,) = PYTHON.findall(page("owners.md"))
    told: dict[str, object] = {}
    exec(code, told)  # noqa: S102  our own page
    verified, clock = told["verified"], told["time"]
    assert callable(verified)
    secret, other = (signature.new_secret(bytes([n]) * 32) for n in (1, 2))
    now = int(clock.time())  # type: ignore[attr-defined]
    headers = {
        signature.ID: "delivery-1",
        signature.TIMESTAMP: str(now),
        signature.SIGNATURE: signature.sign((other, secret), "delivery-1", now, b"{}"),
    }
    assert verified(secret, headers, b"{}")
    assert verified(other, headers, b"{}")
    assert not verified(signature.new_secret(bytes(32)), headers, b"{}")
    assert not verified(secret, headers, b"{} ")
    assert not verified(secret, {**headers, signature.TIMESTAMP: str(now - 301)}, b"{}")


def test_options_are_read_as_they_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment wins over the file, by the names that the page gives."""
    monkeypatch.setenv("OS_LIVENESS__AGENT_RETURN_MS", "5000")
    read = load.load(configuration.SECTIONS, DOCS / "samples" / "faultwire.conf")
    assert read["liveness"].agent_return_ms == 5000

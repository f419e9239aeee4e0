"""The command on logs as they are found after an outage: real ones, made worse (S53, S74, S75)."""

import gzip
import json
import random
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import faultwire_profiler
from faultwire_profiler import CHECKPOINTS
from faultwire_profiler.command import profile

EXAMPLES = Path(faultwire_profiler.__file__).with_name("examples")
LOGS = sorted(EXAMPLES.glob("*.log"))
RULES = str(EXAMPLES / "inspector.yaml")
STAMP = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}", re.MULTILINE)


def run(*files: object, rules: str = RULES) -> Result:
    arguments = ["--rules", rules, "--format", "json", *map(str, files)]
    return CliRunner().invoke(profile, arguments)


def told(*files: object) -> dict[str, Any]:
    """Return what the command says of files."""
    result = run(*files)
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def only(*files: object) -> dict[str, Any]:
    """Return the profile of the one run of files."""
    (one,) = told(*files)["runs"]
    found: dict[str, Any] = one["profile"]
    return found


@pytest.fixture(scope="module")
def whole() -> dict[str, Any]:
    """The profile of the logs as they are."""
    return only(*LOGS)


def copied(folder: Path, change: Callable[[str], str] = str) -> list[Path]:
    """Write the logs into a folder, each changed as a whole."""
    paths = [folder / path.name for path in LOGS]
    for path, source in zip(paths, LOGS, strict=True):
        path.write_text(change(source.read_text()))
    return paths


def test_lines_out_of_order(tmp_path: Path, whole: dict[str, Any]) -> None:
    """Lines in any order give the same profile: their times count."""

    def shuffled(text: str) -> str:
        lines = text.splitlines(keepends=True)
        random.Random(7).shuffle(lines)
        return "".join(lines)

    assert only(*copied(tmp_path, shuffled)) == whole


def test_rotated_and_packed_logs(tmp_path: Path, whole: dict[str, Any]) -> None:
    """A log cut into a rotated set, old parts packed, is the log that it was."""
    parts: list[Path] = []
    for source in LOGS:
        lines = source.read_text().splitlines(keepends=True)
        third = max(1, len(lines) // 3)
        names = (f"{source.name}.2.gz", f"{source.name}.1", source.name)
        pieces = (lines[:third], lines[third : 2 * third], lines[2 * third :])
        for name, piece in zip(names, pieces, strict=True):
            path = tmp_path / name
            raw = "".join(piece).encode()
            path.write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
            parts.append(path)
    assert only(*parts) == whole


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_logs_cut_off_anywhere(tmp_path: Path, whole: dict[str, Any], *, packed: bool) -> None:
    """Whatever is left of each file is read; what it no longer tells is unknown, never zero."""
    for part in range(1, 8):
        paths = []
        for source in LOGS:
            raw = source.read_bytes()
            path = tmp_path / f"{part}-{source.stem}" / source.name
            path.parent.mkdir()
            raw = gzip.compress(raw) if packed else raw
            path.write_bytes(raw[: len(raw) * part // 8])
            paths.append(path)
        result = run(*paths)
        assert result.exit_code in {0, 1}, result.output
        for one in json.loads(result.stdout.partition("Error:")[0])["runs"]:
            consistent(one["profile"])
            known = {key for key, point in one["profile"]["checkpoints"].items() if point}
            assert known <= {key for key, point in whole["checkpoints"].items() if point}


def consistent(shown: dict[str, Any]) -> None:
    """What is unknown is null everywhere and in the gaps; percentages sum to 100 or are none."""
    for point in CHECKPOINTS:
        unknown = shown["checkpoints"][point.key] is None
        assert (shown[point.key] is None) is unknown
        assert (point.key in shown["gaps"]) is unknown
    percents = [one["percent"] for one in shown["components"]]
    assert not percents or None in percents or sum(percents) == 100


def test_wrong_encodings(tmp_path: Path, whole: dict[str, Any]) -> None:
    """UTF-16, marks of order and bytes of no encoding between the lines hide nothing."""
    paths = copied(tmp_path)
    paths[0].write_bytes(b"\xff\xfe" + paths[0].read_text().encode("utf-16-le"))
    paths[1].write_bytes(b"\xef\xbb\xbf" + paths[1].read_bytes())
    for path in paths[2:]:
        path.write_bytes(path.read_bytes().replace(b"\n", b"\n\xfc\x00\xff\xc3(\n"))
    assert only(*paths) == whole


def test_a_bad_expression_names_line_and_rule(tmp_path: Path) -> None:
    """A rules file with a mistake is refused as a whole, in one line that finds it."""
    rules = tmp_path / "own.yaml"
    text = (EXAMPLES / "inspector.yaml").read_text()
    rules.write_text(text.replace('"detected"', '"(detected"'))
    result = run(*LOGS, rules=str(rules))
    assert result.exit_code == 1
    assert f"Error: {rules}, line 13: inspector: rule no answer: " in result.output
    assert "is no regular expression: missing )" in result.output
    assert "Traceback" not in result.output


def test_two_faults_interleaved_on_one_host(tmp_path: Path) -> None:
    """Lines that name their faults are told apart; those that name none are left out and told."""
    rules = tmp_path / "own.yaml"
    rules.write_text(
        "logs:\n"
        "  - name: own\n"
        "    time: '^(?P<time>\\S+) '\n"
        "    format: iso\n"
        "    points:\n"
        "      - {name: p, match: ' (?P<point>T\\d\\d) (?P<host>\\S+)(?: (?P<fault>f\\d))?$'}\n"
    )
    log = tmp_path / "own.log"
    log.write_text(
        "2027-01-15T08:00:00.100Z T01 c1 f1\n"
        "2027-01-15T08:00:00.150Z T01 c1 f2\n"
        "2027-01-15T08:00:00.170Z T08 c1\n"
        "2027-01-15T08:00:00.200Z T09 c1 f2\n"
        "2027-01-15T08:00:00.400Z T09 c1 f1\n"
    )
    result = run(log, rules=str(rules))
    document = json.loads(result.stdout)
    assert {one["id"]: one["profile"]["law"]["ms"] for one in document["runs"]} == {
        "f1": 300,
        "f2": 50,
    }
    (doubt,) = [one for one in document["problems"] if "T08" in one]
    assert "is left out: of f1 or f2" in doubt


@pytest.mark.parametrize("left_out", LOGS, ids=lambda path: path.stem)
def test_missing_points_anywhere(left_out: Path, whole: dict[str, Any]) -> None:
    """S75: without one of the logs its checkpoints are unknown; the others stay as they were."""
    shown = only(*(path for path in LOGS if path != left_out))
    consistent(shown)
    for key, point in shown["checkpoints"].items():
        if point and not point["upper_bound"]:
            assert point["last_wall_ns"] == whole["checkpoints"][key]["last_wall_ns"], key


def earlier(text: str) -> str:
    """Return a log as a machine would have written it whose clock is an hour behind."""

    def moved(found: re.Match[str]) -> str:
        at = datetime.fromisoformat(found[0]) - timedelta(hours=1)
        return at.isoformat(" ", "milliseconds")

    return STAMP.sub(moved, text)


def test_clocks_an_hour_apart(tmp_path: Path, whole: dict[str, Any]) -> None:
    """An offset that nothing tells is stated, never taken for zero or put right by guess."""
    name = "aodh-notifier.log"
    behind = tmp_path / name
    behind.write_text(earlier((EXAMPLES / name).read_text()))
    others = [f"controller-1={path}" for path in LOGS if path.name != name]
    document = told("--gap", "7200", *others, f"notifier-1={behind}")
    (one,) = document["runs"]
    shown = one["profile"]
    consistent(shown)
    point = shown["checkpoints"]["T08"]
    assert point["note"] == "the clock of notifier-1 is not known to be right"
    moved = point["last_wall_ns"] - whole["checkpoints"]["T08"]["last_wall_ns"]
    assert moved == -3_600_000_000_000
    (fired,) = [span for span in shown["spans"] if span["to"] == "T08"]
    assert (fired["negative"], fired["ms"] < -3_590_000) == (True, True)
    assert shown["law"] == whole["law"]
    assert document["clocks"] == {"reference": "controller-1", "offsets": []}

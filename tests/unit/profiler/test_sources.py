"""OTLP spans, plain JSON, and files of all kinds together."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from faultwire_profiler import marks_to_json, profile, to_json
from faultwire_profiler.documents import read_document
from faultwire_profiler.evidence import Kind
from faultwire_profiler.merging import merge
from faultwire_profiler.reading import Source, read
from faultwire_profiler.rules import shipped
from faultwire_profiler.spans import is_spans, read_spans
from tests.unit.profiler.runs import own_run, seed_run

EXAMPLES = Path(__file__).with_name("examples")
SPANS: dict[str, Any] = json.loads((EXAMPLES / "spans.json").read_text())


def written(folder: Path, name: str, document: object) -> Path:
    path = folder / name
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def test_spans_carry_checkpoints_and_compare_clocks() -> None:
    """Events and ends of spans are checkpoints; a call between two machines tells their offset."""
    evidence = read_spans([SPANS], "spans.json")
    (run,) = merge(evidence).runs
    offsets = {point.key: point.last_ms for point in run.profile.points}
    # The consumer's clock is five seconds behind; its span ended 13 ms after the detection.
    assert offsets == {"T01": 0, "T02": 1.5, "T04": 9, "T09": 13}
    assert (run.fault, run.host, run.servers) == ("f1", "compute-1", 3)
    point = run.profile.point("T09")
    assert point is not None
    assert point.source == "consumer"
    assert point.note.endswith("was -5,000.000 ms off, give or take 1.000 ms")


def test_client_and_server_may_be_in_different_files(tmp_path: Path) -> None:
    """Spans of two machines are joined by trace and parent, also as JSON lines and packed."""
    parts = [{"resourceSpans": [one]} for one in SPANS["resourceSpans"]]
    path = tmp_path / "spans.json.gz"
    path.write_bytes(gzip.compress("\n".join(map(json.dumps, reversed(parts))).encode()))
    lined = merge(read([Source(path)])).runs
    apart = [written(tmp_path, f"spans.json.{n}", part) for n, part in enumerate(parts)]
    split = merge(read(map(Source, apart))).runs
    assert lined == split == merge(read_spans([SPANS], "spans.json")).runs


def test_timelines_of_the_api_are_runs() -> None:
    """A fault record, its timeline, marks alone, lists of them, and a profile of ours."""
    result = profile(own_run())
    timeline = to_json(result)
    forms: list[object] = [
        timeline,
        {"marks": marks_to_json(own_run())},
        {"fault": {"id": "f1", "host": "c1", "plan": {"servers": 9}, "timeline": timeline}},
        {"faults": [{"id": "f1", "timeline": timeline}]},
        [{"id": "f1", "timeline": timeline}],
        {"runs": [{"id": "f1", "profile": timeline}]},
    ]
    for form in forms:
        (run,) = merge(read_document(form, "x.json")).runs
        assert run.profile == result
        assert run.fault in {"x.json", "f1"}
    (run,) = merge(read_document(forms[2], "x.json")).runs
    assert (run.fault, run.host, run.servers) == ("f1", "c1", 9)


def test_runs_without_ids_are_named_after_their_file() -> None:
    """Two timelines of one file are two runs."""
    two = [to_json(profile(seed_run())), {"T01": 0, "T09": 12.5}]
    runs = merge(read_document(two, "x.json")).runs
    assert sorted(run.fault for run in runs) == ["x.json", "x.json#2"]


def test_checkpoints_in_milliseconds() -> None:
    """The shortest form: a number for each checkpoint that is known; null and ? are not known."""
    form = {"T00": 0, "T01": "50.25 ", "T02": None, "T03": "?    ", "T09": 410}
    evidence = read_document(form, "x.json")
    (run,) = merge(evidence).runs
    assert {point.key: point.last_ms for point in run.profile.points} == {
        "T00": 0,
        "T01": 50.25,
        "T09": 410,
    }
    assert {one.origin.kind for one in evidence.sightings()} == {Kind.DOCUMENT}


@pytest.mark.parametrize(
    ("form", "why"),
    [
        (None, "neither an object nor a list"),
        ([3], "neither an object nor a list"),
        ({}, "neither marks nor checkpoints"),
        ({"T01": True}, "T01: True are no milliseconds"),
        ({"T01": "soon"}, "T01: 'soon' are no milliseconds"),
        ({"T01": float("nan")}, "no milliseconds"),
        ({"T01": 1e308}, "no milliseconds"),
        ({"T01": 10**400}, "no milliseconds"),
        (
            {"marks": {"T77": [dict(marks_to_json(seed_run())["T01"][0])]}},
            "'T77' is no checkpoint",
        ),
        ({"marks": {"T01": [{}]}}, "no timeline"),
        ({"marks": {"T01": 5}}, "no timeline"),
        ({"marks": 5}, "no timeline"),
        (
            {"marks": {"T01": [marks_to_json(seed_run())["T01"][0] | {"count": 1.5}]}},
            "must be whole numbers",
        ),
        (
            {"marks": {"T01": [marks_to_json(seed_run())["T01"][0] | {"note": None}]}},
            "must be text",
        ),
        (
            {"marks": {"T01": [marks_to_json(seed_run())["T01"][0] | {"first_wall_ns": 10**400}]}},
            "no whole number of 64 bits",
        ),
        ({"T01": 0, "exchanges": [{}]}, "no timeline"),
        (
            {"T01": 0, "exchanges": [{"client": "a", "server": "b", "sent": []}]},
            "sent: [] is no whole number",
        ),
    ],
)
def test_what_is_no_timeline_is_refused_with_the_reason(form: object, why: str) -> None:
    """Hostile JSON is a ValueError that says what is wrong."""
    with pytest.raises(ValueError, match=r".") as caught:
        read_document(form, "x.json")
    assert why in str(caught.value)


@pytest.mark.parametrize(
    "batch",
    [
        {"resourceSpans": 5},
        {"resourceSpans": [5]},
        {"resourceSpans": [{"scopeSpans": [{"spans": [{"kind": 2, "attributes": 7}]}]}]},
        json.loads(json.dumps(SPANS).replace('"T09"', '"T99"')),
        json.loads(json.dumps(SPANS).replace("1799999995013000000", "now")),
        json.loads(json.dumps(SPANS).replace('"1799999995013000000"', "1e999")),
        json.loads(json.dumps(SPANS).replace("1799999995013000000", "9" * 400)),
    ],
)
def test_what_is_no_otlp_is_a_problem(tmp_path: Path, batch: object) -> None:
    """A batch that cannot be read is told of, and the other files are read."""
    assert is_spans(batch)
    good = written(tmp_path, "good.json", {"T01": 0})
    evidence = read([Source(written(tmp_path, "bad.json", batch)), Source(good)])
    assert len(merge(evidence).runs) == 1
    assert evidence.problems[0].startswith("bad.json: no OTLP spans")


def test_files_of_all_kinds_are_read_together(tmp_path: Path) -> None:
    """A timeline of the API and the log of the same fault: one run, the log adds what it knows."""
    first, *rest = [mark for mark in seed_run() if mark.point != "T10"]
    document = {"id": "f1", "host": "compute-1", "marks": marks_to_json([first, *rest])}
    log = tmp_path / "faultwire-controller-1.log"
    log.write_text(
        "2027-01-15T08:00:00.460Z DEBUG faultwire.telemetry.probe checkpoint T10 of fault f1: "
        "1 from 2027-01-15T08:00:00.450000Z to 2027-01-15T08:00:00.450000Z\n"
    )
    evidence = read([Source(written(tmp_path, "f1.json", document)), Source(log)], shipped())
    (run,) = merge(evidence).runs
    assert run.profile.handled_ms == 40
    assert run.conflicts == ()


def test_what_begins_like_json_and_is_none_is_a_log(tmp_path: Path) -> None:
    """A log of JSON lines is read by rules where any take it; an empty file says nothing."""
    path = tmp_path / "odd.log"
    path.write_text("[info] hello\n")
    evidence = read([Source(path)], shipped())
    assert evidence.problems == ["odd.log: no rules are for a log of this name"]
    path.write_text("")
    assert read([Source(path)], shipped()).problems == []
    path.write_text("[" * 100_000)
    assert len(read([Source(path)], shipped()).problems) == 1

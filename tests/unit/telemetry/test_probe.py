"""The probe and the lines that it writes."""

import io
import logging
from collections.abc import Iterator

import pytest

from faultwire.domain.ids import FaultId
from faultwire.domain.instants import Instant
from faultwire.telemetry import logs
from faultwire.telemetry.probe import RecordingProbe
from faultwire_profiler import Recorder, profile
from faultwire_profiler.logs import Collector
from faultwire_profiler.merging import merge
from faultwire_profiler.rules import shipped
from tests.unit.profiler.runs import MONO, WALL, own_run

FAULT = FaultId("6b1d0f4c-6f0e-4d59-9d7d-2f0a86d0c0aa")


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What the product's log holds at DEBUG, in the form that the server writes."""
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(logging.Formatter(logs.FORMAT, "%Y-%m-%dT%H:%M:%S"))
    log = logging.getLogger("faultwire.telemetry.probe")
    before = log.level
    log.addHandler(handler)
    log.setLevel(logging.DEBUG)
    yield out
    log.removeHandler(handler)
    log.setLevel(before)


def marked() -> Recorder:
    """Return a recorder after a run of the server was marked through the probe."""
    recorder = Recorder()
    probe = RecordingProbe(recorder)
    for mark in own_run():
        ends = [Instant(end.wall_ns, MONO + end.wall_ns - WALL) for end in (mark.first, mark.last)]
        probe.mark(FAULT, mark.point, ends[0], ends[1], mark.count, mark.source)
    return recorder


def test_the_log_alone_gives_the_profile_of_the_trace_points(written: io.StringIO) -> None:
    """S53, S54: within the log's microsecond the profile from the log is that of the probe."""
    result = profile(marked().marks(FAULT))
    collector = Collector(shipped())
    collector.take("faultwire.log", [written.getvalue().encode()])
    (run,) = merge(collector.finish()).runs
    assert run.fault == FAULT
    assert [point.key for point in run.profile.points] == [point.key for point in result.points]
    for ours, theirs in zip(result.points, run.profile.points, strict=True):
        assert (ours.count, ours.upper_bound) == (theirs.count, theirs.upper_bound)
        assert theirs.last_ms == pytest.approx(ours.last_ms, abs=0.002)
        assert theirs.first_ms == pytest.approx(ours.first_ms, abs=0.002)
    assert run.profile.verdict is result.verdict
    assert [one.percent for one in run.profile.components] == [
        one.percent for one in result.components
    ]


def test_nothing_is_written_above_debug() -> None:
    """At the default level the probe costs no line."""
    log = logging.getLogger("faultwire.telemetry.probe")
    assert not log.isEnabledFor(logging.DEBUG)
    assert marked().marks(FAULT)

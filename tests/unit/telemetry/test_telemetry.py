"""Clock, loop lag and metrics."""

import asyncio

import pytest

from faultwire.telemetry.clock import SystemClock
from faultwire.telemetry.lag import PERIOD_NS, LagGauge
from faultwire.telemetry.metrics import COUNTERS, GAUGES, HISTOGRAMS, Metrics
from faultwire.testing.clock import ManualClock


def test_an_instant_reads_both_clocks() -> None:
    """Both readings are of now, and monotonic time does not go back."""
    clock = SystemClock()
    first, second = clock.instant(), clock.instant()
    assert first.mono_ns is not None
    assert second.mono_ns is not None
    assert second.mono_ns >= first.mono_ns
    assert clock.wall_ns() >= first.wall_ns


async def test_lateness_of_the_loop_is_remembered_and_forgotten() -> None:
    """A timer that fires 700 ms late shows for the window, then no longer."""
    clock = ManualClock()
    gauge = LagGauge(clock, Metrics())
    task = asyncio.create_task(gauge.run())
    await clock.asleep()
    clock.advance(PERIOD_NS / 1e9 + 0.7)
    await asyncio.sleep(0)
    await clock.asleep()
    assert gauge.recent_ms() == pytest.approx(700, abs=1)
    for _ in range(80):
        clock.advance(PERIOD_NS / 1e9)
        await asyncio.sleep(0)
        await clock.asleep()
    assert gauge.recent_ms() == pytest.approx(0, abs=1)
    task.cancel()


async def test_the_last_minute_is_summed_up() -> None:
    """One late timer of a hundred is the worst and not the p99; before the first there is none."""
    clock = ManualClock()
    gauge = LagGauge(clock, Metrics())
    assert gauge.last_minute() == (0.0, 0.0)
    task = asyncio.create_task(gauge.run())
    await clock.asleep()
    for number in range(200):
        clock.advance(PERIOD_NS / 1e9 + (0.5 if number == 7 else 0.0))
        await asyncio.sleep(0)
        await clock.asleep()
    p99, worst = gauge.last_minute()
    assert (p99, worst) == (pytest.approx(0, abs=1), pytest.approx(500, abs=1))
    task.cancel()


async def test_a_stall_that_goes_on_is_seen_before_it_ends() -> None:
    """The gauge counts the time by which the running timer is overdue."""
    clock = ManualClock()
    gauge = LagGauge(clock, Metrics())
    task = asyncio.create_task(gauge.run())
    await clock.asleep()
    clock.advance(PERIOD_NS / 1e9 + 0.5)
    assert gauge.recent_ms() == pytest.approx(500, abs=1)
    task.cancel()


def test_every_metric_of_the_tables_is_on_the_page() -> None:
    """The exposition has each metric, and a name outside the tables is a defect."""
    metrics = Metrics()
    for name, (_, labels) in COUNTERS.items():
        metrics.count(name, **dict.fromkeys(labels, "x"))
    for name, (_, labels) in GAUGES.items():
        metrics.gauge(name, 1, **dict.fromkeys(labels, "x"))
    for name, (_, labels) in HISTOGRAMS.items():
        metrics.observe(name, 0.1, **dict.fromkeys(labels, "x"))
    page = metrics.page().decode()
    for name in (*COUNTERS, *GAUGES, *HISTOGRAMS):
        assert f"{name}" in page
    with pytest.raises(KeyError):
        metrics.count("faultwire_unknown_total")


def test_labels_never_name_a_project_or_a_resource() -> None:
    """Design section 7: no metric has a label for a project, host, server or alarm."""
    labels = {
        label
        for table in (COUNTERS, GAUGES, HISTOGRAMS)
        for _, row in table.values()
        for label in row
    }
    assert not labels & {"project", "host", "server", "alarm", "resource", "url"}

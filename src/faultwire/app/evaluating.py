"""The periodic evaluator, wired the same way in every process."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial

from faultwire.app.core import Core
from faultwire.app.looks import Tools
from faultwire.app.periodic import Periodic
from faultwire.app.writer import ReaderThreads
from faultwire.config.configuration import Configuration
from faultwire.notifier import prometheus_settings
from faultwire.notifier.evaluator.alarms import CheckRule
from faultwire.notifier.evaluator.periodic import check_prometheus
from faultwire.notifier.prometheus import Prometheus
from faultwire.notifier.prometheus import check as check_settings
from faultwire.ports import Intake
from faultwire.store import Engine, StoredSamples


def periodic_of(
    core: Core,
    lane: Intake,
    configuration: Configuration,
    engine: Engine,
    owned: Callable[[], frozenset[int]],
    release: AsyncExitStack,
) -> Periodic:
    """Return the evaluator over a process's memory, with a thread and a session of its own.

    What it opens is given back with `release`. Raises Invalid for settings that cannot work.
    """
    settings = configuration.prometheus
    server = Prometheus(settings) if settings.url else None
    if server is not None:
        release.push_async_callback(server.close)
    threads = ReaderThreads(1)
    release.callback(threads.close)
    periodic = Periodic(
        Tools(
            core.indexes.alarms,
            lane,
            core.tools.clock,
            core.tools.metrics,
            StoredSamples(engine),
            threads,
            server.query if server is not None else None,
            settings.project_label,
            settings.queries,
            settings.deadline_ms / 1000,
            configuration.alarming.evaluation_interval,
            owned,
        )
    )
    core.memory.follow(periodic.follow)
    return periodic


def check_of(settings: prometheus_settings.Settings) -> CheckRule:
    """Return what refuses queries that could never be asked; raises Invalid for the settings."""
    check_settings(settings)
    return partial(check_prometheus, label=settings.project_label, configured=bool(settings.url))

"""Samples as threshold alarms look at them: by period."""

from collections.abc import Sequence

from sqlalchemy import BigInteger, Engine, Select, bindparam, func, select

from faultwire.domain.ids import ADMINISTRATORS
from faultwire.domain.samples import Statistics, Window
from faultwire.store import schema
from faultwire.store.engine import translated

_S = schema.samples.c


class StoredSamples:
    """Implements `ports.SampleStore`; any thread, each call on a connection of its own."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def statistics(self, windows: Sequence[Window]) -> list[tuple[Statistics, ...]]:
        """Return the periods of each window that have samples, oldest first."""
        with translated(), self._engine.connect() as connection:
            return [
                tuple(
                    Statistics(
                        window.start_ns + int(period) * window.period_ns,
                        int(count),
                        float(total),
                        float(least),
                        float(most),
                    )
                    for period, count, total, least, most in connection.execute(
                        _statement(window.project, window.resource), _values(window)
                    )
                )
                for window in windows
            ]


def _values(window: Window) -> dict[str, object]:
    return {
        "meter": window.meter,
        "project": window.project,
        "resource": window.resource,
        "start_ns": window.start_ns,
        "end_ns": window.end_ns,
        "period_ns": window.period_ns,
    }


def _statement(project: str, resource: str | None) -> Select[tuple[int, int, float, float, float]]:
    return _STATEMENTS[project != ADMINISTRATORS, resource is not None]


def _made(*, of_project: bool, of_resource: bool) -> Select[tuple[int, int, float, float, float]]:
    start = bindparam("start_ns", type_=BigInteger)
    # Whole periods since the beginning, whatever the database calls that division.
    period = ((_S.at_ns - start) // bindparam("period_ns", type_=BigInteger)).label("period")
    wanted = (
        select(period, func.count(), func.sum(_S.value), func.min(_S.value), func.max(_S.value))
        .where(
            _S.meter == bindparam("meter"),
            _S.at_ns >= start,
            _S.at_ns < bindparam("end_ns", type_=BigInteger),
        )
        .group_by("period")
        .order_by("period")
    )
    if of_project:
        wanted = wanted.where(_S.project_id == bindparam("project"))
    if of_resource:
        wanted = wanted.where(_S.resource == bindparam("resource"))
    return wanted


_STATEMENTS = {
    (project, resource): _made(of_project=project, of_resource=resource)
    for project in (False, True)
    for resource in (False, True)
}
"""Made once: with or without a project, with or without a resource."""

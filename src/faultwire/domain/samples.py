"""Samples: values of meters that threshold alarms look at."""

from dataclasses import dataclass

from faultwire.domain.ids import ProjectId


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of a meter of one resource; `at_ns` is wall time, when it was taken."""

    meter: str
    project: ProjectId
    resource: str
    at_ns: int
    value: float


@dataclass(frozen=True, slots=True)
class Statistics:
    """What the samples of one period come to; `count` is never 0.

    `start_ns` is the beginning of the period; its end is outside of it.
    """

    start_ns: int
    count: int
    total: float
    least: float
    most: float


@dataclass(frozen=True, slots=True)
class Window:
    """Which samples a rule looks at, cut into `periods` periods of `period_ns` each.

    The first begins at `start_ns`, the last ends with the moment of the evaluation. `project`
    ``""`` is all projects, `resource` None all resources.
    """

    meter: str
    project: ProjectId
    resource: str | None
    start_ns: int
    period_ns: int
    periods: int

    @property
    def end_ns(self) -> int:
        """The first moment after the last period."""
        return self.start_ns + self.periods * self.period_ns

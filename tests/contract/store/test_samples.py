"""Samples by period: what every store makes of the same ones."""

import pytest

from faultwire.domain.errors import Unavailable
from faultwire.domain.ids import ADMINISTRATORS, ProjectId
from faultwire.domain.samples import Sample, Statistics, Window
from faultwire.ports import SampleStore
from faultwire.store import StoredSamples
from faultwire.testing.store import MemoryLedger
from tests.contract.store.conftest import Kept

S = 1_000_000_000
T0 = 1_700_000_000 * S
P, Q = ProjectId("p"), ProjectId("q")


def reader(kept: Kept) -> SampleStore:
    """Return what reads the samples of a store."""
    if isinstance(kept.ledger, MemoryLedger):
        return kept.ledger
    assert isinstance(kept.faults, object)
    return StoredSamples(kept.faults._engine)  # type: ignore[union-attr]


def sample(at_s: float, value: float, **more: str) -> Sample:
    """Return a sample of the meter cpu."""
    given = {"meter": "cpu", "project": P, "resource": "r1", **more}
    at_ns = T0 + round(at_s * S)
    project = ProjectId(given["project"])
    return Sample(given["meter"], project, given["resource"], at_ns, float(value))


def window(project: ProjectId = P, resource: str | None = None, periods: int = 3) -> Window:
    """Return minutes from T0 on."""
    return Window("cpu", project, resource, T0, 60 * S, periods)


def test_periods_have_their_statistics(kept: Kept) -> None:
    """Count, sum, least and most of each period that has samples; oldest first, ends outside."""
    kept.ledger.sample(
        [
            sample(-0.001, 1000),
            sample(0, 1),
            sample(59.999999999, 3.5),
            sample(120, -7),
            sample(179.5, -7),
            sample(180, 1000),
        ]
    )
    assert reader(kept).statistics([window()]) == [
        (Statistics(T0, 2, 4.5, 1.0, 3.5), Statistics(T0 + 120 * S, 2, -14.0, -7.0, -7.0))
    ]


def test_project_and_resource_narrow(kept: Kept) -> None:
    """Of one project and resource, of all its resources, of all projects; other meters never."""
    kept.ledger.sample(
        [
            sample(1, 1),
            sample(2, 2, resource="r2"),
            sample(3, 4, project="q"),
            sample(4, 8, project=""),
            sample(5, 16, meter="CPU"),
        ]
    )
    asked = [
        window(P, "r1"),
        window(P),
        window(Q, "r2"),
        window(Q),
        window(ADMINISTRATORS, "r1"),
        window(ADMINISTRATORS),
    ]
    found = reader(kept).statistics(asked)
    assert [sum(one.total for one in some) for some in found] == [1, 3, 0, 4, 13, 15]


def test_the_later_of_two_of_one_moment_counts(kept: Kept) -> None:
    """Of one meter, resource and moment there is one sample, also within one batch."""
    kept.ledger.sample([sample(1, 1), sample(1, 2)])
    assert reader(kept).statistics([window()])[0][0].total == 2
    kept.ledger.sample([sample(1, 5)])
    assert reader(kept).statistics([window()])[0][0].total == 5


def test_nothing_asked_and_nothing_kept(kept: Kept) -> None:
    """No window, no answer; no sample, no period."""
    assert reader(kept).statistics([]) == []
    assert reader(kept).statistics([window()]) == [()]


def test_extreme_values_come_back(kept: Kept) -> None:
    """Doubles are kept as they are, from the smallest to the largest."""
    values = [5e-324, 1.7976931348623157e308, -1.7976931348623157e308, 0.1, -0.0]
    for number, value in enumerate(values):
        kept.ledger.sample([sample(60 * number, value)])
    (found,) = reader(kept).statistics([window(periods=5)])
    assert [one.total for one in found] == values


def test_a_failing_double_keeps_nothing() -> None:
    """A store in memory that is told to fail raises as a database does."""
    ledger = MemoryLedger()
    ledger.fail(Unavailable("the disk is full"))
    with pytest.raises(Unavailable):
        ledger.sample([sample(1, 1)])
    assert ledger.statistics([window()]) == [()]

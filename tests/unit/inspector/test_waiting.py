"""Faults whose resource was not in the map: how they are found, whoever comes first (D22)."""

import pytest

from faultwire.domain.changes import HostsRemoved, HostsSaved
from faultwire.domain.commands import RetryUnmatched
from faultwire.domain.faults import FaultState
from faultwire.domain.ids import HostName
from faultwire.domain.resources import Host
from faultwire.testing.chain import InProcess

FULL = HostName("h1.example.org")


@pytest.fixture
def product() -> InProcess:
    """Give a product to which a host was reported down by its short name before it appeared.

    Nobody has looked at the waiting fault since: the look was lost, or has not come yet.
    """
    made = InProcess()
    made.report("compute.host.down", hostname="h1")
    made.commit(HostsSaved((Host(FULL),)))
    return made


def _forced(product: InProcess) -> bool:
    host = product.indexes.inventory.host(FULL)
    assert host is not None
    return host.forced_down


def test_a_repeat_opens_a_waiting_fault(product: InProcess) -> None:
    """The next report of a host that has appeared meanwhile acts, and is no second fault."""
    answer = product.report("compute.host.down", hostname="h1")
    assert answer.state is FaultState.OPEN
    (fault,) = product.indexes.holds.live()
    assert (fault.id, fault.repeats, fault.host) == (answer.id, 1, FULL)
    assert _forced(product)
    product.run(RetryUnmatched())
    assert list(product.indexes.holds.live()) == [fault]


def test_a_clear_closes_a_waiting_fault(product: InProcess) -> None:
    """What is cleared before it was looked at again acts on nothing."""
    answer = product.report("compute.host.up", hostname="h1")
    assert answer.state is FaultState.CLOSED
    assert list(product.indexes.holds.live()) == []
    product.run(RetryUnmatched())
    assert not _forced(product)


def test_a_waiting_fault_joins_one_that_was_opened_under_the_full_name(product: InProcess) -> None:
    """Two names, two reports, one host: one fault stays open and knows of both."""
    product.clock.advance(1)
    opened = product.report("compute.host.down", hostname=FULL)
    waiting = {fault.id for fault in product.indexes.holds.live()} - {opened.id}
    product.run(RetryUnmatched())
    (fault,) = product.indexes.holds.live()
    assert (fault.id, fault.repeats, len(fault.evidence)) == (opened.id, 1, 2)
    (joined,) = map(product.fault, waiting)
    assert (joined.state, joined.closed_by) == (FaultState.CLOSED, f"fault {opened.id}")
    assert joined.decisions[-1].name == "join"
    product.report("compute.host.up", hostname="h1")
    assert not _forced(product)


def test_a_fault_outlives_its_host_and_can_be_cleared(product: InProcess) -> None:
    """A host that left the map is cleared by the name under which it was known."""
    product.run(RetryUnmatched())
    product.commit(HostsRemoved((FULL,)))
    short = product.report("compute.host.up", hostname="h1")
    assert len(list(product.indexes.holds.live())) == 1
    assert product.fault(short.id).decisions[0].why == "no host h1 in the map"
    product.report("compute.host.up", hostname=FULL)
    assert list(product.indexes.holds.live()) == []
    assert product.report("compute.host.down", hostname="h1").state is FaultState.UNMATCHED

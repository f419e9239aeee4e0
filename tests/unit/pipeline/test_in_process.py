"""The shipped product in one process: what a user's test may rely on."""

import asyncio

import pytest

from faultwire.domain.changes import HostsSaved
from faultwire.domain.commands import ReportFaults
from faultwire.domain.errors import Broken, Invalid, NotFound, Unavailable
from faultwire.domain.faults import FaultState
from faultwire.domain.ids import FaultId, HostName
from faultwire.domain.resources import Host
from faultwire.inspector.settings import Settings
from faultwire.testing.chain import ACTOR, InProcess, finished

H1 = HostName("h1")


@pytest.fixture
def product() -> InProcess:
    """Give a product with one host."""
    made = InProcess()
    made.commit(HostsSaved((Host(H1),)))
    return made


def test_everything_is_true_when_a_call_returns(product: InProcess) -> None:
    """A report is decided, stored, applied and told at once."""
    answer = product.report("compute.host.down", hostname="h1")
    host = product.indexes.inventory.host(H1)
    assert host is not None
    assert host.forced_down
    assert product.fault(answer.id).state is FaultState.OPEN
    assert [event.event_type for event in product.events] == ["service.update", "fault.raised"]
    assert {mark.fault for mark in product.marks} == {answer.id}


def test_a_failed_commit_tells_nobody(product: InProcess) -> None:
    """The ledger can be told to fail; the events of the command were never told."""
    product.ledger.fail(Unavailable("no"))
    with pytest.raises(Unavailable):
        product.report("compute.host.down", hostname="h1")
    assert product.events == []


def test_a_new_process_knows_what_was_stored(product: InProcess) -> None:
    """Restarting keeps ledger, clock and the numbering of reports."""
    first = product.report("compute.host.down", hostname="h1")
    again = product.restart(Settings(stalled_ms=10))
    assert again.settings.stalled_ms == 10
    assert again.indexes.holds.live_fault(first.id) == product.fault(first.id)
    assert again.report("compute.host.down", hostname="h2").id != first.id
    assert again.restart().settings is again.settings


def test_it_takes_the_place_of_the_lane(product: InProcess) -> None:
    """A face under test submits to it as to the real one."""
    report = product.reported("compute.host.down", hostname="h1")
    answers = asyncio.run(product.submit(ReportFaults((report,), ACTOR)))
    assert answers == product.take([report])


def test_mistakes_of_a_test_are_told(product: InProcess) -> None:
    """An unknown type, an unknown fault, and a coroutine that waits."""
    with pytest.raises(Invalid, match="no such type"):
        product.report("compute.host.sad", hostname="h1")
    with pytest.raises(NotFound):
        product.fault(FaultId("none"))
    with pytest.raises(Broken, match="nothing may wait"):
        finished(product.clock.sleep(0))

"""What a host's answers to probes close, and what they do not."""

import pytest

from faultwire.domain.changes import HostsSaved
from faultwire.domain.commands import HostAnswered
from faultwire.domain.faults import Evidence, FaultState
from faultwire.domain.ids import HostName
from faultwire.domain.resources import Host
from faultwire.inspector.settings import Recover, Settings
from faultwire.testing.chain import InProcess

H1 = HostName("h1")


def _product(recover: Recover) -> InProcess:
    made = InProcess(Settings(recover=recover))
    made.commit(HostsSaved((Host(H1),)))
    return made


def _answers(product: InProcess, host: HostName = H1) -> None:
    now = product.clock.wall_ns()
    product.run(HostAnswered(host, Evidence("icmp", "m1", "up", now)))


@pytest.mark.parametrize(
    ("recover", "sources", "closed"),
    [
        (Recover.AUTO, ("icmp",), True),
        (Recover.AUTO, ("icmp", "icmp"), True),
        (Recover.AUTO, ("icmp", "agent"), False),
        (Recover.AUTO, ("posted:ipmi", "icmp"), False),
        (Recover.AUTO, ("agent",), False),
        (Recover.MANUAL, ("icmp",), False),
    ],
)
def test_what_answers_close(recover: Recover, sources: tuple[str, ...], closed: bool) -> None:
    """Only with recover=auto, and only what stands on probing alone (D20)."""
    product = _product(recover)
    for source in sources:
        fault = product.report("compute.host.down", source=source, hostname=H1)
    _answers(product)
    host = product.indexes.inventory.host(H1)
    assert host is not None
    assert (product.fault(fault.id).state is FaultState.CLOSED) is closed
    assert host.forced_down is not closed


def test_the_answer_stands_in_the_record_of_what_it_closed() -> None:
    """The closed fault has the answer among its evidence and names the monitor."""
    product = _product(Recover.AUTO)
    answer = product.report("compute.host.down", source="icmp", hostname=H1)
    _answers(product)
    fault = product.fault(answer.id)
    assert [one.vote for one in fault.evidence] == ["down", "up"]
    assert fault.closed_by == "monitor m1"


@pytest.mark.parametrize("host", [H1, HostName("gone")])
def test_answers_where_nothing_is_open_are_no_commit(host: HostName) -> None:
    """A host without a fault, or without a place in the map, changes nothing."""
    product = _product(Recover.AUTO)
    commits = product.ledger.commits
    _answers(product, host)
    assert product.ledger.commits == commits


def test_a_verdict_of_a_late_prober_is_vetoed() -> None:
    """Evidence that says that the prober was late itself is held back by the guard."""
    product = _product(Recover.MANUAL)
    late = {"loop_lag_ms": 501.0}
    answer = product.report("compute.host.down", source="icmp", details=late, hostname=H1)
    assert answer.state is FaultState.CLOSED

"""What agents' comings and goings change, and what they do not."""

import pytest

from faultwire.domain.changes import HostsSaved, RunningReported
from faultwire.domain.commands import AgentChanged
from faultwire.domain.faults import FaultState
from faultwire.domain.ids import HostName
from faultwire.domain.resources import Host
from faultwire.domain.states import AgentState
from faultwire.inspector.settings import Recover, Settings
from faultwire.testing.chain import InProcess

H1 = HostName("h1")
LIST = frozenset({"vm1"})


@pytest.fixture
def product() -> InProcess:
    """Give a product with one host."""
    made = InProcess()
    made.commit(HostsSaved((Host(H1, revision=4),)))
    return made


def test_what_is_known_of_an_agent_is_kept(product: InProcess) -> None:
    """A host whose agent reported is monitored; that is nobody's change of the host (D24)."""
    product.run(AgentChanged(H1, AgentState.CONNECTED, LIST))
    host = product.indexes.inventory.host(H1)
    assert host == Host(H1, monitored=True, agent=AgentState.CONNECTED, revision=4)
    assert product.indexes.inventory.running(H1) == LIST


def test_the_same_again_is_no_commit(product: InProcess) -> None:
    """An agent that repeats itself costs no transaction."""
    product.run(AgentChanged(H1, AgentState.CONNECTED, LIST))
    commits = product.ledger.commits
    product.run(AgentChanged(H1, AgentState.CONNECTED, LIST))
    product.run(AgentChanged(H1, AgentState.CONNECTED))
    assert product.ledger.commits == commits
    assert product.indexes.inventory.running(H1) == LIST


@pytest.mark.parametrize("state", [AgentState.LOST, AgentState.GONE])
def test_a_list_is_void_when_its_agent_leaves(product: InProcess, state: AgentState) -> None:
    """What ran is not what runs."""
    product.run(AgentChanged(H1, AgentState.CONNECTED, LIST))
    product.run(AgentChanged(H1, state))
    assert product.indexes.inventory.running(H1) is None


def test_an_agent_of_no_host_changes_nothing(product: InProcess) -> None:
    """A host that left the map since is no error."""
    commits = product.ledger.commits
    product.run(AgentChanged(HostName("gone"), AgentState.CONNECTED, LIST))
    assert product.ledger.commits == commits


@pytest.mark.parametrize(
    ("recover", "source", "was", "closed"),
    [
        (Recover.AUTO, "agent", AgentState.LOST, True),
        (Recover.AUTO, "agent", AgentState.CONNECTED, True),
        (Recover.AUTO, "posted:ipmi", AgentState.LOST, True),
        (Recover.AUTO, "posted:ipmi", AgentState.NEVER, True),
        (Recover.AUTO, "posted:ipmi", AgentState.CONNECTED, False),
        (Recover.MANUAL, "agent", AgentState.LOST, False),
    ],
)
def test_what_an_agents_return_closes(
    product: InProcess, recover: Recover, source: str, was: AgentState, closed: bool
) -> None:
    """Only with recover=auto; an agent that never left disproves only its own silence (D20)."""
    product = product.restart(Settings(recover=recover))
    product.commit(HostsSaved((Host(H1, monitored=True, agent=was),)), RunningReported(H1, None))
    fault = product.report("compute.host.down", source=source, hostname=H1)
    product.run(AgentChanged(H1, AgentState.CONNECTED, LIST))
    assert (product.fault(fault.id).state is FaultState.CLOSED) is closed

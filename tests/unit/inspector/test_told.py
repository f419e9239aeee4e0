"""Faults that are told and force nothing, unless a setting says so; hosts that are monitored."""

import pytest

from faultwire.domain.changes import HostsSaved
from faultwire.domain.commands import HostsWatched
from faultwire.domain.faults import FAULT_TYPES, FaultState
from faultwire.domain.ids import HostName
from faultwire.domain.resources import Host
from faultwire.inspector.settings import Recover, Settings
from faultwire.testing.chain import InProcess

H1, H2 = HostName("h1"), HostName("h2")
HUNG, AGENT = "compute.host.hung", "compute.agent.down"


def _product(settings: Settings | None = None) -> InProcess:
    made = InProcess(settings or Settings())
    made.commit(HostsSaved((Host(H1), Host(H2))))
    return made


def _forced(product: InProcess) -> bool:
    host = product.indexes.inventory.host(H1)
    assert host is not None
    return host.forced_down


def _clear(product: InProcess, kind: str, source: str) -> None:
    product.report(FAULT_TYPES[kind].clear, source=source, hostname=H1)


@pytest.mark.parametrize(
    "kind", [HUNG, AGENT, "compute.host.unreachable", "compute.host.flapping"]
)
def test_what_is_told_forces_nothing(kind: str) -> None:
    """Administrators hear of it, the host stays as it is, and its own clear ends it."""
    product = _product()
    fault = product.report(kind, source="agent", hostname=H1)
    assert product.fault(fault.id).plan is not None
    assert not _forced(product)
    _clear(product, kind, "agent")
    assert product.fault(fault.id).state is FaultState.CLOSED


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        (HUNG, Settings(hung_forces_down=True)),
        (AGENT, Settings(agent_down_forces_down=True)),
    ],
)
def test_a_setting_forces_down_and_a_return_alone_gives_nothing_back(
    kind: str, settings: Settings
) -> None:
    """What was forced down is closed by an operator's or a posted clear (D20)."""
    product = _product(settings)
    fault = product.report(kind, source="agent", hostname=H1)
    assert _forced(product)
    _clear(product, kind, "agent")
    assert product.fault(fault.id).state is FaultState.OPEN
    assert _forced(product)
    _clear(product, kind, "posted:operator")
    assert product.fault(fault.id).state is FaultState.CLOSED
    assert not _forced(product)


def test_a_return_closes_it_with_recover_auto() -> None:
    """With recover = auto the agent's return gives the host back."""
    product = _product(Settings(hung_forces_down=True, recover=Recover.AUTO))
    fault = product.report(HUNG, source="agent", hostname=H1)
    _clear(product, HUNG, "agent")
    assert product.fault(fault.id).state is FaultState.CLOSED
    assert not _forced(product)


def test_hosts_for_which_a_monitor_reported_are_monitored() -> None:
    """Once marked they stay so, and a host that is gone is passed over (D24)."""
    product = _product()
    product.run(HostsWatched((H1, HostName("gone"))))
    marked = {host.name for host in product.indexes.inventory.hosts() if host.monitored}
    assert marked == {H1}
    commits = product.ledger.commits
    product.run(HostsWatched((H1,)))
    assert product.ledger.commits == commits

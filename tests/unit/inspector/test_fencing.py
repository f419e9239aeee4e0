"""What is decided on power: by whom it is asked, what proves, what is refused (D17, D23)."""

from dataclasses import replace
from typing import Any

import pytest

from faultwire.domain.changes import HostsSaved
from faultwire.domain.commands import ImportInventory
from faultwire.domain.computing import EvacuateServer
from faultwire.domain.errors import Conflict, NotFound
from faultwire.domain.faults import Outcome
from faultwire.domain.fencing import (
    FenceHost,
    Fencing,
    FencingState,
    FencingTerms,
    Power,
    PowerProof,
    PowerSeen,
    SettleFencing,
    TakeFencing,
)
from faultwire.domain.guard_commands import SetHold
from faultwire.domain.ids import HostName, ProjectId, ServerId
from faultwire.domain.resources import Bmc, Host, InventoryDocument, Project, Server
from faultwire.domain.states import AgentState
from faultwire.testing.chain import ACTOR, InProcess

H1, H2, VM = HostName("h1"), HostName("h2"), ServerId("vm")
OFF = PowerProof(Power.OFF, "https://bmc", "/redfish/v1/Systems/1", "fencing", 9)
ON = replace(OFF, power=Power.ON)
DOCUMENT = InventoryDocument(
    projects=(Project(ProjectId("p"), "p"),),
    hosts=(Host(H1, bmc=Bmc("https://bmc", "u", "p")), Host(H2)),
    servers=(Server(VM, "x", ProjectId("p"), H1),),
)
DRIVER = FencingTerms(driver=True)


def cloud(terms: FencingTerms = DRIVER) -> InProcess:
    made = InProcess(fencing=terms)
    made.run(ImportInventory(DOCUMENT, replace=True, actor=ACTOR))
    return made


def row_of(product: InProcess) -> Fencing:
    row = product.indexes.fencings.of(H1)
    assert row is not None
    return row


def dead(product: InProcess) -> Fencing:
    product.report("compute.host.down", hostname="h1")
    return row_of(product)


def take(product: InProcess, member: str = "a", *living: str) -> Any:
    row = row_of(product)
    return product.run(TakeFencing(H1, row.id, member, frozenset(living)))


def said(product: InProcess, name: str) -> list[tuple[Outcome, str]]:
    (fault,) = product.indexes.holds.live()
    return [(one.outcome, one.why) for one in fault.decisions if one.name == name]


def test_a_dead_host_is_owed_a_power_off_by_the_commit_of_its_fault() -> None:
    """Once for each fault, repeats included; the record names the fault."""
    product = cloud()
    row = dead(product)
    assert (row.state, row.wanted) == (FencingState.WANTED, Power.OFF)
    (fault,) = product.indexes.holds.live()
    assert row.fault == fault.id
    assert dead(product).id == row.id
    assert [outcome for outcome, _ in said(product, "act.fence")] == [Outcome.APPLIED]


@pytest.mark.parametrize(
    ("terms", "host", "why"),
    [
        (FencingTerms(), "h1", None),
        (replace(DRIVER, automatic=False), "h1", "on_host_down is off"),
        (DRIVER, "h2", "names no BMC"),
    ],
)
def test_a_dead_host_that_nobody_can_fence_is_told(
    terms: FencingTerms, host: str, why: str | None
) -> None:
    """Without a driver nothing is said; else the record has the reason."""
    product = cloud(terms)
    product.report("compute.host.down", hostname=host)
    assert product.indexes.fencings.of(HostName(host)) is None
    found = said(product, "act.fence")
    assert (found == []) if why is None else (why in found[0][1])


def test_a_hold_stops_what_is_owed_already() -> None:
    """Guards are asked when it is decided and once more when it is taken; released, it goes on."""
    product = cloud()
    dead(product)
    product.run(SetHold(held=True, reason="wait", actor=ACTOR))
    assert take(product) is None
    assert "hold" in row_of(product).error
    fresh = cloud()
    fresh.run(SetHold(held=True, reason="wait", actor=ACTOR))
    with pytest.raises(Conflict, match="hold"):
        fresh.run(FenceHost(H1, Power.OFF, ACTOR))
    product.run(SetHold(held=False, reason="", actor=ACTOR))
    assert take(product) is not None


def test_two_processes_never_fence_one_host_at_once() -> None:
    """Who has it keeps it while it lives; then it is anybody's, and the attempts are counted."""
    product = cloud()
    dead(product)
    assert take(product, "a", "a", "b").attempt == 1
    assert take(product, "b", "a", "b") is None
    assert take(product, "b", "b").attempt == 2
    assert product.run(SettleFencing(H1, "another", OFF)) is False


def test_the_controllers_word_is_kept_as_proof() -> None:
    """It is evidence and a decision of the open fault; a failure is a decision alone."""
    product = cloud()
    row = dead(product)
    assert product.run(SettleFencing(H1, row.id, error="no answer", again=True)) is True
    assert row_of(product).state is FencingState.WANTED
    assert product.run(SettleFencing(H1, row.id, error="no answer")) is True
    assert row_of(product).state is FencingState.FAILED
    product.run(PowerSeen(H1, OFF))
    assert row_of(product).proven
    (fault,) = product.indexes.holds.live()
    assert fault.evidence[-1].details["proof"] is True
    assert [one[0] for one in said(product, "proof")] == [Outcome.SKIPPED, Outcome.APPLIED]
    product.run(PowerSeen(H1, OFF))
    assert len(said(product, "proof")) == 2


def test_nothing_is_evacuated_without_proof() -> None:
    """409 naming the host until it is proven; On, or an agent, disproves it (D23)."""
    product = cloud()
    row = dead(product)
    wish = EvacuateServer(VM, ACTOR, H2)
    with pytest.raises(Conflict, match="host h1"):
        product.run(wish)
    product.run(SettleFencing(H1, row.id, OFF))
    host = product.indexes.inventory.host(H1)
    assert host is not None
    product.commit(HostsSaved((replace(host, agent=AgentState.CONNECTED),)))
    with pytest.raises(Conflict, match="host h1"):
        product.run(wish)
    product.commit(HostsSaved((host,)))
    product.run(PowerSeen(H1, ON))
    assert row_of(product).state is FencingState.RETURNED
    with pytest.raises(Conflict, match="host h1"):
        product.run(wish)
    product.run(PowerSeen(H1, OFF))
    product.run(wish)


@pytest.mark.parametrize("terms", [FencingTerms(), replace(DRIVER, require_proof=False)])
def test_who_vouches_is_asked_for_no_proof(terms: FencingTerms) -> None:
    """No driver, no requirement, or the caller's own word."""
    product = cloud(terms)
    product.report("compute.host.down", hostname="h1")
    product.run(EvacuateServer(VM, ACTOR, H2))
    other = cloud()
    dead(other)
    other.run(EvacuateServer(VM, ACTOR, H2, no_fence=True))


def test_an_operators_wish() -> None:
    """The same twice is one; the opposite meanwhile, no driver and no BMC are refused in words."""
    product = cloud()
    asked = product.run(FenceHost(H1, Power.OFF, ACTOR))
    assert product.run(FenceHost(H1, Power.OFF, ACTOR)) == asked
    for command, words in (
        (FenceHost(H1, Power.ON, ACTOR), "power-off of host h1 is under way"),
        (FenceHost(H2, Power.OFF, ACTOR), "names no BMC"),
    ):
        with pytest.raises(Conflict, match=words):
            product.run(command)
    with pytest.raises(NotFound):
        product.run(FenceHost(HostName("nowhere"), Power.OFF, ACTOR))
    with pytest.raises(Conflict, match="driver is none"):
        cloud(FencingTerms()).run(FenceHost(H1, Power.OFF, ACTOR))
    product.run(FenceHost(H1, Power.ON, ACTOR, record_only=True))
    assert product.indexes.fencings.of(H1) is None


def test_a_host_that_nobody_can_keep_from_starting_servers_stays_off() -> None:
    """What left a host without an agent must be confirmed before it has power again (D17)."""
    product = cloud()
    row = dead(product)
    product.run(SettleFencing(H1, row.id, OFF))
    product.run(EvacuateServer(VM, ACTOR, H2))
    with pytest.raises(Conflict, match="host-confirm h1"):
        product.run(FenceHost(H1, Power.ON, ACTOR))

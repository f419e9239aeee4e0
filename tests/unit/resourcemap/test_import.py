"""Imports: what a document says, what it leaves as it is, and what it may not do."""

from dataclasses import replace

import pytest

from faultwire.domain.changes import HostsSaved, PortsSaved
from faultwire.domain.commands import ImportInventory, ImportSummary
from faultwire.domain.errors import Conflict, Invalid
from faultwire.domain.guest_changes import GuestsSaved
from faultwire.domain.ids import GuestId, HostName, PortId, ProjectId, ServerId
from faultwire.domain.resources import (
    Bmc,
    Guest,
    Host,
    InventoryDocument,
    Port,
    Project,
    Server,
    Switch,
)
from faultwire.domain.states import AgentState
from faultwire.resourcemap import diff, references
from faultwire.testing.chain import ACTOR, InProcess

ADMIN = Project(ProjectId("id-of-admin"), "admin")
GREEN = Project(ProjectId("id-of-green"), "green")
HOST = Host(HostName("h1"), addresses=("192.0.2.1",), bmc=Bmc("https://bmc/", "root", "secret"))
WEB = Server(ServerId("vm-1"), "web", GREEN.id, HOST.name)
PORT = Port(PortId("port-1"), GREEN.id, server=WEB.id)
GUEST = Guest(GuestId("g-1"), "db", GREEN.id, WEB.id)
DOCUMENT = InventoryDocument(
    (ADMIN, GREEN), (HOST,), (Switch("s1"),), (WEB,), (PORT,), (GUEST,), frozenset()
)


def imported(product: InProcess, document: InventoryDocument, **options: bool) -> ImportSummary:
    """Import a document, PUT by default."""
    given = {"replace": True, "force": False, "dry_run": False, **options}
    summary = product.run(ImportInventory(document, actor=ACTOR, **given))
    assert isinstance(summary, ImportSummary)
    return summary


@pytest.fixture
def product() -> InProcess:
    """Give a product that holds the document."""
    made = InProcess()
    imported(made, DOCUMENT)
    return made


def test_the_same_document_again_changes_nothing(product: InProcess) -> None:
    """No commit, no audit line, no change counted."""
    commits = product.ledger.commits
    summary = imported(product, DOCUMENT)
    assert all(counts[1:] == (0, 0, 0) for counts in summary.counts)
    assert product.ledger.commits == commits


def test_an_import_is_on_record(product: InProcess) -> None:
    """Who imported how much is a line of the audit record."""
    line = product.ledger.audit(1)[0]
    assert (line.actor, line.action) == (ACTOR, "inventory.import")
    assert "hosts:+1~0-0" in line.detail


def test_what_no_document_says_stays(product: InProcess) -> None:
    """A service's state, a BMC's password, a port's data plane and a guest's state are kept."""
    known = replace(
        HOST,
        forced_down=True,
        disabled=True,
        disabled_reason="repair",
        monitored=True,
        agent=AgentState.CONNECTED,
        revision=7,
    )
    port = replace(PORT, data_plane_status="DOWN", revision=3)
    guest = replace(GUEST, state="down")
    product.commit(HostsSaved((known,)), PortsSaved((port,)), GuestsSaved((guest,)))
    bmc = Bmc("https://bmc/", "root", "")
    said = replace(
        DOCUMENT,
        hosts=(replace(HOST, zone="north", bmc=bmc),),
        ports=(replace(PORT, name="eth0"),),
        guests=(replace(GUEST, name="mysql"),),
    )
    imported(product, said)
    inventory = product.indexes.inventory
    assert inventory.host(HOST.name) == replace(known, zone="north")
    assert inventory.port(PORT.id) == replace(port, name="eth0")
    assert inventory.guest(GUEST.id) == replace(guest, name="mysql")


def test_projects_are_known_by_name_and_by_id(product: InProcess) -> None:
    """Servers, ports and guests may name their project either way; ids are kept."""
    by_name = ProjectId("green")
    more = InventoryDocument(
        servers=(Server(ServerId("vm-2"), "x", by_name, HOST.name),),
        ports=(Port(PortId("port-2"), by_name),),
        guests=(Guest(GuestId("g-2"), "y", by_name),),
    )
    imported(product, more, replace=False)
    inventory = product.indexes.inventory
    found = (
        inventory.server(ServerId("vm-2")),
        inventory.port(PortId("port-2")),
        inventory.guest(GuestId("g-2")),
    )
    assert [one.project for one in found if one] == [GREEN.id] * 3


def test_a_kept_project_is_neither_removed_nor_renamed(product: InProcess) -> None:
    """The projects admin and demo outlive every document."""
    emptied = InventoryDocument()
    imported(product, emptied, force=True)
    assert list(product.indexes.directory.projects()) == [ADMIN]
    renamed = InventoryDocument(projects=(replace(ADMIN, name="root"),))
    with pytest.raises(Invalid, match=r"projects\[0\].name: project admin keeps its name"):
        imported(product, renamed, replace=False)


def test_a_kept_project_may_own_what_a_document_brings(product: InProcess) -> None:
    """A document need not repeat the projects that stay anyway."""
    said = InventoryDocument(hosts=(HOST,), servers=(replace(WEB, project=ProjectId("admin")),))
    imported(product, said, force=True)
    server = product.indexes.inventory.server(WEB.id)
    assert server is not None
    assert server.project == ADMIN.id


def test_a_project_that_goes_owns_nothing(product: InProcess) -> None:
    """PUT takes away what it leaves out, so that nothing may refer to it."""
    said = InventoryDocument(hosts=(HOST,), servers=(replace(WEB, project=ProjectId("green")),))
    with pytest.raises(Invalid, match=r"servers\[0\].project: no project green"):
        imported(product, said, force=True)


def _hosts(number: int) -> InventoryDocument:
    return InventoryDocument(hosts=tuple(Host(HostName(f"h{n}")) for n in range(number)))


@pytest.mark.parametrize(("left", "allowed"), [(20, True), (18, True), (17, False), (0, False)])
def test_a_tenth_may_go_without_force(left: int, allowed: bool) -> None:
    """More than a tenth of a kind goes only with force; a dry run is refused the same way."""
    product = InProcess()
    imported(product, _hosts(20))
    if not allowed:
        for dry_run in (True, False):
            with pytest.raises(Conflict, match=f"{20 - left} of 20 hosts"):
                imported(product, _hosts(left), dry_run=dry_run)
        assert product.indexes.inventory.counts()["hosts"] == 20
    imported(product, _hosts(left), force=not allowed)
    assert product.indexes.inventory.counts()["hosts"] == left


def test_a_dry_run_tells_the_same_and_changes_nothing(product: InProcess) -> None:
    """The counts are those of the real run (dry_run aside)."""
    said = replace(DOCUMENT, hosts=(HOST, Host(HostName("h2"))))
    commits = product.ledger.commits
    told = imported(product, said, dry_run=True)
    assert product.ledger.commits == commits
    assert imported(product, said).counts == told.counts
    assert ("hosts", 1, 0, 0) in told.counts


def test_a_large_document_is_compared_in_slices(product: InProcess) -> None:
    """Others are served between slices, whatever the document is made of (promise 3)."""
    many = range(3 * diff.SLICE)
    document = InventoryDocument(
        hosts=tuple(Host(HostName(f"h{n}")) for n in many),
        servers=tuple(Server(ServerId(f"vm{n}"), "x", GREEN.id, HOST.name) for n in many),
        ports=tuple(Port(PortId(f"port{n}"), GREEN.id) for n in many),
    )
    decider = diff.ImportDecider(product.indexes.directory.projects)
    command = ImportInventory(replace(document, hosts=(HOST, *document.hosts)), False, ACTOR)
    deciding = decider.decide(command, product.memory.scratch(), product.clock.instant())
    assert sum(item is None for item in deciding) >= 3 * 5
    assert references.SLICE == diff.SLICE

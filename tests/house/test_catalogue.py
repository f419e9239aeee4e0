"""The fault catalogue as it is written: X.733's terms, Doctor's rows, nothing twice."""

from faultwire.domain.catalogue import ENTRIES
from faultwire.domain.fault_types import Severity
from tests.house import catalogue, tree

DOCTOR = {
    "CPU failure / condition not ok": "critical",
    "Memory failure / condition not ok": "critical",
    "NIC failure, adapter connectivity lost": "critical",
    "Disk crash (redundant RAID)": "info",
    "Storage controller": "critical",
    "PDU/power failure, power off, server reset": "critical",
    "Power degradation/redundancy lost/threshold": "warning",
    "Chassis, fans, temperature": "warning",
    "Mainboard (e.g. PCIe, SAS link)": "critical",
    "OS crash (kernel panic)": "critical",
    "System has restarted": "critical",
    "Hypervisor failure": "warning, critical",
    "Status not retrievable after a period": "warning",
    "SDN/OpenFlow switch or controller degraded/failed": "critical",
    "Physical switch/router hardware": "warning",
}
"""OPNFV Doctor's fault table, its annex."""


def test_the_catalogue_has_every_row_of_doctors_table() -> None:
    """Each of Doctor's fifteen rows is stood for by a type, and with Doctor's severity."""
    told = {row.fault: row.severity for one in catalogue.entries() for row in one.doctor}
    assert told == DOCTOR


def test_what_doctor_only_warns_of_is_no_worse_with_us() -> None:
    """A type for a row that Doctor gives as warning or info is a warning."""
    for one in catalogue.entries():
        if {row.severity for row in one.doctor} & {"warning", "info"}:
            assert one.severity is Severity.WARNING, one.type


def test_the_catalogue_speaks_as_x733_does() -> None:
    """Event types and probable causes are names of X.733."""
    tree.none_of(
        f"{one.type}: {one.event_type}, {one.probable_cause}"
        for one in catalogue.entries()
        if one.event_type not in catalogue.EVENT_TYPES
        or one.probable_cause not in catalogue.PROBABLE_CAUSES
    )


def test_every_name_of_the_catalogue_is_one_types_alone() -> None:
    """No type and no clear stands twice, in whichever part."""
    names = [name for one in catalogue.entries() for name in (one.type, one.clear)]
    assert len(set(names)) == len(names)


def test_everything_written_is_read() -> None:
    """What is served says all that is written, in its order."""
    assert [one.type for one in catalogue.entries()] == [one.type.name for one in ENTRIES]
    for written, served in zip(catalogue.entries(), ENTRIES, strict=True):
        assert served.type.severity is written.severity
        assert served.type.identifying == tuple(map(tuple, written.identifying))
        assert (served.title, served.repair) == (written.title, written.repair)
        assert (served.layer, served.action) == (written.layer, written.action)

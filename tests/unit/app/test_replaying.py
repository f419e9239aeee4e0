"""Recorded histories: read with care, decided again, and what would differ."""

from dataclasses import replace

import orjson
import pytest

from faultwire.app import history
from faultwire.app.replaying import replay
from faultwire.config import configuration
from faultwire.domain.commands import ImportInventory
from faultwire.domain.errors import Invalid
from faultwire.domain.faults import Fault
from faultwire.domain.guard_commands import ActOnFault
from faultwire.domain.guarding import Sign
from faultwire.domain.ids import HostName
from faultwire.faces.fault.inventory import read_document
from faultwire.faces.fault.shape import fault_record
from faultwire.inspector import guard_settings
from faultwire.testing.chain import ACTOR, InProcess

HOSTS = [HostName(f"c{number}") for number in range(8)]
INVENTORY = {
    "projects": [{"id": "p", "name": "p"}],
    "hosts": [{"name": name, "rack": "r1"} for name in HOSTS],
    "servers": [
        {"id": f"vm-{name}", "name": name, "project": "p", "host": name, "status": "ERROR"}
        for name in HOSTS
    ],
}
DEFAULTS = configuration.read()
AT = "2026-11-21T03:00:00Z"


def recorded(*, heard: bool = False) -> list[bytes]:
    """The lines of a night in which a whole rack died, by the defaults of the guards."""
    product = InProcess()
    document = read_document(orjson.dumps({**INVENTORY, "servers": []}))
    product.run(ImportInventory(document, replace=False, actor=ACTOR))
    if heard:
        product.signs[HOSTS[0]] = (Sign("agent", "it beats"),)
    ids = []
    for name in HOSTS:
        ids.append(product.report("compute.host.down", hostname=name).id)
        product.clock.advance(1)
        product.report("compute.host.down", hostname=name)
    if not heard:
        product.run(ActOnFault(ids[-1], ACTOR))
    product.report("compute.host.up", hostname=HOSTS[1])
    faults = [product.fault(one) for one in ids]
    return [*history.written(INVENTORY, map(fault_record, faults), AT)]


async def test_the_same_settings_come_to_the_same() -> None:
    """Limits, an operator's word and closings of a record are reproduced."""
    found = await replay(history.read(recorded()), DEFAULTS)
    assert found.differences == ()
    assert found.acts["force_down", "done", "done"] == 6
    assert found.acts["force_down", "refused by limit", "refused by limit"] == 2


async def test_another_limit_is_told_fault_by_fault() -> None:
    """With a limit of two hosts three more would have been refused; with a hundred, none."""
    lines = history.read(recorded())
    tight = replace(DEFAULTS, guards=guard_settings.Settings(limit_hosts=2))
    found = await replay(lines, tight)
    assert [one.host for one in found.differences] == HOSTS[2:5]
    assert {(one.recorded, one.replayed) for one in found.differences} == {
        ("done", "refused by limit")
    }
    loose = replace(DEFAULTS, guards=guard_settings.Settings(limit_hosts=100))
    found = await replay(lines, loose)
    assert [one.host for one in found.differences] == HOSTS[5:7]


async def test_shadow_and_signs_of_life_are_replayed() -> None:
    """Who heard a host is as it was recorded, unless the setting asks nobody."""
    lines = history.read(recorded(heard=True))
    found = await replay(lines, DEFAULTS)
    assert found.differences == ()
    deaf = replace(DEFAULTS, guards=guard_settings.Settings(vantage=False))
    found = await replay(lines, deaf)
    assert (found.differences[0].host, found.differences[0].replayed) == (HOSTS[0], "done")
    shadow = replace(DEFAULTS, inspector=replace(DEFAULTS.inspector, shadow=True))
    found = await replay(lines, shadow)
    assert {one.replayed for one in found.differences} == {"shadow"}


def test_a_record_is_read_as_it_was_written() -> None:
    """All that decides is there again, times to the microsecond."""
    product = InProcess()
    document = read_document(orjson.dumps(INVENTORY))
    product.run(ImportInventory(document, replace=False, actor=ACTOR))
    fault = product.fault(product.report("compute.host.down", hostname="c1").id)
    lines = history.written(INVENTORY, [fault_record(fault)], AT)
    (again,) = history.read(lines).faults
    assert again == replace(fault, plan=again.plan, decisions=again.decisions)
    assert isinstance(again, Fault)
    assert [one.name for one in again.decisions] == [one.name for one in fault.decisions]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda lines: [], "line 1: this is no faultwire-history"),
        (lambda lines: [b"{}", *lines[1:]], "line 1: this is no faultwire-history"),
        (
            lambda lines: [lines[0].replace(b":1", b":2"), *lines[1:]],
            "line 1: version 2: this reads 1",
        ),
        (lambda lines: lines[:1], "line 2: must hold the inventory"),
        (lambda lines: [lines[0], b'{"inventory": {"hosts": 1}}'], "line 2: hosts: "),
        (lambda lines: lines[:-1], "the file is cut off after 8 faults: it has no end"),
        (lambda lines: lines[:5], "the file is cut off after 3 faults: it has no end"),
        (lambda lines: [*lines[:5], lines[5][:40]], "line 6: malformed JSON"),
        (lambda lines: [*lines[:5], lines[-1]], "line 6: 8 faults, but 3 came"),
        (lambda lines: [*lines, lines[2]], "line 12: stands behind the end"),
        (lambda lines: [*lines[:2], b'{"fault": {}}'], "line 3: is no fault as the API has it"),
        (lambda lines: [*lines[:2], b"[]"], "line 3: must be an object"),
        (
            lambda lines: [*lines[:2], lines[2].replace(b"host.down", b"host.dwon")],
            "line 3: type: no such type of fault",
        ),
        (
            lambda lines: [*lines[:2], lines[2].replace(b'{"hostname":"c0"}', b"{}", 1)],
            "line 3: resource: names no resource",
        ),
    ],
)
def test_a_damaged_file_is_refused_by_its_line(change: object, words: str) -> None:
    """Cut off, of another version, or no history at all: the line and the reason are named."""
    with pytest.raises(Invalid) as refused:
        history.read(change(recorded()))  # type: ignore[operator]
    assert words in str(refused.value)

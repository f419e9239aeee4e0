"""The fault catalogue by the API, and every type of it reported, folded and cleared."""

import pytest

from faultwire.domain.catalogue import ENTRIES
from faultwire.domain.fault_types import CatalogueEntry
from tests.api.cloud import EVENT, Cloud

KNOWN = {"hostname": "compute-1", "instance_id": "vm-1", "port_id": "port-1"}


async def test_the_catalogue_is_answered_whole(cloud: Cloud) -> None:
    """Each type with all that is said of it; nobody gets it without a token."""
    answer = await cloud.call("GET", "/fault/v1/catalogue")
    assert answer.status_code == 200
    rows = answer.json()["catalogue"]
    assert [row["type"] for row in rows] == [entry.type.name for entry in ENTRIES]
    (fan,) = (row for row in rows if row["type"] == "compute.host.fan.error")
    assert fan == {
        "type": "compute.host.fan.error",
        "clear": "compute.host.fan.ok",
        "identifying": [["hostname"]],
        "severity": "warning",
        "layer": "compute",
        "title": fan["title"],
        "detection": fan["detection"],
        "action": "migrate live",
        "event_type": "environmental",
        "probable_cause": "heatingVentCoolingSystemProblem",
        "repair": "Replace the fan.",
        "doctor": [{"fault": "Chassis, fans, temperature", "severity": "warning"}],
    }


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.type.name)
async def test_each_type_is_taken_folded_and_cleared(cloud: Cloud, entry: CatalogueEntry) -> None:
    """A report opens a fault of the catalogue's severity, a repeat folds, the clear closes it."""
    details = {key: KNOWN.get(key, "thing-1") for key in entry.type.identifying[0]}
    event = {**EVENT, "type": entry.type.name, "details": details}
    (first,) = await cloud.report(event)
    assert await cloud.report(event) == [first]
    shown = (await cloud.call("GET", f"/fault/v1/faults/{first}")).json()["fault"]
    assert (shown["severity"], shown["repeats"]) == (entry.type.severity.value, 1)
    assert await cloud.report({**event, "type": entry.type.clear}) == [first]
    shown = (await cloud.call("GET", f"/fault/v1/faults/{first}")).json()["fault"]
    assert shown["state"] == "closed"

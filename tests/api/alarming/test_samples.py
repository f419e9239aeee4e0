"""Samples over HTTP: who may send them, what is refused, and what is kept."""

from typing import Any

import pytest

from faultwire.domain.ids import ProjectId
from faultwire.domain.samples import Sample, Statistics, Window
from faultwire.faces.alarming.samples import BATCH
from faultwire.faces.alarming.settings import Settings
from tests.api.cloud import DEMO, Cloud, running

SAMPLES = "/alarming/v2/samples"
ONE = {"meter_name": "cpu", "resource_id": "vm-1", "project_id": DEMO, "value": 91.5}
S = 1_000_000_000


def kept(cloud: Cloud, meter: str = "cpu", project: str = DEMO) -> tuple[Statistics, ...]:
    """Return all that is kept of a meter, as one period."""
    whole = Window(meter, ProjectId(project), None, 0, 4_000_000_000 * S, 1)
    return cloud.ledger.statistics([whole])[0]


async def test_one_sample_and_a_list_are_kept(cloud: Cloud) -> None:
    """An object or a list; 201 with the count; without a time they are of now."""
    answer = await cloud.call("POST", SAMPLES, "admin", ONE)
    assert (answer.status_code, answer.json()) == (201, {"samples": 1})
    assert kept(cloud) == (Statistics(0, 1, 91.5, 91.5, 91.5),)
    cloud.clock.advance(1)
    answer = await cloud.call("POST", SAMPLES, "admin", [{**ONE, "value": n} for n in range(5)])
    assert (answer.status_code, answer.json()) == (201, {"samples": 5})
    assert kept(cloud)[0].count == 6
    assert (await cloud.call("POST", SAMPLES, "admin", [])).json() == {"samples": 0}


@pytest.mark.parametrize(
    ("text", "at_s"),
    [
        ("2023-11-14T22:00:00", 1_699_999_200),
        ("2023-11-14T22:00:00Z", 1_699_999_200),
        ("2023-11-14T23:00:00.000000+01:00", 1_699_999_200),
    ],
)
async def test_times_are_iso(cloud: Cloud, text: str, at_s: int) -> None:
    """With a zone or, as Ceilometer writes them, in UTC without one."""
    assert (await cloud.call("POST", SAMPLES, "admin", {**ONE, "timestamp": text})).is_success
    (found,) = cloud.ledger._state.samples.values()
    assert found == Sample("cpu", DEMO, "vm-1", at_s * S, 91.5)


async def test_a_sample_sent_twice_is_one(cloud: Cloud) -> None:
    """The same meter, resource and moment: the later value counts."""
    timed = {**ONE, "timestamp": "2023-11-14T22:00:00"}
    await cloud.call("POST", SAMPLES, "admin", [timed, {**timed, "value": 3}])
    assert kept(cloud) == (Statistics(0, 1, 3.0, 3.0, 3.0),)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"meter_name": None}, "meter_name"),
        ({"meter_name": ""}, "meter_name"),
        ({"meter_name": 5}, "meter_name"),
        ({"meter_name": "m" * 256}, "meter_name"),
        ({"meter_name": "a\x00"}, "meter_name"),
        ({"resource_id": None}, "resource_id"),
        ({"project_id": None}, "project_id"),
        ({"project_id": []}, "project_id"),
        ({"value": None}, "value"),
        ({"value": "many"}, "value"),
        ({"value": True}, "value"),
        ({"timestamp": 5}, "timestamp"),
        ({"timestamp": "yesterday"}, "timestamp"),
        ({"timestamp": "1969-12-31T23:59:59"}, "timestamp"),
        ({"timestamp": "2023-11-16T22:13:21"}, "timestamp"),
        ({"timestamp": "0001-01-01T00:00:00+23:59"}, "timestamp"),
        ({"timestamp": "9999-12-31T23:59:59-23:59"}, "timestamp"),
    ],
)
async def test_a_wrong_sample_is_named_and_none_is_kept(
    cloud: Cloud, changed: dict[str, Any], field: str
) -> None:
    """400 naming the place and the field; the right ones beside it are not kept either."""
    answer = await cloud.call("POST", SAMPLES, "admin", [ONE, {**ONE, **changed}])
    assert answer.status_code == 400
    assert f"[1].{field}." in answer.json()["error_message"]["faultstring"]
    alone = await cloud.call("POST", SAMPLES, "admin", {**ONE, **changed})
    assert f"attribute {field}." in alone.json()["error_message"]["faultstring"]
    assert kept(cloud) == ()


@pytest.mark.parametrize("body", [5, "x", None, [5], [[ONE]], [{**ONE, "unit": "%"}]])
async def test_what_is_no_sample_is_refused(cloud: Cloud, body: object) -> None:
    """Other shapes, and attributes that mean nothing here, are 400."""
    answer = await cloud.call("POST", SAMPLES, "admin", body)
    assert answer.status_code == 400, answer.text


@pytest.mark.parametrize(("who", "status"), [("member", 403), ("reader", 403), ("stranger", 403)])
async def test_tenants_send_no_samples(cloud: Cloud, who: str, status: int) -> None:
    """A sample names its project freely: administrators and services alone send them."""
    assert (await cloud.call("POST", SAMPLES, who, ONE)).status_code == status
    assert kept(cloud) == ()


async def test_limits() -> None:
    """Too many samples, or too long a body, are 413."""
    async with running(alarming_settings=Settings(samples_bytes=2048, samples_limit=3)) as cloud:
        assert (await cloud.call("POST", SAMPLES, "admin", [ONE] * 4)).status_code == 413
        long = {**ONE, "meter_name": "m" * 3000}
        assert (await cloud.call("POST", SAMPLES, "admin", long)).status_code == 413
        assert (await cloud.call("POST", SAMPLES, "admin", [ONE] * 3)).status_code == 201


async def test_many_samples_are_written_in_batches(cloud: Cloud) -> None:
    """Others' commits go between two batches; all of them are kept when it is answered."""
    sizes: list[int] = []
    sample = cloud.ledger.sample

    def noting(samples: Any) -> None:
        sizes.append(len(samples))
        sample(samples)

    cloud.ledger.sample = noting  # type: ignore[method-assign]
    count = 2 * BATCH + 1
    answer = await cloud.call("POST", SAMPLES, "admin", [{**ONE, "value": 1}] * count)
    assert answer.json() == {"samples": count}
    assert sizes == [BATCH, BATCH, 1]
    assert kept(cloud)[0].count == count

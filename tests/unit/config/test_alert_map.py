"""The mapping of alerts: what fits, what comes out, and mistakes told by line and field."""

from pathlib import Path

import pytest

from faultwire.config import alert_map
from faultwire.domain.alertmaps import Mapped, matcher
from faultwire.domain.errors import Invalid
from faultwire.domain.faults import FAULT_TYPES, Severity

SAMPLE = Path(__file__).parents[3] / "docs" / "samples" / "alerts.yaml"
GOOD = """\
alerts:
  - matchers: [alertname="Quiet"]
    ignore: true
  - matchers:
      - alertname = "Nic"
      - job != test
    type: compute.host.nic.error
    resource: {hostname: "{instance|host}", interface: "{device}"}
    severity: warning
  - matchers: ['alertname=~"Node.*"', 'zone!~"lab-[0-9]+"']
    type: compute.host.down
    host: "{node}.example.org"
"""


def meaning(**labels: str) -> Mapped | str:
    return alert_map.parse(GOOD.encode(), "m.yaml").meaning(labels)


def test_the_first_row_that_fits_says_what_an_alert_means() -> None:
    """Matchers are Alertmanager's, an absent label is empty, patterns fit the whole value."""
    assert meaning(alertname="Quiet") == Mapped(None, {})
    nic = meaning(alertname="Nic", instance="h1:9100", device="eth0")
    assert isinstance(nic, Mapped)
    assert nic.resource == {"hostname": "h1", "interface": "eth0"}
    assert nic.type is not None
    assert (nic.type.name, nic.type.severity) == ("compute.host.nic.error", Severity.WARNING)
    dead = meaning(alertname="NodeGone", node="h2")
    assert dead == Mapped(FAULT_TYPES["compute.host.down"], {"hostname": "h2.example.org"})


@pytest.mark.parametrize(
    ("labels", "why"),
    [
        ({"alertname": "Other"}, "no row of the mapping fits"),
        ({"alertname": "Nic", "job": "test", "instance": "h", "device": "e"}, "no row"),
        ({"alertname": "ANodeGone", "node": "h"}, "no row"),
        ({"alertname": "Node", "zone": "lab-1", "node": "h"}, "no row"),
        ({"alertname": "Nic", "instance": "h1:1"}, "no interface (label device)"),
        ({"alertname": "Nic", "instance": "h\nx:1", "device": "e"}, "would be no name"),
        ({"alertname": "Node", "node": "h" * 300}, "would be no name"),
    ],
)
def test_what_means_nothing_says_why(labels: dict[str, str], why: str) -> None:
    """No row, or a row whose labels name no resource."""
    found = meaning(**labels)
    assert isinstance(found, str)
    assert why in found


@pytest.mark.parametrize(
    ("value", "host"),
    [
        ("h1", "h1"), ("h1:9100", "h1"), ("[2001:db8::1]:9100", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"), ("10.0.0.1:9100", "10.0.0.1"),
    ],
)  # fmt: skip
def test_a_host_is_taken_out_of_an_instance(value: str, host: str) -> None:
    """The port goes, whatever the form of the address."""
    found = meaning(alertname="Nic", instance=value, device="e")
    assert isinstance(found, Mapped)
    assert found.resource["hostname"] == host


ROW = "alerts:\n  - matchers: [a=b]\n    type: compute.host.down\n"


@pytest.mark.parametrize(
    ("text", "where", "reason"),
    [
        ("", "m.yaml", "is empty"),
        ("alerts: [", "m.yaml:1", "expected"),
        ("alerts: {}", "m.yaml:1: alerts", "must be a list"),
        ("rows: []", "m.yaml:1: rows", "no such field"),
        ("alerts:\n  - type: compute.host.down", "m.yaml:2: alerts[0].matchers", "mandatory"),
        ("alerts:\n  - matchers: []\n", "m.yaml:2: alerts[0].matchers", "at least one"),
        ("alerts:\n  - matchers: [a=b]\n", "m.yaml:2: alerts[0].type", "mandatory"),
        (
            "alerts:\n  - matchers:\n      - a=b\n      - '=x'\n    type: x",
            "m.yaml:4: alerts[0].matchers[1]",
            "must be LABEL",
        ),
        (
            "alerts:\n  - matchers: ['a=~\"(\"']\n    type: x",
            "m.yaml:2: alerts[0].matchers[0]",
            "no regular expression",
        ),
        (
            "alerts:\n  - matchers: [a=b]\n    type: compute.host.gone\n",
            "m.yaml:3: alerts[0].type",
            "no type of the fault catalogue",
        ),
        (ROW, "m.yaml:2: alerts[0].resource", "identified by hostname"),
        (f"{ROW}    host: '{{a'\n", "m.yaml:4: alerts[0].host", "has a place"),
        (f"{ROW}    host: '{{a}}'\n    severity: bad\n", "m.yaml:5: alerts[0].severity", "one of"),
        (f"{ROW}    host: a\n    host: b\n", "m.yaml:5: alerts[0].host", "twice"),
        (f"{ROW}    host: a\n    ignore: true\n", "m.yaml:3: alerts[0].type", "says nothing"),
        (f"{ROW}    resource: {{port: x}}\n", "m.yaml:4: alerts[0].resource.port", "no such"),
        (f"{ROW}    host: a\n    colour: red\n", "m.yaml:5: alerts[0].colour", "no such field"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_by_line_and_field(text: str, where: str, reason: str) -> None:
    """Whoever wrote the file finds the place at once."""
    with pytest.raises(Invalid) as told:
        alert_map.parse(text.encode(), "m.yaml")
    assert told.value.field == where
    assert reason in told.value.reason


def test_no_text_is_more_than_a_mistake() -> None:
    """Not UTF-8, too long, too many rows, no file: each is refused as what it is."""
    for raw in (b"\xff", b"#" * (alert_map.MOST_BYTES + 1), b"alerts:\n" + b"- {}\n" * 1001):
        with pytest.raises(Invalid):
            alert_map.parse(raw, "m.yaml")
    with pytest.raises(Invalid, match="No such file"):
        alert_map.read(Path("/nowhere/at/all"))


def test_the_sample_is_a_mapping() -> None:
    """What the documentation shows can be used as it is."""
    found = alert_map.read(SAMPLE).meaning({"alertname": "InstanceDown", "instance": "c1:9100"})
    assert found == Mapped(FAULT_TYPES["compute.host.unreachable"], {"hostname": "c1"})


def test_quotes_are_optional_and_may_be_escaped() -> None:
    """As Alertmanager reads matchers."""
    assert matcher('a="x \\"y\\""').fits({"a": 'x "y"'})
    assert matcher("a = x").fits({"a": "x"})
    assert matcher('a=""').fits({})

"""Whatever is posted as events is taken or refused."""

from hypothesis import given
from hypothesis import strategies as st

from faultwire.domain.errors import Invalid, TooLarge
from tests.unit.faces_fault.test_events import TIME, parse

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
KEYS = st.sampled_from(["time", "type", "details", "event", "events", "hostname", "status"])
TEXTS = st.sampled_from([TIME, "compute.host.down", "compute.host.up", "up", "compute-1"])
NEARLY = st.recursive(
    TEXTS | JSON,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=16,
)


@given(st.one_of(JSON, NEARLY, st.lists(NEARLY, max_size=3)))
def test_any_json_is_taken_or_refused(payload: object) -> None:
    """Whatever is posted either parses or is Invalid or TooLarge, and nothing else."""
    try:
        reports = parse(payload)
    except (Invalid, TooLarge):
        return
    assert all(report.resource for report in reports)

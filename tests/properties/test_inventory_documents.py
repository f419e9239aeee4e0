"""Whatever is put as an inventory is a document or refused."""

from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from faultwire.domain.errors import Invalid
from faultwire.faces.fault.inventory import read_document
from tests.unit.faces_fault.test_inventory import FULL, read, written

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from([*FULL, *FULL["hosts"][0], *FULL["servers"][0], *FULL["ports"][0]])
NEARLY = st.recursive(
    JSON | st.sampled_from(["vm-1", "compute-1", "ACTIVE", "10.0.0.1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=20,
)


@given(st.one_of(NEARLY, st.dictionaries(st.sampled_from(list(FULL)), st.lists(NEARLY))))
def test_any_json_is_a_document_or_refused(value: object) -> None:
    """Whatever is put either reads or is Invalid, and nothing else."""
    try:
        document = read(value)
    except Invalid:
        return
    assert read(written(document)).hosts == document.hosts


@given(st.binary(max_size=200))
def test_any_bytes_are_a_document_or_refused(raw: bytes) -> None:
    """No bytes whatever bring the reader down."""
    with suppress(Invalid):
        read_document(raw)

"""Whatever an agent sends is read or refused."""

import contextlib
import json

from hypothesis import given
from hypothesis import strategies as st

from faultwire.domain.errors import Refused
from faultwire.faces.fault import agentwire
from tests.unit.faces.test_agentwire import said


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.sampled_from([*agentwire.READERS, "x"]), inner)
        ),
    )
)
def test_no_message_raises_anything_but_a_refusal(value: object) -> None:
    """Whatever JSON an agent sends, it is read or refused."""
    with contextlib.suppress(Refused):
        said(json.dumps(value), 10_000)


@given(st.text())
def test_no_text_raises_anything_but_a_refusal(text: str) -> None:
    """Whatever text an agent sends, it is read or refused."""
    with contextlib.suppress(Refused):
        said(text)

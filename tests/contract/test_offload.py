"""Large documents are read by a child, which may die."""

import os
from collections.abc import Iterator

import pytest

from faultwire.app.offload import Offload
from faultwire.domain.errors import Invalid, Unavailable
from faultwire.faces.fault.inventory import Joining, read_kept, read_pieces


def dies(raw: bytes) -> Iterator[bytes]:
    """End the child within its work."""
    yield raw
    os._exit(3)


async def test_large_documents_are_read_by_a_child() -> None:
    """The child gives the document in pieces, and its errors keep their field."""
    offload, joining = Offload(), Joining()
    async for piece in offload(read_pieces, [b'{"hosts": ', b'[{"name": "a"}]}']):
        joining.take(piece)
    assert [host.name for host in joining.document().hosts] == ["a"]
    with pytest.raises(Invalid) as refused:
        await anext(offload(read_pieces, [b'{"hosts": [{"name": 3}]}']))
    assert refused.value.field == "hosts[0].name"
    again = [piece async for piece in offload(read_kept, joining.text())]
    assert len(again) == 2
    offload.close()


async def test_a_child_that_dies_is_told_of_and_replaced() -> None:
    """Who waits for it is asked to try again (503); the next document has a new child."""
    offload = Offload()
    with pytest.raises(Unavailable):
        [piece async for piece in offload(dies, [b"x"])]
    assert [piece async for piece in offload(read_pieces, [b"{}"])]
    offload.close()


async def test_who_stops_listening_ends_the_child() -> None:
    """Half an answer must not be taken for the beginning of the next one."""
    offload = Offload()
    pieces = offload(read_pieces, [b'{"hosts": [{"name": "a"}]}'])
    await anext(pieces)
    await pieces.aclose()
    joining = Joining()
    async for piece in offload(read_pieces, [b'{"hosts": [{"name": "b"}]}']):
        joining.take(piece)
    assert [host.name for host in joining.document().hosts] == ["b"]
    offload.close()

"""Imports that are under way, on every database."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from faultwire.domain.accounts import Actor
from faultwire.domain.shares import Member
from faultwire.store import StoredMembers
from faultwire.store.imports import Pending, StoredImports
from tests.contract.store.conftest import KINDS, Opened

PENDING = Pending("a.1", "a", True, Actor("u", "p", "192.0.2.1"))


@pytest.fixture(params=[kind for kind in KINDS if kind != "memory"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """Give an empty database of each kind."""
    opener: Opened = request.getfixturevalue("opener")
    found = opener(request.param)()
    yield found
    found.dispose()


@pytest.fixture
def stored(engine: Engine) -> StoredImports:
    """Give its imports."""
    return StoredImports(engine)


def test_a_text_is_kept_in_order(stored: StoredImports) -> None:
    """Pieces come back as bytes, in the order of their numbers; the promise is none of them."""
    pieces = [b"\x00\xff", b"", b"x" * 300_000]
    for number, piece in reversed(list(enumerate(pieces, 1))):
        stored.keep("a.1", number, piece)
    assert stored.pending() == ()
    assert stored.strays("a") == ("a.1",)
    stored.promise(PENDING)
    assert stored.pending() == (PENDING,)
    assert stored.strays("a") == ()
    assert stored.pieces("a.1") == pieces
    stored.forget(["a.1"])
    assert stored.pending() == ()
    assert stored.pieces("a.1") == []


def test_what_a_living_process_does_is_its_own(engine: Engine, stored: StoredImports) -> None:
    """A promise is an orphan only to its owner and when the owner is no member any more."""
    members = StoredMembers(engine)
    members.join(Member("a", "serve", "n", "127.0.0.1:1", 1))
    stored.promise(PENDING)
    stored.keep("a.2", 1, b"half")
    assert stored.orphans("b") == ()
    assert stored.strays("b") == ()
    assert stored.orphans("a") == (PENDING,)
    members.remove(["a"])
    assert stored.orphans("b") == (PENDING,)
    assert stored.strays("b") == ("a.2",)


def test_one_process_alone_takes_it_over(stored: StoredImports) -> None:
    """Two that see the same orphan at once: the second finds that it is taken, or done."""
    stored.promise(PENDING)
    (seen,) = stored.orphans("b")
    claimed = stored.claim(seen, "b")
    assert claimed is not None
    assert claimed.owner == "b"
    assert stored.claim(seen, "c") is None
    assert stored.pending() == (claimed,)
    stored.forget([seen.id])
    assert stored.claim(claimed, "c") is None

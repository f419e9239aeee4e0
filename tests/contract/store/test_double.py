"""What the store in memory can do beyond the contract: count, and fail on demand."""

import pytest

from faultwire.domain import changes as c
from faultwire.domain.errors import Unavailable
from faultwire.testing.store import MemoryLedger
from tests.contract.store import values as v


def test_a_ledger_fails_as_often_as_it_is_told() -> None:
    """The failing writes leave nothing behind, and the next one works and is counted."""
    ledger = MemoryLedger()
    ledger.fail(Unavailable("the disk is full"), times=2)
    with pytest.raises(Unavailable):
        ledger.commit([c.ProjectsSaved((v.PROJECT,))])
    with pytest.raises(Unavailable):
        ledger.seen([(v.HOST.name, v.T0)])
    assert ledger.load().projects == ()
    ledger.commit([c.ProjectsSaved((v.PROJECT,))])
    assert ledger.load().projects == (v.PROJECT,)
    assert ledger.commits == 1

"""All or nothing: a commit that fails leaves no trace and the ledger goes on."""

from dataclasses import replace

import pytest

from faultwire.domain import changes as c
from faultwire.domain.errors import Broken, Conflict
from tests.contract.store import values as v
from tests.contract.store.conftest import Kept

GOOD = (
    c.HostsSaved((v.BARE_HOST,)),
    c.FaultsSaved((v.FAULT,)),
    c.DeliveriesQueued((v.DELIVERY,)),
)
TAKEN = c.UsersSaved((replace(v.OTHER_USER, id="u-9", name=v.USER.name),))


@pytest.mark.parametrize("place", [0, 1, len(GOOD)])
def test_one_bad_change_writes_nothing(kept: Kept, place: int) -> None:
    """A name that is taken refuses the whole commit, wherever in it the change stands."""
    kept.ledger.commit([c.UsersSaved((v.USER,))])
    before = kept.load()
    with pytest.raises(Conflict):
        kept.ledger.commit([*GOOD[:place], TAKEN, *GOOD[place:]])
    assert kept.load() == before
    assert kept.alarms.pending(project=None, after=None, limit=9) == ()
    kept.ledger.commit(GOOD)
    assert kept.reopen().load() == replace(before, hosts=(v.BARE_HOST,), faults=(v.FAULT,))


def test_an_unknown_change_is_a_defect_that_writes_nothing(kept: Kept) -> None:
    """What is no change at all is Broken, not skipped."""
    with pytest.raises(Broken, match="str"):
        kept.ledger.commit([*GOOD, "no change"])
    assert kept.load().hosts == ()


def test_a_commit_of_nothing_is_done(kept: Kept) -> None:
    """No change, and changes that live in memory only, are committed without a transaction."""
    kept.ledger.commit([])
    kept.ledger.commit([c.RunningReported(v.HOST.name, None)])
    assert kept.load().hosts == ()


def test_a_commit_says_when_it_is_written_and_not_yet_there(kept: Kept) -> None:
    """Once for each commit, before anybody sees it; not for one that is refused."""
    seen: list[int] = []
    kept.ledger.when_written(lambda: seen.append(len(kept.load().hosts)))
    kept.ledger.commit(GOOD)
    assert (seen, len(kept.load().hosts)) == ([0], 1)
    kept.ledger.commit([c.UsersSaved((v.USER,))])
    with pytest.raises(Conflict):
        kept.ledger.commit([TAKEN])
    assert seen == [0, 1]

"""Subscriptions as readers get them: by project, in pages, with what their owners know."""

from dataclasses import replace

import pytest

from faultwire.domain import changes as c
from faultwire.domain.errors import NotFound
from faultwire.domain.ids import ProjectId, SubscriptionId
from tests.contract.store import values as v
from tests.contract.store.conftest import Kept

NAMES = ("s-a", "s-b", "s-c", "s-d")
ITEMS = tuple(
    replace(v.SUBSCRIPTION, id=SubscriptionId(name), created_ns=v.T0 + number // 2)
    for number, name in enumerate(NAMES)
)
FOREIGN = replace(v.BARE_SUBSCRIPTION, created_ns=v.T0 - 1)


@pytest.fixture
def full(kept: Kept) -> Kept:
    """Give a store with subscriptions, of which one knows of two troubles."""
    watches = [
        replace(v.WATCH, alarm=f"w-{number}", subscription="s-b", resource=f"r-{number}")
        for number in range(3)
    ]
    over = replace(watches[2], severity="cleared", version=2)
    saved = c.SubscriptionsSaved((*ITEMS, FOREIGN))
    kept.ledger.commit([saved, c.WatchesMoved((*watches, over))])
    return kept


def names(
    kept: Kept, project: str | None, limit: int = 10, marker: str | None = None
) -> list[str]:
    """Return the ids of a page."""
    wanted = None if project is None else ProjectId(project)
    found = kept.subscriptions.subscriptions(project=wanted, limit=limit, marker=marker)
    return [item.id for item, _ in found]


def test_one_is_found_with_its_troubles(full: Kept) -> None:
    """Whole, as it was saved, and only what still stands is counted."""
    assert full.subscriptions.subscription(SubscriptionId("s-b")) == (ITEMS[1], 2)
    assert full.subscriptions.subscription(FOREIGN.id) == (FOREIGN, 0)
    with pytest.raises(NotFound):
        full.subscriptions.subscription(SubscriptionId("s-?"))


def test_pages_are_newest_first(full: Kept) -> None:
    """Of one project or of all, after the marker; a foreign marker is none."""
    own = ["s-d", "s-c", "s-b", "s-a"]
    assert names(full, v.PROJECT.id) == own
    assert names(full, None) == [*own, FOREIGN.id]
    assert names(full, v.PROJECT.id, 2) == own[:2]
    assert names(full, v.PROJECT.id, 2, "s-c") == own[2:]
    assert names(full, "nobody") == []
    counts = full.subscriptions.subscriptions(project=None, limit=9, marker=None)
    assert [told for _, told in counts] == [0, 0, 2, 0, 0]
    with pytest.raises(NotFound):
        names(full, v.PROJECT.id, 2, FOREIGN.id)

"""What the status reads of each database: few rows, whatever it holds."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from sqlalchemy import Engine

from faultwire import store
from faultwire.domain import changes as c
from faultwire.domain.alarms import Attempt, DeliveryState
from faultwire.domain.standing import LATELY_NS, Owed
from tests.contract.store import values as v
from tests.contract.store.conftest import KINDS, Kept, Opened, on_engine

NOW = v.T0 + 10 * LATELY_NS
NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL", "mariadb": "MariaDB"}


@pytest.fixture(params=KINDS[1:])
def opened(request: pytest.FixtureRequest, opener: Opened) -> Iterator[tuple[str, Kept, Engine]]:
    """Give an empty store of each database, with its kind and an engine of it."""
    make = opener(request.param)
    closing: list[Callable[[], None]] = []
    engine = make()
    yield request.param, on_engine(make, closing), engine
    engine.dispose()
    for close in closing:
        close()


def test_an_empty_outbox_owes_nothing(opened: tuple[str, Kept, Engine]) -> None:
    """There is no oldest delivery where there is none; the database has its name."""
    kind, _, engine = opened
    standing = store.StoredStanding(engine)
    assert standing.owed(NOW) == Owed(0, None, 0)
    assert standing.kind == NAMES[kind]


def test_what_is_owed_and_what_died_lately_is_counted(opened: tuple[str, Kept, Engine]) -> None:
    """Pending ones count with the age of the oldest; dead ones by when they died."""
    _, kept, engine = opened
    queued = [
        replace(v.DELIVERY, id=f"d-{number}", ordering=f"a-{number}", created_ns=v.T0 + number)
        for number in range(6)
    ]
    kept.ledger.commit([c.DeliveriesQueued(tuple(queued))])
    dead = DeliveryState.DEAD
    kept.ledger.settle(
        [
            Attempt(
                queued[0].id, DeliveryState.DELIVERED, 1, NOW - 1, 0, "ok", 204, created_ns=v.T0
            ),
            Attempt(queued[1].id, dead, 1, NOW - 1, 0, "gone", 404, created_ns=v.T0 + 1),
            Attempt(
                queued[2].id, dead, 1, NOW - LATELY_NS - 1, 0, "gone", 404, created_ns=v.T0 + 2
            ),
        ]
    )
    assert store.StoredStanding(engine).owed(NOW) == Owed(3, v.T0 + 3, 1)

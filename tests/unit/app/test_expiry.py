"""The regular round that removes what is old: on the right thread, counted by kind."""

import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from faultwire import store
from faultwire.app.expiry import expiry
from faultwire.app.writer import ReaderThreads, Writer
from faultwire.domain import changes as c
from faultwire.store import retention
from faultwire.telemetry.metrics import Metrics
from faultwire.testing.clock import ManualClock
from tests.contract.store import values as v

OLD = v.T0 - 400 * retention.DAY_NS


@pytest.fixture
async def stand(tmp_path: Path) -> AsyncIterator[SimpleNamespace]:
    """Give what `expiry` takes of the core, with a database that has an old line of the audit."""
    engine = store.engine_in_folder(tmp_path)
    store.upgrade(engine)
    ledger = store.Ledger(engine)
    ledger.commit([c.Audited((replace(v.AUDITED, at_ns=OLD),)), c.Audited((v.AUDITED,))])
    clock, metrics = ManualClock(), Metrics()
    clock = SimpleNamespace(wall_ns=lambda: v.T0, mono_ns=clock.mono_ns)
    writer, reader = Writer(ledger, clock, metrics), ReaderThreads()
    tools = SimpleNamespace(clock=clock, metrics=metrics)
    yield SimpleNamespace(
        core=SimpleNamespace(tools=tools, writer=writer, reader=reader), engine=engine
    )
    writer.close()
    reader.close()
    ledger.close()
    engine.dispose()


async def test_a_round_removes_and_counts(stand: SimpleNamespace) -> None:
    """What is old goes by the writer's thread of an embedded database; the rest stays."""
    removed_on: list[str] = []
    run = stand.core.writer.run

    async def noted(call: object) -> object:
        def work() -> object:
            removed_on.append(threading.current_thread().name)
            return call()

        return await run(work)

    stand.core.writer.run = noted
    expire = expiry(stand.core, stand.engine, store.Retention())
    await expire()
    await expire()
    assert [line.at_ns for line in store.StoredFaults(stand.engine).audit(9)] == [v.T0]
    assert [name.split("_")[0] for name in removed_on] == ["ledger"]
    page = stand.core.tools.metrics.page().decode()
    assert 'faultwire_expired_rows_total{kind="audit"} 1.0' in page

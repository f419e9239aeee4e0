"""What subscribers were told of resources that are gone is forgotten, once it is over."""

from dataclasses import replace
from typing import Any

import pytest

from faultwire.app import forgetting as module
from faultwire.app.forgetting import forgetting
from faultwire.domain.accounts import WebhookSecret
from faultwire.domain.changes import WatchesMoved
from faultwire.domain.commands import ImportInventory, SaveSubscription
from faultwire.domain.ids import HostName, ProjectId, ServerId, SubscriptionId, UserId
from faultwire.domain.resources import Host, InventoryDocument, Project, Server
from faultwire.domain.subscriptions import Filter, ForgetWatches, Subscription, Watch
from faultwire.testing.chain import ACTOR, InProcess

P = ProjectId("p")
HOST = Host(HostName("compute-1"))
SERVERS = tuple(Server(ServerId(f"vm-{n}"), f"vm {n}", P, HOST.name) for n in range(3))
OURS = Subscription(SubscriptionId("s"), P, UserId("u"), "ours", "http://hook/x", Filter())


def told_of_a_dead_host() -> InProcess:
    """Return a product whose subscriber knows of three servers of a dead host."""
    product = InProcess()
    document(product, *SERVERS)
    secret = WebhookSecret(P, "00" * 32, 0)
    product.run(SaveSubscription(OURS, ACTOR, secret))
    product.report("compute.host.down", hostname=HOST.name)
    return product


def document(product: InProcess, *servers: Server) -> None:
    """Make the inventory equal to one host with these servers."""
    whole = InventoryDocument(projects=(Project(P, "green"),), hosts=(HOST,), servers=servers)
    product.run(ImportInventory(whole, replace=True, actor=ACTOR, force=True))


def kept(product: InProcess) -> dict[str, str]:
    """Return what is kept of the subscriber's servers; memory and rows must agree."""
    (one,) = product.indexes.subscriptions.of(P)
    rows = {watch.alarm: watch for watch in product.ledger.load(now_ns=0).watches}
    assert {watch.alarm: watch for watch in one.watches.values()} == rows
    return {watch.resource: watch.severity for watch in one.watches.values()}


async def test_watches_go_after_their_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Owners hear the end first; what is in trouble, or still there, is kept."""
    monkeypatch.setattr(module, "BATCH", 1)
    monkeypatch.setattr(module, "SLICE", 1)
    product = told_of_a_dead_host()
    core: Any = product
    await forgetting(core, product)()
    assert set(kept(product)) == {"vm-0", "vm-1", "vm-2"}
    document(product, SERVERS[0])
    ends = [one for one in product.deliveries if b'"current":"ok"' in one.body]
    assert [one.ordering for one in ends] == [OURS.alarm_id("server", f"vm-{n}") for n in (1, 2)]
    assert kept(product) == {"vm-0": "critical", "vm-1": "cleared", "vm-2": "cleared"}
    await forgetting(core, product)()
    assert kept(product) == {"vm-0": "critical"}
    product.report("compute.host.up", hostname=HOST.name)
    await forgetting(core, product)()
    assert kept(product) == {"vm-0": "cleared"}


async def test_what_returns_is_told_anew() -> None:
    """A server of a name that was forgotten has the same alarm, and deliveries of its own."""
    product = told_of_a_dead_host()
    core: Any = product
    document(product)
    await forgetting(core, product)()
    assert kept(product) == {}
    product.clock.advance(1)
    document(product, *SERVERS)
    assert kept(product) == {server.id: "critical" for server in SERVERS}
    names = [one.id for one in product.deliveries]
    assert len(names) == 9
    assert len(set(names)) == 9
    assert len({one.ordering for one in product.deliveries}) == 3


async def test_what_has_news_meanwhile_is_kept() -> None:
    """The lane looks again: what is not as it was, in trouble, or there is not forgotten."""
    product = told_of_a_dead_host()
    document(product, SERVERS[0])
    (one,) = product.indexes.subscriptions.of(P)
    there, first, second = (one.watches["server", server.id] for server in SERVERS)
    news = replace(first, severity="critical", version=first.version + 1)
    product.ledger.commit([WatchesMoved((news,))])
    product.memory.apply([WatchesMoved((news,))])
    other = Watch("w", SubscriptionId("gone"), P, "host", "h", "cleared", 1, 1)
    assert product.run(ForgetWatches((there, first, second, news, other))) == 1
    assert kept(product) == {"vm-0": "critical", "vm-1": "critical"}
    assert product.run(ForgetWatches((second,))) == 0

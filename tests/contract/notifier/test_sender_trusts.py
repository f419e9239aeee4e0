"""Actions in a user's name: the token goes along, and who has none holds nobody up."""

import asyncio

from faultwire.domain.alarms import DeliveryState
from faultwire.domain.errors import NotFound, Unavailable
from faultwire.testing.sink import Sink
from tests.contract.notifier.bench import Bench


class Tokens:
    """Implements `ports.keystone.TrustTokens`; what is missing raises as told."""

    def __init__(self) -> None:
        """Have a token for every trust."""
        self.error: Exception | None = None
        self.held: asyncio.Event | None = None
        self.warmed: list[str] = []

    def warm(self, trust: str) -> None:
        """Take note."""
        self.warmed.append(trust)

    async def token(self, trust: str) -> str:
        """Return it, or raise, when it is let."""
        if self.held is not None:
            await self.held.wait()
        if self.error is not None:
            raise self.error
        return f"token of {trust}"


def trusted(sink: Sink, path: str) -> str:
    """Return an action of the sink in a user's name."""
    return "trust+" + sink.url(path).replace("://", "://t1:delete@")


async def test_the_token_goes_along(bench: Bench, sink: Sink) -> None:
    """The URL is called without the trust, with X-Auth-Token, and signed as ever."""
    bench.trusts = Tokens()
    sender = await bench.start()
    delivery = bench.delivery(trusted(sink, "/hook"))
    sender.expect([delivery])
    sender.drafts.write()
    await asyncio.sleep(0)
    sender.wake([delivery])
    await bench.outbox.finished(delivery.id)
    (request,) = sink.requests
    assert request.path == "/hook"
    assert request.headers["x-auth-token"] == "token of t1"
    assert request.headers["webhook-signature"]
    assert "authorization" not in request.headers
    assert bench.trusts.warmed == ["t1"]


async def test_who_waits_for_a_token_holds_nobody_up(bench: Bench, sink: Sink) -> None:
    """Keystone hangs: other webhooks go out; when it answers, the action runs."""
    bench.trusts = Tokens()
    bench.trusts.held = asyncio.Event()
    sender = await bench.start()
    slow = bench.delivery(trusted(sink, "/slow"))
    quick = [bench.delivery(sink.url("/quick")) for _ in range(20)]
    sender.wake([slow, *quick])
    await bench.outbox.finished(*(one.id for one in quick))
    assert {request.path for request in sink.requests} == {"/quick"}
    bench.trusts.held.set()
    await bench.outbox.finished(slow.id)


async def test_an_action_without_a_token_is_tried_again(bench: Bench, sink: Sink) -> None:
    """Keystone away is as if the receiver were: it runs when Keystone is back."""
    bench.trusts = Tokens()
    bench.trusts.error = Unavailable("Keystone does not answer")
    sender = await bench.start()
    delivery = bench.delivery(trusted(sink, "/hook"))
    sender.wake([delivery])
    await bench.outbox.wait_for(lambda: bool(bench.outbox.attempts))
    assert bench.outbox.attempts[0].outcome == "no token for it: Keystone does not answer"
    bench.trusts.error = None
    await bench.outbox.finished(delivery.id)
    assert bench.outbox.attempts[-1].state is DeliveryState.DELIVERED


async def test_an_action_whose_trust_is_gone_ends(bench: Bench, sink: Sink) -> None:
    """It is refused, visibly, and never called without its token."""
    bench.trusts = Tokens()
    bench.trusts.error = NotFound("the trust of this action is gone")
    sender = await bench.start()
    delivery = bench.delivery(trusted(sink, "/hook"))
    sender.wake([delivery])
    await bench.outbox.finished(delivery.id)
    assert bench.outbox.attempts[-1].state is DeliveryState.REFUSED
    assert not sink.requests


async def test_without_keystone_it_is_refused(bench: Bench, sink: Sink) -> None:
    """So is one that says it has a trust and has none."""
    sender = await bench.start()
    deliveries = [bench.delivery(trusted(sink, "/hook"))]
    sender.wake(deliveries)
    await bench.outbox.finished(deliveries[0].id)
    assert bench.outbox.attempts[-1].state is DeliveryState.REFUSED
    assert not sink.requests

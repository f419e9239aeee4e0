"""Requests that are made while a commit waits for the disk."""

import asyncio
from collections.abc import Sequence

from faultwire.domain.alarms import Delivery
from faultwire.domain.ids import DeliveryId, ProjectId
from faultwire.notifier.delivery.drafts import KEPT_NS, MOST, SLICE, Drafts

NOW_NS = 1_700_000_000_000_000_000
SECRETS = ("secret",)


def delivery(number: int) -> Delivery:
    """Return a delivery that is owed soon."""
    return Delivery(DeliveryId(f"d-{number}"), ProjectId("p"), "http://a/", "alarm", b"{}", NOW_NS)


def made(one: Delivery, wall_ns: int) -> tuple[bytes, Sequence[str]] | None:
    """Make a request of a name and a time; none of the last delivery of all."""
    return None if one.id == "d-none" else (f"{one.id} at {wall_ns}".encode(), SECRETS)


async def written(drafts: Drafts) -> None:
    """Let the drafts write until they have nothing left to do."""
    drafts.write()
    for _ in range(MOST // SLICE + 2):
        await asyncio.sleep(0)


def taken(
    some: Sequence[Delivery], asked: Delivery, secrets: Sequence[str], later_ns: int = 0
) -> bytes | None:
    """Return what is found for a delivery after others, or itself, were expected."""

    async def run() -> bytes | None:
        drafts = Drafts(made, lambda: NOW_NS)
        drafts.expect(some)
        await written(drafts)
        return drafts.take(asked, secrets, NOW_NS + later_ns)

    return asyncio.run(run())


def test_a_draft_is_found_by_the_delivery_that_it_was_made_of() -> None:
    """What was made ahead goes out as it is."""
    one = delivery(1)
    assert taken([one], one, SECRETS) == f"d-1 at {NOW_NS}".encode()


def test_a_draft_is_good_for_the_same_value_and_secrets_and_not_for_long() -> None:
    """Another value, a rotated secret or an old time: it is made anew."""
    one = delivery(1)
    assert taken([one], delivery(1), SECRETS) is None
    assert taken([one], one, ("new", "secret")) is None
    assert taken([one], one, SECRETS, KEPT_NS) is None
    assert taken([one], one, SECRETS, -1) is None


def test_a_draft_is_used_once_and_goes_with_what_was_expected() -> None:
    """A retry is a request of its own, and a commit that failed leaves nothing behind."""

    async def run() -> None:
        drafts, first, second = Drafts(made, lambda: NOW_NS), delivery(1), delivery(2)
        drafts.expect([first, second])
        await written(drafts)
        assert drafts.take(first, SECRETS, NOW_NS) is not None
        assert drafts.take(first, SECRETS, NOW_NS) is None
        drafts.expect([])
        assert drafts.take(second, SECRETS, NOW_NS) is None
        assert len(drafts) == 0

    asyncio.run(run())


def test_nothing_is_drafted_before_it_is_said_or_after_the_end() -> None:
    """The loop is left alone while rows are written, and once the deliveries are on their way."""

    async def run() -> None:
        drafts = Drafts(made, lambda: NOW_NS)
        drafts.expect([delivery(number) for number in range(3 * SLICE)])
        await asyncio.sleep(0)
        assert len(drafts) == 0
        drafts.write()
        await asyncio.sleep(0)
        assert len(drafts) == SLICE
        drafts.end()
        await written(drafts)
        assert len(drafts) == SLICE

    asyncio.run(run())


def test_drafts_are_bounded_and_what_cannot_be_made_is_left_out() -> None:
    """A huge commit does not fill memory, and a bad URL is left to who says what is wrong."""

    async def run() -> None:
        drafts = Drafts(made, lambda: NOW_NS)
        none = Delivery(DeliveryId("d-none"), ProjectId("p"), "x", "alarm", b"{}", NOW_NS)
        drafts.expect([none, *(delivery(number) for number in range(2 * MOST))])
        await written(drafts)
        assert len(drafts) == MOST - 1

    asyncio.run(run())

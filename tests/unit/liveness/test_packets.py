"""Echo packets: what ours look like, and that nothing else passes for a reply to them."""

import struct

import pytest

from faultwire.liveness.packets import (
    BATCH,
    LENGTH,
    STRIDE,
    Replies,
    Requests,
    Seal,
    Taken,
    checksum,
    complement,
    numbers_of,
    words_of,
)

SEAL = Seal(8, 0, 0x1234, b"\x01\x02\x03\x04\x05\x06\x07\x08")
NAMES = {7: b"a" * 16, 9: b"b" * 16, 300: b"c" * 16}


def _check(*packets: tuple[bytes, bytes], skip: int = 0) -> Taken:
    replies = Replies(SEAL, 16, skip)
    lengths = memoryview(bytearray(4 * max(1, len(packets)))).cast("I")
    for number, (packet, source) in enumerate(packets):
        whole = bytes(skip) + packet
        begin = number * STRIDE
        replies.data[begin : begin + len(whole)] = whole
        replies.names[16 * number : 16 * (number + 1)] = source
        lengths[number] = len(whole)
    taken = replies.check(len(packets), lengths[: len(packets)], NAMES)
    return Taken(list(taken.slots), list(taken.ticks), taken.refused)


def _answer(slot: int, tick: int = 70_000) -> bytes:
    return SEAL.answer(slot, tick)


def test_a_request_is_an_echo_request_of_the_rfc() -> None:
    """Type, code, a right checksum, id and sequence stand where RFC 792 has them."""
    packet = SEAL.packet(9, 70_000)
    kind, code, _, number, sequence = struct.unpack_from("!BBHHH", packet)
    assert (kind, code, number, sequence) == (8, 0, 0x1234, 70_000 & 0xFFFF)
    assert len(packet) == LENGTH
    assert checksum(packet) == 0


@pytest.mark.parametrize(("slot", "tick"), [(0, 0), (9_999, 65_536), (2**32 - 1, 2**32 - 1)])
def test_every_packet_of_a_seal_has_one_checksum(slot: int, tick: int) -> None:
    """What varies stands beside its complement, so that no packet needs a sum of its own."""
    assert checksum(SEAL.packet(slot, tick)) == 0


def test_a_batch_of_requests_is_the_packets_one_by_one() -> None:
    """Columns written at once give what each packet would be, also after another tick."""
    requests = Requests(SEAL)
    for tick, slots in ((5, list(range(BATCH))), (70_000, [9, 7, 300])):
        requests.fill(slots, tick)
        assert bytes(requests.data[: LENGTH * len(slots)]) == b"".join(
            SEAL.packet(slot, tick) for slot in slots
        )


def test_replies_are_taken_with_slot_and_tick() -> None:
    """A batch of right replies is taken whole, behind an IPv4 header too."""
    for skip in (0, 20):
        found = _check((_answer(7), NAMES[7]), (_answer(300, 2**32 - 1), NAMES[300]), skip=skip)
        assert found == Taken([7, 300], [70_000, 2**32 - 1])


WRONG = {
    "type": b"\x08" + _answer(9)[1:],
    "code": b"\x00\x01" + _answer(9)[2:],
    "id": Seal(8, 0, 0x1235, SEAL.nonce).answer(9, 70_000),
    "sequence": _answer(9)[:6] + b"\x00\x00" + _answer(9)[8:],
    "slot": _answer(9)[:8] + b"\x00\x00\x00\x07" + _answer(9)[12:],
    "tick": _answer(9)[:16] + b"\x00\x00\x00\x07" + _answer(9)[20:],
    "nonce": Seal(8, 0, 0x1234, b"12345678").answer(9, 70_000),
    "length, short": _answer(9)[:-4],
    "length, long": _answer(9) + b"\x00",
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_no_reply_to_us_is_refused(what: str) -> None:
    """A packet that is wrong in one thing is refused, and those beside it are taken."""
    found = _check((_answer(7), NAMES[7]), (WRONG[what], NAMES[9]), (_answer(300), NAMES[300]))
    assert found == Taken([7, 300], [70_000, 70_000], 1)


def test_a_reply_from_another_source_is_refused() -> None:
    """Who answers for somebody else answers for nobody."""
    assert _check((_answer(9), NAMES[7]), (_answer(7), NAMES[7])) == Taken([7], [70_000], 1)


def test_a_reply_for_a_place_that_is_not_watched_is_refused() -> None:
    """A slot that stands for nothing takes no answers."""
    assert _check((_answer(8), NAMES[7])) == Taken([], [], 1)


def test_words_are_in_network_order_and_come_back() -> None:
    """Numbers become words and words numbers; a complement's complement is the word."""
    assert words_of([1, 2**32 - 2]) == b"\x00\x00\x00\x01\xff\xff\xff\xfe"
    assert list(numbers_of(words_of([5, 6]))) == [5, 6]
    assert complement(complement(b"\x12\x34")) == b"\x12\x34"

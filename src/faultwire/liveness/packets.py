"""ICMP echo packets: how ours look, and which packets are replies to them (RFC 792, RFC 4443).

A packet is nine words of four bytes, in network order::

    type code checksum | id sequence | slot | ~slot | tick | ~tick | nonce nonce | ~id ~sequence

The sequence is the low half of the tick. Every word that varies stands beside its complement, so
that all packets of a socket have one checksum, and a batch is checked by a few comparisons of
whole columns. Pure: bytes in, numbers out; no sockets, no clock.
"""

import struct
import sys
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

WORDS = 9
LENGTH = 4 * WORDS
NONCE_BYTES = 8
LITTLE = sys.byteorder == "little"

STRIDE = 64
"""How far received packets lie apart: room for an IPv4 header and one byte too many."""
_STEP, _HALVES = STRIDE // 4, STRIDE // 2

BATCH = 256
"""Packets that are checked, and taken from a socket, at once."""

TICKS = 1 << 32
"""Ticks begin again after so many; at one in five milliseconds, after 248 days."""

_PACKET = struct.Struct(f"!BBHHHIIII{NONCE_BYTES}sHH")


def complement(words: bytes) -> bytes:
    """Return the bytes with every bit the other way."""
    size = len(words)
    return (int.from_bytes(words, "big") ^ ((1 << (8 * size)) - 1)).to_bytes(size, "big")


def words_of(numbers: Sequence[int]) -> bytes:
    """Return numbers as words of four bytes in network order."""
    words = array("I", numbers)
    if LITTLE:
        words.byteswap()
    return words.tobytes()


def numbers_of(words: bytes) -> Sequence[int]:
    """Return what `words_of` made into words."""
    numbers = array("I", words)
    if LITTLE:
        numbers.byteswap()
    return numbers


def checksum(packet: bytes) -> int:
    """Return the internet checksum (RFC 1071) of bytes of even length."""
    total: int = sum(struct.unpack(f"!{len(packet) // 2}H", packet))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


@dataclass(frozen=True, slots=True)
class Seal:
    """What makes replies ours: type of request and reply, the socket's id, and a secret."""

    request: int
    reply: int
    id: int
    nonce: bytes
    checksum: int = field(init=False)

    def __post_init__(self) -> None:
        """Find the one checksum of all packets under this seal."""
        object.__setattr__(self, "checksum", 0)
        object.__setattr__(self, "checksum", checksum(self.packet(0, 0)))

    def packet(self, slot: int, tick: int) -> bytes:
        """Return one request."""
        return self._made(self.request, slot, tick)

    def answer(self, slot: int, tick: int) -> bytes:
        """Return the reply that a host gives; its checksum is the host's to make."""
        return self._made(self.reply, slot, tick)

    def _made(self, kind: int, slot: int, tick: int) -> bytes:
        low = tick & 0xFFFF
        return _PACKET.pack(
            *(kind, 0, self.checksum, self.id, low),
            *(slot, ~slot & 0xFFFFFFFF, tick, ~tick & 0xFFFFFFFF),
            *(self.nonce, ~self.id & 0xFFFF, ~low & 0xFFFF),
        )


class Requests:
    """Room for a batch of requests, `LENGTH` apart; `fill` writes what differs."""

    def __init__(self, seal: Seal) -> None:
        """Prepare a batch under a seal."""
        self._seal = seal
        self.data = bytearray(seal.packet(0, 0) * BATCH)
        self._words = memoryview(self.data).cast("I")
        self._tick: int | None = None
        self._ticked = 0

    def fill(self, slots: Sequence[int], tick: int) -> None:
        """Make the first packets requests to these slots, `BATCH` at most."""
        count = len(slots)
        end = count * WORDS
        if tick != self._tick or count > self._ticked:
            self._tick, self._ticked = tick, count
            packet = self._seal.packet(0, tick)
            for word in (1, 4, 5, 8):
                column = memoryview(packet[4 * word : 4 * word + 4] * count).cast("I")
                self._words[word:end:WORDS] = column
        words = words_of(slots)
        self._words[2:end:WORDS] = memoryview(words).cast("I")
        self._words[3:end:WORDS] = memoryview(complement(words)).cast("I")


@dataclass(frozen=True, slots=True)
class Taken:
    """Replies of one batch: their slots and ticks, side by side; `refused` were not ours."""

    slots: Sequence[int]
    ticks: Sequence[int]
    refused: int = 0


NONE_TAKEN = Taken((), ())


class Replies:
    """Room for a batch of received packets and their sources, and the check of them.

    `data` holds packets `STRIDE` apart, `names` the sources `name_bytes` apart as the system
    writes them, `lengths` the bytes of each message, which are `skip` more than the packet's.
    """

    def __init__(self, seal: Seal, name_bytes: int, skip: int) -> None:
        """Prepare a batch; `skip` is the size of a header that comes before each packet."""
        self._seal = seal
        self._name_bytes = name_bytes
        self._skip = skip
        self.data = bytearray(STRIDE * BATCH)
        self.names = bytearray(name_bytes * BATCH)
        view = memoryview(self.data)
        self._words, self._halves = view.cast("I"), view.cast("H")
        reply = seal.answer(0, 0)
        self._kinds = memoryview(reply[0:2] * BATCH).cast("H")
        self._ids = memoryview(reply[4:6] * BATCH).cast("H")
        self._nonces = tuple(
            memoryview(reply[4 * word : 4 * word + 4] * BATCH).cast("I") for word in (6, 7)
        )
        self._lengths = memoryview(array("I", [skip + LENGTH] * BATCH))

    def check(self, count: int, lengths: memoryview, known: Mapping[int, bytes]) -> Taken:
        """Return the replies to requests of ours among the first `count` packets.

        `known` maps slots to the sources that may answer for them. Type, code, id, sequence,
        slot, tick, nonce, length and source must be right; whatever is not, is refused.
        """
        slots = numbers_of(self._column(2, count))
        ticks = numbers_of(self._column(4, count))
        if self._all_ours(count, lengths) and self._sources_hold(slots, known):
            return Taken(slots, ticks)
        return self._one_by_one(count, lengths, known)

    def _column(self, word: int, count: int) -> bytes:
        begin = self._skip // 4 + word
        return self._words[begin : count * _STEP : _STEP].tobytes()

    def _all_ours(self, count: int, lengths: memoryview) -> bool:
        half, end = self._skip // 2, count * _HALVES
        halves, words = self._halves, self._words
        word, last = self._skip // 4, count * _STEP
        return (
            lengths == self._lengths[:count]
            and halves[half:end:_HALVES] == self._kinds[:count]
            and halves[half + 2 : end : _HALVES] == self._ids[:count]
            and halves[half + 3 : end : _HALVES] == halves[half + 9 : end : _HALVES]
            and words[word + 6 : last : _STEP] == self._nonces[0][:count]
            and words[word + 7 : last : _STEP] == self._nonces[1][:count]
            and self._column(3, count) == complement(self._column(2, count))
            and self._column(5, count) == complement(self._column(4, count))
            and self._column(8, count) == complement(self._column(1, count))
        )

    def _sources_hold(self, slots: Sequence[int], known: Mapping[int, bytes]) -> bool:
        try:
            wanted = b"".join(map(known.__getitem__, slots))
        except KeyError:
            return False
        return self.names.startswith(wanted)

    def _one_by_one(self, count: int, lengths: memoryview, known: Mapping[int, bytes]) -> Taken:
        """Return what is ours where a batch holds something that is not."""
        slots, ticks = [], []
        for number in range(count):
            begin = number * STRIDE + self._skip
            packet = bytes(self.data[begin : begin + LENGTH])
            slot, tick = struct.unpack_from("!I4xI", packet, 8)
            expected = self._seal.answer(slot, tick)
            name = number * self._name_bytes
            source = bytes(self.names[name : name + self._name_bytes])
            if (
                lengths[number] == self._skip + LENGTH
                and packet[:2] == expected[:2]
                and packet[4:] == expected[4:]
                and known.get(slot) == source
            ):
                slots.append(slot)
                ticks.append(tick)
        return Taken(slots, ticks, count - len(slots))

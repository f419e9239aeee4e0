"""Beats by datagram: the format, what the ear takes and refuses, and the engine that asks it."""

import hashlib
import random
import struct
from collections import Counter
from collections.abc import Callable

import pytest

from faultwire.domain.datagrams import LENGTH, DatagramTerms, seal
from faultwire.domain.ids import HostName
from faultwire.liveness import ear
from faultwire.liveness.beats import bound, open_beats
from faultwire.liveness.heartbeat import Heartbeats, State
from faultwire.liveness.settings import Settings
from faultwire.telemetry.clock import SystemClock

HOST = HostName("compute-1")
KEY = bytes(range(32))
TERMS = DatagramTerms(1, 7, KEY)
OTHER = DatagramTerms(1, 8, bytes(32))
S = 1_000_000_000


class Counts:
    """Implements `ports.Meter`."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def count(self, name: str, amount: int = 1, **labels: str) -> None:
        self.counts[labels["result"]] += amount

    def gauge(self, name: str, value: float, **labels: str) -> None:
        raise AssertionError(name)

    def observe(self, name: str, seconds: float, **labels: str) -> None:
        raise AssertionError(name)


class Heard:
    """An ear and the memory that it writes, fed without a socket."""

    def __init__(self) -> None:
        self._shared = memoryview(bytearray(ear.SHARED_BYTES))
        self.words = self._shared.cast("Q")
        self.ear = ear.Ear(self._shared)
        self.ear.learn(ear.RECORD.pack(1, TERMS.slot, TERMS.key))

    def hear(self, *datagrams: bytes, now: int = 5) -> None:
        data = b"".join(one[: ear.STRIDE].ljust(ear.STRIDE, b"\0") for one in datagrams)
        place, size = ear._Message.length.offset, ear._LENGTHS.size
        heads = bytearray(size * len(datagrams))
        for number, one in enumerate(datagrams):
            struct.pack_into("=I", heads, size * number + place, min(len(one), LENGTH + 1))
        self.ear.hear(memoryview(data), memoryview(heads), now)

    def seen(self, terms: DatagramTerms = TERMS) -> int:
        return self.words[ear.COUNTERS + terms.slot]

    @property
    def figures(self) -> tuple[int, int]:
        return self.words[ear.TAKEN], self.words[ear.REFUSED]


def test_a_datagram_is_as_it_is_described() -> None:
    """Magic, slot, sequence, then BLAKE2s of these under the session's key."""
    head = b"FWB1" + (7).to_bytes(4, "big") + (9).to_bytes(8, "big")
    assert seal(TERMS, 9) == head + hashlib.blake2s(head, digest_size=16, key=KEY).digest()
    assert len(seal(TERMS, 9)) == LENGTH


def test_a_sealed_beat_is_taken() -> None:
    """The time of a verified beat stands in the session's slot."""
    heard = Heard()
    heard.hear(seal(TERMS, 1), now=5)
    heard.hear(seal(TERMS, 3), now=9)
    assert (heard.seen(), heard.figures) == (9, (2, 0))


@pytest.mark.parametrize(
    "datagram",
    [
        b"",
        b"FWB1",
        bytes(LENGTH),
        random.Random(7).randbytes(LENGTH),
        seal(TERMS, 2)[:-1],
        seal(TERMS, 2) + b"x",
        seal(TERMS, 2)[:-1] + bytes([seal(TERMS, 2)[-1] ^ 1]),
        seal(TERMS, 2)[:15] + b"\x03" + seal(TERMS, 2)[16:],
        b"FWB2" + seal(TERMS, 2)[4:],
        seal(OTHER, 2),
        seal(DatagramTerms(1, TERMS.slot, OTHER.key), 2),
        seal(TERMS, 1),
        seal(TERMS, 0),
        seal(DatagramTerms(1, 2**32 - 1, KEY), 2),
    ],
)
def test_anything_else_is_counted_and_no_more(datagram: bytes) -> None:
    """Wrong lengths, seals, keys, slots, and what was recorded and sent again, are no beats."""
    heard = Heard()
    heard.hear(seal(TERMS, 1), now=5)
    heard.hear(datagram, seal(TERMS, 2), now=9)
    assert (heard.seen(), heard.figures) == (9, (2, 1))
    heard.hear(datagram, now=11)
    assert (heard.seen(), heard.figures) == (9, (2, 2))


def test_a_closed_slot_is_heard_no_more() -> None:
    """With its session a key is void; an ear that is started again knows what it heard."""
    heard = Heard()
    heard.hear(seal(TERMS, 5), now=5)
    again = ear.Ear(memoryview(heard.words).cast("B"))
    again.learn(ear.RECORD.pack(1, TERMS.slot, TERMS.key))
    heard.ear = again
    heard.hear(seal(TERMS, 5), now=7)
    assert heard.seen() == 5
    again.learn(ear.RECORD.pack(0, TERMS.slot, bytes(32)))
    heard.hear(seal(TERMS, 6), now=9)
    assert (heard.seen(), heard.figures) == (5, (1, 2))


def test_a_port_that_is_taken_gives_way_to_another() -> None:
    """Beats never keep a server from starting: any port serves, and none is said."""
    with bound("127.0.0.1", 0) as first, bound("127.0.0.1", first.getsockname()[1]) as second:
        assert first.getsockname() != second.getsockname()
    assert open_beats("192.0.2.1", 0, SystemClock(), Counts()) is None


# ---------------------------------------------------------------- the engine


def connected(pulse: Callable[[], int]) -> Heartbeats:
    engine = Heartbeats(Settings())
    assert engine.connected(HOST, "s1", S)
    assert engine.listen(HOST, "s1", S, pulse)
    return engine


def judged(engine: Heartbeats, until: int, step: int = S // 20) -> list[tuple[int, str]]:
    """Return when who was quiet or dead, looked at every step."""
    found = []
    for now in range(S, until, step):
        found += [(now, verdict.kind.value) for verdict in engine.due(now)]
        found += [(now, "quiet") for _ in engine.quiet()]
    return found


def test_a_session_that_is_heard_elsewhere_is_not_late() -> None:
    """Beats elsewhere count as those on the connection, and the host is seen when they came."""
    last = [S]
    engine = connected(lambda: last[0])
    for now in range(S, 60 * S, S):
        last[0] = now
        assert engine.due(now + 1) == ()
    assert engine.quiet() == ()
    assert engine.seen(HOST) == 59 * S
    assert list(engine.seen_after(58 * S)) == [(HOST, 59 * S)]


def test_silence_elsewhere_is_asked_about_before_it_counts() -> None:
    """Half-way the session is asked to speak, once; unanswered it is dead when it ever was."""
    engine = connected(lambda: 0)
    assert judged(engine, 8 * S) == [(2 * S + S // 2, "quiet"), (4 * S, "silent")]


def test_a_session_that_answers_lives_and_is_asked_again() -> None:
    """A beat on the connection ends the silence; the next one is asked about anew."""
    engine = connected(lambda: 0)
    found = judged(engine, 2 * S + S // 2 + 1)
    assert engine.beat(HOST, "s1", 2 * S + S // 2)
    found += judged(engine, 7 * S)
    assert [what for _, what in found] == ["quiet", "quiet", "silent"]


def test_beats_elsewhere_do_not_outlive_the_connection() -> None:
    """A closed connection counts as closed, whatever still comes by datagram (D24)."""
    last = [S]
    engine = connected(lambda: last[0])
    assert engine.closed(HOST, "s1", 2 * S, goodbye=False)
    last[0] = 2 * S + 1
    (verdict,) = engine.due(2 * S + 200_000_000)
    assert verdict.kind == "closed"
    assert engine.state(HOST) is State.DEAD


def test_terms_of_a_session_that_is_over_are_not_listened_to() -> None:
    """Only the living session of a host may be heard elsewhere."""
    engine = connected(lambda: 0)
    assert not engine.listen(HOST, "s0", S, lambda: 9 * S)
    assert not engine.listen(HostName("nobody"), "s1", S, lambda: 9 * S)

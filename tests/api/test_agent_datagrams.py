"""Agents that beat by datagram: granted to who asks, used while they arrive, else not."""

import socket
from collections.abc import AsyncIterator

import pytest

from faultwire.domain.datagrams import DatagramTerms, seal
from faultwire.liveness.settings import Settings
from tests.api.agent_stand import SECONDS, Stand

HOST = "compute-1"


class Ear:
    """Implements `Pulses` on a socket that the test reads; hears only what it is told to."""

    def __init__(self, stand: Stand) -> None:
        self._stand = stand
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.bind(("127.0.0.1", 0))
        self._sock.setblocking(False)
        self.port = self._sock.getsockname()[1]
        self.open_terms: list[DatagramTerms] = []
        self.times: dict[int, int] = {}
        self.full = False

    def open(self) -> DatagramTerms | None:
        if self.full:
            return None
        terms = DatagramTerms(self.port, len(self.times), bytes([len(self.times)]) * 32)
        self.times[terms.slot] = 0
        self.open_terms.append(terms)
        return terms

    def close(self, terms: DatagramTerms) -> None:
        self.open_terms.remove(terms)
        self._stand.news.tell()

    def last(self, terms: DatagramTerms) -> int:
        return self.times[terms.slot]

    def came(self) -> list[bytes]:
        """Return the datagrams that came since."""
        found = []
        while True:
            try:
                found.append(self._sock.recv(100))
            except BlockingIOError:
                return found

    def hear(self) -> None:
        """Take what came as a beat of the newest session."""
        terms = self.open_terms[-1]
        if seal(terms, self.times.setdefault(-1, 0) + 1) in self.came():
            self.times[-1] += 1
        self.times[terms.slot] = self._stand.clock.mono_ns()

    def stop(self) -> None:
        self._sock.close()


@pytest.fixture
async def stand() -> AsyncIterator[Stand]:
    """Give server side and agents."""
    async with Stand() as made:
        yield made


@pytest.fixture
def ear(stand: Stand) -> Ear:
    """Have the monitor hear datagrams."""
    made = Ear(stand)
    stand.monitor.hear(made)
    return made


async def test_who_does_not_ask_is_granted_nothing(stand: Stand, ear: Ear) -> None:
    """An agent of another make, or an older one, speaks as before."""
    for number, hello in enumerate(
        (
            {"version": "1.0", "servers": None},
            {"version": "1.1", "servers": None, "datagrams": 2},
            {"version": "1.1", "servers": None, "datagrams": True},
            {"version": "1.1", "servers": None, "datagrams": {"any": "thing"}},
        )
    ):
        stand.doors.enrol_agent(f"{HOST}-{number}")
        wire = await stand.dial(f"{HOST}-{number}")
        await wire.send_json({"hello": hello})
        welcome = (await wire.receive_json(timeout=SECONDS))["welcome"]
        assert "datagrams" not in welcome
    assert ear.open_terms == []
    ear.stop()


async def test_who_asks_is_granted_terms_for_one_session(stand: Stand, ear: Ear) -> None:
    """The welcome holds port, slot and key; they are void when the session ends."""
    stand.doors.enrol_agent(HOST)
    wire = await stand.dial(HOST)
    await wire.send_json({"hello": {"version": "1.1", "servers": None, "datagrams": 1}})
    welcome = (await wire.receive_json(timeout=SECONDS))["welcome"]
    (terms,) = ear.open_terms
    assert welcome["datagrams"] == {
        "port": terms.port,
        "slot": terms.slot,
        "key": terms.key.hex(),
    }
    await wire.close()
    await stand.news.until(lambda: not ear.open_terms)
    ear.stop()


async def test_where_there_is_no_room_the_connection_serves(stand: Stand, ear: Ear) -> None:
    """An agent that is granted nothing beats on its connection as ever."""
    ear.full = True
    _, clock = stand.start_agent(HOST)
    await stand.connected(1)
    heard = stand.monitor.heard
    for beats in range(1, 4):
        await stand.pass_agent(clock, 1.0)
        await stand.news.until(lambda beats=beats: stand.monitor.heard >= heard + beats)
    assert ear.came() == []
    ear.stop()


async def test_an_agent_beats_both_ways_until_it_is_heard(stand: Stand, ear: Ear) -> None:
    """Unheard datagrams replace nothing; heard ones do, but for one beat in three seconds."""
    _, clock = stand.start_agent(HOST)
    await stand.agent_says("connected to")
    for beats in range(1, 4):
        await stand.pass_agent(clock, 1.0)
        await stand.news.until(lambda beats=beats: stand.monitor.heard >= beats)
    ear.hear()
    await stand.pass_agent(clock, 1.0)
    await stand.news.until(lambda: stand.monitor.heard >= 4)
    await stand.settled()
    heard = stand.monitor.heard
    ear.came()
    for _ in range(6):
        await stand.pass_agent(clock, 1.0)
        await stand.settled()
    assert len(ear.came()) == 6
    await stand.news.until(lambda: stand.monitor.heard == heard + 2)
    ear.stop()


async def test_datagrams_that_stop_arriving_are_no_death(stand: Stand, ear: Ear) -> None:
    """The server asks on the connection; the agent answers, and beats there again."""
    _, clock = stand.start_agent(HOST)
    await stand.agent_says("connected to")
    ear.hear()
    await stand.pass_agent(clock, 1.0)
    await stand.news.until(lambda: stand.monitor.heard >= 1)
    await stand.settled()
    heard = stand.monitor.heard
    await stand.wait(1.6)
    await stand.news.until(lambda: stand.monitor.heard >= heard + 1)
    for beats in range(2, 6):
        await stand.pass_agent(clock, 1.0)
        await stand.news.until(lambda beats=beats: stand.monitor.heard >= heard + beats)
        await stand.wait(1.0)
    assert stand.reports == []
    ear.stop()


async def test_a_host_that_is_silent_both_ways_is_down(stand: Stand, ear: Ear) -> None:
    """Neither datagrams nor an answer: the verdict comes after the silence, as ever."""
    stand.doors.enrol_agent(HOST)
    wire = await stand.dial(HOST)
    await wire.send_json({"hello": {"version": "1.1", "servers": None, "datagrams": 1}})
    await wire.receive_json(timeout=SECONDS)
    await stand.wait(1.0)
    ear.hear()
    await stand.wait(2.9)
    assert stand.reports == []
    await stand.wait(0.2)
    (report,) = await stand.reported(1)
    assert report.evidence.details["verdict"] == "silent"
    ear.stop()


def test_a_silence_without_room_for_a_question_has_no_datagrams() -> None:
    """A lost datagram must be made up for before the silence counts."""
    assert Settings().grants_datagrams
    assert not Settings(agent_silence_ms=1500).grants_datagrams
    assert not Settings(datagrams=False).grants_datagrams

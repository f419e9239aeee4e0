"""The heartbeat engine, move by move."""

import itertools

import pytest

from faultwire.domain.errors import Invalid
from faultwire.domain.ids import HostName
from faultwire.liveness.heartbeat import MOVES, VERDICTS, Heartbeats, Signal, State, VerdictKind
from faultwire.liveness.settings import Settings
from faultwire.liveness.stalls import PRUNED_AT

MS = 1_000_000
HOST = HostName("compute-1")
OTHER = HostName("compute-2")


@pytest.fixture
def engine() -> Heartbeats:
    """An engine with D24's defaults: 200 ms to return, 3000 ms of silence."""
    return Heartbeats(Settings())


def test_a_closed_connection_is_a_verdict_after_the_return_window(engine: Heartbeats) -> None:
    """Closed without goodbye and not back within agent_return_ms is one verdict (D24)."""
    engine.connected(HOST, "a", 0)
    engine.beat(HOST, "a", 900 * MS)
    engine.closed(HOST, "a", 1000 * MS, goodbye=False)
    assert engine.due(1199 * MS) == ()
    (verdict,) = engine.due(1200 * MS)
    assert (verdict.host, verdict.kind) == (HOST, VerdictKind.CLOSED)
    assert (verdict.since, verdict.age_ns, verdict.limit_ns) == (1000 * MS, 200 * MS, 200 * MS)
    assert verdict.seen == 900 * MS
    assert engine.state(HOST) is State.DEAD
    assert engine.due(10_000 * MS) == ()


def test_silence_is_a_verdict_counted_from_the_last_beat(engine: Heartbeats) -> None:
    """A connected agent that is silent for agent_silence_ms is dead, once (D24)."""
    engine.connected(HOST, "a", 0)
    engine.beat(HOST, "a", 2500 * MS)
    assert engine.due(3000 * MS) == ()
    assert engine.next_deadline() == 5500 * MS
    assert engine.due(5499 * MS) == ()
    (verdict,) = engine.due(5600 * MS)
    assert (verdict.kind, verdict.age_ns) == (VerdictKind.SILENT, 3100 * MS)
    assert engine.next_deadline() is None


def test_a_restart_within_the_window_raises_nothing(engine: Heartbeats) -> None:
    """An agent that is back in time leaves no trace, however often it restarts."""
    for number in range(50):
        engine.connected(HOST, f"s{number}", number * 100 * MS)
        engine.closed(HOST, f"s{number}", (number * 100 + 50) * MS, goodbye=False)
        assert engine.due((number * 100 + 99) * MS) == ()
    engine.connected(HOST, "last", 5000 * MS)
    assert engine.due(7999 * MS) == ()
    assert engine.state(HOST) is State.CONNECTED


def test_goodbye_raises_nothing(engine: Heartbeats) -> None:
    """An agent that is stopped says goodbye and is never held to be dead (D24)."""
    engine.connected(HOST, "a", 0)
    engine.closed(HOST, "a", 100 * MS, goodbye=True)
    assert engine.state(HOST) is State.GONE
    assert engine.due(10**15) == ()
    assert engine.next_deadline() is None


def test_a_second_session_is_not_taken_while_the_first_lives(engine: Heartbeats) -> None:
    """The engine admits one session; the refused one changes nothing."""
    assert engine.connected(HOST, "a", 0)
    assert not engine.connected(HOST, "b", MS)
    assert not engine.beat(HOST, "b", 2 * MS)
    assert not engine.closed(HOST, "b", 3 * MS, goodbye=True)
    assert engine.beat(HOST, "a", 4 * MS)
    assert engine.state(HOST) is State.CONNECTED


def test_a_session_that_is_over_is_not_heard(engine: Heartbeats) -> None:
    """Late words of an old session count neither for nor against its host."""
    engine.connected(HOST, "a", 0)
    engine.closed(HOST, "a", MS, goodbye=False)
    assert not engine.beat(HOST, "a", 2 * MS)
    engine.connected(HOST, "b", 3 * MS)
    assert not engine.closed(HOST, "a", 4 * MS, goodbye=True)
    assert engine.state(HOST) is State.CONNECTED


def test_a_dead_host_that_comes_back_is_watched_again(engine: Heartbeats) -> None:
    """After a verdict a new session starts the watch anew, and a new verdict is possible."""
    engine.connected(HOST, "a", 0)
    assert len(engine.due(3000 * MS)) == 1
    assert not engine.beat(HOST, "a", 3100 * MS)
    assert engine.connected(HOST, "b", 4000 * MS)
    assert len(engine.due(7000 * MS)) == 1


def test_a_host_that_is_not_back_after_a_start_is_a_verdict(engine: Heartbeats) -> None:
    """Who was connected when we stopped has the grace to be back; others are not waited for."""
    engine.expected(HOST, 0, 5000 * MS)
    engine.expected(OTHER, 0, 5000 * MS)
    engine.connected(OTHER, "a", 4000 * MS)
    (verdict,) = engine.due(5000 * MS)
    assert (verdict.host, verdict.kind, verdict.seen) == (HOST, VerdictKind.NOT_BACK, None)


def test_only_an_unknown_host_is_expected(engine: Heartbeats) -> None:
    """Expecting a host that is there already changes nothing."""
    engine.connected(HOST, "a", 0)
    assert not engine.expected(HOST, MS, 1)
    assert engine.state(HOST) is State.CONNECTED


def test_what_we_slept_through_is_not_held_against_a_host(engine: Heartbeats) -> None:
    """A stall of our own extends the wait by exactly its length."""
    engine.connected(HOST, "a", 0)
    engine.stalled(5000 * MS, 6000 * MS)
    assert engine.due(7999 * MS) == ()
    (verdict,) = engine.due(8000 * MS)
    assert verdict.age_ns == 8000 * MS


def test_a_stall_counts_only_where_it_was_waited_through(engine: Heartbeats) -> None:
    """A wait that began near the end of a stall is extended by that end alone."""
    engine.connected(HOST, "a", 0)
    engine.closed(HOST, "a", 5990 * MS, goodbye=False)
    engine.stalled(5000 * MS, 6000 * MS)
    assert engine.due(6199 * MS) == ()
    assert len(engine.due(6200 * MS)) == 1


def test_overlapping_stalls_count_once(engine: Heartbeats) -> None:
    """Two measurements of one stall do not add up."""
    engine.connected(HOST, "a", 0)
    engine.stalled(1000 * MS, 2000 * MS)
    engine.stalled(1500 * MS, 2000 * MS)
    engine.stalled(900 * MS, 2100 * MS)
    assert engine.due(4099 * MS) == ()
    assert len(engine.due(4100 * MS)) == 1


def test_many_stalls_are_kept_as_long_as_somebody_waits_through_them(engine: Heartbeats) -> None:
    """Old stalls are forgotten, never those that a running wait still needs."""
    engine.expected(HOST, 0, 30_000 * MS)
    for second in range(1, 4 * PRUNED_AT):
        engine.stalled(900 * MS, second * 1000 * MS)
    slept = (4 * PRUNED_AT - 1) * 900 * MS
    assert engine.due(30_000 * MS + slept - 1) == ()
    assert len(engine.due(30_000 * MS + slept)) == 1


def test_verdicts_can_be_put_off(engine: Heartbeats) -> None:
    """A put-off verdict is given later, unless the host spoke in the meantime."""
    engine.connected(HOST, "a", 0)
    engine.connected(OTHER, "b", 0)
    assert engine.put_off(3000 * MS, 100 * MS) == 2
    assert engine.next_deadline() == 3100 * MS
    engine.beat(OTHER, "b", 3050 * MS)
    assert [verdict.host for verdict in engine.due(3100 * MS)] == [HOST]
    assert engine.state(OTHER) is State.CONNECTED


def test_a_forgotten_host_is_absent(engine: Heartbeats) -> None:
    """A host that is watched no longer gives no verdict and may come back."""
    engine.connected(HOST, "a", 0)
    engine.forget(HOST)
    assert (HOST in engine, list(engine), engine.state(HOST)) == (False, [], State.ABSENT)
    assert engine.due(10_000 * MS) == ()
    assert engine.connected(HOST, "b", 10_000 * MS)


def test_hosts_seen_are_told_since_a_mark(engine: Heartbeats) -> None:
    """Only signs of life after the mark are told, each host with its last."""
    engine.connected(HOST, "a", 10)
    engine.connected(OTHER, "b", 20)
    engine.beat(OTHER, "b", 40)
    assert list(engine.seen_after(10)) == [(OTHER, 40)]
    assert engine.seen(HOST) == 10
    assert engine.seen(HostName("unknown")) is None


def test_every_state_and_signal_has_its_place_in_the_table() -> None:
    """Only waiting states can be late, all can be reached, and a session leads to CONNECTED."""
    assert {state for state, signal in MOVES if signal is Signal.LATE} == set(VERDICTS)
    assert set(MOVES.values()) | {State.ABSENT} == set(State)
    assert {signal for _, signal in MOVES} == set(Signal)
    came = {state for state, signal in MOVES if signal is Signal.CAME}
    assert came == set(State) - {State.CONNECTED}


def test_the_heap_stays_small(engine: Heartbeats) -> None:
    """Beats add nothing to the heap, and a flapping connection next to nothing."""
    engine.connected(HOST, "s", 0)
    for beat in range(10_000):
        engine.beat(HOST, "s", beat)
    assert len(engine._heap) == 1
    session = "s"
    for number in itertools.islice(itertools.count(10_000), 1000):
        engine.closed(HOST, session, number, goodbye=False)
        session = f"s{number}"
        engine.connected(HOST, session, number)
    assert len(engine._heap) <= 2


def test_a_silence_below_the_heartbeat_is_refused() -> None:
    """Settings under which every agent would be dead name the option."""
    with pytest.raises(
        Invalid, match=r"\[liveness\] agent_silence_ms: must be above heartbeat_ms"
    ):
        Settings(heartbeat_ms=3000, agent_silence_ms=3000)

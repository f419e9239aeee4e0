"""Each trap that makes live things look dead, sprung: none of them kills anybody."""

import errno
import random
import socket

import pytest

from faultwire.domain.errors import Unavailable
from faultwire.liveness.icmp import REPLY_BYTES, WANTED_BYTES, Access, IcmpWire
from faultwire.liveness.isolation import Standing
from faultwire.liveness.packets import BATCH, Seal
from faultwire.liveness.prober import AT_ONCE, HostMoved, Stood
from faultwire.liveness.settings import Settings
from faultwire.liveness.suspicion import State
from faultwire.liveness.sweeps import BATCH as SWEEP_BATCH
from faultwire.liveness.sweeps import WIDEST
from faultwire.testing.probing import ProbingScene, address_of, hosts


def wire(**options: bool | None) -> IcmpWire:
    """Return a wire of the system; skip where it lets us have none."""
    try:
        return IcmpWire(socket.AF_INET, **options)  # type: ignore[arg-type]
    except Unavailable as error:
        pytest.skip(error.detail)


def _alive(count: int) -> ProbingScene:
    scene = ProbingScene()
    scene.add(*hosts(count))
    scene.run(500)
    assert scene.states(hosts(count)) == {State.ALIVE}
    return scene


def test_trap_receive_buffer_is_widened_and_its_size_is_told() -> None:
    """More than the usual buffer is asked for, and what was granted is said with what it costs."""
    access = wire().access
    assert access.buffer_bytes > 212_992
    small = Access("IPv4", "datagram", "mmsg", 212_992)
    assert small.replies == 212_992 // REPLY_BYTES == 256
    assert any("receive buffer of 212992 bytes: 256 replies" in one for one in small.costs)
    assert Access("IPv4", "datagram", "mmsg", WANTED_BYTES).costs == ()


def test_trap_replies_dropped_at_our_socket_kill_nobody() -> None:
    """While the socket overflows verdicts are held: the silence may be our own loss."""
    scene = _alive(50)
    scene.wire.room = 0
    scene.run(2000)
    assert scene.dead() == []
    standings = [one for one in scene.said if isinstance(one, Stood)]
    assert any("dropped at our own sockets" in " ".join(one.reasons) for one in standings)


def test_trap_neighbour_table_full_is_unknown_and_not_dead() -> None:
    """Hosts to which the system refuses to send for want of room for a neighbour are unknown."""
    scene = _alive(40)
    late = [f"h{number}" for number in range(100, 140)]
    scene.wire.refuses = dict.fromkeys(map(address_of, late), errno.ENOBUFS)
    scene.add(*late)
    scene.run(3000)
    assert scene.states(late) == {State.UNKNOWN}
    assert scene.states(hosts(40)) == {State.ALIVE}
    assert scene.dead() == []


def test_trap_neighbour_table_full_for_hosts_that_answered_is_unknown_too() -> None:
    """A host that answered before and cannot be sent to any more becomes unknown, never dead."""
    scene = _alive(40)
    scene.wire.refuses = {address_of("h1"): errno.ENOBUFS, address_of("h2"): errno.EAGAIN}
    scene.cut("h1", "h2")
    scene.run(3000)
    assert scene.states(("h1", "h2")) == {State.UNKNOWN}
    assert scene.dead() == []


def test_trap_enobufs_does_not_spin() -> None:
    """A full queue is asked once per probe that is due, and not again and again."""
    scene = _alive(40)
    tries = 0
    send = scene.wire.send

    def counted(slots: list[int], tick: int) -> object:
        nonlocal tries
        tries += len(slots)
        return send(slots, tick)

    scene.wire.send = counted  # type: ignore[assignment, method-assign]
    scene.wire.full = errno.ENOBUFS
    scene.run(1000)
    assert tries <= 40 * 10 + 40 * 10


def test_trap_enobufs_makes_no_suspects() -> None:
    """What was never sent is never missed, so a full queue of ours makes nobody suspect."""
    scene = _alive(40)
    scene.wire.full = errno.ENOBUFS
    scene.run(900)
    begun = [one for one in scene.said if isinstance(one, HostMoved)]
    assert all(one.moved.state is not State.SUSPECT for one in begun)


def test_trap_send_bursts_are_bounded() -> None:
    """No turn sends more than queues of devices hold, not even one after a long stall."""
    scene = _alive(2000)
    scene.stall(1000)
    before = len(scene.wire.sent)
    scene.prober.turn()
    assert len(scene.wire.sent) - before <= AT_ONCE <= 256
    assert SWEEP_BATCH <= 128
    assert WIDEST <= 512


def test_trap_id_is_bound_and_replies_carry_it() -> None:
    """Replies come to our own id; the system neither rewrites it nor gives it to another."""
    one, two = wire(), wire()
    for place in (one, two):
        place.place(0, "127.0.0.1")
        assert place.send([0], 1) == {}
    for place in (one, two):
        taken = place.take()
        assert (list(taken.slots), taken.refused) == ([0], 0)


def test_trap_raw_sockets_do_not_see_the_packets_of_others() -> None:
    """A raw socket's filter lets through replies under our id alone."""
    ours, other = wire(raw=True), wire()
    other.place(0, "127.0.0.1")
    other.send([0] * 1, 1)
    assert list(other.take().slots) == [0]
    taken = ours.take()
    assert (list(taken.slots), taken.refused) == ([], 0)


def test_trap_late_own_loop_judges_nobody_by_its_own_lateness() -> None:
    """However long we did nothing, hosts that answer are alive: everything is read first."""
    scene = _alive(50)
    for stall in (50, 300, 1000, 5000):
        scene.stall(stall)
        scene.run(40)
    scene.run(300)
    assert scene.dead() == []
    assert scene.states(hosts(50)) == {State.ALIVE}


def test_trap_catch_up_turns_do_not_judge_probes_that_were_just_sent() -> None:
    """A dead host is judged by probes that each had their wait, after a stall too."""
    scene = _alive(50)
    scene.cut("h1")
    scene.run(60)
    scene.stall(500)
    begun = len(scene.wire.sent)
    back = scene.clock.mono_ns()
    scene.run(500)
    assert scene.dead() == ["h1"]
    judged = next(
        one.at
        for one in scene.said
        if isinstance(one, HostMoved) and one.moved.state is State.DEAD
    )
    mine = [at for at, address, _ in scene.wire.sent[begun:] if address == address_of("h1")]
    had_their_wait = [at for at in mine if back <= at <= judged - 20_000_000]
    assert len(had_their_wait) >= 2


def test_trap_a_probe_that_was_never_sent_cannot_be_missed() -> None:
    """Without sending there is no suspicion, whatever the clock says."""
    scene = _alive(10)
    scene.wire.refuses = {address_of("h1"): errno.EAGAIN}
    scene.cut("h1")
    scene.run(900)
    assert scene.state("h1") is State.ALIVE


def test_trap_everything_dead_at_once_is_me() -> None:
    """When all fall silent nobody is dead, and we are isolated."""
    scene = _alive(200)
    scene.cut(*hosts(200))
    scene.run(3000)
    assert scene.dead() == []
    assert scene.prober.watches.isolation.standing is Standing.ISOLATED


def test_trap_hosts_that_drop_icmp_are_unknown() -> None:
    """Silence is not death unless the host answered before."""
    scene = ProbingScene()
    scene.add(*hosts(20))
    scene.cut("h1", "h2")
    scene.run(5000)
    assert scene.states(("h1", "h2")) == {State.UNKNOWN}


def test_trap_id_clashes_do_not_pass_for_answers() -> None:
    """A reply under our id with another's nonce is none of ours."""
    ours, theirs = (Seal(8, 0, 7, nonce) for nonce in (b"a" * 8, b"b" * 8))
    assert ours.answer(1, 1)[4:8] == theirs.answer(1, 1)[4:8]
    assert ours.answer(1, 1)[8:] != theirs.answer(1, 1)[8:]


def test_trap_answers_to_nothing_bring_nobody_back() -> None:
    """An answer to a probe that was never sent, or was answered already, counts for nothing."""
    scene = _alive(20)
    scene.cut("h1")
    scene.run(400)
    for tick in range(100_000, 100_010):
        scene.wire.forge(0, tick)
    scene.run(100)
    assert scene.state("h1") is State.DEAD
    assert scene.prober.watches.strays == 10


def test_trap_wall_clock_jumps_do_not_matter() -> None:
    """Only the monotonic clock counts: a jump by a year kills and revives nobody."""
    scene = _alive(20)
    scene.cut("h1")
    scene.run(50)
    scene.clock.set_wall(scene.clock.wall_ns() + 365 * 86_400 * 1_000_000_000)
    scene.run(400)
    scene.clock.set_wall(0)
    scene.run(400)
    assert scene.dead() == ["h1"]


def test_trap_slow_networks_get_longer_waits() -> None:
    """Where answers come to take 30 ms, the wait grows with them and nobody is dead."""
    scene = _alive(20)
    for ms in (5, 15, 30, 45):
        scene.answer(*hosts(20), ms=ms)
        scene.run(1000)
    assert scene.dead() == []
    assert scene.states(hosts(20)) == {State.ALIVE}


@pytest.mark.parametrize("percent", [1, 5, 10])
def test_trap_random_loss_kills_nobody(percent: int) -> None:
    """A minute of 100 hosts with lossy links has no dead host."""
    chance = random.Random(percent)
    scene = ProbingScene(Settings())
    scene.wire.lose = lambda _address, _tick: chance.random() * 100 < percent
    scene.add(*hosts(100))
    scene.run(60_000)
    assert scene.dead() == []


def test_trap_batches_are_read_to_the_end() -> None:
    """More replies than a batch holds are all read before anybody is judged."""
    scene = ProbingScene(Settings(probe_ms=20))
    scene.add(*hosts(BATCH * 4 - 1))
    scene.run(500)
    assert scene.states(hosts(BATCH * 4 - 1)) == {State.ALIVE}
    assert scene.dead() == []

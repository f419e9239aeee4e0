"""The suspicion machine through whole turns, over a wire without a system."""

import errno

import pytest

from faultwire.liveness.isolation import Standing
from faultwire.liveness.prober import HostMoved, Stood, Target
from faultwire.liveness.settings import Settings
from faultwire.liveness.suspicion import MOVES, Signal, State
from faultwire.testing.probing import ProbingScene, address_of, hosts

TWENTY = hosts(20)


def _scene(count: int = 20, settings: Settings | None = None) -> ProbingScene:
    scene = ProbingScene(settings)
    scene.add(*hosts(count))
    scene.run(500)
    return scene


def _moves(scene: ProbingScene, host: str) -> list[State]:
    return [
        one.moved.state for one in scene.said if isinstance(one, HostMoved) and one.host == host
    ]


def _standings(scene: ProbingScene) -> list[Standing]:
    return [one.standing for one in scene.said if isinstance(one, Stood)]


def test_a_silent_host_is_dead_within_a_probe_and_the_burst() -> None:
    """A cut host passes through suspicion and is dead soon after probe_ms and confirm_ms."""
    scene = _scene()
    cut_at = scene.clock.mono_ns()
    scene.cut("h7")
    scene.run(400)
    assert scene.dead() == ["h7"]
    assert _moves(scene, "h7") == [
        State.ALIVE,
        State.SUSPECT,
        State.DEAD_FROM_HERE,
        State.DEAD,
    ]
    at = next(
        one.at
        for one in scene.said
        if isinstance(one, HostMoved) and one.moved.state is State.DEAD
    )
    assert 60_000_000 <= at - cut_at <= 180_000_000


def test_the_evidence_says_what_was_sent_and_when() -> None:
    """A verdict has the probes that nobody answered, their ages, and the wait that they had."""
    scene = _scene()
    scene.cut("h7")
    scene.run(400)
    (verdict,) = (
        one.moved.evidence
        for one in scene.said
        if isinstance(one, HostMoved) and one.moved.signal is Signal.CONFIRMED
    )
    assert isinstance(verdict["unanswered"], int)
    assert verdict["unanswered"] >= 5
    ages = verdict["sent_ms_ago"]
    assert isinstance(ages, list)
    assert ages == sorted(ages, reverse=True)
    assert verdict["silent_ms"] == ages[0]
    assert verdict["wait_ms"] == 20.0


def test_one_lost_probe_makes_a_suspect_and_no_dead() -> None:
    """A single lost answer is a suspicion that the burst clears."""
    scene = _scene()
    lost: list[int] = []
    address = address_of("h7")
    scene.wire.lose = lambda one, tick: one == address and not lost and not lost.append(tick)
    scene.run(400)
    assert lost
    assert _moves(scene, "h7") == [State.ALIVE, State.SUSPECT, State.ALIVE]
    assert scene.dead() == []


def test_a_short_outage_is_survived_with_a_long_confirmation() -> None:
    """A failover of 150 ms kills with confirm_ms 60 and does not with 200."""
    for confirm, dead in ((60, ["h7"]), (200, [])):
        scene = _scene(settings=Settings(confirm_ms=confirm))
        scene.cut("h7")
        scene.run(150)
        scene.answer("h7")
        scene.run(600)
        assert scene.dead() == dead, confirm


def test_a_dead_host_is_alive_after_answers_in_a_row() -> None:
    """One answer is not enough; as many as recover_answers says are (D20)."""
    scene = _scene()
    scene.cut("h7")
    scene.run(400)
    scene.answer("h7")
    scene.run(120)
    assert scene.state("h7") is State.DEAD
    scene.run(300)
    assert scene.state("h7") is State.ALIVE
    assert _moves(scene, "h7")[-1] is State.ALIVE


def test_an_answer_between_misses_does_not_add_up() -> None:
    """Answers that are not in a row leave a dead host dead."""
    scene = _scene()
    scene.cut("h7")
    scene.run(400)
    scene.answer("h7")
    scene.wire.lose = lambda _address, tick: (tick // 20) % 2 == 0
    scene.run(3000)
    assert scene.state("h7") is State.DEAD


def test_silence_from_the_start_is_no_death() -> None:
    """A host that never answered is unknown, however long."""
    scene = ProbingScene()
    scene.add(*TWENTY)
    scene.cut("h3")
    scene.run(3000)
    assert scene.state("h3") is State.UNKNOWN
    assert scene.dead() == []


def test_what_was_held_before_counts() -> None:
    """A host that was alive before a new start of the prober is dead by its silence."""
    scene = ProbingScene()
    scene.add(*TWENTY)
    scene.add("h30", held=State.ALIVE)
    scene.add("h31", held=State.DEAD)
    scene.cut("h30")
    scene.run(200)
    assert scene.state("h31") is State.DEAD
    scene.run(600)
    assert scene.state("h30") is State.DEAD
    assert scene.state("h31") is State.ALIVE


def test_half_of_the_hosts_cut_at_once_is_our_own_isolation() -> None:
    """Above the fraction and the count nobody is dead, and the standing says so."""
    scene = _scene(50)
    scene.cut(*hosts(50)[::2])
    scene.run(2000)
    assert scene.dead() == []
    assert _standings(scene) == [Standing.DOUBTFUL, Standing.ISOLATED]
    scene.answer(*hosts(50))
    scene.run(2500)
    assert _standings(scene)[-1] is Standing.CONNECTED
    assert scene.states(hosts(50)) == {State.ALIVE}


@pytest.mark.parametrize(("count", "cut"), [(10, 6), (50, 11), (200, 41), (1000, 201)])
@pytest.mark.parametrize("phase", range(0, 100, 20))
def test_just_too_many_at_once_are_no_deaths_at_any_phase(
    count: int, cut: int, phase: int
) -> None:
    """The roll call finds all that are silent before the first of them is held to be dead."""
    scene = _scene(count)
    scene.run(phase)
    scene.cut(*hosts(count)[:cut])
    scene.run(400)
    assert scene.dead() == []


@pytest.mark.parametrize(("count", "cut"), [(10, 5), (3, 3), (50, 10), (1000, 200)])
def test_as_many_as_the_limits_allow_are_deaths(count: int, cut: int) -> None:
    """Not above both limits: each of them is dead."""
    scene = _scene(count)
    scene.cut(*hosts(count)[:cut])
    scene.run(800)
    assert sorted(scene.dead()) == sorted(hosts(count)[:cut])
    assert _standings(scene) == []


def test_hosts_that_stay_silent_after_an_isolation_are_confirmed_anew() -> None:
    """Once the others answer, what is still silent gets a whole burst of its own and is dead."""
    scene = _scene(50)
    scene.cut(*hosts(50))
    scene.run(1000)
    scene.answer(*hosts(50)[1:])
    scene.run(900)
    assert scene.dead() == []
    scene.run(1500)
    assert scene.dead() == ["h1"]


def test_a_carrier_that_is_down_holds_every_verdict() -> None:
    """While an own interface has no carrier nobody is dead, and the reason names it."""
    scene = _scene()
    scene.down = ("eth0",)
    scene.cut("h1")
    scene.run(1000)
    assert scene.dead() == []
    reasons = [one.reasons for one in scene.said if isinstance(one, Stood)]
    assert ("own interface eth0 has no carrier",) in reasons
    scene.down = ()
    scene.run(2000)
    assert scene.dead() == ["h1"]


def test_silent_canaries_hold_every_verdict() -> None:
    """While no address that always answers does, nobody is dead, few as the suspects are."""
    scene = _scene(2)
    for host in ("h100", "h101"):
        scene.answer(host)
        scene.prober.add(Target(host, address_of(host)), canary=True)
    scene.run(300)
    scene.cut("h1", "h100", "h101")
    scene.run(1000)
    assert scene.dead() == []
    assert _standings(scene) == [Standing.DOUBTFUL, Standing.ISOLATED]
    scene.answer("h101")
    scene.run(2000)
    assert scene.dead() == ["h1"]
    assert "h100" not in scene.prober.states()


def test_other_monitors_decide_where_there_are_some() -> None:
    """Dead from here waits for the votes; disagreement is unreachable, agreement dead."""
    scene = ProbingScene(vote=lambda _: None)
    scene.add(*TWENTY)
    scene.run(300)
    scene.cut("h1", "h2")
    scene.run(400)
    assert scene.states(("h1", "h2")) == {State.DEAD_FROM_HERE}
    for slot, agreed in ((0, True), (1, False)):
        scene.prober.watches.settle(slot, agreed=agreed, now=scene.clock.mono_ns())
    assert (scene.state("h1"), scene.state("h2")) == (State.DEAD, State.UNREACHABLE)


def test_a_verdict_that_did_not_hold_is_judged_anew() -> None:
    """A vetoed host is a suspect again, and dead again by a new burst."""
    scene = _scene()
    scene.cut("h1")
    scene.run(400)
    scene.prober.doubt("h1")
    assert scene.state("h1") is State.SUSPECT
    scene.run(200)
    assert scene.dead() == ["h1", "h1"]


def test_hosts_come_and_go_without_a_gap_for_others() -> None:
    """Adding, moving and removing hosts leaves the probes of the others as they were."""
    scene = _scene()
    scene.add(*(f"h{number}" for number in range(100, 140)))
    scene.prober.remove("h2")
    scene.prober.add(Target("h3", address_of("h150")))
    scene.cut("h3")
    scene.answer("h150")
    begun = len(scene.wire.sent)
    scene.run(1000)
    assert scene.dead() == []
    assert scene.states(name for name in TWENTY if name != "h2") == {State.ALIVE}
    times = [at for at, address, _ in scene.wire.sent[begun:] if address == address_of("h9")]
    assert len(times) == 10
    assert address_of("h2") not in {address for _, address, _ in scene.wire.sent[begun:]}


def test_a_new_host_in_a_freed_place_is_judged_by_its_own_answers() -> None:
    """What was held of the host before it in the same place does not count."""
    scene = _scene()
    scene.prober.remove("h1")
    scene.add("h40")
    scene.cut("h40")
    scene.run(1000)
    assert scene.state("h40") is State.UNKNOWN


def test_every_move_of_the_table_leads_somewhere_legal() -> None:
    """No row skips suspicion on the way to death."""
    for (state, _), after in MOVES.items():
        if after is State.DEAD_FROM_HERE:
            assert state is State.SUSPECT
        if after is State.DEAD:
            assert state in {State.DEAD_FROM_HERE, State.UNREACHABLE}
        if after is State.UNKNOWN:
            assert state in {State.ALIVE, State.SUSPECT}


def test_a_host_that_cannot_be_sent_to_is_unknown_and_then_judged_again() -> None:
    """Refused sends end in unknown; once they work, its silence counts as before."""
    scene = _scene()
    scene.wire.refuses[address_of("h5")] = errno.ENETUNREACH
    scene.run(1500)
    assert scene.state("h5") is State.UNKNOWN
    evidence = [
        one.moved.evidence for one in scene.said if isinstance(one, HostMoved) and one.host == "h5"
    ][-1]
    assert evidence["errno"] == errno.ENETUNREACH
    scene.cut("h5")
    scene.wire.refuses.clear()
    scene.run(500)
    assert scene.dead() == ["h5"]

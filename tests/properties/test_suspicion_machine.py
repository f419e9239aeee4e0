"""The suspicion machine under any history of sends, refusals, answers and stalls."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from faultwire.liveness.isolation import MOVES as STANDINGS
from faultwire.liveness.isolation import Health, Limits, Standing
from faultwire.liveness.suspicion import (
    CONFIRM_PROBES,
    FALLEN,
    MOVES,
    MS,
    SHORTEST_WAIT_NS,
    State,
)
from faultwire.liveness.watching import Terms, Watches

SLOTS = list(range(7))
CONFIRM_NS, ANSWERS = 60 * MS, 3
TERMS = Terms(CONFIRM_NS, ANSWERS, Limits(40, 2, CONFIRM_NS))


class SuspicionMachine(RuleBasedStateMachine):
    """What is held of hosts follows from what was really sent and really answered."""

    def __init__(self) -> None:
        super().__init__()
        self.watches = Watches(TERMS)
        self.now = 1_000 * MS
        self.tick = 0
        self.states = dict.fromkeys(SLOTS, State.UNKNOWN)
        self.standing = Standing.CONNECTED
        self.sent: dict[int, dict[int, int]] = {slot: {} for slot in SLOTS}
        self.answered: dict[int, list[int]] = {slot: [] for slot in SLOTS}
        for slot in SLOTS:
            self.watches.add(slot)

    @rule(slots=st.sets(st.sampled_from(SLOTS), min_size=1), burst=st.booleans())
    def send(self, slots: set[int], burst: bool) -> None:
        chosen = sorted(slots | set(self.watches.wanted(self.now))) if burst else sorted(slots)
        self.tick += 1
        self.watches.sent(chosen, self.tick, self.now)
        for slot in chosen:
            self.sent[slot][self.tick] = self.now

    @rule(slots=st.sets(st.sampled_from(SLOTS), min_size=1))
    def refuse(self, slots: set[int]) -> None:
        for slot in slots:
            self.watches.unsent(slot, 105, self.now)

    @rule(slot=st.sampled_from(SLOTS), back=st.integers(0, 3))
    def answer(self, slot: int, back: int) -> None:
        ticks = sorted(self.sent[slot], reverse=True)
        if back < len(ticks):
            self.watches.answered([slot], [ticks[back]], self.now)
            self.answered[slot].append(self.now)

    @rule()
    def all_answer(self) -> None:
        for slot in SLOTS:
            self.answer(slot, 0)

    @rule(slot=st.sampled_from(SLOTS), tick=st.integers(10**6, 10**7))
    def forge(self, slot: int, tick: int) -> None:
        before = self.watches.state(slot)
        self.watches.answered([slot], [tick], self.now)
        assert self.watches.state(slot) is before

    @rule(slot=st.sampled_from(SLOTS))
    def doubt(self, slot: int) -> None:
        self.watches.doubt(slot, self.now)

    @rule(
        ms=st.sampled_from([1, 5, 5, 5, 20, 60, 100, 1500, 5000]),
        dropped=st.sampled_from([0, 0, 0, 1]),
    )
    def judge(self, ms: int, dropped: int) -> None:
        self.now += ms * MS
        judged = self.watches.judge(self.now, Health(dropped=dropped))
        for moved in judged.moved:
            assert self.states[moved.slot] is moved.was
            assert MOVES[moved.was, moved.signal] is moved.state
            self.states[moved.slot] = moved.state
            if moved.state is State.DEAD_FROM_HERE:
                self.check_death(moved.slot)
        if judged.standing is not None:
            assert judged.standing in {
                after for (before, _), after in STANDINGS.items() if before is self.standing
            }
            self.standing = judged.standing

    def check_death(self, slot: int) -> None:
        assert self.standing is Standing.CONNECTED
        assert not self.watches.isolation.holds
        answers = self.answered[slot]
        # Silence from the start is no death, and it is dead by what was sent since it answered.
        assert answers
        since = [at for at in self.sent[slot].values() if at <= self.now - SHORTEST_WAIT_NS]
        silent = [at for at in since if at >= self.now - 2_500 * MS]
        assert len(silent) > CONFIRM_PROBES - 1
        assert self.now - min(silent) >= CONFIRM_NS

    @invariant()
    def nothing_is_skipped(self) -> None:
        """Whatever has not been told yet follows the table from what was told."""
        for slot in SLOTS:
            now, told = self.watches.state(slot), self.states[slot]
            if now is told:
                continue
            assert now in _reachable(told)
            # Between two looks nobody dies: that takes a look.
            assert now not in FALLEN or told in FALLEN


def _reachable(state: State) -> set[State]:
    """Return the states that follow from one by legal moves."""
    found = {state}
    while True:
        more = found | {after for (before, _), after in MOVES.items() if before in found}
        if more == found:
            return found
        found = more


TestSuspicionMachine = SuspicionMachine.TestCase
TestSuspicionMachine.settings = settings(stateful_step_count=80)

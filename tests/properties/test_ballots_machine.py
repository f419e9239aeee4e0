"""Ballots under any order of votes, losses, isolation and returns: no minority kills anybody."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from faultwire.liveness.ballots import MOVES, Ballots, Signal, State, Terms
from faultwire.liveness.seats import Down, Presence
from faultwire.liveness.suspicion import MS

SEATS = ["a", "b", "c", "d"]
HOSTS = [f"h{number}" for number in range(1, 7)]
WAIT = 500 * MS
TERMS = Terms(2, WAIT, 40, 3)

names = st.sampled_from(SEATS)
some_hosts = st.sets(st.sampled_from(HOSTS), min_size=1)


class BallotsMachine(RuleBasedStateMachine):
    """What is told of hosts follows from the votes, counted here a second time and simply."""

    def __init__(self) -> None:
        super().__init__()
        self.ballots = Ballots(TERMS)
        self.ballots.hosts = len(HOSTS)
        self.now = 1_000 * MS
        self.told = dict.fromkeys(HOSTS, State.QUIET)
        self.down: dict[str, set[str]] = {name: set() for name in SEATS}
        self.accused: dict[str, int] = {}

    def look(self) -> None:
        _, moved = self.ballots.look(self.now)
        for one in moved:
            assert self.told[one.host] is one.was
            assert MOVES[one.was, one.signal] is one.state
            self.told[one.host] = one.state
            if one.signal is Signal.ACCUSED:
                self.accused[one.host] = self.now
            if one.state is State.DEAD:
                self.check_death(one.host)
            if one.state is State.UNREACHABLE:
                assert self.now - self.accused[one.host] >= WAIT
            if one.signal is Signal.ANSWERED:
                assert not any(one.host in self.down[name] for name in self.voting())
        assert dict(self.ballots.cases()) == {
            host: state for host, state in self.told.items() if state is not State.QUIET
        }

    def voting(self) -> set[str]:
        seats = self.ballots.seats
        return {name for name in seats if seats[name].presence is Presence.VOTING}

    def check_death(self, host: str) -> None:
        seats = self.ballots.seats
        # Whoever sits and does not abstain may be against it.
        sits = {Presence.VOTING, Presence.DOUBTFUL, Presence.ABSENT}
        opinions = {
            name
            for name, seat in seats.items()
            if seat.presence in sits and host not in seat.unknown
        }
        for_it = {name for name in self.voting() if host in self.down[name]}
        assert for_it <= opinions
        assert len(for_it) > len(opinions) - len(for_it)
        assert len(for_it) >= TERMS.quorum

    @rule(name=names, down=st.sets(st.sampled_from(HOSTS), max_size=3), unknown=some_hosts)
    def survey(self, name: str, down: set[str], unknown: set[str]) -> None:
        self.down[name] = down
        votes = {host: Down(self.now, {}) for host in down}
        self.ballots.survey(name, Presence.VOTING, votes, unknown - down, self.now)
        self.look()

    @rule(name=names, hosts=some_hosts)
    def vote_down(self, name: str, hosts: set[str]) -> None:
        if name not in self.ballots.seats:
            return
        self.down[name] |= hosts
        votes = {host: Down(self.now, {}) for host in hosts}
        self.ballots.cast(name, self.now, down=votes)
        self.look()

    @rule(name=names, hosts=some_hosts)
    def vote_alive(self, name: str, hosts: set[str]) -> None:
        self.down[name] -= hosts
        self.ballots.cast(name, self.now, alive=hosts)
        self.look()

    @rule(name=names, hosts=some_hosts)
    def know_nothing(self, name: str, hosts: set[str]) -> None:
        self.down[name] -= hosts
        self.ballots.cast(name, self.now, unknown=hosts)
        self.look()

    @rule(
        name=names,
        presence=st.sampled_from(
            [Presence.VOTING, Presence.DOUBTFUL, Presence.ISOLATED, Presence.BLIND]
        ),
    )
    def stand(self, name: str, presence: Presence) -> None:
        self.ballots.stand(name, presence, (), self.now)
        self.look()

    @rule(name=names, ms=st.sampled_from([0, 1000, 3000]))
    def lose(self, name: str, ms: int) -> None:
        seat = self.ballots.seats.get(name)
        if seat is not None and seat.presence is not Presence.ABSENT:
            self.down[name] = set()
        self.ballots.leave(name, self.now + ms * MS)
        self.look()

    @rule(name=names)
    def dismiss(self, name: str) -> None:
        self.down[name] = set()
        self.ballots.dismiss(name)
        self.look()

    @rule(name=names)
    def expect(self, name: str) -> None:
        self.ballots.expect([name], self.now + 1000 * MS)
        self.look()

    @rule(host=st.sampled_from(HOSTS))
    def doubt(self, host: str) -> None:
        for votes in self.down.values():
            votes.discard(host)
        self.ballots.doubt(host)
        self.look()

    @rule(ms=st.sampled_from([1, 50, 499, 500, 1500, 5000]))
    def wait(self, ms: int) -> None:
        self.now += ms * MS
        before = set(self.ballots.seats)
        self.look()
        for name in before - set(self.ballots.seats):
            self.down[name] = set()


TestBallotsMachine = BallotsMachine.TestCase
TestBallotsMachine.settings = settings(stateful_step_count=80)

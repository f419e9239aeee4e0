"""The heartbeat engine against a model without heap, laziness or memory of stalls."""

from dataclasses import dataclass

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from faultwire.domain.ids import HostName
from faultwire.liveness.heartbeat import MOVES, Heartbeats, State, Verdict, VerdictKind
from faultwire.liveness.settings import Settings

HOSTS = [HostName(name) for name in ("h1", "h2", "h3")]
MS = 1_000_000
SILENCE, RETURN, GRACE = 3000 * MS, 200 * MS, 5000 * MS
KIND = {
    State.CONNECTED: (VerdictKind.SILENT, SILENCE),
    State.RETURNING: (VerdictKind.CLOSED, RETURN),
    State.EXPECTED: (VerdictKind.NOT_BACK, GRACE),
}


@dataclass
class Model:
    """One host: its state and how long it has waited while we were awake."""

    state: State = State.ABSENT
    session: str = ""
    waited: int = 0
    said_goodbye: bool = False


class HeartbeatMachine(RuleBasedStateMachine):
    """Any history of agents, clocks and stalls."""

    def __init__(self) -> None:
        super().__init__()
        self.engine = Heartbeats(Settings())
        self.models = {host: Model() for host in HOSTS}
        self.now = 0
        self.sessions = 0

    @initialize(expected=st.sets(st.sampled_from(HOSTS)))
    def start(self, expected: set[HostName]) -> None:
        for host in expected:
            self.engine.expected(host, self.now, GRACE)
            self.models[host].state = State.EXPECTED

    def move(self, host: HostName, state: State, session: str = "") -> None:
        model = self.models[host]
        before = model.state
        assert state in {after for (from_, _), after in MOVES.items() if from_ is before}
        model.state, model.session, model.waited = state, session, 0
        model.said_goodbye = state is State.GONE

    @rule(host=st.sampled_from(HOSTS))
    def connect(self, host: HostName) -> None:
        self.sessions += 1
        session = f"s{self.sessions}"
        free = self.models[host].state is not State.CONNECTED
        assert self.engine.connected(host, session, self.now) is free
        if free:
            self.move(host, State.CONNECTED, session)

    @rule(host=st.sampled_from(HOSTS))
    def beat(self, host: HostName) -> None:
        model = self.models[host]
        alive = model.state is State.CONNECTED
        assert self.engine.beat(host, model.session or "none", self.now) is alive
        if alive:
            model.waited = 0

    @rule(host=st.sampled_from(HOSTS), goodbye=st.booleans())
    def close(self, host: HostName, goodbye: bool) -> None:
        model = self.models[host]
        alive = model.state is State.CONNECTED
        session = model.session or "none"
        assert self.engine.closed(host, session, self.now, goodbye=goodbye) is alive
        if alive:
            self.move(host, State.GONE if goodbye else State.RETURNING)

    @rule(host=st.sampled_from(HOSTS))
    def forget(self, host: HostName) -> None:
        self.engine.forget(host)
        self.models[host] = Model()

    @rule(step=st.sampled_from([1, 50, 199, 200, 201, 1000, 2999, 3000, 3001, 5000]))
    def pass_time(self, step: int) -> None:
        self.now += step * MS
        for model in self.models.values():
            model.waited += step * MS
        self.judge()

    @rule(lag=st.sampled_from([20, 200, 1000, 60_000]))
    def stall(self, lag: int) -> None:
        self.now += lag * MS
        self.engine.stalled(lag * MS, self.now)
        self.judge()

    @rule(by=st.sampled_from([1, 100]))
    def put_off(self, by: int) -> None:
        assert self.engine.put_off(self.now, by * MS) == 0
        self.now += SILENCE
        for model in self.models.values():
            model.waited += SILENCE
        late = {host for host in HOSTS if self.is_late(host)}
        assert self.engine.put_off(self.now, by * MS) == len(late)
        assert self.engine.due(self.now) == ()
        self.now += by * MS
        for model in self.models.values():
            model.waited += by * MS
        self.judge()

    def is_late(self, host: HostName) -> bool:
        model = self.models[host]
        return model.state in KIND and model.waited >= KIND[model.state][1]

    def judge(self) -> None:
        late = {host: KIND[self.models[host].state][0] for host in HOSTS if self.is_late(host)}
        deadline = self.engine.next_deadline()
        if late:
            assert deadline is not None
            assert deadline <= self.now
        verdicts = self.engine.due(self.now)
        assert len(verdicts) == len(late)
        assert {verdict.host: verdict.kind for verdict in verdicts} == late
        for verdict in verdicts:
            self.check(verdict)
            self.move(verdict.host, State.DEAD)

    def check(self, verdict: Verdict) -> None:
        model = self.models[verdict.host]
        assert verdict.limit_ns == KIND[model.state][1]
        assert verdict.age_ns == self.now - verdict.since >= verdict.limit_ns
        assert not model.said_goodbye

    @invariant()
    def agrees(self) -> None:
        for host, model in self.models.items():
            assert self.engine.state(host) is model.state
        # Nothing that is due was passed over, nothing is said twice.
        assert self.engine.due(self.now) == ()


TestHeartbeatMachine = HeartbeatMachine.TestCase
TestHeartbeatMachine.settings = settings(stateful_step_count=60)
